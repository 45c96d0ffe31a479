"""deepface.dev's door on the fake engine: bodies, statuses, codes and headers."""

import io
import json

import pytest

from api.context import services_of
from core.exceptions import DeadlineExceeded, Overloaded
from core.scopes import Scope
from tests.api.v1.test_gallery import text
from tests.conftest import KEY
from tests.fakes import FakeEngine
from tests.pictures import ALICE, BOB, MASK, photo

STRANGER = (0, 224, 0)  # far from everybody with every model
PAIR = {"img1": text(ALICE), "img2": text(ALICE)}
IMAGE = {"img": text(ALICE)}
AREA = {"x": 20, "y": 30, "w": 40, "h": 40, "left_eye": [55, 35], "right_eye": [25, 35]}


def ask(client, route, **body):
    return client.post(f"/dev/{route}", json=body)


def asked(client, route, **body):
    answer = ask(client, route, **body)
    assert answer.status_code == 200, answer.text
    return answer.json


def assert_error(answer, status, code, detail=""):
    assert (answer.status_code, set(answer.json)) == (status, {"error", "detail"}), answer.text
    assert answer.json["error"] == code, answer.text
    assert detail in answer.json["detail"]


def test_two_images_are_compared_with_facenet(client):
    answer = asked(client, "verify", **PAIR)
    assert answer.pop("time") >= 0
    areas = {"img1": AREA, "img2": AREA}
    assert answer == {"verified": True, "distance": 0, "threshold": 0.4, "model": "Facenet", "facial_areas": areas}
    assert asked(client, "verify", **PAIR, model_name="Dlib", distance_metric="euclidean_l2")["threshold"] == 0.407


def test_the_embeddings_are_a_bare_list_of_one_entry_a_face(client):
    one, two = asked(client, "represent", img=text(ALICE, BOB))
    assert (len(one["embedding"]), one["model_name"], one["face_confidence"]) == (128, "Facenet", 0.9)
    assert one["facial_area"] == AREA
    assert two["facial_area"]["x"] == 80
    assert set(one) == {"embedding", "model_name", "facial_area", "face_confidence"}
    for blank in ("", " ", None):
        assert asked(client, "represent", **IMAGE, model_name=blank)[0]["model_name"] == "Facenet"


@pytest.mark.parametrize("kind", ["json", "form", "multipart"])
def test_every_kind_of_body_is_read(client, kind):
    if kind == "json":
        answer = client.post("/dev/represent?x=1", json=IMAGE | {"user": "me"})
    else:
        image = text(ALICE) if kind == "form" else (io.BytesIO(photo(ALICE)), "a.png")
        answer = client.post("/dev/represent", data={"img": image, "enforce_detection": "false", "user": "me"})
    assert (answer.status_code, len(answer.json)) == (200, 1)


@pytest.mark.parametrize(("one", "many"), [("target_vector", "target_vectors"), ("vector_b", "vectors")])
@pytest.mark.parametrize("source", ["source_vector", "vector", "img"])
@pytest.mark.parametrize("metric", ["distance_metric", "metric"])
def test_a_source_is_compared_with_embeddings_by_either_name(client, one, many, source, metric):
    near, far = (asked(client, "represent", img=text(who))[0]["embedding"] for who in (ALICE, STRANGER))
    body = {"model_name": "Facenet", source: near if source != "img" else text(ALICE), metric: "euclidean_l2"}
    answer = asked(client, "compare", **body, **{many: [far, {"id": "alice", "vector": near}]})
    best = {"index": 1, "id": "alice", "distance": 0, "similarity": 1, "verified": True}
    assert answer["best"] == answer["results"][1] == best
    assert (answer["results"][0]["index"], answer["results"][0]["verified"]) == (0, False)
    assert "id" not in answer["results"][0]
    about = {"type": "image", "face_index": 0, "facial_area": AREA} if source == "img" else {"type": "vector"}
    assert answer["source"] == about
    assert (answer["model"], answer["distance_metric"], answer["threshold"]) == ("Facenet", "euclidean_l2", 0.8)
    assert set(answer) == {"model", "distance_metric", "threshold", "source", "results", "best"}
    assert asked(client, "compare", **body, **{one: near}, threshold=0.1)["threshold"] == 0.1


