"""`null` in place of a collection: as left out, in every body, and no way out of a key's collection."""

import json

from api.context import services_of
from core.scopes import Scope
from schemas.common import Request
from tests.api.v1.test_gallery import text
from tests.conftest import KEY
from tests.pictures import ALICE, photo

NAME = "keys: `null` in place of a collection, in every body, form and query"
PAIRS = (("/register", {"name": "Alice"}, 201), ("/identify", {"threshold": 0.01}, 200), ("/recognize", {}, 200))
PNG = photo(ALICE)


def part(name, content, file=""):
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{content}\r\n'


def spellings(options):
    """Each way to send an image, and a collection that is none."""
    fields = {"img": text(ALICE), **options}
    multipart = "".join(part(name, value) for name, value in fields.items())
    query = "&".join(f"{name}={value}" for name, value in options.items())
    yield "JSON", "", "application/json", json.dumps({**fields, "collection": None})
    yield "JSON, first", "", "application/json", json.dumps({"collection": None, **fields})
    yield (
        "JSON, all null",
        "",
        "application/json",
        json.dumps({**fields, "collection": None, "labels": None, "person_id": None, "anti_spoofing": None}),
    )
    urlencoded = "&".join(
        f"{name}={value.replace('+', '%2B') if name == 'img' else value}" for name, value in fields.items()
    )
    yield "form", "", "application/x-www-form-urlencoded", f"{urlencoded}&collection="
    yield "multipart", "", "multipart/form-data; boundary=B", multipart + part("collection", "") + "--B--\r\n"
    yield "query", f"?{query}&collection=", "image/png", PNG


def strayed(make_app):
    """What was not answered as if the collection had been left out."""
    app = make_app(api_keys=(KEY,))
    keys = services_of(app).access.keys
    tokens = {None: KEY, "staff": keys.create("one", [Scope.GALLERY_READ, Scope.GALLERY_WRITE], collection="staff")[1]}
    client = app.test_client()
    for confined, token in tokens.items():
        for path, options, expected in PAIRS:
            for prefix in ("", "/api/v1"):
                for name, query, kind, body in spellings(options):
                    head = {"X-API-Key": token}
                    answer = client.post(f"{prefix}{path}{query}", data=body, content_type=kind, headers=head)
                    said = f"{prefix}{path} {name}, key for {confined}"
                    if answer.status_code != expected:
                        yield f"{said}: answered {answer.status_code} {answer.text[:200]}"
                    elif path == "/register" and answer.json["collection"] != (confined or "default"):
                        yield f"{said}: went to {answer.json['collection']}"
                    elif path != "/register" and not answer.json["result"][0]["matches"]:
                        yield f"{said}: found nobody"


def test_null_is_as_left_out_and_stays_in_the_keys_collection(make_app, attack):
    attack(NAME, 2 * len(PAIRS) * 2 * 6, list(strayed(make_app)))


def test_a_service_that_takes_null_for_a_name_is_noticed(make_app, attack, monkeypatch):
    monkeypatch.setattr(Request, "nullable_fields", classmethod(lambda _: frozenset()))
    attack(NAME, 0, list(strayed(make_app)), twin=True, noticing=["answered 4"])


def test_a_key_that_null_leads_out_of_its_collection_is_noticed(make_app, attack, monkeypatch):
    monkeypatch.setattr("api.endpoint.confined", lambda given: given)
    attack(NAME, 0, list(strayed(make_app)), twin=True, noticing=["went to"])
