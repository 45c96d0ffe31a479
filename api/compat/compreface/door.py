"""The description of CompreFace's door: its paths, error codes and statuses."""

from flask import Blueprint, current_app, request

from api.context import services
from api.door import Door
from api.middleware.authentication import caller, sent_key
from api.route import route_of
from core.exceptions import (
    Conflict,
    LowQuality,
    NoFaceDetected,
    ServiceError,
    SeveralFaces,
    SpoofDetected,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from schemas.compat.compreface.errors import (
    MISSING_FIELD,
    MISSING_KEY,
    MISSING_OPTION,
    MISSING_PART,
    WRONG_COUNT,
    WRONG_SUBJECT,
    CompreFaceError,
)
from schemas.compat.compreface.requests import METRIC, NO_EMBEDDING
from schemas.fields import COLLECTION

_MISSING = "Field required"
_SUBJECT = "subject"
_IMAGES = ("file", "source_image", "target_image")

_STATUSES: dict[type[ServiceError], int] = {
    Unauthorized: 404,
    **dict.fromkeys(
        (ValidationFailed, UnsupportedMediaType, NoFaceDetected, SeveralFaces, LowQuality, SpoofDetected, Conflict), 400
    ),
}


def _code_of(error: ServiceError) -> str:
    """Return the name of an error's number in CompreFace."""
    if isinstance(error, ValidationFailed):
        return _code_of_field(error.details["fields"][0])
    return MISSING_KEY if _is_without_key(error) else error.code


def _code_of_field(wrong: dict[str, str]) -> str:
    field, msg = wrong["field"], wrong["msg"]
    if msg == NO_EMBEDDING:
        return WRONG_COUNT
    if msg != _MISSING:
        return WRONG_SUBJECT if field == _SUBJECT else ValidationFailed.code
    if _is_option(field):
        return MISSING_OPTION
    return MISSING_PART if field in _IMAGES and not request.is_json else MISSING_FIELD


def _is_option(field: str) -> bool:
    """Return whether the current route takes the field in the query string."""
    query = None if request.endpoint is None else route_of(current_app.view_functions[request.endpoint]).query
    return query is not None and field in query.names()


def _is_without_key(error: ServiceError) -> bool:
    return isinstance(error, Unauthorized) and not sent_key()


def _status_of(error: ServiceError) -> int | None:
    return 400 if _is_without_key(error) else None


blueprint = Blueprint("compreface", __name__, url_prefix="/api/v1")

DOOR = Door(
    name="compreface",
    title="CompreFace",
    paths=("/api/v1/recognition", "/api/v1/detection", "/api/v1/verification"),
    blueprint=blueprint,
    error=CompreFaceError,
    statuses=_STATUSES,
    code=_code_of,
    status=_status_of,
)

static_blueprint = Blueprint("compreface_static", __name__, url_prefix="/api/v1/static")

STATIC_DOOR = Door(
    name="compreface-static",
    title="CompreFace images",
    paths=("/api/v1/static",),
    blueprint=static_blueprint,
    error=CompreFaceError,
    statuses=_STATUSES,
)


def collection() -> str:
    """Return the collection of the current request: that of its API key, or the default one."""
    return caller().collection or COLLECTION


def threshold() -> float:
    """Return the threshold on which a similarity of 0.5 lies."""
    return services().faces.service.threshold(METRIC)
