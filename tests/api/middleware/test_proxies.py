"""Behind a path prefix: what a proxy may remove from paths, or hand on."""

import re
from urllib.parse import urljoin

import pytest

from core.settings import SettingsError, load_settings
from tests.conftest import assert_error


@pytest.mark.parametrize("prefix", ["", "/face-api", "/faces", "/a/b.c/~d_e-f"])
@pytest.mark.parametrize("path", ["/docs", "/docs/", "/api/v1/docs", "/openapi.json", "/api/v1/openapi.json"])
def test_every_link_leads_below_the_prefix(make_app, prefix, path):
    client = make_app(script_name=prefix).test_client()
    asked = f"http://localhost{prefix}{path}"
    if "docs" in path:
        page = client.get(asked).text
        named = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(named) == 4
        assert {client.get(urljoin(asked, name)).status_code for name in named} == {200}
    document = client.get(asked.replace("/docs/", "/docs").replace("/docs", "/openapi.json")).json
    (server,) = document["servers"]
    base = urljoin(asked.rstrip("/"), server["url"]).rstrip("/")
    assert base == f"http://localhost{prefix}{'/api/v1' if '/api/v1' in path else ''}"
    assert client.get(f"{base}/persons").status_code == 200


def test_requests_may_carry_the_prefix_or_not(make_app):
    client = make_app(script_name="/face-api", doors=()).test_client()
    for path in ("/health", "/face-api/health", "/face-api/api/v1/health", "/face-api", "/face-api/", "/"):
        assert client.get(path).status_code == 200, path
    for path in ("/face-apix/health", "/face/health", "/face-api/face-api/health", "/FACE-API/health"):
        assert_error(client.get(path), 404, "not_found")


@pytest.mark.parametrize("given", ["/x", "/x/../y", "//evil.net", "https://evil.net", "x", "/x, /y", ""])
def test_no_header_changes_a_link(make_app, given):
    client = make_app(trusted_proxies=1).test_client()
    for path in ("/docs", "/openapi.json"):
        assert client.get(path, headers={"X-Forwarded-Prefix": given}).data == client.get(path).data


@pytest.mark.parametrize(
    ("given", "prefix"), [("", ""), ("/", ""), ("/face-api/", "/face-api"), ("/a/..b/c", "/a/..b/c")]
)
def test_a_prefix_is_one_path(monkeypatch, given, prefix):
    monkeypatch.setenv("SCRIPT_NAME", given)
    assert load_settings().script_name == prefix


@pytest.mark.parametrize(
    "given", ["faces", "/a/../b", "/.", "//a", "/a//b", "/a b", "/a?b", "https://a", "/a,/b", "/é"]
)
def test_what_is_no_path_is_no_prefix(monkeypatch, given):
    monkeypatch.setenv("SCRIPT_NAME", given)
    with pytest.raises(SettingsError, match=r"^SCRIPT_NAME: [^;]*/face-api$"):
        load_settings()
