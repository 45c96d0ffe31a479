"""The files of the console: what they are, how they are sent, and what a browser may do with them."""

import gzip
import json
import re
from hashlib import sha256

import pytest

from tests.conftest import KEY, PROJECT, assert_error

FOLDER = PROJECT / "api" / "console"
FILES = sorted(
    path.name for path in (*FOLDER.glob("*.*"), *(FOLDER / "vendor").glob("*.*")) if path.name != "index.html"
)
MAX_BYTES = 100_000  # of a first visit, with everything that it loads

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri"
    " 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize("path", ["/console", "/console/", "/api/v1/console", "/api/v1/console/"])
def test_the_page_loads_files_of_its_own_without_a_key(make_app, path):
    client = make_app(api_keys=(KEY,)).test_client()
    page = client.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    base = path if path.endswith("/") else path.removesuffix("console")
    loaded = [client.get(base + name) for name in named if name != "data:,"]
    assert [(answer.status_code, answer.mimetype) for answer in loaded] == [
        (200, "text/css"), (200, "text/css"), (200, "text/javascript"),
    ]  # fmt: skip
    assert "style=" not in page.text
    assert "<script>" not in page.text


def test_every_module_is_there_and_none_comes_from_elsewhere(client):
    for name in FILES:
        answer = client.get(f"/console/{name}")
        assert answer.status_code == 200
        if name.endswith(".js"):
            for imported in re.findall(r'from "([^"]+)"', answer.text):
                assert imported.removeprefix("./") in FILES
        if name.endswith((".js", ".css")) and name not in ("preact-htm.js", "pico.css"):
            assert re.findall(r"https?:|@import|\burl\(\S", answer.text) == []


@pytest.mark.parametrize("path", ["/console", "/console/start.js", "/console/pico.css", "/console/vendored.json"])
def test_a_browser_is_told_to_trust_nothing_else(client, path):
    headers = client.get(path).headers
    assert headers.getlist("Content-Security-Policy") == [POLICY]
    assert headers["Permissions-Policy"] == "camera=(self)"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_nothing_else_of_the_folder_is_served(client):
    for name in ("index.html", "vendor", "..", "%2e%2e%2fassets.py", "console.py", "nothing.js"):
        assert_error(client.get(f"/console/{name}"), 404, "not_found")


@pytest.mark.parametrize("name", ["", *FILES])
def test_files_are_sent_compressed_to_whom_accepts_it(client, name):
    plain, packed = client.get(f"/console/{name}"), client.get(f"/console/{name}", headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for headers, tag in ((GZIP, packed.headers["ETag"]), ({}, plain.headers["ETag"])):
        again = client.get(f"/console/{name}", headers={**headers, "If-None-Match": tag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("accepted", ["gzip;q=0", "identity", "br", ""])
def test_whoever_accepts_no_gzip_gets_none(client, accepted):
    assert "Content-Encoding" not in client.get("/console/start.js", headers={"Accept-Encoding": accepted}).headers


def test_no_answer_with_data_is_compressed(client):
    for path in ("/", "/health", "/persons", "/models", "/limits", "/audit", "/nothing"):
        assert "Content-Encoding" not in client.get(path, headers=GZIP).headers


def test_a_first_visit_transfers_little(client):
    sizes = {name: len(client.get(f"/console/{name}", headers=GZIP).data) for name in ("", *FILES)}
    print(f"{sum(sizes.values())} bytes in {len(sizes)} files")
    assert sum(sizes.values()) < MAX_BYTES


def test_what_is_vendored_is_what_its_package_holds():
    vendored = json.loads((FOLDER / "vendor" / "vendored.json").read_text())
    for one in vendored:
        assert sha256((FOLDER / "vendor" / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["name"]
        for licence in one["licences"]:
            assert re.search("MIT|Apache", (FOLDER / "vendor" / licence["file"]).read_text()), licence
    scripts = {path.name for path in (FOLDER / "vendor").glob("*.*") if path.suffix in (".js", ".css")}
    assert {one["file"] for one in vendored} == scripts


def test_both_languages_have_every_text():
    texts = [re.findall(r"(?m)^  (\w+): ", (FOLDER / f"text.{tag}.js").read_text()) for tag in ("en", "de")]
    assert texts[0] == texts[1]
    assert len(set(texts[0])) == len(texts[0])


def test_scripts_make_no_html_of_text():
    """Preact writes texts as texts; these are the ways around that."""
    for path in FOLDER.glob("*.js"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|dangerouslySet|\beval\b", path.read_text()
        )
        assert found == [], path.name
