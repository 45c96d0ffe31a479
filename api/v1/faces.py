"""The face endpoints."""

from flask import Blueprint

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import caller, require
from api.route import Route
from api.v1.error_groups import FACE_ERRORS
from core.exceptions import PersonLocked, PersonNotFound, ServiceUnavailable, StorageFull
from core.scopes import Scope
from schemas.compare import CompareRequest, CompareResponse
from schemas.faces import (
    AnalyzeRequest,
    AnalyzeResponse,
    ExtractRequest,
    ExtractResponse,
    QualityRequest,
    QualityResponse,
    RepresentRequest,
    RepresentResponse,
    VerifyRequest,
    VerifyResponse,
)

blueprint = Blueprint("faces", __name__)


@blueprint.post("/verify")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=VerifyRequest,
        response=VerifyResponse,
        errors=(*FACE_ERRORS, PersonNotFound, PersonLocked, ServiceUnavailable, StorageFull),
    )
)
def verify(body: VerifyRequest) -> VerifyResponse:
    """Whether two images, or an image and a person of the gallery, are the same person: the closest pair decides."""
    if body.person_id is None:
        return services().audit.verifications.keep(services().faces.service.verify(body))
    require(Scope.GALLERY_READ)
    return services().audit.verifications.keep(
        services().gallery.identification.verify(body, within=caller().collection)
    )


@blueprint.post("/analyze")
@endpoint(Route(scope=Scope.FACES, request=AnalyzeRequest, response=AnalyzeResponse, errors=FACE_ERRORS))
def analyze(body: AnalyzeRequest) -> AnalyzeResponse:
    """Age, gender, emotion and race of every face."""
    return services().faces.service.analyze(body)


@blueprint.post("/represent")
@endpoint(Route(scope=Scope.FACES, request=RepresentRequest, response=RepresentResponse, errors=FACE_ERRORS))
def represent(body: RepresentRequest) -> RepresentResponse:
    """The embedding of every face."""
    return services().faces.service.represent(body)


@blueprint.post("/extract")
@endpoint(Route(scope=Scope.FACES, request=ExtractRequest, response=ExtractResponse, errors=FACE_ERRORS))
def extract(body: ExtractRequest) -> ExtractResponse:
    """Every face as a picture."""
    return services().faces.service.extract(body)


@blueprint.post("/quality")
@endpoint(Route(scope=Scope.FACES, request=QualityRequest, response=QualityResponse, errors=FACE_ERRORS))
def quality(body: QualityRequest) -> QualityResponse:
    """Whether a photo would do for the gallery, and what to do about it if not."""
    return services().faces.quality.judge(body)


@blueprint.post("/compare")
@endpoint(Route(scope=Scope.FACES, request=CompareRequest, response=CompareResponse, errors=FACE_ERRORS))
def compare(body: CompareRequest) -> CompareResponse:
    """A face, or its embedding, against embeddings that the request brings along; nothing is stored."""
    return services().faces.comparison.compare(body)
