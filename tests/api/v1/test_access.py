"""API keys over HTTP, and the limits that each key is told."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from api.context import services_of
from core.scopes import Scope
from schemas.access import ScopeName
from tests.api.v1.test_gallery import register
from tests.conftest import KEY, assert_error
from tests.pictures import ALICE

ALL = sorted(Scope)


def test_the_bodies_have_every_scope():
    assert set(get_args(ScopeName.__value__)) == set(Scope)


@pytest.fixture
def app(make_app):
    return make_app(api_keys=(KEY,))


@pytest.fixture
def ask(app):
    """Sends a request with the API key of the setting, or another one."""

    def ask(method, path, body=None, *, key=KEY):
        return app.test_client().open(path, method=method, json=body, headers={"X-API-Key": key})

    return ask


def test_a_key_is_made_used_listed_and_revoked(app, ask):
    until = datetime.now(UTC) + timedelta(days=30)
    wanted = {"name": "front door", "scopes": ["find", "faces"], "expires_at": until.isoformat()}
    made = ask("POST", "/keys", wanted)
    assert made.status_code == 201
    key = made.json["key"]
    assert made.json["id"] == key.split("_")[1]
    assert (made.json["name"], made.json["scopes"], made.json["valid"]) == ("front door", ["faces", "find"], True)
    assert datetime.fromisoformat(made.json["expires_at"]) == until
    assert ask("GET", "/models", key=key).status_code == 200
    assert_error(ask("GET", "/persons", key=key), 403, "forbidden")
    (listed,) = ask("GET", "/keys").json["keys"]
    assert listed == {name: value for name, value in made.json.items() if name not in ("success", "key")}
    revoked = ask("DELETE", f"/keys/{listed['id']}").json
    assert (revoked["id"], revoked["valid"], revoked["revoked_at"] is None) == (listed["id"], False, False)
    assert ask("DELETE", f"/keys/{listed['id']}").json == revoked
    services_of(app).access.keys._looked_at = 0  # as after five seconds
    assert_error(ask("GET", "/models", key=key), 401, "unauthorized")
    (listed,) = ask("GET", "/keys").json["keys"]
    assert (listed["valid"], listed["revoked_at"]) == (False, revoked["revoked_at"])


def test_no_answer_but_the_first_and_no_event_holds_the_secret(app, ask):
    made = ask("POST", "/keys", {"name": "x", "scopes": ["faces"]}).json
    secret = made["key"].split("_", 2)[2]
    services_of(app).audit.log.flush(30)
    for path in ("/keys", "/audit", "/limits"):
        assert secret not in ask("GET", path).text
    assert secret not in ask("DELETE", f"/keys/{made['id']}").text


def test_a_key_gives_others_no_scope_that_it_lacks(app, ask):
    auditor = services_of(app).access.keys.create("auditor", {Scope.ADMIN, Scope.FACES})[1]
    refused = ask("POST", "/keys", {"name": "x", "scopes": ["faces", "gallery:write"]}, key=auditor)
    assert "gallery:write" in assert_error(refused, 403, "forbidden")["message"]
    assert ask("POST", "/keys", {"name": "x", "scopes": ["faces", "admin"]}, key=auditor).status_code == 201
    assert len(ask("GET", "/keys").json["keys"]) == 2


def test_an_open_service_makes_no_key(make_app):
    client = make_app().test_client()
    refused = assert_error(client.post("/keys", json={"name": "x", "scopes": ["faces"]}), 403, "forbidden")
    assert "face-service keys create" in refused["message"]
    assert client.get("/keys").json["keys"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["name", "scopes"]),
        ({"name": "x", "scopes": []}, ["scopes"]),
        ({"name": "x", "scopes": ["everything"]}, ["scopes[0]"]),
        ({"name": "\x00", "scopes": ["faces"]}, ["name"]),
        ({"name": "x", "scopes": ["admin"], "collection": "staff"}, ["scopes"]),
        ({"name": "x", "scopes": ["faces"], "collection": "a/b"}, ["collection"]),
        ({"name": "x", "scopes": ["faces"], "expires_at": "tomorrow"}, ["expires_at"]),
    ],
)
def test_what_is_wrong_with_a_new_key_is_named(ask, body, fields):
    assert_error(ask("POST", "/keys", body), 422, "validation_error", *fields)
    assert ask("GET", "/keys").json["keys"] == []


@pytest.mark.parametrize("key_id", ["nobody", "env-1", "%00", "x" * 300])
def test_no_key_but_those_of_the_database_is_revoked(app, ask, key_id):
    assert_error(ask("DELETE", f"/keys/{key_id}"), 404, "not_found")
    assert services_of(app).audit.log.flush(30)
    (event,) = ask("GET", "/audit?action=revoke_key").json["events"]
    assert (event["outcome"], event["key_id"], event["details"]) == ("refused", "env-1", {"reason": "not_found"})


def test_whoever_makes_or_revokes_a_key_is_in_the_trail(app, ask):
    wanted = {"name": "x", "scopes": ["gallery:read"], "collection": "staff"}
    made = app.test_client().post("/keys", json=wanted, headers={"X-API-Key": KEY, "X-Request-Id": "first"}).json
    ask("DELETE", f"/keys/{made['id']}")
    assert services_of(app).audit.log.flush(30)
    created, revoked = ask("GET", "/audit").json["events"]
    assert (created["action"], created["key_id"], created["request_id"]) == ("create_key", "env-1", "first")
    assert (created["collection"], created["details"]) == ("staff", {"key": made["id"], "scopes": ["gallery:read"]})
    assert (revoked["action"], revoked["key_id"], revoked["details"]) == ("revoke_key", "env-1", {"key": made["id"]})


@pytest.mark.parametrize("scopes", [(), (Scope.FACES,), (Scope.GALLERY_READ, Scope.FIND)])
def test_every_key_is_told_its_own_scopes(app, ask, scopes):
    stored, key = services_of(app).access.keys.create("x", scopes, collection="staff")
    told = ask("GET", "/limits", key=key).json
    assert (told["key_id"], told["scopes"], told["collection"]) == (stored.id, sorted(scopes), "staff")
    assert_error(ask("GET", "/limits", key="wrong"), 401, "unauthorized")
    assert_error(app.test_client().get("/limits"), 401, "unauthorized")


def test_the_limits_are_those_of_the_settings(make_app):
    app = make_app(rate_limit="7/minute", max_body_bytes=1000, max_faces=3, min_quality=0.4, allow_urls=False)
    answer = app.test_client().get("/limits")
    told = answer.json
    assert (told["key_id"], told["scopes"], told["collection"]) == ("", ALL, None)
    assert (told["rate_limit"], told["rate_limit_address"]) == ("7/minute", "")
    assert (told["max_body_bytes"], told["max_faces"], told["min_quality"]) == (1000, 3, 0.4)
    assert (told["images_by_url"], told["images_by_path"], told["photo_folder"]) == (False, True, True)
    assert answer.headers["RateLimit-Remaining"] == "6"


def test_a_key_of_one_collection_manages_no_keys(app, ask):
    key = services_of(app).access.keys.create("x", set(Scope) - {Scope.ADMIN}, collection="staff")[1]
    register(app.test_client(), ALICE, "Alice", {"X-API-Key": key}, collection="staff")
    for method, path, body in (("GET", "/keys", None), ("POST", "/keys", {"name": "x", "scopes": ["faces"]})):
        assert_error(ask(method, path, body, key=key), 403, "forbidden")
