"""The face endpoints."""

from flask import Blueprint, Response

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import caller
from api.pictures import drawn_if_asked
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
    """Compare two images, or an image and a person in the gallery. The closest pair of faces decides."""
    if body.person_id is None:
        return services().audit.verifications.keep(services().faces.service.verify(body))
    return services().audit.verifications.keep(
        services().gallery.identification.verify(body, within=caller().collection)
    )


@blueprint.post("/analyze")
@endpoint(Route(scope=Scope.FACES, request=AnalyzeRequest, response=AnalyzeResponse, draws=True, errors=FACE_ERRORS))
def analyze(body: AnalyzeRequest) -> AnalyzeResponse | Response:
    """Estimate age, gender, emotion and race of every face. `Accept: image/png` answers with a picture."""
    return drawn_if_asked(body.img, services().faces.service.analyze(body))


@blueprint.post("/represent")
@endpoint(Route(scope=Scope.FACES, request=RepresentRequest, response=RepresentResponse, errors=FACE_ERRORS))
def represent(body: RepresentRequest) -> RepresentResponse:
    """Compute the embedding of every face."""
    return services().faces.service.represent(body)


@blueprint.post("/extract")
@endpoint(Route(scope=Scope.FACES, request=ExtractRequest, response=ExtractResponse, draws=True, errors=FACE_ERRORS))
def extract(body: ExtractRequest) -> ExtractResponse | Response:
    """Return every face as a crop. `Accept: image/png` answers with the image and its faces drawn on it."""
    return drawn_if_asked(body.img, services().faces.service.extract(body))


@blueprint.post("/quality")
@endpoint(Route(scope=Scope.FACES, request=QualityRequest, response=QualityResponse, errors=FACE_ERRORS))
def quality(body: QualityRequest) -> QualityResponse:
    """Check whether a photo is good enough to register, and how to improve it."""
    return services().faces.quality.judge(body)


@blueprint.post("/compare")
@endpoint(Route(scope=Scope.FACES, request=CompareRequest, response=CompareResponse, errors=FACE_ERRORS))
def compare(body: CompareRequest) -> CompareResponse:
    """Compare a face or embedding with the embeddings in the request. Nothing is stored."""
    return services().faces.comparison.compare(body)
