"""LocalAI's door on the fake engine: bodies, statuses, and what a client cannot get through it."""

import json
import threading
from base64 import b64encode
from contextlib import ExitStack
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest

from api.context import services_of
from api.factory import create_app
from core.scopes import Scope
from tests.api.v1.test_gallery import UNKNOWN, text
from tests.conftest import KEY
from tests.fakes import FakeEngine
from tests.pictures import ALICE, ALICIA, BOB, MASK, Block, encoded, photo, picture

STRANGER = (0, 224, 0)  # far from everybody with every model
AREA = {"x": 20, "y": 30, "w": 40, "h": 40}
IMAGE = {"img": text(ALICE)}
PAIR = {"img1": text(ALICE), "img2": text(ALICE)}
NOBODY = {"img": text()}
LIVENESS = {"img1_is_real", "img1_antispoof_score", "img2_is_real", "img2_antispoof_score"}


@pytest.fixture
def photographer():
    """The host and port of a server of photos of Alice, and the paths that were read from it."""
    read = []

    class Photos(BaseHTTPRequestHandler):
        def do_GET(self):
            read.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(photo(ALICE))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Photos) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", read
        server.shutdown()


def ask(client, route, **body):
    """As the curl of LocalAI's documentation for /v1/face/forget: JSON without a word on what it is."""
    return client.post(f"/v1/{route}", data=json.dumps(body), content_type="application/x-www-form-urlencoded")


def asked(client, route, **body):
    answer = ask(client, route, **body)
    assert answer.status_code == 200, answer.text
    return answer.json


def registered(client, colour, name, **body):
    return asked(client, "face/register", img=text(colour), name=name, **body)["id"]


def assert_error(answer, status, kind, said=""):
    """Assert LocalAI's error body, whose message contains `said`."""
    assert (answer.status_code, set(answer.json)) == (status, {"error"}), answer.text
    error = answer.json["error"]
    assert (error["code"], error["type"], set(error)) == (status, kind, {"code", "message", "type"})
    assert said in error["message"]


def test_two_images_are_compared(client):
    same = asked(client, "face/verify", img1=text(ALICE), img2=text(ALICE))
    milliseconds = same.pop("processing_time_ms")
    assert milliseconds >= 0
    assert same == {
        "verified": True,
        "distance": 0.0,
        "threshold": 0.68,
        "confidence": 100.0,
        "model": "VGG-Face",
        "img1_area": AREA,
        "img2_area": AREA,
    }
    other = asked(client, "face/verify", img1=text(ALICE), img2=text(STRANGER))
    assert (other["verified"], other["confidence"]) == (False, 0)


@pytest.mark.parametrize("image", ["data:image/png;base64,", ""])
def test_images_are_data_uris_or_bare_base64(client, image):
    assert asked(client, "face/verify", img1=image + text(ALICE), img2=image + text(ALICE))["verified"]


def test_the_confidence_is_the_share_of_the_threshold_that_is_left(client):
    answer = asked(client, "face/verify", img1=text(ALICE), img2=text(ALICIA), threshold=0.5)
    assert answer["confidence"] == pytest.approx((1 - answer["distance"] / 0.5) * 100, abs=1e-3)
    exactly = asked(client, "face/verify", img1=text(ALICE), img2=text(ALICIA), threshold=answer["distance"])
    assert (exactly["verified"], exactly["confidence"]) == (False, 0)  # LocalAI: below the threshold
    assert [one["verified"] for one in client.get("/verifications").json["verifications"]] in ([], [True, False])


def test_liveness_is_there_only_if_it_was_asked_for_and_has_the_last_word(client):
    pair = {"img1": text(MASK), "img2": text(MASK)}
    assert not LIVENESS & set(asked(client, "face/verify", **pair))
    judged = asked(client, "face/verify", anti_spoofing=True, **pair)
    assert set(judged) >= LIVENESS
    assert (judged["img1_is_real"], judged["verified"], judged["distance"]) == (False, False, 0)
    (face,) = asked(client, "face/analyze", img=text(ALICE), anti_spoofing=True)["faces"]
    assert face["is_real"] is True


