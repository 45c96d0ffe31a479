"""API keys at DeepStack's door, whose clients send them in the form: the body is read before the key is known."""

import io
from urllib.parse import urlencode

import pytest

import api.inputs
from api.context import services_of
from api.middleware.rate_limits import WRONG_KEYS
from core.scopes import Scope
from tests.api.compat.test_deepstack import asked, assert_error, files, learn, recognized, send
from tests.api.v1.test_gallery import register
from tests.conftest import KEY
from tests.pictures import ALICE, photo

BOB = (0, 224, 0)  # far from Alice with every model

WRONG = KEY[::-1]


@pytest.fixture
def app(make_app):
    return make_app(api_keys=(KEY,))


def boundary_form(*parts):
    """A multipart body with its parts in this order: name, content, and whether it is a file."""
    body = b""
    for name, content, is_file in parts:
        kind = b'; filename="a.jpg"' if is_file else b""
        body += b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), kind, content)
    return {"data": body + b"--x--\r\n", "content_type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", ["api_key", "API_KEY"])
def test_the_key_stands_before_or_after_the_files(client, place, name):
    parts = [("image", photo(ALICE), True)]
    parts.insert(place, (name, KEY.encode(), False))
    assert client.post("/v1/vision/face", **boundary_form(*parts)).json["count"] == 1


