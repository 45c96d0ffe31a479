import re
import threading
from concurrent.futures import ThreadPoolExecutor

import jsonschema
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
    pages = {"/console", "/console/{file}", "/docs", "/docs/{file}"}
    assert set(document["paths"]) == listed - {*pages, "/metrics", "/openapi.json"}


def resolved(document, value):
    """What a reference of the document leads to; any other value as it is."""
    for step in value.get("$ref", "").removeprefix("#/").split("/") if "$ref" in value else ():
        document = document[step]
    return document if "$ref" in value else value


def operations(document):
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_every_operation_has_a_name_a_tag_and_examples(make_app):
    document = make_app(doors=()).test_client().get("/openapi.json").json
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    tags = [tag["name"] for tag in document["tags"]]
    assert tags == ["Faces", "Photo folder", "Gallery", "Audit", "Access", "Service"]
    for operation in operations(document):
        (tag,) = operation["tags"]
        assert tag in tags
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            assert "example" in content.get("application/json", {"example": ""}), operation["operationId"]
        for parameter in operation.get("parameters", ()):
            assert parameter["in"] != "path" or parameter["example"]


def test_every_example_is_one_of_its_schema(make_app):
    document = make_app(doors=()).test_client().get("/openapi.json").json
    for operation in operations(document):
        answers = [resolved(document, answer) for answer in operation["responses"].values()]
        for content in (part.get("content", {}) for part in (operation.get("requestBody", {}), *answers)):
            if media := content.get("application/json"):
                schema = media["schema"] | {"components": document["components"]}
                validator = jsonschema.Draft202012Validator(schema)
                assert list(validator.iter_errors(media["example"])) == [], operation["operationId"]


def test_an_error_is_described_once_for_all_operations(client):
    document = client.get("/openapi.json").json
    for operation in operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        named = set(re.findall(r"`(\w+)`", operation.get("description", "")))
        of_all = "".join(resolved(document, answer)["description"] for answer in errors.values())
        assert all("$ref" in answer for answer in errors.values())
        assert named <= set(re.findall(r"`(\w+)`:", of_all))


def test_only_operations_with_a_scope_need_a_key(client):
    document = client.get("/openapi.json").json
    public = {operation["operationId"] for operation in operations(document) if operation["security"] == []}
    assert public == {"info", "health", "ready", "deepface_home", "dev_readiness", "deepstack_ping"}
    assert "security" not in document


def test_the_openapi_document_says_what_each_endpoint_takes(client):
    document = client.get("/openapi.json").json
    verify = document["paths"]["/verify"]["post"]
    assert set(verify["requestBody"]["content"]) == FORMS | {"application/json"}
    multipart = resolved(document, verify["requestBody"]["content"]["multipart/form-data"]["schema"])
    assert multipart["properties"]["img1"]["format"] == "binary"
    find = document["paths"]["/find"]["post"]
    assert set(find["requestBody"]["content"]) == FORMS | {"application/json", "image/*"}
    assert {"k", "threshold", "model_name"} < {parameter["name"] for parameter in find["parameters"]}
    assert "`index_building`" in find["description"]
    assert "`index_building`" in resolved(document, find["responses"]["503"])["description"]
    schema = document["components"]["schemas"]["FindRequest"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["img"]


def test_the_openapi_document_knows_null_in_json_only(client):
    document = client.get("/openapi.json").json
    assert {"type": "null"} in document["components"]["schemas"]["FindRequest"]["properties"]["k"]["anyOf"]
    find = document["paths"]["/find"]["post"]
    forms = [resolved(document, find["requestBody"]["content"][kind]["schema"])["properties"] for kind in FORMS]
    query = {parameter["name"]: parameter["schema"] for parameter in find["parameters"]}
    for text in (*forms, query):
        assert (text["k"]["type"], text["k"]["maximum"]) == ("integer", 100_000)
        assert "null" not in str(text)
        assert "default" not in text["k"]
    assert [form["refresh"]["default"] for form in forms] == ["auto", "auto"]


def test_options_beside_an_image_have_no_default_that_a_client_would_send_beside_json(make_app):
    document = make_app(doors=()).test_client().get("/openapi.json").json
    options = {
        parameter["name"]: parameter
        for operation in operations(document)
        if "requestBody" in operation
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    assert "default" not in str([parameter["schema"] for parameter in options.values()])
    assert options["anti_spoofing"]["description"].endswith(" Default: false.")


def test_the_openapi_document_is_built_once_however_many_ask_at_once(app, monkeypatch):
    build, built = api.openapi._openapi_json, []
    monkeypatch.setattr(api.openapi, "_openapi_json", lambda app: built.append(app) or build(app))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda path: app.test_client().get(path).data, ["/openapi.json"] * 8))
    assert app.test_client().get("/api/v1/openapi.json").data == answers[0]
    assert len(set(answers)) == len(built) == 1


ASSETS = (
    "/console/",
    "/console/start.js",
    "/openapi.json",
    "/api/v1/openapi.json",
    "/docs",
    "/docs/",
    "/docs/start.js",
    "/docs/swagger-ui.css",
)


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
    query = {"detector_backend": "yunet", "anti_spoofing": "true", "actions": "age,gender,emotion,race"}
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