@pytest.mark.parametrize("engine", [FakeEngine(missing=["MiniFASNet"])], ids=["without"])
def test_liveness_whose_models_are_absent_is_a_412(client):
    answer = ask(client, "face/verify", **PAIR, anti_spoofing=True)
    assert_error(answer, 412, "liveness_unavailable")


class Certain(FakeEngine):
    """Is the more certain of a face the farther left it is."""

    def detect(self, image, detection):
        return [replace(face, confidence=0.9 - face.area.x / 1000) for face in super().detect(image, detection)]


@pytest.mark.parametrize("engine", [Certain()], ids=["certain"])
def test_the_surest_face_counts_and_not_the_nearest_or_largest(client):
    small_first = encoded(picture(Block(BOB, x=10, w=20, h=20), Block(ALICE, x=60, w=60, h=60)))
    group = b64encode(small_first).decode()
    verified = asked(client, "face/verify", img1=group, img2=text(ALICE), threshold=0.01)
    assert (verified["verified"], verified["img1_area"]["x"]) == (False, 10)
    bob = asked(client, "face/embed", img=text(BOB))["embedding"]
    assert asked(client, "face/embed", img=group)["embedding"] == pytest.approx(bob)
    registered(client, BOB, "Bob")
    identifier = asked(client, "face/register", img=group, name="Bob again")["id"]
    matches = asked(client, "face/identify", img=group, threshold=0.01)["matches"]
    assert {match["distance"] for match in matches} == {0}
    assert identifier in {match["id"] for match in matches}


def test_faces_are_analyzed(client):
    (face,) = asked(client, "face/analyze", img=text(ALICE), actions=[])["faces"]
    assert face.pop("region") == AREA
    assert face == {
        "face_confidence": 0.9,
        "age": 64,
        "dominant_gender": "Woman",
        "gender": {"Woman": 100},
        "dominant_emotion": "happy",
        "emotion": {"happy": 100},
        "dominant_race": "asian",
        "race": {"asian": 100},
    }
    (face,) = asked(client, "face/analyze", img=text(ALICE), actions=["age"])["faces"]
    assert set(face) == {"region", "face_confidence", "age"}
    assert len(asked(client, "face/analyze", img=text(ALICE, BOB))["faces"]) == 2
    assert asked(client, "face/analyze", img=text())["faces"] == []


@pytest.mark.parametrize("engine", [FakeEngine(missing=["emotion", "race"])], ids=["without"])
@pytest.mark.parametrize("actions", [{}, {"actions": []}, {"actions": ["emotion", "gender", "age"]}])
def test_attributes_whose_models_are_absent_are_left_out(client, actions):
    (face,) = asked(client, "face/analyze", img=text(ALICE), **actions)["faces"]
    assert set(face) == {"region", "face_confidence", "age", "dominant_gender", "gender"}


@pytest.mark.parametrize("engine", [FakeEngine(missing=["emotion"])], ids=["without"])
def test_an_answer_without_any_attribute_is_an_error(client):
    answer = ask(client, "face/analyze", img=text(ALICE), actions=["emotion"])
    assert_error(answer, 503, "model_unavailable", "emotion")


def test_an_embedding_has_the_length_of_one(client):
    answer = asked(client, "face/embed", img=text(ALICE), model="Dlib")
    assert (answer["dim"], answer["model"], len(answer["embedding"])) == (128, "Dlib", 128)
    assert sum(number**2 for number in answer["embedding"]) == pytest.approx(1)


