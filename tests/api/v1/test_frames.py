"""Several frames of one capture, in place of one image, on the fake engine."""

import io
from base64 import b64encode

import cv2
import pytest

from tests.api.v1.test_gallery import register, text
from tests.conftest import assert_error
from tests.pictures import ALICE, ALICIA, BOB, Block, encoded, picture

FORM = "application/x-www-form-urlencoded"

# Alice as a print would show her: less red is less live.
UNSURE, PRINT = (32, 64, 96), (32, 64, 32)


def frame(colour=ALICE, x=20, suffix=".png", **block):
    return encoded(picture(Block(colour, x=x, **block)), suffix)


def frames(*colours):
    """A capture in which the face moves."""
    return [b64encode(frame(colour, x=20 + 6 * place)).decode() for place, colour in enumerate(colours)]


def ask(client, route, sent, **options):
    rest = {"img2": text(ALICE)} if route == "verify" else {"name": "Alice"}
    return client.post(f"/{route}", json={"frames": sent, **rest, **options})


ROUTES = pytest.mark.parametrize("route", ["verify", "register"])


def test_a_live_capture_is_verified_by_its_middle_frame(client):
    answer = ask(client, "verify", frames(ALICE, ALICIA, BOB), threshold=2).json
    assert (answer["verified"], answer["img1_is_real"]) == (True, True)
    assert answer["img1_antispoof_score"] == pytest.approx((224 + 224 + 160) / 3 / 255)
    apart = [ask(client, "verify", frames(*[colour] * 2)).json["distance"] for colour in (ALICE, ALICIA, BOB)]
    assert sorted(apart)[1] == apart[1] == pytest.approx(answer["distance"])
    assert (answer["frame"], answer["facial_areas"]["img1"]["x"]) == (1, 26)
    assert "img2_is_real" not in answer


def test_of_two_frames_the_farther_decides(client):
    answer = ask(client, "verify", frames(ALICE, ALICIA), threshold=0.001).json
    assert (answer["verified"], answer["frame"]) == (False, 1)
    assert ask(client, "verify", frames(ALICE, ALICE), threshold=0.001).json["verified"] is True


def test_a_spoofed_capture_is_marked_not_verified_and_not_registered(client):
    sent = frames(PRINT, UNSURE, PRINT)
    answer = ask(client, "verify", sent).json
    assert answer["distance"] <= answer["threshold"]
    assert (answer["verified"], answer["img1_is_real"]) == (False, False)
    assert_error(ask(client, "register", sent), 422, "spoof_detected", "frames")
    assert client.get("/persons").json["persons"] == []
    assert ask(client, "register", frames(ALICE, ALICE, PRINT)).status_code == 201


def test_a_capture_is_verified_against_a_person(client):
    bob, alice = register(client, BOB, "Bob"), register(client, ALICE, "Alice")
    person = {"img2": None, "threshold": 0.01}
    answer = ask(client, "verify", frames(ALICE, ALICE, ALICIA), person_id=alice["person_id"], **person).json
    assert (answer["verified"], answer["frame"], answer["face_id"]) == (True, 1, alice["id"])
    assert ask(client, "verify", frames(ALICE, ALICE), person_id=bob["person_id"], **person).json["verified"] is False
    spoof = ask(client, "verify", frames(PRINT, PRINT), person_id=alice["person_id"], **person | {"threshold": 2}).json
    assert (spoof["verified"], spoof["img1_is_real"]) == (False, False)


def test_of_a_capture_the_best_frame_is_registered(client):
    sent = []
    for x, grain in ((20, 1), (26, 6), (32, 3)):  # the more grain, the sharper; so little that the colour is the same
        pixels = picture(Block(ALICE, x=x))
        pixels[30:70:8, x : x + 40] += grain
        sent.append(b64encode(encoded(pixels)).decode())
    kept = ask(client, "register", sent).json
    assert kept["facial_area"]["x"] == 26


def test_frames_come_as_repeated_parts_too(client):
    files = [(io.BytesIO(frame(x=x)), "f.png") for x in (20, 30)]
    answer = client.post("/verify", data={"frames": files, "img2": text(ALICE)})
    assert (answer.status_code, answer.json["verified"]) == (200, True), answer.json
    uris = [f"data:image/png;base64,{one}" for one in frames(ALICE, ALICE)]
    assert client.post("/register", data={"frames": uris, "name": "Alice"}).status_code == 201
    raw = client.post("/register?name=Alice&frames=a", data=frame(), content_type="image/png")
    assert {"frames", "img"} & {entry["field"] for entry in raw.json["details"]["fields"]}


