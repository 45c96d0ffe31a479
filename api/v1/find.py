"""The endpoints of the photo folder."""

from flask import Blueprint, Response

from api.context import services
from api.endpoint import endpoint
from api.route import Route
from api.v1.error_groups import FACE_ERRORS
from core.exceptions import (
    DeadlineExceeded,
    FolderNotFound,
    IndexBuilding,
    InternalError,
    ModelLoading,
    NotFound,
    Overloaded,
    ServiceUnavailable,
    ValidationFailed,
)
from core.scopes import Scope
from schemas.find import FindRequest, FindResponse, IndexesQuery, IndexesResponse, PhotoQuery

blueprint = Blueprint("find", __name__)


@blueprint.post("/find")
@endpoint(
    Route(
        scope=Scope.FIND,
        request=FindRequest,
        response=FindResponse,
        errors=(*FACE_ERRORS, FolderNotFound, ServiceUnavailable, IndexBuilding),
    )
)
def find(body: FindRequest) -> FindResponse:
    """Find photos in FACES_DB_PATH that show the same person, for every face of the image."""
    return services().find.service.find(body)


@blueprint.get("/find/indexes")
@endpoint(
    Route(
        scope=Scope.FIND,
        query=IndexesQuery,
        response=IndexesResponse,
        errors=(ValidationFailed, FolderNotFound, ServiceUnavailable, InternalError),
    )
)
def indexes(query: IndexesQuery) -> IndexesResponse:
    """List the indexes of the photo folder with their size, pending photos and failures."""
    return services().find.indexes.overview(query)


@blueprint.get("/find/photos/<photo_id>")
@endpoint(
    Route(
        scope=Scope.FIND,
        query=PhotoQuery,
        response=None,
        media_type="image/jpeg",
        decodes=True,
        errors=(
            ValidationFailed,
            NotFound,
            ModelLoading,
            Overloaded,
            DeadlineExceeded,
            ServiceUnavailable,
            InternalError,
        ),
    )
)
def photo(query: PhotoQuery, photo_id: str) -> Response:
    """A photo that /find found, as JPEG, upright and without its metadata."""
    return Response(services().find.photos.photo(photo_id, query), mimetype="image/jpeg")