def test_a_person_is_registered_identified_and_forgotten(client):
    answer = asked(client, "face/register", img=text(ALICE), name="Alice", labels={"team": "red"})
    assert (set(answer), answer["name"], answer["registered_at"][-1]) == ({"id", "name", "registered_at"}, "Alice", "Z")
    assert str(UUID(answer["id"])) == answer["id"]
    bob = registered(client, BOB, "Bob")
    near, far = asked(client, "face/identify", img=text(ALICE), threshold=0.01)["matches"]
    assert near == {
        "id": answer["id"],
        "name": "Alice",
        "labels": {"team": "red"},
        "distance": 0,
        "confidence": 100,
        "match": True,
    }
    assert (far["id"], far["match"], far["confidence"], "labels" in far) == (bob, False, 0, False)
    assert len(asked(client, "face/identify", img=text(ALICE), top_k=1)["matches"]) == 1
    gone = ask(client, "face/forget", id=answer["id"])
    assert (gone.status_code, gone.data) == (204, b"")
    assert [match["name"] for match in asked(client, "face/identify", img=text(ALICE))["matches"]] == ["Bob"]
    assert_error(ask(client, "face/forget", id=answer["id"]), 404, "face_not_found")


def test_matches_are_faces_and_the_last_one_takes_the_person_along(client):
    ids = [registered(client, colour, "Alice") for colour in (ALICE, ALICIA)]
    registered(client, BOB, "Bob")
    matches = asked(client, "face/identify", img=text(ALICE))["matches"]
    assert [match["name"] for match in matches] == ["Alice", "Alice", "Bob"]
    assert [match["id"] for match in matches[:2]] == ids
    assert len(asked(client, "face/identify", img=text(ALICE), top_k=2)["matches"]) == 2
    for left, identifier in ((2, ids[0]), (1, ids[1])):
        assert ask(client, "face/forget", id=identifier).status_code == 204
        assert len(client.get("/persons").json["persons"]) == left


def test_at_exactly_the_threshold_a_face_matches(client):
    registered(client, ALICE, "Alice")
    (match,) = asked(client, "face/identify", img=text(ALICIA))["matches"]
    (match,) = asked(client, "face/identify", img=text(ALICIA), threshold=match["distance"])["matches"]
    assert (match["match"], match["confidence"]) == (True, 0)


@pytest.mark.parametrize("store", [{}, {"store": ""}, {"store": "local-store"}, {"store": None}, {"store": "default"}])
def test_a_store_is_a_collection_and_none_is_the_default_one(client, store):
    identifier = registered(client, ALICE, "Alice", **store)
    assert client.get(f"/faces/{identifier}").json["collection"] == "default"
    assert len(asked(client, "face/identify", img=text(ALICE), **store)["matches"]) == 1
    assert asked(client, "face/identify", img=text(ALICE), store="staff")["matches"] == []
    assert_error(ask(client, "face/forget", id=identifier, store="staff"), 404, "face_not_found")
    of_staff = registered(client, ALICE, "Alice", store="staff")
    assert [m["id"] for m in asked(client, "face/identify", img=text(ALICE), store="staff")["matches"]] == [of_staff]
    assert_error(ask(client, "face/forget", id=of_staff, **store), 404, "face_not_found")
    assert ask(client, "face/forget", id=identifier, **store).status_code == 204


def test_the_gallery_survives_a_restart(make_app):
    identifier = registered(make_app().test_client(), ALICE, "Alice", store="staff")
    (match,) = asked(make_app().test_client(), "face/identify", img=text(ALICE), store="staff")["matches"]
    assert (match["id"], match["match"]) == (identifier, True)


def test_a_retry_with_the_same_key_stores_nothing(client):
    body = json.dumps({"img": text(ALICE), "name": "Alice"})
    answers = [client.post("/v1/face/register", data=body, headers={"Idempotency-Key": "1"}).json for _ in range(2)]
    assert answers[0] == answers[1]


def test_faces_are_located(client):
    one, two = asked(client, "detection", image=text(ALICE, BOB))["detections"]
    box = {"x": 20, "y": 30, "width": 40, "height": 40, "class_name": "face", "confidence": 0.9}
    assert (one, two) == (box, box | {"x": 80})
    assert asked(client, "detection", image=text(ALICE), threshold=0.95)["detections"] == []
    assert asked(client, "detection", image=text(), model="yunet")["detections"] == []


