"""Face API: verify, analyze, embed and recognize."""

from flask import Blueprint

from api import idempotency
from api.context import services
from api.door import Door
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import ENROLMENT_ERRORS, FACE_ERRORS
from core.exceptions import (
    Conflict,
    LowQuality,
    NoFaceDetected,
    NotFound,
    PersonNotFound,
    ServiceUnavailable,
    SeveralFaces,
    SpoofDetected,
    StorageFull,
)
from core.scopes import Scope, require
from schemas import faces, gallery
from schemas.compat.face_api import (
    FaceApiAnalyzeRequest,
    FaceApiAnalyzeResponse,
    FaceApiEmbedRequest,
    FaceApiEmbedResponse,
    FaceApiError,
    FaceApiRecognize,
    FaceApiRecognizeRequest,
    FaceApiRecognizeResponse,
    FaceApiVerify,
    FaceApiVerifyRequest,
    FaceApiVerifyResponse,
)

blueprint = Blueprint("face_api", __name__, url_prefix="/face-api")

DOOR = Door(
    name="face-api",
    title="Face API",
    paths=("/face-api",),
    blueprint=blueprint,
    error=FaceApiError,
    statuses=dict.fromkeys((NoFaceDetected, SeveralFaces, LowQuality, SpoofDetected), 400),  # 422 has a list of fields
)


@blueprint.post("/verify")
@endpoint(Route(scope=Scope.FACES, request=FaceApiVerifyRequest, response=FaceApiVerifyResponse, errors=FACE_ERRORS))
def verify(body: FaceApiVerifyRequest) -> FaceApiVerifyResponse:
    """Compare two images. The closest pair of faces decides."""
    pair = {"img1": body.img1, "img2": body.img2, "threshold": body.threshold}
    answer = services().faces.service.verify(validated(FaceApiVerify, {**pair, **body.options}))
    return FaceApiVerifyResponse.of(services().audit.verifications.keep(answer))


@blueprint.post("/analyze")
@endpoint(Route(scope=Scope.FACES, request=FaceApiAnalyzeRequest, response=FaceApiAnalyzeResponse, errors=FACE_ERRORS))
def analyze(body: FaceApiAnalyzeRequest) -> FaceApiAnalyzeResponse:
    """Estimate age, gender, emotion and race of every face."""
    request = validated(faces.AnalyzeRequest, {"img": body.img, "actions": body.actions or None, **body.options})
    return FaceApiAnalyzeResponse(results=services().faces.service.analyze(request).result)


@blueprint.post("/embed")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=FaceApiEmbedRequest,
        response=FaceApiEmbedResponse,
        headers=idempotency.IDEMPOTENCY_HEADERS,
        errors=(*ENROLMENT_ERRORS, Conflict, StorageFull),
    )
)
def embed(body: FaceApiEmbedRequest) -> FaceApiEmbedResponse:
    """Compute the embedding of the largest face, and store it for a person if one is named."""
    if body.person_id is not None:
        require(Scope.GALLERY_WRITE)
    image = {"img": body.img, **body.options}
    answer = services().faces.service.represent(validated(faces.RepresentRequest, image | {"max_faces": 1}))
    if body.person_id is None:
        return FaceApiEmbedResponse.of(answer, None, None)
    person = {"name": body.person_id, "metadata": body.metadata, "collection": body.collection}
    kept = idempotency.register(validated(gallery.RegisterRequest, {**image, **person, "face_policy": "largest"}))
    return FaceApiEmbedResponse.of(answer, body.person_id, kept.id)


@blueprint.post("/recognize")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=FaceApiRecognizeRequest,
        response=FaceApiRecognizeResponse,
        errors=(*FACE_ERRORS, ServiceUnavailable),
    )
)
def recognize(body: FaceApiRecognizeRequest) -> FaceApiRecognizeResponse:
    """The stored faces of the model that are within the threshold of the largest face, nearest first."""
    probe = {"img": body.img, "collection": body.collection, "threshold": body.threshold, "max_faces": 1}
    try:
        if body.person_id is not None:
            probe["person_id"] = services().gallery.persons.named(body.person_id, within=body.collection).id
        answer = services().gallery.identification.recognize(validated(FaceApiRecognize, {**probe, **body.options}))
    except (NotFound, PersonNotFound):  # nothing has been stored there
        return FaceApiRecognizeResponse.of([])
    return FaceApiRecognizeResponse.of(answer.result[0].matches)
