import threading
from concurrent.futures import ThreadPoolExecutor

import openapi_spec_validator
import pytest

import api.openapi
from api.context import services_of
from api.factory import create_app
from core import __version__
from tests.conftest import assert_error
from tests.fakes import FakeEngine
from tests.pictures import ALICE, photo

FORMS = {"multipart/form-data", "application/x-www-form-urlencoded"}
IMAGE = {"data": photo(ALICE), "content_type": "image/png"}


def test_the_root_names_the_service_and_every_endpoint(client):
    body = client.get("/").json
    assert (body["service"], body["version"]) == ("face-service", __version__)
    listed = {(line["method"], line["path"]) for line in body["endpoints"]}
    posts = {
        ("POST", f"/{name}") for name in ("verify", "analyze", "represent", "find", "extract", "register", "identify")
    }
    assert listed >= posts | {("GET", path) for path in ("/", "/health", "/ready", "/openapi.json", "/find/indexes")}
    assert {("GET", "/persons/{person_id}"), ("DELETE", "/persons/{person_id}")} <= listed
    assert all(line["summary"] for line in body["endpoints"])


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/openapi.json"])
def test_everything_stands_again_below_the_prefix(client, path):
    assert client.get("/api/v1" + path).json == client.get(path).json


def test_a_slash_at_the_end_makes_no_difference(client):
    assert client.get("/health/").status_code == client.get("/api/v1").status_code == 200


def test_before_the_models_have_loaded_only_health_answers(settings):
    gate = threading.Event()
    app = create_app(settings, engine=FakeEngine(gate=gate))
    client = app.test_client()
    assert client.get("/health").json == {"status": "ok", "version": __version__}
    for response in (client.get("/ready"), client.post("/extract", **IMAGE), client.post("/api/v1/verify", json={})):
        assert_error(response, 503, "model_loading")
        assert int(response.headers["Retry-After"]) > 0
    parts = client.get("/ready").json["details"]["parts"]
    assert {part["name"]: part["state"] for part in parts}["opencv"] == "loading"
    gate.set()
    assert services_of(app).health.readiness.wait(10)
    assert client.get("/ready").json["status"] == "ready"
    assert client.post("/extract", **IMAGE).status_code == 200


def test_an_absent_weight_keeps_ready_at_503_and_the_rest_working(settings):
    app = create_app(settings, engine=FakeEngine(missing=["VGG-Face"]))
    client = app.test_client()
    services_of(app).health.readiness.start()
    assert services_of(app).health.readiness.wait(10)
    body = assert_error(client.get("/ready"), 503, "model_unavailable")
    assert [part["name"] for part in body["details"]["parts"] if part["state"] != "ready"] == ["VGG-Face"]
    assert client.post("/extract", **IMAGE).status_code == 200
    assert_error(client.post("/represent", **IMAGE), 503, "model_unavailable")
    assert client.post("/represent?model_name=Dlib", **IMAGE).status_code == 200


def test_the_openapi_document_is_valid_and_describes_every_endpoint(client):
    document = client.get("/openapi.json").json
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1")
    listed = {line["path"] for line in client.get("/").json["endpoints"]}
    assert set(document["paths"]) == listed


def test_the_openapi_document_says_what_each_endpoint_takes(client):
    document = client.get("/openapi.json").json
    verify = document["paths"]["/verify"]["post"]
    assert set(verify["requestBody"]["content"]) == FORMS | {"application/json"}
    multipart = verify["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert multipart["properties"]["img1"]["format"] == "binary"
    find = document["paths"]["/find"]["post"]
    assert set(find["requestBody"]["content"]) == FORMS | {"application/json", "image/*"}
    assert {"k", "threshold", "model_name"} < {parameter["name"] for parameter in find["parameters"]}
    assert "index_building" in find["responses"]["503"]["description"]
    schema = document["components"]["schemas"]["FindRequest"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["img"]


def test_the_openapi_document_knows_null_in_json_only(client):
    document = client.get("/openapi.json").json
    assert {"type": "null"} in document["components"]["schemas"]["FindRequest"]["properties"]["k"]["anyOf"]
    find = document["paths"]["/find"]["post"]
    forms = [find["requestBody"]["content"][kind]["schema"] for kind in FORMS]
    for text in (*(form["properties"] for form in forms), {p["name"]: p["schema"] for p in find["parameters"]}):
        assert (text["k"]["type"], text["k"]["maximum"]) == ("integer", 100_000)
        assert "null" not in str(text)
        assert "default" not in text["k"]
        assert text["refresh"]["default"] == "auto"


def test_the_openapi_document_is_built_once_however_many_ask_at_once(app, monkeypatch):
    build, built = api.openapi._openapi_json, []
    monkeypatch.setattr(api.openapi, "_openapi_json", lambda app: built.append(app) or build(app))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda path: app.test_client().get(path).data, ["/openapi.json"] * 8))
    assert app.test_client().get("/api/v1/openapi.json").data == answers[0]
    assert len(set(answers)) == len(built) == 1