# Model, and what it stands for: recognition model, threshold.
MODELS = [
    (None, "VGG-Face", 0.68),
    ("", "VGG-Face", 0.68),
    ("insightface-opencv", "SFace", 0.5),
    ("face-detect-yunet-sface", "SFace", 0.363),
    ("insightface-buffalo-l", "Buffalo_L", 0.35),
    ("face-detect-buffalo-l", "Buffalo_L", 0.35),
    ("ArcFace", "ArcFace", 0.68),  # DeepFace's own weights, for which LocalAI publishes nothing
    ("SFace", "SFace", 0.593),  # cropped otherwise than LocalAI does
    ("Dlib", "Dlib", 0.083),
    ("yunet", "VGG-Face", 0.68),
]


@pytest.mark.parametrize(("model", "recognition", "threshold"), MODELS)
def test_models_and_thresholds_are_those_of_localai_where_it_publishes_them(client, model, recognition, threshold):
    chosen = {} if model is None else {"model": model}
    for nothing in ({}, {"threshold": 0}):
        answer = asked(client, "face/verify", **PAIR, **chosen, **nothing)
        assert (answer["threshold"], answer["model"]) == (threshold, model or "VGG-Face")
    face = client.get(f"/faces/{registered(client, ALICE, 'Alice', **chosen)}").json
    assert face["model"] == recognition
    if model in ("insightface-opencv", "face-detect-yunet-sface"):
        assert (face["detector_backend"], face["alignment"], face["detection"]) == ("yunet", "template", "bounded")
    if model in ("insightface-buffalo-l", "face-detect-buffalo-l"):
        assert (face["detector_backend"], face["alignment"], face["detection"]) == ("retinaface", "template", "bounded")
    matches = asked(client, "face/identify", img=text(STRANGER), **chosen)["matches"]
    assert [match["match"] for match in matches] == [False]


@pytest.mark.parametrize(
    "options", [{"default_detector": "dlib"}, {"default_alignment": "eyes"}, {"detection": "full"}]
)
def test_localais_models_do_not_depend_on_our_defaults(make_app, options):
    client = make_app(**options).test_client()
    face = client.get(f"/faces/{registered(client, ALICE, 'Alice', model='insightface-opencv')}").json
    assert (face["detector_backend"], face["alignment"], face["detection"]) == ("yunet", "template", "bounded")


@pytest.mark.parametrize("model", ["insightface-buffalo-s", "face-detect-buffalo-m", "face-detect-buffalo-s"])
def test_a_model_without_weights_says_so(client, model):
    answer = ask(client, "face/embed", img=text(ALICE), model=model)
    assert_error(answer, 400, "validation_error", f"no weights of {model}")


