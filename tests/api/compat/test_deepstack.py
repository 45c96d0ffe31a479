"""The door of DeepStack and CodeProject.AI on the fake engine: bodies, statuses, and what holds as everywhere."""

import io
from urllib.parse import urlencode

import pytest

from api.context import services_of
from core.exceptions import DeepFaceError, ModelUnavailable, StorageFull
from core.scopes import Scope
from schemas.compat.deepstack import confidence
from tests.api.v1.test_gallery import register, text
from tests.conftest import KEY
from tests.fakes import FakeEngine
from tests.pictures import ALICE, ALICIA, BOB, Block, encoded, photo, picture

STRANGER = (0, 224, 0)  # far from everybody with every model
NOBODY = encoded(picture())
TIMES = {"duration", "inferenceMs", "processMs"}
BOX = {"x_min": 20, "y_min": 30, "x_max": 60, "y_max": 70}
ROUTES = ["face", "face/recognize", "face/register", "face/match", "face/list", "face/delete"]


def files(*contents, name="image"):
    """Fields of a form with these files, which share a name unless it has a place for a number."""
    return [(name.format(number), (io.BytesIO(content), "a.jpg")) for number, content in enumerate(contents)]


def send(client, route, *parts, **fields):
    """Send a multipart form with the files of `parts` before the text fields."""
    data = {}
    for name, file in parts:
        data.setdefault(name, []).append(file)
    return client.post(f"/v1/vision/{route}", data=data | fields, content_type="multipart/form-data")


def asked(client, route, *parts, **fields):
    """What the service answers, without the times."""
    answer = send(client, route, *parts, **fields)
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert all(body.pop(name) >= 0 for name in TIMES)
    assert (body.pop("success"), body.pop("code")) == (True, 200)
    return body


def learn(client, name, *colours):
    return asked(client, "face/register", *files(*map(photo, colours)), userid=name)["message"]


def recognized(client, content, **fields):
    """Name and confidence of each face."""
    predictions = asked(client, "face/recognize", *files(content), **fields)["predictions"]
    return [(one["userid"], one["confidence"]) for one in predictions]


def assert_error(answer, status, said):
    assert (answer.status_code, answer.json) == (status, {"success": False, "error": said, "code": status})


@pytest.mark.parametrize("path", ["/v1/status/ping", "/v1/status/ping/"])
def test_the_ping_needs_no_key(make_app, path):
    answer = make_app(api_keys=(KEY,)).test_client().get(path)
    assert (answer.status_code, answer.json) == (200, {"success": True, "code": 200})


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_route_is_there_with_a_final_slash_and_without(client, route, slash):
    answer = send(client, route + slash)
    assert answer.status_code in (200, 400)
    assert client.get(f"/v1/vision/{route}{slash}").status_code == 405


def test_faces_are_located_the_largest_first(client):
    small_first = encoded(picture(Block(ALICE, x=10, w=20, h=20), Block(BOB, x=60, w=60, h=60)))
    answer = asked(client, "face", *files(small_first))
    assert answer == {
        "count": 2,
        "message": "Found 2 faces",
        "predictions": [
            {"confidence": 0.9, "x_min": 60, "y_min": 30, "x_max": 120, "y_max": 90},
            {"confidence": 0.9, "x_min": 10, "y_min": 30, "x_max": 30, "y_max": 50},
        ],
    }
    assert asked(client, "face", *files(photo(ALICE)))["message"] == "Found 1 face"


@pytest.mark.parametrize("route", ["face", "face/recognize"])
def test_an_image_without_a_face_has_no_predictions(client, route):
    learn(client, "Alice", ALICE)
    assert asked(client, route, *files(NOBODY)) == {"count": 0, "message": "No faces found", "predictions": []}


@pytest.mark.parametrize(("least", "count"), [("0.9", 1), ("0.91", 0), ("", 1), ("0", 1), ("1", 0)])
def test_the_detectors_confidence_may_be_asked_for(client, least, count):
    assert asked(client, "face", *files(photo(ALICE)), min_confidence=least)["count"] == count