def test_a_face_of_the_image_may_be_chosen(client):
    body = {"model_name": "Facenet", "img": text(ALICE, BOB), "vector_b": [0.5] * 128}
    assert asked(client, "compare", **body, face_index=1)["source"]["facial_area"]["x"] == 80
    assert_error(ask(client, "compare", **body, face_index=2), 400, "validation_error", "2 faces")


def test_the_capabilities_are_what_is_installed_and_allowed(make_app):
    client = make_app(max_faces=7, rate_limit="5/minute", default_detector="dlib").test_client()
    answer = client.get("/dev/capabilities").json
    models = {model["name"]: model for model in client.get("/models").json["models"]}
    for kind, task in (("models", "recognition"), ("detectors", "detection")):
        usable = [name for name, model in models.items() if model["task"] == task and model["installed"]]
        assert answer[kind] == usable
    assert answer["dimensions"] == {name: models[name]["dim"] for name in answer["models"]}
    assert answer["distance_metrics"] == ["cosine", "euclidean", "euclidean_l2"]
    assert answer["defaults"] == {"model_name": "Facenet", "detector_backend": "dlib", "distance_metric": "cosine"}
    limits = answer["limits"]
    assert (limits["max_faces"], limits["rate_limit"], limits["max_image_bytes"]) == (7, "5/minute", 10_485_760)
    commercial = make_app(license_policy="commercial", model_preset="commercial").test_client()
    assert "Dlib" not in commercial.get("/dev/capabilities").json["models"]
    assert "rate_limit" not in commercial.get("/dev/capabilities").json["limits"]


def test_readiness_is_public(make_app, settings):
    assert make_app(api_keys=(KEY,)).test_client().get("/dev/readiness?cache=no").json == {"ready": True}


def test_what_is_not_ready_says_so(settings):
    from api.factory import create_app

    app = create_app(settings, engine=FakeEngine(missing={"VGG-Face"}))
    services_of(app).health.readiness.start()
    services_of(app).health.readiness.wait(10)
    assert_error(app.test_client().get("/dev/readiness"), 503, "model_unavailable")