WRONG = [
    ("face/verify", {}, 400, "validation_error", "img1: Field required; img2: Field required"),
    ("face/verify", PAIR | {"threshold": "0.4"}, 400, "validation_error", "threshold"),
    ("face/verify", PAIR | {"threshold": -1}, 400, "validation_error", "threshold"),
    ("face/verify", PAIR | {"threshold": 1e9}, 400, "validation_error", "threshold"),
    ("face/verify", PAIR | {"anti_spoofing": "false"}, 400, "validation_error", "anti_spoofing"),
    ("face/verify", PAIR | {"model": "gpt-4"}, 400, "validation_error", "use one of"),
    ("face/verify", PAIR | {"model": ["Dlib"]}, 400, "validation_error", "model"),
    ("face/verify", PAIR | {"img2": text()}, 404, "no_face_detected", "img2"),
    ("face/verify", PAIR | {"img1": "data:image/png;base64,AAAA"}, 400, "image_decode_error", "img1"),
    ("face/verify", PAIR | {"img1": "/etc/passwd"}, 400, "image_source_forbidden", "img1"),
    ("face/verify", PAIR | {"img1": "../../etc/passwd"}, 400, "image_source_forbidden", "img1"),
    ("face/verify", PAIR | {"img1": "http://127.0.0.1/a.jpg"}, 400, "image_source_forbidden", "img1"),
    ("face/verify", PAIR | {"img1": "http://169.254.169.254/latest"}, 400, "image_source_forbidden", "img1"),
    ("face/verify", PAIR | {"img1": 1}, 400, "validation_error", "img1"),
    ("face/verify", PAIR | {"img1": ""}, 400, "validation_error", "img1"),
    ("face/analyze", IMAGE | {"actions": ["shoe size"]}, 400, "validation_error", "actions"),
    ("face/analyze", IMAGE | {"actions": "age"}, 400, "validation_error", "actions"),
    ("face/analyze", {}, 400, "validation_error", "img"),
    ("face/embed", NOBODY, 404, "no_face_detected", "img"),
    ("face/embed", {"img": "nonsense"}, 400, "image_decode_error", "img"),
    ("face/register", NOBODY | {"name": "A"}, 404, "no_face_detected", "img"),
    ("face/register", IMAGE, 400, "validation_error", "name"),
    ("face/register", IMAGE | {"name": ""}, 400, "validation_error", "name"),
    ("face/register", IMAGE | {"name": "A\x1b[31m"}, 400, "validation_error", "name"),
    ("face/register", IMAGE | {"name": "A", "labels": {"a": 1}}, 400, "validation_error", "labels"),
    ("face/register", IMAGE | {"name": "A", "labels": {"<b>": "a"}}, 400, "validation_error", "labels"),
    ("face/register", IMAGE | {"name": "A", "store": "../staff"}, 400, "validation_error", "store"),
    ("face/register", IMAGE | {"name": "A", "store": ["staff"]}, 400, "validation_error", "store"),
    ("face/identify", NOBODY, 404, "no_face_detected", "img"),
    ("face/identify", IMAGE | {"top_k": 10**9}, 400, "validation_error", "top_k"),
    ("face/identify", IMAGE | {"top_k": -1}, 400, "validation_error", "top_k"),
    ("face/identify", IMAGE | {"top_k": "5"}, 400, "validation_error", "top_k"),
    ("face/forget", {}, 400, "validation_error", "id"),
    ("face/forget", {"id": ""}, 400, "validation_error", "id"),
    ("face/forget", {"id": "no id"}, 404, "face_not_found", ""),
    ("face/forget", {"id": UNKNOWN}, 404, "face_not_found", ""),
    ("detection", {}, 400, "validation_error", "image"),
    ("detection", {"image": "nonsense"}, 400, "image_decode_error", "image"),
    ("detection", {"image": text(ALICE), "threshold": 2}, 400, "validation_error", "threshold"),
]


@pytest.mark.parametrize(("route", "body", "status", "kind", "said"), WRONG)
def test_what_is_wrong_is_told_as_localai_tells_it(client, route, body, status, kind, said):
    assert_error(ask(client, route, **body), status, kind, said)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"img=a", b'{"id": 1, "id": 2}', b"[" * 100_000])
def test_what_is_no_json_object_is_a_400(client, body):
    answer = client.post("/v1/face/forget", data=body, content_type="application/json")
    assert_error(answer, 400, "validation_error")


def test_a_model_that_is_still_loading_is_a_503_to_be_retried(settings):
    gate = threading.Event()
    app = create_app(settings, engine=FakeEngine(gate=gate))
    answer = ask(app.test_client(), "face/embed", img=text(ALICE))
    assert_error(answer, 503, "model_loading")
    assert int(answer.headers["Retry-After"]) > 0
    gate.set()


def test_unknown_fields_and_null_are_ignored_and_the_query_string_too(client):
    body = {**PAIR, "user": "me", "model": None, "threshold": None, "anti_spoofing": None}
    answer = client.post("/v1/face/verify?stream=false", data=json.dumps(body))
    assert (answer.status_code, answer.json["verified"]) == (200, True)


def test_names_with_markup_are_data(client):
    name = "<script>alert(\"1\")</script> & 'Bobby'; DROP TABLE faces"
    registered(client, ALICE, name, labels={"note": "</script>"})
    answer = ask(client, "face/identify", img=text(ALICE))
    assert answer.json["matches"][0]["name"] == name
    assert (answer.mimetype, answer.headers["X-Content-Type-Options"]) == ("application/json", "nosniff")