def test_registered_persons_are_recognized_and_others_are_unknown(client):
    learn(client, "Alice", ALICE)
    answer = asked(client, "face/recognize", *files(photo(ALICE, STRANGER)))
    assert answer["count"] == 2
    first, second = sorted(answer["predictions"], key=lambda one: one["x_min"])
    assert first == {"userid": "Alice", "confidence": 1, **BOX}
    assert (second["userid"], second["confidence"]) == ("unknown", 0)


def test_the_confidence_is_067_on_the_services_threshold(client):
    learn(client, "Alice", ALICE)
    native = client.post("/identify", json={"img": text(ALICIA)}).json["result"][0]["matches"][0]
    expected = 1 - 0.33 * native["distance"] / native["threshold"]
    ((name, sure),) = recognized(client, photo(ALICIA))
    assert (name, sure) == ("Alice", pytest.approx(expected, abs=1e-4))
    assert 0.67 < sure < 1


def test_a_face_on_the_threshold_still_has_a_name():
    assert confidence(0.083, 0.083) == 0.67
    assert confidence(0.0831, 0.083) < 0.67
    assert (confidence(0, 0.5), confidence(2, 0.5)) == (1, 0)


@pytest.mark.parametrize(
    ("least", "name"), [("0", "Alice"), ("0.45", "Alice"), ("0.67", "Alice"), ("0.9999", "unknown")]
)
def test_the_clients_confidence_only_tightens(client, least, name):
    learn(client, "Alice", ALICE)
    assert recognized(client, photo(ALICIA), min_confidence=least)[0][0] == name
    assert recognized(client, photo(STRANGER), min_confidence=least) == [("unknown", 0)]


def test_who_may_be_two_persons_is_unknown(client):
    learn(client, "Alice", ALICE)
    learn(client, "Somebody with her face", ALICE)
    assert recognized(client, photo(ALICE)) == [("unknown", 0)]


def test_without_persons_everybody_is_unknown(make_app):
    app = make_app(api_keys=(KEY,))
    token = services_of(app).access.keys.create("a", {Scope.GALLERY_READ}, collection="nothing-yet")[1]
    for key in (KEY, token):
        assert recognized(app.test_client(), photo(BOB), api_key=key) == [("unknown", 0)]


def test_a_person_is_added_and_then_updated(client):
    assert learn(client, "Alice", ALICE) == "face added"
    assert learn(client, "alice", ALICIA) == "face updated"
    (person,) = client.get("/persons").json["persons"]
    assert (person["name"], person["faces"]) == ("Alice", 2)


def test_who_is_updated_may_have_lost_all_faces(client):
    kept = register(client, ALICE, "Alice")
    client.delete(f"/faces/{kept['id']}")
    assert learn(client, "Alice", ALICE) == "face updated"


def test_the_largest_face_of_every_file_is_registered_whatever_its_name(client):
    group = encoded(picture(Block(STRANGER, x=10, w=20, h=20), Block(ALICE, x=60, w=60, h=60)))
    parts = files(group, photo(ALICE), NOBODY, name="image{}")
    assert asked(client, "face/register", *parts, userid="Alice") == {"message": "face added"}
    (person,) = client.get("/persons").json["persons"]
    assert person["faces"] == 2  # the file without a face is skipped
    assert recognized(client, photo(ALICE))[0][0] == "Alice"
    assert recognized(client, photo(STRANGER)) == [("unknown", 0)]


@pytest.mark.parametrize("content", [b"no image", photo(ALICE)[:200]])
def test_all_files_are_registered_or_none(client, content):
    assert_error(send(client, "face/register", *files(photo(ALICE), content), userid="Alice"), 400, "invalid image")
    assert client.get("/persons").json["persons"] == []


