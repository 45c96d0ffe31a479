"""What holds at every door: keys, scopes, limits, unknown paths, and errors in the door's own body."""

import re

import pytest

from api.compat import DOORS
from api.context import services_of
from api.route import route_of
from api.views import door_views
from core.exceptions import Unauthorized
from core.scopes import Scope
from core.settings import Settings
from core.settings.types import DOORS as OPEN
from tests.api.v1.test_gallery import UNKNOWN
from tests.conftest import KEY

EVERY = pytest.mark.parametrize("door", DOORS.values(), ids=lambda door: door.name)

# Those whose key is in a header.
WITH_HEADER = pytest.mark.parametrize(
    "door", [door for door in DOORS.values() if door.name != "compreface-static"], ids=lambda door: door.name
)

# The statuses of a request without a key, and with a wrong one, where they are not 401.
KEYLESS, WRONG_KEY = {"compreface": 400}, {"compreface": 404}


@pytest.fixture
def app(make_app):
    """An application with all doors."""
    return make_app(doors=tuple(DOORS))


@pytest.fixture
def closed(make_app):
    """An application with all doors, and a key in its settings."""
    return make_app(doors=tuple(DOORS), api_keys=(KEY,))


def routes(app, door):
    """Method, path with ids filled in, and scope of every route of a door."""
    for method, path, view in door_views(app, door):
        yield method, re.sub(r"{\w+}", UNKNOWN, path), route_of(view).scope


def assert_refused(door, answer, status):
    """Assert the door's own error body with this status."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    door.error.model_validate_json(answer.data)
    assert "error_code" not in answer.json
    assert answer.headers["X-Request-Id"]


def test_every_door_has_a_name_of_the_setting():
    assert set(OPEN) <= set(DOORS)
    assert {door.name for door in DOORS.values()} == set(DOORS)
    assert Settings(_env_file=None).doors == OPEN


def test_an_unknown_door_stops_the_start(monkeypatch):
    monkeypatch.setenv("DOORS", "localai, nothing")
    with pytest.raises(ValueError, match="localai"):
        Settings(_env_file=None)


@EVERY
def test_a_door_that_is_closed_is_not_there(make_app, door):
    app = make_app(doors=tuple(name for name in OPEN if name != door.name))
    paths = app.test_client().get("/openapi.json").json["paths"]
    for method, path, _ in routes(make_app(doors=(door.name,)), door):
        answer = app.test_client().open(path, method=method)
        assert (answer.status_code, answer.json["error_code"]) == (404, "not_found")
        assert path not in paths


@WITH_HEADER
def test_without_a_key_nobody_comes_in(closed, door):
    client = closed.test_client()
    for method, path, scope in routes(closed, door):
        if scope is not None:
            assert_refused(door, client.open(path, method=method), KEYLESS.get(door.name, 401))
            wrong = client.open(path, method=method, headers={"Authorization": f"Bearer {KEY[::-1]}"})
            assert wrong.status_code in (WRONG_KEY.get(door.name, 401), 429)


@WITH_HEADER
@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
@pytest.mark.parametrize("scope", Scope)
def test_a_key_opens_the_routes_of_its_scope_only(closed, door, scope, header):
    token = services_of(closed).access.keys.create("a test", {scope})[1]
    sent = {header: f"Bearer {token}" if header == "Authorization" else token}
    for method, path, needed in routes(closed, door):
        answer = closed.test_client().open(path, method=method, headers=sent)
        if needed == scope:
            assert answer.status_code not in (401, 403), answer.text
        elif needed is not None:
            assert_refused(door, answer, 403)


@EVERY
def test_what_is_not_there_is_told_in_the_doors_words(client, door):
    for place in door.paths:
        assert_refused(door, client.post(f"{place}/nothing/at/all"), 404)
    assert client.post(f"{door.paths[0]}x").json["error_code"] == "not_found"


@EVERY
def test_another_method_is_told_in_the_doors_words(app, door):
    for _, path, _ in routes(app, door):
        answer = app.test_client().open(path, method="PROPFIND")
        assert_refused(door, answer, 405)
        assert answer.headers["Allow"]


@EVERY
def test_a_body_that_is_too_large_is_told_in_the_doors_words(make_app, door):
    app = make_app(doors=tuple(DOORS), max_body_bytes=1000)
    for method, path, _ in routes(app, door):
        if method == "POST":
            answer = app.test_client().post(path, data=b"{" + b" " * 2000, content_type="application/json")
            assert_refused(door, answer, 413)


@WITH_HEADER
def test_limits_hold_and_are_told_in_the_doors_words(make_app, door):
    app = make_app(rate_limit="1/hour", api_keys=(KEY,))
    for method, path, scope in routes(app, door):
        if scope is not None:
            answers = [app.test_client().open(path, method=method, headers={"X-API-Key": KEY}) for _ in range(2)]
            assert_refused(door, answers[1], 429)
            assert int(answers[1].headers["Retry-After"]) > 0
            assert answers[1].headers["RateLimit-Remaining"] == "0"


@EVERY
def test_the_document_describes_the_door_under_its_tag(client, app, door):
    document = client.get("/openapi.json").json
    assert door.title in [tag["name"] for tag in document["tags"]]
    for method, path, view in door_views(app, door):
        operation = document["paths"][path][method.lower()]
        assert operation["tags"] == [door.title]
        assert operation["summary"]
        if route_of(view).scope is not None:
            status = str(door.status_of(Unauthorized))
            name = operation["responses"][status]["$ref"].rpartition("/")[2]
            body = document["components"]["responses"][name]["content"]["application/json"]["schema"]
            assert body == {"$ref": f"#/components/schemas/{door.error.__name__}"}


def test_no_two_bodies_have_one_name(client):
    assert [name for name in client.get("/openapi.json").json["components"]["schemas"] if "__" in name] == []


def test_every_operation_has_an_id_of_its_own(client):
    paths = client.get("/openapi.json").json["paths"]
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert len(ids) == len(set(ids))