def test_a_missing_and_a_wrong_key_have_codes_of_their_own(make_app):
    client = make_app(api_keys=(KEY,)).test_client()
    assert_error(client.post("/dev/represent"), 401, "missing_api_key")
    for header in ({"Authorization": f"Bearer {KEY[::-1]}"}, {"x-api-key": KEY[::-1]}):
        assert_error(client.post("/dev/represent", headers=header), 401, "invalid_api_key")
    for header in ({"Authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
        assert client.post("/dev/represent", json=IMAGE, headers=header).status_code == 200


def test_a_rate_limit_tells_what_is_left_and_when_to_retry(make_app):
    client = make_app(rate_limit="1/hour").test_client()
    first = ask(client, "represent", **IMAGE)
    assert (first.headers["RateLimit-Limit"], first.headers["RateLimit-Remaining"]) == ("1", "0")
    assert int(first.headers["RateLimit-Reset"]) > 0
    second = ask(client, "represent", **IMAGE)
    assert_error(second, 429, "rate_limited")
    assert int(second.headers["Retry-After"]) > 0
    assert second.headers["RateLimit-Remaining"] == "0"


@pytest.mark.parametrize(("error", "code"), [(Overloaded, "queue_full"), (DeadlineExceeded, "queue_timeout")])
def test_a_full_queue_and_a_long_wait_have_codes_of_their_own(app, monkeypatch, error, code):
    def full():
        raise error

    monkeypatch.setattr(services_of(app).access.admission, "admitted", full)
    assert_error(ask(app.test_client(), "represent", **IMAGE), 503, code)


def test_a_body_that_is_too_large_has_a_code_of_its_own(make_app):
    assert_error(ask(make_app(max_body_bytes=100).test_client(), "represent", **IMAGE), 413, "request_too_large")


def test_the_id_of_a_request_is_echoed(client):
    answer = client.post("/dev/represent", json=IMAGE, headers={"x-request-id": "9b2f"})
    assert answer.headers["x-request-id"] == "9b2f"


WRONG = [
    ("represent", {}, "validation_error", "img: Field required"),
    ("represent", IMAGE | {"model_name": "Elsewhere"}, "validation_error", "model_name is not allowed."),
    ("represent", IMAGE | {"model_name": ["Dlib"]}, "validation_error", "model_name is not allowed."),
    ("represent", IMAGE | {"detector_backend": "x"}, "validation_error", "detector_backend is not allowed."),
    ("represent", IMAGE | {"align": "false"}, "validation_error", "align"),
    ("represent", {"img": text()}, "no_face_detected", "img"),
    ("represent", {"img": "nonsense"}, "image_decode_error", "img"),
    ("represent", {"img": "/etc/passwd"}, "image_source_forbidden", "img"),
    ("represent", {"img": text(MASK), "anti_spoofing": True}, "spoof_detected", "img"),
    *(
        (route, body, "validation_error", "distance_metric must be cosine, euclidean, or euclidean_l2.")
        for route, body in (
            ("verify", PAIR | {"distance_metric": "angular"}),
            ("compare", IMAGE | {"model_name": "Dlib", "vector_b": [0.5] * 128, "metric": "manhattan"}),
        )
    ),
    ("compare", IMAGE | {"vector_b": [0.5] * 128}, "validation_error", "model_name"),
    ("compare", {"model_name": "Dlib", "vector_b": [0.5] * 128}, "validation_error", "source_vector"),
    ("compare", IMAGE | {"model_name": "Dlib"}, "validation_error", "target_vector"),
    ("compare", IMAGE | {"model_name": "Dlib", "vector_b": [1.0]}, "validation_error", "128"),
]


@pytest.mark.parametrize(("route", "body", "code", "detail"), WRONG)
def test_what_is_wrong_is_told_as_deepface_dev_tells_it(client, route, body, code, detail):
    answer = ask(client, route, **body)
    assert_error(answer, 400, code, detail)
    if "must be" in detail or "not allowed" in detail:
        assert answer.json["detail"] == detail


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_a_400(client, body):
    answer = client.post("/dev/compare", data=body, content_type="application/json")
    assert_error(answer, 400, "validation_error")


def test_a_spoof_is_never_verified(client):
    spoof = {"img1": text(MASK), "img2": text(MASK)}
    assert asked(client, "verify", **spoof)["verified"] is True
    assert asked(client, "verify", **spoof, anti_spoofing=True)["verified"] is False


def test_a_model_that_is_not_installed_names_the_command(make_app, engine):
    engine.missing = {"Facenet"}
    assert_error(ask(make_app().test_client(), "represent", **IMAGE), 503, "model_unavailable", "Facenet")


def test_a_verification_is_recorded(app):
    client = app.test_client()
    asked(client, "verify", **PAIR)
    services_of(app).audit.log.flush(30)
    (row,) = client.get("/verifications").json["verifications"]
    assert (row["verified"], row["model"]) == (True, "Facenet")


def test_thousands_of_targets_fit(client):
    body = {"model_name": "Facenet", "vector": [0.5] * 128, "vectors": [[0.5] * 128] * 1000}
    answer = client.post("/dev/compare", data=json.dumps(body), content_type="application/json")
    assert len(answer.json["results"]) == 1000


def test_reading_needs_the_scope_faces(make_app):
    app = make_app(api_keys=(KEY,))
    token = services_of(app).access.keys.create("x", {Scope.GALLERY_READ})[1]
    answer = app.test_client().get("/dev/capabilities", headers={"x-api-key": token})
    assert_error(answer, 403, "forbidden")