@ROUTES
@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (["a"], "frames"), (list("abcdef"), "frames"), ([], "frames"), ("a", "frames"), (["a", 5], "frames[1]"),
        (["a", "b", "a"], "frames[2]"), (["", "b"], "frames[0]"), ({"0": "a"}, "frames"),
    ],
)  # fmt: skip
def test_wrong_frames_are_named(client, route, sent, field):
    assert_error(ask(client, route, sent), 422, "validation_error", field)


@ROUTES
def test_either_an_image_or_frames(client, route):
    image = "img1" if route == "verify" else "img"
    assert_error(ask(client, route, frames(ALICE, ALICE), **{image: text(ALICE)}), 422, "validation_error", image)
    assert_error(ask(client, route, None), 422, "validation_error", image)


@ROUTES
def test_a_copy_of_a_frame_is_refused_however_it_is_encoded(client, route):
    first, second, _ = frames(ALICE, ALICE, ALICE)
    dim = encoded(cv2.convertScaleAbs(picture(Block(ALICE, x=26)), alpha=0.9))
    half = encoded(cv2.resize(picture(Block(ALICE, x=26)), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    for copy in (frame(x=26, suffix=".jpg"), frame(x=26, suffix=".webp"), dim, half):
        response = ask(client, route, [first, second, b64encode(copy).decode()])
        body = assert_error(response, 422, "validation_error", "frames[2]")
        assert "frames[1]" in body["details"]["fields"][0]["msg"]


@ROUTES
def test_a_frame_of_somebody_else_is_named(client, route):
    for sent, odd in (((ALICE, BOB), 1), ((BOB, ALICE, ALICIA), 0), ((ALICE, BOB, ALICIA, ALICE), 1)):
        response = ask(client, route, frames(*sent), model_name="Dlib")
        body = assert_error(response, 422, "validation_error", f"frames[{odd}]")
        assert "person" in body["details"]["fields"][0]["msg"]


@ROUTES
def test_each_frame_shows_one_face(client, route):
    none = b64encode(encoded(picture())).decode()
    two = b64encode(encoded(picture(Block(ALICE, w=30), Block(BOB, x=80, w=50)))).decode()
    first = b64encode(frame(BOB, x=100)).decode()
    assert_error(ask(client, route, [first, none]), 422, "no_face_detected", "frames[1]")
    assert_error(ask(client, route, [two, first]), 422, "several_faces", "frames[0]")
    assert ask(client, route, [two, first], max_faces=1).status_code < 300
    assert_error(ask(client, route, ["missing.jpg", first]), 400, "image_decode_error", "frames[0]")


def test_the_largest_face_of_each_frame_is_registered_if_that_is_asked_for(client):
    two = b64encode(encoded(picture(Block(ALICE, w=30), Block(BOB, x=80, w=50)))).decode()
    kept = ask(client, "register", [two, b64encode(frame(BOB, x=100)).decode()], face_policy="largest")
    assert kept.status_code == 201


def test_a_repeated_registration_of_frames_stores_nothing(client):
    sent, key = frames(ALICE, ALICE), {"Idempotency-Key": "k"}
    body = {"frames": sent, "name": "Alice"}
    first, again = (client.post("/register", json=body, headers=key).json for _ in range(2))
    assert first == again
    other = client.post("/register", json=body | {"frames": sent[::-1]}, headers=key)
    assert_error(other, 409, "conflict")


def test_the_openapi_document_describes_frames(client):
    document = client.get("/openapi.json").json
    json_body = document["components"]["schemas"]["VerifyRequest"]["properties"]["frames"]["anyOf"][0]
    assert (json_body["minItems"], json_body["maxItems"], json_body["uniqueItems"]) == (2, 5, True)
    content = document["paths"]["/register"]["post"]["requestBody"]["content"]
    upload, form = (content[kind]["schema"]["$ref"] for kind in ("multipart/form-data", FORM))
    schemas = {f"#/components/schemas/{name}": schema for name, schema in document["components"]["schemas"].items()}
    assert schemas[upload]["properties"]["frames"]["items"]["format"] == "binary"
    assert schemas[form]["properties"]["frames"]["type"] == "array"
    assert "frames" not in {parameter["name"] for parameter in document["paths"]["/register"]["post"]["parameters"]}
