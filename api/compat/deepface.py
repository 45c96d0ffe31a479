"""DeepFace's own API: represent, verify, analyze, register, search and build/index."""

from importlib.metadata import version
from pathlib import PurePath
from uuid import uuid4

from flask import Blueprint, Response

from api.context import services
from api.door import Door
from api.endpoint import endpoint
from api.inputs import validated
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, ENROLMENT_ERRORS, FACE_ERRORS, STORE_ERRORS
from core.exceptions import (
    Conflict,
    ImageSourceForbidden,
    LivenessUnavailable,
    LowQuality,
    ModelUnavailable,
    NoFaceDetected,
    SpoofDetected,
    StorageFull,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.scopes import Scope
from schemas.compat.deepface.faces import (
    DeepFaceApiAnalyze,
    DeepFaceApiAnalyzeRequest,
    DeepFaceApiAnalyzeResponse,
    DeepFaceApiError,
    DeepFaceApiRepresent,
    DeepFaceApiRepresentRequest,
    DeepFaceApiRepresentResponse,
    DeepFaceApiVerify,
    DeepFaceApiVerifyRequest,
    DeepFaceApiVerifyResponse,
)
from schemas.compat.deepface.gallery import (
    DeepFaceApiIndexRequest,
    DeepFaceApiIndexResponse,
    DeepFaceApiRegister,
    DeepFaceApiRegisterRequest,
    DeepFaceApiRegisterResponse,
    DeepFaceApiSearch,
    DeepFaceApiSearchRequest,
    DeepFaceApiSearchResponse,
    DeepFaceApiSimilar,
    person_of,
)

_SUFFIXES = (".jpg", ".jpeg", ".png")  # of the images that DeepFace names by their path or URL
_MOST = 100

blueprint = Blueprint("deepface", __name__, url_prefix="/deepface")

DOOR = Door(
    name="deepface",
    title="DeepFace API",
    paths=("/deepface",),
    blueprint=blueprint,
    error=DeepFaceApiError,
    statuses=dict.fromkeys(
        (
            ValidationFailed,
            UnsupportedMediaType,
            ImageSourceForbidden,
            NoFaceDetected,
            LowQuality,
            SpoofDetected,
            ModelUnavailable,
            LivenessUnavailable,
        ),
        400,
    ),
    prefaces={
        "represent": "Exception while representing: ",
        "verify": "Exception while verifying: ",
        "analyze": "Exception while analyzing: ",
        "register": "Exception while registering: ",
        "search": "Exception while searching: ",
        "build_index": "Exception while building index: ",
    },
)


@blueprint.get("/", strict_slashes=False)
@endpoint(Route(scope=None, response=None, media_type="text/html"))
def home() -> Response:
    """The version of DeepFace."""
    return Response(f"<h1>Welcome to DeepFace API v{version('deepface')}!</h1>")


@blueprint.post("/represent")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=DeepFaceApiRepresentRequest,
        response=DeepFaceApiRepresentResponse,
        errors=(*FACE_ERRORS, SpoofDetected),
    )
)
def represent(body: DeepFaceApiRepresentRequest) -> DeepFaceApiRepresentResponse:
    """Compute the embedding of every face."""
    options = body.embedding | {"max_faces": body.max_faces}
    request = validated(DeepFaceApiRepresent, {"img": body.img, **options})
    return DeepFaceApiRepresentResponse.of(services().faces.service.represent(request))


@blueprint.post("/verify")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=DeepFaceApiVerifyRequest,
        response=DeepFaceApiVerifyResponse,
        errors=(*FACE_ERRORS, SpoofDetected),
    )
)
def verify(body: DeepFaceApiVerifyRequest) -> DeepFaceApiVerifyResponse:
    """Compare two images. The closest pair of faces decides."""
    options = body.embedding | {"distance_metric": body.distance_metric, "threshold": body.threshold}
    request = validated(DeepFaceApiVerify, {"img1": body.img1, "img2": body.img2, **options})
    return DeepFaceApiVerifyResponse.of(services().audit.verifications.keep(services().faces.service.verify(request)))


@blueprint.post("/analyze")
@endpoint(
    Route(
        scope=Scope.FACES,
        request=DeepFaceApiAnalyzeRequest,
        response=DeepFaceApiAnalyzeResponse,
        errors=(*FACE_ERRORS, SpoofDetected),
    )
)
def analyze(body: DeepFaceApiAnalyzeRequest) -> DeepFaceApiAnalyzeResponse:
    """Estimate age, gender, emotion and race of every face."""
    actions = list(dict.fromkeys(body.actions))
    request = validated(DeepFaceApiAnalyze, {"img": body.img, "actions": actions, **body.detection})
    return DeepFaceApiAnalyzeResponse.of(services().faces.service.analyze(request))


@blueprint.post("/register")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=DeepFaceApiRegisterRequest,
        response=DeepFaceApiRegisterResponse,
        errors=(*ENROLMENT_ERRORS, Conflict, StorageFull),
    )
)
def register(body: DeepFaceApiRegisterRequest) -> DeepFaceApiRegisterResponse:
    """Register every face of an image."""
    photo = _img_name(body)
    request = validated(DeepFaceApiRegister, {**body.stored, "name": person_of(photo), "photo": photo})
    return DeepFaceApiRegisterResponse(inserted=services().gallery.registration.register_every(request))


@blueprint.post("/search")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=DeepFaceApiSearchRequest,
        response=DeepFaceApiSearchResponse,
        errors=(*FACE_ERRORS, SpoofDetected, *STORE_ERRORS),
    )
)
def search(body: DeepFaceApiSearchRequest) -> DeepFaceApiSearchResponse:
    """The stored faces for each face of an image, nearest first."""
    identification = services().gallery.identification
    if body.similarity_search:
        answer = identification.identify(validated(DeepFaceApiSimilar, {**body.search, "top_k": body.k or _MOST}))
    else:
        answer = identification.recognize(validated(DeepFaceApiSearch, {**body.search, "top_k": body.k or None}))
    found = [match.face_id for face in answer.result for match in face.matches]
    return DeepFaceApiSearchResponse.of(answer, body, services().gallery.persons.photos(found))


@blueprint.post("/build/index")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=DeepFaceApiIndexRequest,
        response=DeepFaceApiIndexResponse,
        infers=False,
        errors=BODY_ERRORS,
    )
)
def build_index(_: DeepFaceApiIndexRequest) -> DeepFaceApiIndexResponse:
    """Answer that the index is built: every registration is in it."""
    return DeepFaceApiIndexResponse()


def _img_name(body: DeepFaceApiRegisterRequest) -> str:
    """The name of the image: as sent, or its path below the image folders, or its URL, or a random one."""
    if body.img_name is not None:
        return body.img_name
    if not isinstance(body.img, str) or not body.img.endswith(_SUFFIXES):
        return str(uuid4())
    for root in filter(None, (services().settings.faces_db_path, services().settings.images_path)):
        if PurePath(body.img).is_relative_to(root):
            return str(PurePath(body.img).relative_to(root))
    return body.img