@pytest.mark.parametrize("headers", [{"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}])
@pytest.mark.parametrize("fields", [{}, {"api_key": ""}, {"api_key": KEY}])
def test_the_key_may_stand_in_our_own_headers(client, headers, fields):
    data = {"image": (io.BytesIO(photo(ALICE)), "a.jpg"), **fields}
    assert client.post("/v1/vision/face", data=data, headers=headers).status_code == 200


def test_two_different_keys_are_refused(client):
    data = {"image": (io.BytesIO(photo(ALICE)), "a.jpg"), "api_key": WRONG}
    answer = client.post("/v1/vision/face", data=data, headers={"X-API-Key": KEY})
    assert (answer.status_code, answer.json["code"]) == (400, 400)
    assert "two API keys" in answer.json["error"]
    answer = client.post("/v1/vision/face", **boundary_form(("api_key", KEY.encode(), False), ("api_key", b"x", False)))
    assert "two API keys" in answer.json["error"]


@pytest.mark.parametrize("route", ["face", "face/recognize", "face/register", "face/match", "face/list", "face/delete"])
@pytest.mark.parametrize("key", [None, "", WRONG])
def test_a_wrong_or_missing_key_is_a_401_in_deepstacks_words(client, route, key):
    fields = {} if key is None else {"api_key": key}
    assert_error(send(client, route, *files(photo(ALICE)), userid="Alice", **fields), 401, "Incorrect api key")


def test_the_key_of_a_file_is_no_key(client):
    body = boundary_form(("api_key", KEY.encode(), True), ("image", photo(ALICE), True))
    assert_error(client.post("/v1/vision/face", **body), 401, "Incorrect api key")


@pytest.mark.parametrize(
    ("route", "scope"),
    [
        ("face", Scope.FACES),
        ("face/match", Scope.FACES),
        ("face/recognize", Scope.GALLERY_READ),
        ("face/list", Scope.GALLERY_READ),
        ("face/register", Scope.GALLERY_WRITE),
        ("face/delete", Scope.GALLERY_WRITE),
    ],
)
def test_a_key_needs_the_scope_of_the_route(app, route, scope):
    keys = services_of(app).access.keys
    for one in Scope:
        token = keys.create("a", {one})[1]
        answer = send(app.test_client(), route, *files(photo(ALICE), photo(BOB)), userid="Alice", api_key=token)
        if one == scope:
            assert answer.status_code in (200, 400)
        else:
            assert_error(answer, 403, "The key does not allow this")


def test_a_page_of_another_site_is_told_what_it_is(client):
    answer = client.post("/v1/vision/face/list", headers={"Origin": "https://elsewhere.example"})
    assert (answer.status_code, answer.json["code"]) == (403, 403)
    assert "CORS_ORIGINS" in answer.json["error"]


def test_nothing_is_decoded_before_the_key_is_valid(app, engine, monkeypatch):
    opened = []
    monkeypatch.setattr("core.images.sources.decode", lambda *_, **__: opened.append(1))
    for key in ("", WRONG):
        send(app.test_client(), "face", *files(photo(ALICE)), api_key=key)
    assert opened == []


def test_after_too_many_wrong_keys_no_body_is_read(app, monkeypatch):
    client = app.test_client()
    for _ in range(WRONG_KEYS.amount):
        assert send(client, "face", *files(photo(ALICE)), api_key=WRONG).status_code == 401
    monkeypatch.setattr(api.inputs, "_read_body", lambda: pytest.fail("The body was read."))
    answer = send(client, "face", *files(photo(ALICE)), api_key=KEY)
    assert (answer.status_code, answer.json["code"]) == (429, 429)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_valid_key_in_a_header_is_accepted_even_then(app):
    client = app.test_client()
    for _ in range(WRONG_KEYS.amount + 1):
        send(client, "face/list", api_key=WRONG)
    assert client.post("/v1/vision/face/list", headers={"X-API-Key": KEY}).status_code == 200


def test_bodies_without_a_key_count_as_wrong_keys_because_they_are_read(app):
    client = app.test_client()
    statuses = [send(client, "face", *files(photo(ALICE))).status_code for _ in range(WRONG_KEYS.amount + 1)]
    assert statuses == [401] * WRONG_KEYS.amount + [429]
    assert client.post("/v1/vision/face/list").status_code == 401  # without a body, nothing was read


def test_a_body_that_is_read_for_its_key_counts_in_the_queue(make_app):
    app = make_app(api_keys=(KEY,), queue_max_bytes=1000)
    bodies = services_of(app).access.bodies
    other = bodies.share()
    other.add(900)
    answer = send(app.test_client(), "face", *files(photo(ALICE)), api_key=KEY)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    other.release()
    assert send(app.test_client(), "face", *files(photo(ALICE)), api_key=KEY).status_code == 200
    assert bodies.share().size == 0


def test_a_body_that_is_too_large_is_refused_before_its_key_is_read(make_app):
    app = make_app(api_keys=(KEY,), max_body_bytes=1000)
    answer = send(app.test_client(), "face", *files(bytes(5000)), api_key=KEY)
    assert (answer.status_code, answer.json["code"]) == (413, 413)


def test_a_key_for_one_collection_sees_that_one_and_any_other_the_default(app):
    keys = services_of(app).access.keys
    client = app.test_client()
    mine = keys.create("mine", {Scope.GALLERY_READ, Scope.GALLERY_WRITE}, collection="mine")[1]
    asked(client, "face/register", *files(photo(ALICE)), userid="Alice", api_key=mine)
    asked(client, "face/register", *files(photo(BOB)), userid="Bob", api_key=KEY)
    assert asked(client, "face/list", api_key=mine) == {"faces": ["Alice"]}
    assert asked(client, "face/list", api_key=KEY) == {"faces": ["Bob"]}
    assert recognized(client, photo(BOB), api_key=mine) == [("unknown", 0)]
    asked(client, "face/delete", userid="Bob", api_key=mine)
    assert asked(client, "face/list", api_key=KEY) == {"faces": ["Bob"]}
    assert recognized(client, photo(BOB), api_key=KEY)[0][0] == "Bob"


def test_limits_count_the_key_of_the_form(make_app):
    client = make_app(api_keys=(KEY,), rate_limit="1/hour").test_client()
    assert send(client, "face/list", api_key=KEY).status_code == 200
    answer = send(client, "face/list", api_key=KEY)
    assert (answer.status_code, answer.json["code"]) == (429, 429)
    assert int(answer.headers["Retry-After"]) > 0


def test_without_keys_any_key_is_accepted(make_app):
    client = make_app().test_client()
    assert learn(client, "Alice", ALICE) == "face added"
    assert asked(client, "face/list", api_key="a DeepStack key") == {"faces": ["Alice"]}


def test_changes_and_decisions_are_in_the_audit_trail(app):
    client = app.test_client()
    asked(client, "face/register", *files(photo(ALICE)), userid="Alice", api_key=KEY)
    recognized(client, photo(ALICE), api_key=KEY)
    asked(client, "face/delete", userid="Alice", api_key=KEY)
    services_of(app).audit.log.flush(30)
    events = client.get("/audit", headers={"X-API-Key": KEY}).json["events"]
    assert sorted((event["action"], event["key_id"]) for event in events) == [
        ("forget", "env-1"),
        ("identify", "env-1"),
        ("register", "env-1"),
    ]


def test_who_was_registered_natively_is_recognized(make_app):
    client = make_app().test_client()
    register(client, ALICE, "Alice")
    assert recognized(client, photo(ALICE))[0][0] == "Alice"


def test_the_calls_of_double_take(client):
    """The file before the name and the key, also to delete; it shows names in lower case."""
    key, image = ("api_key", KEY.encode(), False), ("image", photo(ALICE), True)
    person = ("userid", b"Alice", False)
    assert client.post("/v1/vision/face/register", **boundary_form(image, person, key)).json["success"] is True
    (face,) = client.post("/v1/vision/face/recognize", **boundary_form(image, key)).json["predictions"]
    assert (face["userid"].lower(), face["confidence"] * 100 >= 50) == ("alice", True)
    assert face["x_max"] > face["x_min"] and face["y_max"] > face["y_min"]
    assert client.post("/v1/vision/face/delete", **boundary_form(person, key)).json["success"] is True
    (face,) = client.post("/v1/vision/face/recognize", **boundary_form(image, key)).json["predictions"]
    assert (face["userid"], face["confidence"]) == ("unknown", 0)


def test_the_calls_of_viseron(client):
    """It deletes a person before it trains, asks how many faces a photo has, and lists urlencoded."""
    form = {"content_type": "application/x-www-form-urlencoded"}
    answer = client.post("/v1/vision/face/delete", data=urlencode({"userid": "Alice", "api_key": KEY}), **form)
    assert (answer.status_code, answer.json["success"]) == (200, True)
    options = [("api_key", KEY.encode(), False), ("min_confidence", b"0.45", False)]
    image = ("image", photo(ALICE), True)
    assert len(client.post("/v1/vision/face", **boundary_form(*options, image)).json["predictions"]) == 1
    person = ("userid", b"Alice", False)
    assert client.post("/v1/vision/face/register", **boundary_form(person, *options, image)).json["success"] is True
    listed = client.post("/v1/vision/face/list", data=urlencode({"api_key": KEY}), **form).json
    assert listed["faces"] == ["Alice"]
    (face,) = client.post("/v1/vision/face/recognize", **boundary_form(*options, image)).json["predictions"]
    assert face["userid"] == "Alice"


def test_the_calls_of_home_assistant(client):
    """It shows the confidence in percent, and only faces with a name; the empty key is none."""
    options = [("api_key", KEY.encode(), False), ("min_confidence", b"0.45", False)]
    person = ("userid", b"Alice", False)
    one, both = ("image", photo(ALICE), True), ("image", photo(ALICE, BOB), True)
    assert client.post("/v1/vision/face/register", **boundary_form(person, *options, one)).json["message"]
    faces = client.post("/v1/vision/face/recognize", **boundary_form(*options, both)).json["predictions"]
    named = {face["userid"]: round(100 * face["confidence"], 2) for face in faces if face["userid"] != "unknown"}
    assert (len(faces), named) == (2, {"Alice": 100})
    refused = client.post("/v1/vision/face/recognize", **boundary_form(("api_key", b"", False), one))
    assert refused.status_code == 401
