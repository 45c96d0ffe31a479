"""The face endpoints."""

from flask import Blueprint

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import require
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
    LicenseForbidden,
    LivenessUnavailable,
    ModelLoading,
    ModelUnavailable,
    NoFaceDetected,
    Overloaded,
    PersonLocked,
    PersonNotFound,
    RequestTooLarge,
    ServiceUnavailable,
    StorageFull,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.scopes import Scope
from schemas.faces import (
    AnalyzeRequest,
    AnalyzeResponse,
    ExtractRequest,
    ExtractResponse,
    RepresentRequest,
    RepresentResponse,
    VerifyRequest,
    VerifyResponse,
)
from schemas.find import FindRequest, FindResponse, IndexesResponse

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
    LicenseForbidden,
    LivenessUnavailable,
    ModelUnavailable,
    ModelLoading,
    Overloaded,
    DeadlineExceeded,
    DeepFaceError,
    InternalError,
)


@blueprint.post("/verify")
@endpoint(
    scope=Scope.FACES,
    request=VerifyRequest,
    response=VerifyResponse,
    errors=(*FACE_ERRORS, PersonNotFound, PersonLocked, ServiceUnavailable, StorageFull),
)
def verify(body: VerifyRequest) -> VerifyResponse:
    """Whether two images, or an image and a person of the gallery, are the same person: the closest pair decides."""
    if body.person_id is None:
        return services().verifications.keep(services().faces.verify(body))
    require(Scope.GALLERY_READ)
    return services().verifications.keep(services().identification.verify(body))


@blueprint.post("/analyze")
@endpoint(scope=Scope.FACES, request=AnalyzeRequest, response=AnalyzeResponse, errors=FACE_ERRORS)
def analyze(body: AnalyzeRequest) -> AnalyzeResponse:
    """Age, gender, emotion and race of every face."""
    return services().faces.analyze(body)


@blueprint.post("/represent")
@endpoint(scope=Scope.FACES, request=RepresentRequest, response=RepresentResponse, errors=FACE_ERRORS)
def represent(body: RepresentRequest) -> RepresentResponse:
    """The embedding of every face."""
    return services().faces.represent(body)


@blueprint.post("/find")
@endpoint(
    scope=Scope.FIND,
    request=FindRequest,
    response=FindResponse,
    errors=(*FACE_ERRORS, FolderNotFound, ServiceUnavailable, IndexBuilding),
)
def find(body: FindRequest) -> FindResponse:
    """The photos of FACES_DB_PATH that show the same person, for every face of the query."""
    return services().find.find(body)


@blueprint.get("/find/indexes")
@endpoint(scope=Scope.FIND, response=IndexesResponse, errors=(FolderNotFound, ServiceUnavailable, InternalError))
def indexes() -> IndexesResponse:
    """The indexes of the photo folder: how much is in them, what is pending and what failed."""
    return services().indexes.overview()


@blueprint.post("/extract")
@endpoint(scope=Scope.FACES, request=ExtractRequest, response=ExtractResponse, errors=FACE_ERRORS)
def extract(body: ExtractRequest) -> ExtractResponse:
    """Every face as a picture."""
    return services().faces.extract(body)
