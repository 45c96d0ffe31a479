"""The API documentation as a page: Swagger UI from the package flask-swagger-ui. It loads nothing from elsewhere."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template

from flask import Blueprint, Response, request

from api.assets import Asset
from api.endpoint import endpoint
from api.examples import FACE, KEY, OTHER_PERSON, PERSON
from api.route import Route
from core.exceptions import NotFound

blueprint = Blueprint("docs", __name__)

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Face service</title>
<link rel="stylesheet" href="${here}swagger-ui.css">
</head>
<body>
<div id="page">The API is described in <a href="${here}../openapi.json">openapi.json</a>.</div>
<script src="${here}swagger-ui-bundle.js"></script>
<script src="${here}start.js"></script>
</body>
</html>
""")

_IDS = {"person": PERSON, "face": FACE, "otherPerson": OTHER_PERSON, "key": KEY}
_START = f"const exampleIds = {json.dumps(_IDS)};\n{Path(__file__).with_suffix('.js').read_text('utf-8')}"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: blob:; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)

# By the prefix of their links: the page is at /docs and at /docs/.
_PAGES = {here: Asset(_PAGE.substitute(here=here).encode(), "text/html") for here in ("", "docs/")}
_SCRIPT = Asset(_START.encode(), "text/javascript")
_PACKAGED = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


@blueprint.get("/docs")
@endpoint(Route(scope=None, response=None, media_type="text/html", in_document=False))
def docs() -> Response:
    """Interactive API documentation."""
    return _answer(_PAGES["" if request.path.endswith("/") else "docs/"])


@blueprint.get("/docs/<file>")
@endpoint(Route(scope=None, response=None, media_type="text/*", in_document=False, errors=(NotFound,)))
def docs_file(file: str) -> Response:
    """A file of the documentation page."""
    if file == "start.js":
        return _answer(_SCRIPT)
    if file not in _PACKAGED:
        raise NotFound
    return _answer(_packaged(file))


@cache
def _packaged(file: str) -> Asset:
    return Asset((files("flask_swagger_ui") / "dist" / file).read_bytes(), _PACKAGED[file])


def _answer(asset: Asset) -> Response:
    return asset.answer(**{"Content-Security-Policy": _POLICY})
