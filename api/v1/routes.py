"""The five face endpoints."""

from flask import Blueprint

from api.deps import services
from api.endpoint import endpoint
from core.exceptions import (
    DeadlineExceeded,
    DeepFaceError,
    FolderNotFound,
    ImageDecodeError,
    ImageSourceForbidden,
    ImageTooLarge,
    IndexBuilding,
    InternalError,
    LengthRequired,
    LivenessUnavailable,
    ModelLoading,
    ModelUnavailable,
    NoFaceDetected,
    Overloaded,
    RequestTooLarge,
    ServiceUnavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from schemas.faces import (
    AnalyzeRequest,
    AnalyzeResponse,
    ExtractRequest,
    ExtractResponse,
    FindRequest,
    FindResponse,
    RepresentRequest,
    RepresentResponse,
    VerifyRequest,
    VerifyResponse,
)

blueprint = Blueprint("v1", __name__)

FACE_ERRORS = (
    ValidationFailed,
    LengthRequired,
    RequestTooLarge,
    UnsupportedMediaType,
    ImageDecodeError,
    ImageSourceForbidden,
    ImageTooLarge,
    NoFaceDetected,
    LivenessUnavailable,
    ModelUnavailable,
    ModelLoading,
    Overloaded,
    DeadlineExceeded,
    DeepFaceError,
    InternalError,
)


@blueprint.before_request
def wait_for_models() -> None:
    """No face endpoint answers before the preloaded models do."""
    services().readiness.require_loaded()


@blueprint.post("/verify")
@endpoint(request=VerifyRequest, response=VerifyResponse, errors=FACE_ERRORS)
def verify(request: VerifyRequest) -> VerifyResponse:
    """Whether two images show the same person: the closest pair over all their faces decides."""
    return services().faces.verify(request)


@blueprint.post("/analyze")
@endpoint(request=AnalyzeRequest, response=AnalyzeResponse, errors=FACE_ERRORS)
def analyze(request: AnalyzeRequest) -> AnalyzeResponse:
    """Age, gender, emotion and race of every face."""
    return services().faces.analyze(request)


@blueprint.post("/represent")
@endpoint(request=RepresentRequest, response=RepresentResponse, errors=FACE_ERRORS)
def represent(request: RepresentRequest) -> RepresentResponse:
    """The embedding of every face."""
    return services().faces.represent(request)


@blueprint.post("/find")
@endpoint(
    request=FindRequest,
    response=FindResponse,
    errors=(*FACE_ERRORS, FolderNotFound, ServiceUnavailable, IndexBuilding),
)
def find(request: FindRequest) -> FindResponse:
    """The photos of FACES_DB_PATH that show the same person, for every face of the query."""
    return services().find.find(request)


@blueprint.post("/extract")
@endpoint(request=ExtractRequest, response=ExtractResponse, errors=FACE_ERRORS)
def extract(request: ExtractRequest) -> ExtractResponse:
    """Every face as a picture."""
    return services().faces.extract(request)