def test_a_poor_face_is_refused_with_the_reasons_and_nothing_is_stored(make_app):
    client = make_app(min_quality=1).test_client()
    answer = send(client, "face/register", *files(photo(ALICE)), userid="Alice")
    assert answer.status_code == 400
    assert answer.json["error"].startswith("The face is not good enough to be registered: ")
    assert client.get("/persons").json["persons"] == []


def test_two_images_match(client):
    assert asked(client, "face/match", *files(photo(ALICE), photo(ALICE), name="image{}")) == {"similarity": 1}
    near = asked(client, "face/match", *files(photo(ALICE), photo(ALICIA)))["similarity"]
    far = asked(client, "face/match", *files(photo(ALICE), photo(STRANGER)))["similarity"]
    assert far < 0.67 < near < 1


def test_a_match_is_a_verification(app):
    client = app.test_client()
    asked(client, "face/match", *files(photo(ALICE), photo(STRANGER)))
    services_of(app).audit.log.flush(30)
    (row,) = client.get("/verifications").json["verifications"]
    assert (row["verified"], row["similarity_metric"]) == (False, "cosine")


def test_all_names_are_listed_in_order(client):
    assert asked(client, "face/list") == {"faces": []}
    for name, colour in (("Tom Cruise", BOB), ("adele", ALICE), ("eve", STRANGER)):
        learn(client, name, colour)
    assert asked(client, "face/list") == {"faces": ["adele", "eve", "Tom Cruise"]}


def test_a_person_is_deleted_with_all_faces_and_nobody_is_too(client):
    learn(client, "Alice", ALICE, ALICIA)
    for name in ("ALICE ", "Alice", "Nobody"):
        assert asked(client, "face/delete", userid=name) == {}
    assert client.get("/persons").json["persons"] == []
    assert recognized(client, photo(ALICE)) == [("unknown", 0)]


@pytest.mark.parametrize("body", [{"data": b""}, {"data": b"", "content_type": "application/x-www-form-urlencoded"}])
def test_the_list_takes_an_empty_body(client, body):
    learn(client, "Alice", ALICE)
    assert client.post("/v1/vision/face/list", **body).json["faces"] == ["Alice"]


def test_names_are_sent_urlencoded_and_fields_in_any_case(client):
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert asked(client, "face/register", *files(photo(ALICE), name="IMAGE"), userId="Alice")
    found = asked(client, "face/recognize", *files(photo(ALICE), name="Image"), Min_Confidence="0.999")
    assert found["predictions"][0]["userid"] == "Alice"
    assert client.post("/v1/vision/face/delete", data=urlencode({"USERID": "Alice"}), **form).json["success"] is True
    assert asked(client, "face/list") == {"faces": []}


def test_unknown_fields_and_files_are_ignored(client):
    large = ("attachment", (io.BytesIO(bytes(100_000)), "a.bin"))
    assert asked(client, "face", *files(photo(ALICE)), large, split="1", collection="other")["count"] == 1
    asked(client, "face/register", *files(photo(ALICE)), userid="Alice", collection="other")
    assert [one["collection"] for one in client.get("/persons").json["persons"]] == ["default"]


WRONG = [
    ("face", [], {}, "No valid image file found"),
    ("face", [], {"image": text(ALICE)}, "No valid image file found"),
    ("face/recognize", files(photo(ALICE), name="picture"), {}, "No valid image file found"),
    ("face", files(b""), {}, "No valid image file found"),
    ("face", files(b"no image"), {}, "invalid image"),
    ("face/recognize", files(b"no image"), {}, "invalid image"),
    ("face", files(photo(ALICE)), {"min_confidence": "high"}, "Invalid value for min_confidence"),
    ("face/recognize", files(photo(ALICE)), {"min_confidence": "nan"}, "Invalid value for min_confidence"),
    ("face/recognize", files(photo(ALICE)), {"min_confidence": "1.01"}, "min_confidence cannot be greater than 1"),
    ("face", files(photo(ALICE)), {"min_confidence": "inf"}, "min_confidence cannot be greater than 1"),
    ("face/register", [], {"userid": "Alice"}, "No valid image file found"),
    ("face/register", files(photo(ALICE)), {}, "userid not specified"),
    ("face/register", files(photo(ALICE)), {"userid": ""}, "userid not specified"),
    ("face/register", files(NOBODY), {"userid": "Alice"}, "no face detected"),
    ("face/register", files(NOBODY, NOBODY), {"userid": "Alice"}, "no face detected"),
    ("face/match", [], {}, "No valid image file found"),
    ("face/match", files(photo(ALICE)), {}, "expected two image files, only one found"),
    ("face/match", files(*[photo(ALICE)] * 3), {}, "only two images allowed"),
    ("face/match", files(photo(ALICE), NOBODY), {}, "no face found"),
    ("face/match", files(photo(ALICE), b"no image"), {}, "invalid image"),
    ("face/delete", [], {}, "userid not specified"),
]


