"""The images of CompreFace's face collection: the crops that were stored."""

from contextlib import suppress

from flask import Response

from api.compat.compreface.door import blueprint, collection, static_blueprint
from api.context import services
from api.endpoint import endpoint
from api.route import Route
from api.v1.error_groups import STORE_ERRORS
from core.exceptions import FaceNotFound
from core.scopes import Scope
from schemas.compat.compreface.requests import CompreFaceQuery
from schemas.persons import CropQuery

_TYPE = "image/png"


@blueprint.get("/recognition/faces/<face_id>/img")
@endpoint(Route(scope=Scope.GALLERY_READ, query=CompreFaceQuery, response=None, media_type=_TYPE, errors=STORE_ERRORS))
def image(_: CompreFaceQuery, face_id: str) -> Response:
    """The crop of a face. Empty if none was stored."""
    return _crop(face_id)


@static_blueprint.get("/<key>/images/<face_id>")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        query=CompreFaceQuery,
        response=None,
        media_type=_TYPE,
        key_variable="key",
        errors=STORE_ERRORS,
    )
)
def static_image(_: CompreFaceQuery, key: str, face_id: str) -> Response:
    """The crop of a face, with the API key in the path. Empty if none was stored."""
    return _crop(face_id)


def _crop(face_id: str) -> Response:
    content = b""
    with suppress(FaceNotFound):
        content = services().gallery.crops.crop(face_id, CropQuery(), within=collection())
    return Response(content, mimetype=_TYPE)
