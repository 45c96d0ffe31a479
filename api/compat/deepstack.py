"""DeepStack and CodeProject.AI: /v1/vision/face and what is below it."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TypeVar

from flask import Blueprint, g, request

from api.context import services
from api.door import Door
from api.endpoint import endpoint
from api.inputs import validated
from api.middleware.authentication import caller
from api.middleware.request_log import elapsed_s
from api.route import Route
from api.v1.error_groups import BODY_ERRORS, ENROLMENT_ERRORS, FACE_ERRORS, STORE_ERRORS
from core.exceptions import (
    Conflict,
    Forbidden,
    ImageDecodeError,
    ImageError,
    LengthRequired,
    LowQuality,
    NoFaceDetected,
    PersonNotFound,
    ServiceError,
    StorageFull,
    Unauthorized,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.scopes import Scope
from schemas import faces, gallery
from schemas.compat.deepstack import (
    METRIC,
    DeepStackAnswer,
    DeepStackDeleteRequest,
    DeepStackDeleteResponse,
    DeepStackError,
    DeepStackFaceRequest,
    DeepStackFaceResponse,
    DeepStackIdentify,
    DeepStackListResponse,
    DeepStackMatchRequest,
    DeepStackMatchResponse,
    DeepStackPing,
    DeepStackRecognizeRequest,
    DeepStackRecognizeResponse,
    DeepStackRegisterRequest,
    DeepStackRegisterResponse,
    DeepStackRequest,
)
from schemas.fields import COLLECTION

_RETRY_AFTER_S = 5  # where the service names no time: cameras and home automation ask again soon
_COMPARED = {"distance_metric": METRIC, "enforce_detection": True}

Body = TypeVar("Body", bound=DeepStackRequest)
Answer = TypeVar("Answer", bound=DeepStackAnswer)


def _text(error: ServiceError) -> str | None:
    """The text of DeepStack for an error; None if the service's own message holds."""
    if isinstance(error, Unauthorized):
        return "Incorrect api key"
    if isinstance(error, Forbidden) and "caller" in g:  # pages of other sites are refused before
        return "The key does not allow this"
    if isinstance(error, ImageDecodeError):
        return "invalid image"
    if isinstance(error, NoFaceDetected):
        return "no face found" if request.endpoint == "deepstack.match" else "no face detected"
    return error.message if isinstance(error, ImageError) else None


def _timed(view: Callable[[Body], Answer]) -> Callable[[Body], Answer]:
    """The view, whose answers say how long they took."""

    @wraps(view)
    def timed(body: Body) -> Answer:
        started = time.monotonic()
        answer = view(body)
        times = {"inference_ms": round((time.monotonic() - started) * 1000), "process_ms": round(elapsed_s() * 1000)}
        return answer.model_copy(update=times | {"duration": round(elapsed_s(), 3)})

    return timed


def _collection() -> str:
    """The collection of the API key, or the default one."""
    return caller().collection or COLLECTION


blueprint = Blueprint("deepstack", __name__, url_prefix="/v1")

DOOR = Door(
    name="deepstack",
    title="DeepStack",
    paths=("/v1/vision", "/v1/status", "/v1/backup", "/v1/restore"),
    blueprint=blueprint,
    error=DeepStackError,
    statuses={
        **dict.fromkeys(
            (ValidationFailed, UnsupportedMediaType, LengthRequired, NoFaceDetected, LowQuality, Conflict), 400
        ),
        StorageFull: 503,
    },
    text=_text,
    retry_after_s=_RETRY_AFTER_S,
)


@blueprint.get("/status/ping")
@endpoint(Route(scope=None, response=DeepStackPing, is_probe=True))
def ping() -> DeepStackPing:
    """Liveness check."""
    return DeepStackPing()


@blueprint.post("/vision/face")
@endpoint(Route(scope=Scope.FACES, request=DeepStackFaceRequest, response=DeepStackFaceResponse, errors=FACE_ERRORS))
@_timed
def face(body: DeepStackFaceRequest) -> DeepStackFaceResponse:
    """Locate every face of an image."""
    answer = services().faces.service.detect(validated(faces.DetectRequest, {"img": body.img}))
    return DeepStackFaceResponse.of(answer.result, body.min_confidence)


@blueprint.post("/vision/face/recognize")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=DeepStackRecognizeRequest,
        response=DeepStackRecognizeResponse,
        errors=(*FACE_ERRORS, *STORE_ERRORS),
    )
)
@_timed
def recognize(body: DeepStackRecognizeRequest) -> DeepStackRecognizeResponse:
    """Name the person of every face of an image."""
    probe = {"img": body.img, "collection": _collection(), "top_k": 1, **_COMPARED}
    try:
        answer = services().gallery.identification.identify(validated(DeepStackIdentify, probe))
    except NoFaceDetected:
        return DeepStackRecognizeResponse.of([], body.min_confidence)
    return DeepStackRecognizeResponse.of(answer.result, body.min_confidence)


@blueprint.post("/vision/face/register")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=DeepStackRegisterRequest,
        response=DeepStackRegisterResponse,
        errors=(*ENROLMENT_ERRORS, Conflict, StorageFull),
    )
)
@_timed
def register(body: DeepStackRegisterRequest) -> DeepStackRegisterResponse:
    """Register the largest face of each image for a person: all or none."""
    person = {"photos": body.images, "name": body.userid, "collection": _collection(), "enforce_detection": True}
    is_new = services().gallery.registration.register_photos(validated(gallery.RegisterPhotosRequest, person))
    return DeepStackRegisterResponse(message="face added" if is_new else "face updated")


@blueprint.post("/vision/face/match")
@endpoint(Route(scope=Scope.FACES, request=DeepStackMatchRequest, response=DeepStackMatchResponse, errors=FACE_ERRORS))
@_timed
def match(body: DeepStackMatchRequest) -> DeepStackMatchResponse:
    """Compare two images. The closest pair of faces decides."""
    images = dict(zip(("img1", "img2"), body.images, strict=True))
    answer = services().faces.service.verify(validated(faces.VerifyRequest, {**images, **_COMPARED}))
    return DeepStackMatchResponse.of(services().audit.verifications.keep(answer))


@blueprint.post("/vision/face/list")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=DeepStackRequest,
        response=DeepStackListResponse,
        infers=False,
        errors=(*BODY_ERRORS, *STORE_ERRORS),
    )
)
@_timed
def names(_: DeepStackRequest) -> DeepStackListResponse:
    """List the names of all registered persons."""
    return DeepStackListResponse(faces=services().gallery.persons.names(within=_collection()))


@blueprint.post("/vision/face/delete")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=DeepStackDeleteRequest,
        response=DeepStackDeleteResponse,
        infers=False,
        errors=(*BODY_ERRORS, Conflict, StorageFull, *STORE_ERRORS),
    )
)
@_timed
def delete(body: DeepStackDeleteRequest) -> DeepStackDeleteResponse:
    """Permanently delete a person, if there is one with this name."""
    persons = services().gallery.persons
    with suppress(PersonNotFound):
        persons.forget_person(persons.named(body.userid, within=_collection()).id, within=_collection())
    return DeepStackDeleteResponse()