def test_a_key_of_one_collection_sees_that_one_only(make_app):
    app = make_app(api_keys=(KEY,))
    operator, confined = app.test_client(), app.test_client()
    scopes = {Scope.GALLERY_READ, Scope.GALLERY_WRITE}
    operator.environ_base["HTTP_X_API_KEY"] = KEY
    token = services_of(app).access.keys.create("x", scopes, collection="mine")[1]
    confined.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    theirs = registered(operator, ALICE, "Alice")
    for store in ({"store": "default"}, {"store": "staff"}):
        for route, body in (
            ("face/register", {"img": text(ALICE), "name": "Eve"}),
            ("face/identify", {"img": text(ALICE)}),
            ("face/forget", {"id": theirs}),
        ):
            assert_error(ask(confined, route, **body, **store), 403, "forbidden")
    for store in ({}, {"store": "local-store"}, {"store": "mine"}):
        assert asked(confined, "face/identify", img=text(ALICE), **store)["matches"] == []
        assert_error(ask(confined, "face/forget", id=theirs, **store), 404, "face_not_found")
        mine = registered(confined, BOB, "Bob", **store)
        assert [m["id"] for m in asked(confined, "face/identify", img=text(BOB), **store)["matches"]] == [mine]
        assert operator.get(f"/faces/{mine}").json["collection"] == "mine"
        assert ask(confined, "face/forget", id=mine, **store).status_code == 204
    assert operator.get(f"/faces/{theirs}").status_code == 200


@pytest.mark.parametrize(
    ("route", "images"), [("face/verify", ("img1", "img2")), ("face/embed", ("img",)), ("detection", ("image",))]
)
def test_each_image_url_is_read_once_and_before_the_queue(make_app, photographer, route, images):
    host, read = photographer
    app = make_app(url_private_hosts=(host,), queue_max=1, inference_lanes=1)
    urls = {name: f"http://{host}/{name}.png" for name in images}
    asked(app.test_client(), route, **urls)
    assert sorted(read) == sorted(f"/{name}.png" for name in images)
    with ExitStack() as queue:
        for _ in range(2):
            queue.enter_context(services_of(app).access.admission.admitted())
        assert_error(ask(app.test_client(), route, **urls), 503, "overloaded")
    assert len(read) == 2 * len(images)


def test_paths_below_the_photo_folder_need_the_scope_find(make_app, photos):
    (photos / "alice.png").write_bytes(photo(ALICE))
    app = make_app(api_keys=(KEY,))
    token = services_of(app).access.keys.create("x", {Scope.FACES})[1]
    for key, status in ((KEY, 200), (token, 400)):
        answer = app.test_client().post("/v1/face/embed", json={"img": "alice.png"}, headers={"X-API-Key": key})
        assert answer.status_code == status, answer.text


def test_a_licence_that_forbids_a_model_forbids_it_here(make_app):
    settings = {"license_policy": "commercial", "model_preset": "commercial", "attribute_models": "deepface"}
    client = make_app(**settings).test_client()
    answer = ask(client, "face/embed", img=text(ALICE), model="insightface-buffalo-l")
    assert_error(answer, 403, "license_forbidden")
    assert_error(ask(client, "face/analyze", img=text(ALICE)), 403, "license_forbidden")  # of every attribute


def test_what_was_decided_is_in_the_audit_trail(app):
    client = app.test_client()
    asked(client, "face/verify", img1=text(ALICE), img2=text(STRANGER))
    identifier = registered(client, ALICE, "Alice")
    asked(client, "face/identify", img=text(ALICE))
    ask(client, "face/forget", id=identifier)
    services_of(app).audit.log.flush(30)
    events = {(one["action"], one["outcome"]) for one in client.get("/audit").json["events"]}
    assert events == {("verify", "no_match"), ("register", "done"), ("identify", "match"), ("forget", "done")}
