"""What a query string says is known to the route, or an error."""

import json

import pytest

from api.views import views
from tests.api.middleware.test_authentication import routes
from tests.api.v1.test_gallery import register
from tests.conftest import assert_error
from tests.pictures import ALICE

IGNORING = {"/health", "/ready"}


def test_an_unknown_query_field_is_an_error_on_every_route(app):
    client = app.test_client()
    asked = 0
    for method, path, _ in routes(app):
        for query in ("dry_run=true", "x=1&y=2", "=", "dry%5Frun", "&".join(map(str, range(101)))):
            body = {"json": {}} if method in ("POST", "PATCH") else {}
            response = client.open(f"{path}?{query}", method=method, **body)
            if path.removeprefix("/api/v1") in IGNORING:
                assert response.status_code == 200, path
            else:
                assert response.status_code == 422, (method, path, query, response.text)
                assert response.json["error_code"] == "validation_error"
            asked += 1
    assert asked == 5 * 2 * len(list(views(app)))


def test_nothing_is_deleted_by_a_request_that_asks_for_something_else(client):
    alice = register(client, ALICE, "Alice", collection="staff")
    person, face = f"/persons/{alice['person_id']}", f"/faces/{alice['id']}"
    for path in (person, face, "/collections/staff"):
        for prefix in ("", "/api/v1"):
            for query in ("dry_run=true", "dry_run", "with_person=true", "force=0"):
                response = client.delete(f"{prefix}{path}?{query}")
                assert_error(response, 422, "validation_error", query.partition("=")[0])
    response = client.post("/forget?dry_run=true", json={"id": alice["person_id"]})
    assert_error(response, 422, "validation_error", "dry_run")
    response = client.patch(f"{person}?dry_run=true", json={"name": "Bob"})
    assert_error(response, 422, "validation_error", "dry_run")
    assert client.get(person).json["name"] == "Alice"
    assert client.delete(person).status_code == 200


@pytest.mark.parametrize("query", ["?", "?&", ""])
def test_an_empty_query_string_is_none(client, query):
    assert client.get(f"/collections{query}").status_code == 200


def test_the_document_says_so(app):
    paths = json.loads(app.test_client().get("/openapi.json").text)["paths"]
    described = [(method, path) for method, path, _ in views(app) if path in paths]
    assert {path for _, path, _ in views(app)} - set(paths) == {
        "/console",
        "/console/{file}",
        "/docs",
        "/docs/{file}",
        "/metrics",
        "/openapi.json",
    }
    for method, path in described:
        assert ("422" in paths[path][method.lower()]["responses"]) == (path not in IGNORING), (method, path)
