"""LocalAI's face API: /v1/face/* and /v1/detection."""

from typing import get_args

from flask import Blueprint, Response

from api import idempotency
from api.context import services
from api.door import Door
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, ENROLMENT_ERRORS, FACE_ERRORS, STORE_ERRORS
from core.exceptions import (
    Conflict,
    FaceNotFound,
    ImageSourceForbidden,
    LowQuality,
    NoFaceDetected,
    NotFound,
    SeveralFaces,
    StorageFull,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.scopes import Scope
from schemas import faces
from schemas.compat.localai.answers import (
    LocalAIAnalyzeResponse,
    LocalAIDetectionResponse,
    LocalAIEmbedResponse,
    LocalAIError,
    LocalAIIdentifyResponse,
    LocalAIRegisterResponse,
    LocalAIVerifyResponse,
)
from schemas.compat.localai.requests import (
    LocalAIAnalyzeRequest,
    LocalAIDetectionRequest,
    LocalAIEmbedRequest,
    LocalAIForgetRequest,
    LocalAIIdentifyRequest,
    LocalAIRegisterRequest,
    LocalAIVerifyRequest,
    SurestIdentify,
    SurestRegister,
    SurestRepresent,
    SurestVerify,
)
from schemas.names import Action

blueprint = Blueprint("localai", __name__)

DOOR = Door(
    name="localai",
    title="LocalAI",
    paths=("/v1/face", "/v1/detection"),
    blueprint=blueprint,
    error=LocalAIError,
    statuses={
        **dict.fromkeys((ValidationFailed, UnsupportedMediaType, ImageSourceForbidden, SeveralFaces, LowQuality), 400),
        NoFaceDetected: 404,
    },
)

_ACTIONS: tuple[Action, ...] = get_args(Action.__value__)
_DEFAULT_TOP_K = 5


@blueprint.post("/v1/face/verify")
@endpoint(Route(scope=Scope.FACES, request=LocalAIVerifyRequest, response=LocalAIVerifyResponse, errors=FACE_ERRORS))
def verify(body: LocalAIVerifyRequest) -> LocalAIVerifyResponse:
    """Compare the surest face of two images."""
    options = body.comparison(body.threshold) | {"anti_spoofing": body.anti_spoofing}
    answer = services().faces.service.verify(validated(SurestVerify, {"img1": body.img1, "img2": body.img2, **options}))
    # LocalAI's threshold is the smallest distance of two persons, ours the largest of one.
    answer = answer.model_copy(update={"verified": answer.verified and answer.distance < answer.threshold})
    return LocalAIVerifyResponse.of(services().audit.verifications.keep(answer), body.model)


@blueprint.post("/v1/face/analyze")
@endpoint(Route(scope=Scope.FACES, request=LocalAIAnalyzeRequest, response=LocalAIAnalyzeResponse, errors=FACE_ERRORS))
def analyze(body: LocalAIAnalyzeRequest) -> LocalAIAnalyzeResponse:
    """Estimate age, gender, emotion and race of every face, as far as their models are installed."""
    service, asked = services().faces.service, body.actions or _ACTIONS
    options = {"actions": service.usable(asked) or asked, "anti_spoofing": body.anti_spoofing}
    try:
        answer = service.analyze(validated(faces.AnalyzeRequest, {"img": body.img, **options, **body.detection}))
    except NoFaceDetected:
        return LocalAIAnalyzeResponse.of([])
    return LocalAIAnalyzeResponse.of(answer.result)


@blueprint.post("/v1/face/embed")
@endpoint(Route(scope=Scope.FACES, request=LocalAIEmbedRequest, response=LocalAIEmbedResponse, errors=FACE_ERRORS))
def embed(body: LocalAIEmbedRequest) -> LocalAIEmbedResponse:
    """Compute the embedding of the surest face."""
    answer = services().faces.service.represent(validated(SurestRepresent, {"img": body.img, **body.embedding}))
    return LocalAIEmbedResponse.of(answer, body.model)


@blueprint.post("/v1/face/register")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=LocalAIRegisterRequest,
        response=LocalAIRegisterResponse,
        headers=idempotency.IDEMPOTENCY_HEADERS,
        errors=(*ENROLMENT_ERRORS, Conflict, StorageFull),
    )
)
def register(body: LocalAIRegisterRequest) -> LocalAIRegisterResponse:
    """Register the surest face of an image."""
    person = {"img": body.img, "name": body.name, "labels": body.labels, "collection": body.collection}
    answer = idempotency.register(validated(SurestRegister, {**person, **body.embedding}))
    return LocalAIRegisterResponse(id=answer.id, name=answer.name or body.name, registered_at=answer.registered_at)


@blueprint.post("/v1/face/identify")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=LocalAIIdentifyRequest,
        response=LocalAIIdentifyResponse,
        errors=(*FACE_ERRORS, *STORE_ERRORS),
    )
)
def identify(body: LocalAIIdentifyRequest) -> LocalAIIdentifyResponse:
    """The registered faces that are nearest to the surest face of an image."""
    probe = {"img": body.img, "collection": body.collection, "top_k": body.top_k or _DEFAULT_TOP_K}
    request = validated(SurestIdentify, {**probe, **body.comparison(body.threshold)})
    try:
        return LocalAIIdentifyResponse.of(services().gallery.identification.identify(request))
    except NotFound:  # a store begins with its first face
        return LocalAIIdentifyResponse(matches=[])


@blueprint.post("/v1/face/forget")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=LocalAIForgetRequest,
        response=None,
        status=204,
        infers=False,
        errors=(*BODY_ERRORS, FaceNotFound, StorageFull, *STORE_ERRORS),
    )
)
def forget(body: LocalAIForgetRequest) -> Response:
    """Permanently delete a registered face, and the person with the last face."""
    services().gallery.persons.forget_face(body.id, within=body.collection, last_with_person=True)
    return Response(status=204)


@blueprint.post("/v1/detection")
@endpoint(
    Route(scope=Scope.FACES, request=LocalAIDetectionRequest, response=LocalAIDetectionResponse, errors=FACE_ERRORS)
)
def detection(body: LocalAIDetectionRequest) -> LocalAIDetectionResponse:
    """Locate every face of an image."""
    answer = services().faces.service.detect(validated(faces.DetectRequest, {"img": body.img, **body.detection}))
    return LocalAIDetectionResponse.of(answer, body.threshold)
