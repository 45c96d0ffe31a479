"""Who may ask what: over HTTP, route by route."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256

import pytest

from api.context import services_of
from api.route import route_of
from api.views import views
from core.scopes import Scope
from tests.api.v1.test_gallery import UNKNOWN, register, text
from tests.conftest import KEY, PROJECT, assert_error
from tests.pictures import ALICE, BOB

PUBLIC = {"/", "/console", "/console/start.js", "/docs", "/docs/start.js", "/health", "/ready", "/openapi.json"}
TABLE = (PROJECT / "docs" / "how-to" / "access.md").read_text()
OTHER = KEY[::-1]
ANY = "any"
PAIR = {"img1": text(ALICE), "img2": text(ALICE)}


def routes(app):
    """Method, path with ids filled in, and scope (or `ANY`) of every route, also below the prefix."""
    for method, path, view in views(app):
        for prefix in ("", "/api/v1"):
            path_here = prefix + re.sub(r"{\w+}", UNKNOWN, path.replace("{file}", "start.js"))
            yield method, path_here, needed_by(view)


def needed_by(view):
    """The scope that a route needs, `ANY` if it answers every valid key, or None if it is public."""
    return ANY if route_of(view).any_key else route_of(view).scope


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def closed(make_app):
    """An application with a key in its settings."""
    return make_app(api_keys=(KEY,))


@pytest.fixture
def make_key(closed) -> Callable[..., str]:
    """Makes a key with these scopes, and gives what opens with it."""

    def make(*scopes, **options):
        return services_of(closed).access.keys.create("a test", scopes, **options)[1]

    return make


def test_the_document_names_the_scope_of_every_route(app):
    rows = re.findall(r"^\| `(\w+) (\S+)` \| (\S+) \|$", TABLE, re.MULTILINE)
    stated = [(method, path, needed_by(view)) for method, path, view in views(app)]
    said = {None: "public", ANY: "any"}
    assert sorted(rows) == sorted((method, path, said.get(scope, f"`{scope}`")) for method, path, scope in stated)


def test_without_a_key_only_public_routes_answer(closed):
    client = closed.test_client()
    for method, path, scope in routes(closed):
        response = client.open(path, method=method, json={} if method in ("POST", "PATCH") else None)
        if scope is None:
            assert path.removeprefix("/api/v1") in PUBLIC
            assert response.status_code == 200
        else:
            assert_error(response, 401, "unauthorized")
            assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scope", Scope)
def test_a_key_opens_the_routes_of_its_scope_only(closed, make_key, scope):
    client, token = closed.test_client(), make_key(scope)
    for method, path, needed in routes(closed):
        if needed is not None:
            response = client.open(path, method=method, headers=bearer(token))
            if needed in (scope, ANY):
                assert response.status_code not in (401, 403)
            else:
                assert_error(response, 403, "forbidden")


def test_the_key_may_come_in_either_header_but_not_in_the_query(closed):
    client = closed.test_client()
    for headers in (bearer(KEY), {"Authorization": f"bearer  {KEY}"}, {"X-API-Key": KEY}, {"x-api-key": KEY}):
        assert client.get("/persons", headers=headers).status_code == 200
    assert client.get("/persons", headers=bearer(KEY) | {"X-API-Key": KEY}).status_code == 200
    assert_error(client.get("/persons", query_string={"api_key": KEY, "X-API-Key": KEY}), 401, "unauthorized")
    assert_error(client.get("/persons", headers={"Authorization": f"Basic {KEY}"}), 401, "unauthorized")


def twice(name, first, second):
    """A header that is sent twice, as servers hand it on (RFC 9110, 5.3)."""
    return {name: f"{first}, {second}"}


TWO_DIFFERENT = [
    bearer(KEY) | {"X-API-Key": OTHER},
    *(twice("X-API-Key", *keys) for keys in ((KEY, OTHER), (OTHER, KEY), (KEY, "x"))),
    twice("Authorization", f"Bearer {KEY}", f"Bearer {OTHER}"),
    twice("Authorization", f"Bearer {KEY}", OTHER),
    twice("Authorization", f"Basic {KEY}", f"bearer {KEY}"),
    twice("X-API-Key", KEY, KEY) | bearer(OTHER),
]

THE_SAME = [
    twice("X-API-Key", KEY, KEY),
    {"X-API-Key": f"{KEY},{KEY}"},
    twice("Authorization", f"Bearer {KEY}", f"bearer {KEY}"),
    twice("X-API-Key", KEY, KEY) | bearer(KEY),
    twice("X-API-Key", KEY, ""),
    bearer(KEY) | {"X-API-Key": ""},
    bearer("") | {"X-API-Key": KEY},
    {"Authorization": f"Basic {OTHER}", "X-API-Key": KEY},
]


@pytest.mark.parametrize("headers", TWO_DIFFERENT)
def test_two_different_keys_are_refused_even_if_both_are_valid(make_app, headers):
    client = make_app(api_keys=(KEY, OTHER)).test_client()
    assert_error(client.get("/persons", headers=headers), 400, "ambiguous_credentials")


@pytest.mark.parametrize("headers", THE_SAME)
def test_a_key_may_be_sent_twice_and_none_is_no_other_one(closed, headers):
    assert closed.test_client().get("/persons", headers=headers).status_code == 200


def test_the_key_is_asked_for_before_the_body_is_read(closed):
    response = closed.test_client().post("/verify", data=b"{", content_type="application/json")
    assert_error(response, 401, "unauthorized")


def test_options_and_unknown_paths_need_no_key(closed):
    client = closed.test_client()
    assert client.options("/verify").headers["Allow"]
    assert_error(client.get("/nothing"), 404, "not_found")
    assert_error(client.get("/verify"), 405, "method_not_allowed")


def test_without_any_key_the_service_is_open_unless_one_is_required(make_app, client):
    assert client.post("/verify", json=PAIR).status_code == 200
    assert client.post("/verify", json=PAIR, headers=bearer("whatever")).status_code == 200
    assert_error(make_app(require_auth=True).test_client().post("/verify", json=PAIR), 401, "unauthorized")


def test_to_verify_a_person_the_gallery_has_to_be_readable(closed, make_key):
    client = closed.test_client()
    client.environ_base["HTTP_X_API_KEY"] = KEY
    pair = {"img1": text(ALICE), "person_id": register(client, ALICE, "Alice")["person_id"]}
    client.environ_base["HTTP_X_API_KEY"] = make_key(Scope.FACES)
    assert_error(client.post("/verify", json=pair), 403, "forbidden")
    client.environ_base["HTTP_X_API_KEY"] = make_key(Scope.FACES, Scope.GALLERY_READ)
    assert client.post("/verify", json=pair).json["verified"] is True


def test_who_may_only_write_is_told_what_the_request_said_itself(closed, make_key):
    client = closed.test_client()
    client.environ_base["HTTP_X_API_KEY"] = make_key(Scope.GALLERY_WRITE)
    kept = register(client, ALICE, "Alice", retain_until="2030-01-01T00:00:00Z")
    assert set(kept) == {
        "success", "id", "person_id", "collection", "registered_at", "facial_area", "face_confidence", "quality"
    }  # fmt: skip
    person, other = kept["person_id"], register(client, BOB, "Bob")["person_id"]
    assert client.patch(f"/persons/{person}", json={"name": "Anna"}).json == {"success": True, "id": person}
    merged = client.post(f"/persons/{person}/merge", json={"person_ids": [other], "retain_until": None})
    assert merged.json == {"success": True, "id": person}
    receipt = client.delete(f"/faces/{kept['id']}").json
    assert (receipt["face_id"], receipt["person_id"]) == (kept["id"], "")
    assert client.delete(f"/persons/{person}").json["person_id"] == person


def test_an_idempotency_key_belongs_to_an_api_key(closed, make_key):
    client, headers = closed.test_client(), {"Idempotency-Key": "1"}
    faces = []
    for token in (make_key(Scope.GALLERY_WRITE), make_key(Scope.GALLERY_WRITE), KEY, KEY):
        client.environ_base["HTTP_X_API_KEY"] = token
        faces.append(register(client, ALICE, "Alice", headers=headers)["id"])
    assert len(set(faces)) == 3
    assert faces[2] == faces[3]


def test_an_idempotency_key_of_an_earlier_version_is_whose_registration_it_was(closed, make_key, settings):
    client, headers = closed.test_client(), {"Idempotency-Key": "1"}
    client.environ_base["HTTP_X_API_KEY"] = owner = make_key(Scope.GALLERY_WRITE)
    first = register(client, ALICE, "Alice", headers=headers)
    with closing(sqlite3.connect(settings.data_path / "gallery.db")) as connection:
        connection.execute("UPDATE answers SET key = ?", (sha256(b"default\n1").hexdigest(),))
        connection.commit()
    client.environ_base["HTTP_X_API_KEY"] = make_key(Scope.GALLERY_WRITE)
    assert register(client, ALICE, "Alice", headers=headers)["id"] != first["id"]
    client.environ_base["HTTP_X_API_KEY"] = owner
    assert register(client, ALICE, "Alice", headers=headers) == first


def test_who_may_only_write_is_not_told_what_became_of_a_face(closed, make_key):
    client, headers = closed.test_client(), {"Idempotency-Key": "1"}
    writer = make_key(Scope.GALLERY_WRITE)
    client.environ_base["HTTP_X_API_KEY"] = writer
    first = register(client, ALICE, "Alice", headers=headers)
    assert register(client, ALICE, "Alice", headers=headers) == first
    client.environ_base["HTTP_X_API_KEY"] = KEY
    bob = register(client, BOB, "Bob")["person_id"]
    client.post(f"/persons/{bob}/merge", json={"person_ids": [first["person_id"]]})
    client.environ_base["HTTP_X_API_KEY"] = writer
    again = register(client, ALICE, "Alice", headers=headers)
    assert again == {name: value for name, value in first.items() if name != "person_id"}


def test_decisions_changes_and_log_lines_carry_the_id_of_the_key(make_app, capsys):
    app = make_app(api_keys=(KEY,))
    client = app.test_client()
    token = services_of(app).access.keys.create("a test", [Scope.FACES, Scope.GALLERY_WRITE, Scope.ADMIN])[1]
    client.environ_base["HTTP_X_API_KEY"] = token
    register(client, ALICE, "Alice")
    client.post("/verify", json=PAIR)
    assert services_of(app).audit.log.flush(20)
    (decision,) = client.get("/verifications").json["verifications"]
    _, key_id, secret = token.split("_", 2)
    assert decision["key_id"] == key_id
    printed = capsys.readouterr().out
    assert f'"key_id": "{key_id}"' in printed
    assert secret not in printed


class TestAKeyOfOneCollection:
    """What lies in other collections is not there for it."""

    @pytest.fixture
    def clients(self, closed, make_key):
        """One with all rights, one with those of the collection `mine`."""
        everywhere, confined = closed.test_client(), closed.test_client()
        everywhere.environ_base["HTTP_X_API_KEY"] = KEY
        scopes = (Scope.FACES, Scope.GALLERY_READ, Scope.GALLERY_WRITE)
        confined.environ_base["HTTP_X_API_KEY"] = make_key(*scopes, collection="mine")
        return everywhere, confined

    def test_registers_and_finds_there_without_saying_so(self, clients):
        everywhere, confined = clients
        register(everywhere, BOB, "Bob", collection="theirs")
        assert register(confined, ALICE, "Alice")["collection"] == "mine"
        assert [one["name"] for one in confined.get("/persons").json["persons"]] == ["Alice"]
        (face,) = confined.post("/identify", json={"img": text(BOB), "threshold": 1}).json["result"]
        assert [match["name"] for match in face["matches"]] == ["Alice"]
        assert [one["name"] for one in confined.get("/collections").json["collections"]] == ["mine"]

    def test_may_not_name_another_one(self, clients):
        _, confined = clients
        answers = [
            confined.post("/register", json={"img": text(BOB), "name": "Bob", "collection": "theirs"}),
            confined.post("/identify", json={"img": text(BOB), "collection": "theirs"}),
            confined.post("/recognize", json={"img": text(BOB), "collection": "theirs"}),
            confined.get("/persons?collection=theirs"),
            confined.post("/collections", json={"name": "theirs"}),
            confined.delete("/collections/theirs"),
        ]
        for answer in answers:
            assert_error(answer, 403, "forbidden")
        assert confined.get("/persons?collection=mine").status_code == 200
        assert confined.post("/collections", json={"name": "mine"}).status_code == 201

    def test_does_not_learn_which_names_are_taken_in_another_one(self, clients):
        everywhere, confined = clients
        theirs = register(everywhere, BOB, "Bob", collection="theirs")
        register(everywhere, ALICE, "Alice", collection="theirs")
        for name in ("Alice", "nobody's"):
            answer = confined.patch(f"/persons/{theirs['person_id']}", json={"name": name})
            assert_error(answer, 404, "person_not_found")
        assert everywhere.get(f"/persons/{theirs['person_id']}").json["name"] == "Bob"

    def test_finds_nobody_of_another_one_by_id(self, clients):
        everywhere, confined = clients
        theirs, mine = (
            register(client, colour, "x", **options, store_crop=True)
            for client, colour, options in ((everywhere, BOB, {"collection": "theirs"}), (confined, ALICE, {}))
        )
        person, face = theirs["person_id"], theirs["id"]

        def ask(method, path, **body):
            return confined.open(path, method=method, json=body or None)

        no_person = [
            ask("GET", f"/persons/{person}"),
            ask("PATCH", f"/persons/{person}", name="y"),
            ask("DELETE", f"/persons/{person}"),
            ask("POST", f"/persons/{person}/merge", person_ids=[mine["person_id"]]),
            ask("POST", f"/persons/{mine['person_id']}/merge", person_ids=[person]),
            ask("POST", "/forget", id=person),
            ask("POST", "/forget", id=face),
            ask("POST", "/register", img=text(ALICE), person_id=person),
            ask("POST", "/verify", img1=text(BOB), person_id=person),
        ]
        for answer in no_person:
            assert_error(answer, 404, "person_not_found")
        no_face = [ask("GET", f"/faces/{face}"), ask("GET", f"/faces/{face}/crop"), ask("DELETE", f"/faces/{face}")]
        for answer in no_face:
            assert_error(answer, 404, "face_not_found")
        assert everywhere.get(f"/persons/{person}").json["faces"] == 1
        assert confined.get(f"/faces/{mine['id']}/crop").status_code == 200
        assert ask("POST", "/forget", id=mine["id"]).status_code == 204

    def test_has_idempotency_keys_of_its_own(self, clients):
        everywhere, confined = clients
        headers = {"Idempotency-Key": "1"}
        first = everywhere.post("/register", json={"img": text(BOB), "name": "Bob"}, headers=headers)
        second = confined.post("/register", json={"img": text(ALICE), "name": "Alice"}, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