@pytest.mark.parametrize(("route", "parts", "fields", "said"), WRONG, ids=lambda value: str(value)[:30])
def test_what_is_wrong_is_told_as_deepstack_tells_it(client, route, parts, fields, said):
    copies = [(name, (io.BytesIO(file.getvalue()), filename)) for name, (file, filename) in parts]
    assert_error(send(client, route, *copies, **fields), 400, said)


@pytest.mark.parametrize("name", ["unknown", " Unknown ", "UNKNOWN"])
@pytest.mark.parametrize("route", ["face/register", "face/delete"])
def test_the_name_of_nobody_is_reserved(client, name, route):
    answer = send(client, route, *files(photo(ALICE)), userid=name)
    assert answer.status_code == 400
    assert "The name unknown is reserved" in answer.json["error"]


def test_other_refusals_are_in_our_words(client):
    answer = send(client, "face", *files(photo(ALICE)), min_confidence="-1")
    assert_error(answer, 400, "min_confidence: Input should be greater than or equal to 0")
    answer = send(client, "face/register", *files(photo(ALICE)), userid="x" * 201)
    assert (answer.status_code, answer.json["error"][:7]) == (400, "userid:")
    assert client.post("/v1/vision/face", data=b"?", content_type="text/plain").status_code == 400


@pytest.mark.parametrize(
    "path", [*(f"vision/{name}" for name in ("detection", "scene", "enhance", "custom/a")), "backup", "restore"]
)
def test_what_is_not_offered_is_a_404_in_this_body(client, path):
    for slash in ("", "/"):
        answer = client.post(f"/v1/{path}{slash}", data={"image": (io.BytesIO(photo(ALICE)), "a.jpg")})
        assert_error(answer, 404, "There is no endpoint at this path. GET / lists the endpoints.")


def test_a_model_that_is_missing_is_a_503_with_a_time(make_app, engine):
    app = make_app()
    engine.missing.add("opencv")
    answer = send(app.test_client(), "face", *files(photo(ALICE)))
    assert (answer.status_code, answer.json["code"]) == (503, 503)
    assert int(answer.headers["Retry-After"]) > 0


class Failing(FakeEngine):
    """Fails as it is told to when it embeds."""

    error = None

    def embed(self, crops, **options):
        if self.error is not None:
            raise self.error
        return super().embed(crops, **options)


@pytest.mark.parametrize("engine", [Failing()], ids=["failing"])
@pytest.mark.parametrize(
    ("error", "status"),
    [(DeepFaceError(), 500), (ValueError("secret"), 500), (StorageFull(), 503), (ModelUnavailable("x"), 503)],
)
def test_failures_are_told_without_a_traceback(make_app, engine, error, status):
    app = make_app()
    engine.error = error
    answer = send(app.test_client(), "face/match", *files(photo(ALICE), photo(ALICE)))
    engine.error = None
    assert (answer.status_code, answer.json["code"], answer.json["success"]) == (status, status, False)
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert "Traceback" not in answer.text
    assert "secret" not in answer.text


def test_every_answer_says_its_length(client):
    for route in ROUTES:
        answer = send(client, route)
        assert int(answer.headers["Content-Length"]) == len(answer.data)