ASSETS = ("/openapi.json", "/api/v1/openapi.json", "/docs", "/docs/", "/docs/start.js", "/docs/swagger-ui.css")


@pytest.mark.parametrize("path", ASSETS)
def test_a_copy_that_is_current_is_not_sent_again(client, path):
    first = client.get(path)
    tag = first.headers["ETag"]
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    for given in (tag, f"W/{tag}", f'"other", {tag}', f'W/"other",W/{tag}', "*"):
        for method in ("GET", "HEAD"):
            again = client.open(path, method=method, headers={"If-None-Match": given})
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag), given
            assert again.headers["Cache-Control"] == "no-cache"
            assert again.headers["Content-Security-Policy"] == first.headers["Content-Security-Policy"]
    for given in ('"other"', tag[:-2] + '"', "", '"', "W/", tag.upper()):
        again = client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.data) == (200, first.data), given
    assert client.head(path).headers["ETag"] == tag


def test_a_refusal_of_what_may_be_kept_is_not_kept(client):
    for answer in (client.get("/docs/nothing"), client.post("/openapi.json"), client.get("/")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "ETag" not in answer.headers


def test_a_photo_folder_that_does_not_exist_is_a_warning_of_ready(make_app, tmp_path):
    folder = tmp_path / "later"
    client = make_app(faces_db_path=str(folder)).test_client()
    (part,) = [part for part in client.get("/ready").json["parts"] if part["state"] != "ready"]
    assert (part["name"], part["state"]) == ("photos", "warning")
    assert "FACES_DB_PATH" in part["message"]
    folder.mkdir()
    assert {part["state"] for part in client.get("/ready").json["parts"]} == {"ready"}


@pytest.mark.parametrize("missing", [
    ["age"], ["age", "race"], ["age", "gender", "emotion", "race", "yunet", "MiniFASNet"], ["yunet", "MiniFASNet"],
])  # fmt: skip
def test_all_missing_models_of_a_request_are_named_at_once(settings, missing):
    app = create_app(settings, engine=FakeEngine(missing=missing))
    services_of(app).health.readiness.start()
    assert services_of(app).health.readiness.wait(10)
    query = {"detector_backend": "yunet", "anti_spoofing": "true"}
    body = app.test_client().post("/analyze", **IMAGE, query_string=query).json
    assert body["error_code"] == "model_unavailable"
    assert body["details"]["missing_files"] == [
        name for name in ("yunet", "MiniFASNet", "age", "gender", "emotion", "race") if name in missing
    ]
    assert all(name in body["message"] for name in missing)
    if len(missing) > 1:
        assert "face-service weights fetch " + " ".join(body["details"]["models"]) in body["message"]


def test_liveness_and_a_model_that_are_missing_are_named_at_once(settings):
    app = create_app(settings, engine=FakeEngine(missing=["ArcFace", "MiniFASNet"]))
    services_of(app).health.readiness.start()
    assert services_of(app).health.readiness.wait(10)
    for path in ("/represent", "/register"):
        query = {"model_name": "ArcFace", "anti_spoofing": "true", **({"name": "Ann"} if path == "/register" else {})}
        answer = app.test_client().post(path, **IMAGE, query_string=query)
        assert_error(answer, 503, "model_unavailable")
        assert set(answer.json["details"]["models"]) == {"ArcFace", "MiniFASNet"}
    query["model_name"] = "Dlib"
    assert_error(
        app.test_client().post("/represent", **IMAGE, query_string={"anti_spoofing": "true"}),
        412,
        "liveness_unavailable",
    )
