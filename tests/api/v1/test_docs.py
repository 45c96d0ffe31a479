"""The page of the interface: it is there, and a browser may load for it what this service serves, and nothing else."""

import re
from urllib.parse import urljoin

import pytest

from tests.conftest import KEY, assert_error

POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
    "img-src": "data: blob:", "connect-src": "'self'",
    "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
}  # fmt: skip


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/api/v1/docs", "/api/v1/docs/"])
def test_the_page_and_all_that_it_loads_come_from_here_without_a_key(make_app, path):
    client = make_app(api_keys=(KEY,)).test_client()
    page = client.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    loaded = {urljoin(path, name): client.get(urljoin(path, name)) for name in named}
    kinds = sorted(answer.mimetype for answer in loaded.values())
    assert kinds == ["application/json", "text/css", "text/javascript", "text/javascript"]
    assert {answer.status_code for answer in loaded.values()} == {200}
    assert path.startswith("/api/v1") == all(place.startswith("/api/v1/") for place in loaded)
    (library,) = [answer for place, answer in loaded.items() if place.endswith("bundle.js")]
    assert "SwaggerUIBundle" in library.text
    assert re.findall(r"<script[^>]*>[^<]", page.text) == re.findall(r"style=|\son\w+=", page.text) == []


def test_a_browser_is_told_to_load_nothing_from_elsewhere(client):
    for path in ("/docs", "/docs/start.js", "/docs/swagger-ui.css"):
        (policy,) = client.get(path).headers.getlist("Content-Security-Policy")
        assert dict(part.strip().split(" ", 1) for part in policy.split(";")) == POLICY
    started = client.get("/docs/start.js").text
    assert "validatorUrl: null" in started
    assert "http" not in started


def test_no_other_file_is_there(client):
    for name in ("swagger-ui.js", "LICENSE", "__init__.py", "..", "%2e%2e%2fflask_swagger_ui.py", "nothing"):
        assert_error(client.get(f"/docs/{name}"), 404, "not_found")
