"""The API documentation as a page: Swagger UI from the package flask-swagger-ui. It loads nothing from elsewhere."""

from importlib.resources import files
from string import Template

from flask import Blueprint, Response, request

from api.endpoint import endpoint
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

# validatorUrl is null because the default validator is a third-party server. The page does not store a typed API key.
_START = """SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#page",
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: true,
});
"""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)

_PACKAGED = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


@blueprint.get("/docs")
@endpoint(Route(scope=None, response=None, media_type="text/html"))
def docs() -> Response:
    """Interactive API documentation."""
    here = "" if request.path.endswith("/") else "docs/"
    return _answer(_PAGE.substitute(here=here), "text/html")


@blueprint.get("/docs/<file>")
@endpoint(Route(scope=None, response=None, media_type="text/*", errors=(NotFound,)))
def docs_file(file: str) -> Response:
    """A file of the documentation page."""
    if file == "start.js":
        return _answer(_START, "text/javascript")
    if file not in _PACKAGED:
        raise NotFound
    return _answer((files("flask_swagger_ui") / "dist" / file).read_text(), _PACKAGED[file])


def _answer(text: str, mimetype: str) -> Response:
    return Response(text, mimetype=mimetype, headers={"Content-Security-Policy": _POLICY})
