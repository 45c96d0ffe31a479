"""The console: a page for people, made of static files in `api/console`. It uses the public API alone."""

from functools import cache
from pathlib import Path
from string import Template

from flask import Blueprint, Response, request

from api.assets import Asset
from api.endpoint import endpoint
from api.route import Route
from core.exceptions import NotFound

blueprint = Blueprint("console", __name__)

_FOLDER = Path(__file__).parents[1] / "console"
_PAGE = "index.html"
_KINDS = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".txt": "text/plain"}

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        " trusted-types 'none'"
    ),
    "Permissions-Policy": "camera=(self)",
}


@blueprint.get("/console")
@endpoint(Route(scope=None, response=None, media_type="text/html", in_document=False))
def console() -> Response:
    """The console: try requests, and manage persons, photos and keys in a browser."""
    return _page("" if request.path.endswith("/") else "console/").answer(**_HEADERS)


@blueprint.get("/console/<file>")
@endpoint(Route(scope=None, response=None, media_type="text/*", in_document=False, errors=(NotFound,)))
def console_file(file: str) -> Response:
    """A file of the console."""
    found = _files().get(file)
    if found is None:
        raise NotFound
    return found.answer(**_HEADERS)


@cache
def _page(here: str) -> Asset:
    """Return the page; `here` is the prefix of its links: it is at /console and at /console/."""
    page = Template((_FOLDER / _PAGE).read_text("utf-8")).substitute(here=here)
    return Asset(page.encode(), "text/html", packed=True)


@cache
def _files() -> dict[str, Asset]:
    """Return all files by name, those in `vendor` too."""
    return {
        path.name: Asset(path.read_bytes(), _KINDS[path.suffix], packed=True)
        for path in (*_FOLDER.iterdir(), *(_FOLDER / "vendor").iterdir())
        if path.suffix in _KINDS
    }
