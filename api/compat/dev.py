"""deepface.dev, the hosted DeepFace: capabilities, readiness, verify, represent and compare."""

from flask import Blueprint

from api.context import services
from api.door import Door
from api.endpoint import endpoint
from api.inputs import validated
from api.middleware.authentication import sent_key
from api.route import Route
from api.v1.error_groups import FACE_ERRORS
from core.exceptions import (
    DeadlineExceeded,
    ImageSourceForbidden,
    ModelLoading,
    ModelUnavailable,
    NoFaceDetected,
    Overloaded,
    ServiceError,
    ServiceUnavailable,
    SpoofDetected,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.scopes import Scope
from schemas import faces
from schemas.compat.dev import (
    DevCapabilities,
    DevCompareRequest,
    DevCompareResponse,
    DevError,
    DevLimits,
    DevReadiness,
    DevRepresent,
    DevRepresentRequest,
    DevRepresentResponse,
    DevVerifyRequest,
    DevVerifyResponse,
)

_CODES: dict[type[ServiceError], str] = {Overloaded: "queue_full", DeadlineExceeded: "queue_timeout"}


def _code(error: ServiceError) -> str:
    if isinstance(error, Unauthorized):
        return "invalid_api_key" if sent_key() else "missing_api_key"
    return _CODES.get(type(error), error.code)


blueprint = Blueprint("dev", __name__, url_prefix="/dev")

DOOR = Door(
    name="dev",
    title="deepface.dev",
    paths=("/dev",),
    blueprint=blueprint,
    error=DevError,
    statuses=dict.fromkeys(
        (ValidationFailed, UnsupportedMediaType, ImageSourceForbidden, NoFaceDetected, SpoofDetected), 400
    ),
    code=_code,
)


@blueprint.get("/capabilities")
@endpoint(Route(scope=Scope.FACES, response=DevCapabilities))
def capabilities() -> DevCapabilities:
    """The models, detectors, defaults and limits."""
    overview, settings = services().models.overview, services().settings
    limits = DevLimits(**settings.model_dump(include=set(DevLimits.model_fields)))
    return DevCapabilities.of(overview.models().models, detector=services().faces.service.detector, limits=limits)


@blueprint.get("/readiness")
@endpoint(
    Route(scope=None, response=DevReadiness, is_probe=True, errors=(ModelLoading, ModelUnavailable, ServiceUnavailable))
)
def readiness() -> DevReadiness:
    """Whether the service is ready."""
    services().health.readiness.require_ready()
    return DevReadiness()


@blueprint.post("/verify")
@endpoint(Route(scope=Scope.FACES, request=DevVerifyRequest, response=DevVerifyResponse, errors=FACE_ERRORS))
def verify(body: DevVerifyRequest) -> DevVerifyResponse:
    """Compare two images. The closest pair of faces decides."""
    request = validated(faces.VerifyRequest, {"img1": body.img1, "img2": body.img2, **body.options})
    return DevVerifyResponse.of(services().audit.verifications.keep(services().faces.service.verify(request)))


@blueprint.post("/represent")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=DevRepresentRequest,
        response=DevRepresentResponse,
        errors=(*FACE_ERRORS, SpoofDetected),
    )
)
def represent(body: DevRepresentRequest) -> DevRepresentResponse:
    """Compute the embedding of every face."""
    request = validated(DevRepresent, {"img": body.img, **body.options})
    return DevRepresentResponse.of(services().faces.service.represent(request))


@blueprint.post("/compare")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=DevCompareRequest,
        response=DevCompareResponse,
        errors=(*FACE_ERRORS, SpoofDetected),
    )
)
def compare(body: DevCompareRequest) -> DevCompareResponse:
    """Compare a face or embedding with the embeddings in the request. Nothing is stored."""
    return DevCompareResponse.of(services().faces.comparison.compare(body))
