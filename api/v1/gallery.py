"""The endpoints of the gallery."""

from flask import Blueprint

from api import idempotency
from api.context import services
from api.endpoint import endpoint
from api.route import Route
from api.v1.error_groups import ENROLMENT_ERRORS, FACE_ERRORS
from core.exceptions import Conflict, NotFound, PersonNotFound, ServiceUnavailable, StorageFull
from core.scopes import Scope
from schemas.gallery import IdentifyRequest, IdentifyResponse, RecognizeRequest, RegisterRequest, RegisterResponse

blueprint = Blueprint("gallery", __name__)


@blueprint.post("/register")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=RegisterRequest,
        response=RegisterResponse,
        status=201,
        headers=idempotency.IDEMPOTENCY_HEADERS,
        errors=(*ENROLMENT_ERRORS, PersonNotFound, Conflict, StorageFull),
    )
)
def register(body: RegisterRequest) -> RegisterResponse:
    """Register a person's face in the gallery."""
    return idempotency.register(body)


@blueprint.post("/identify")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=IdentifyRequest,
        response=IdentifyResponse,
        errors=(*FACE_ERRORS, PersonNotFound, NotFound, ServiceUnavailable),
    )
)
def identify(body: IdentifyRequest) -> IdentifyResponse:
    """The closest gallery persons for each face, with a decision."""
    return services().gallery.identification.identify(body)


@blueprint.post("/recognize")
@endpoint(
    Route(
        scope=Scope.GALLERY_READ,
        request=RecognizeRequest,
        response=IdentifyResponse,
        errors=(*FACE_ERRORS, PersonNotFound, NotFound, ServiceUnavailable),
    )
)
def recognize(body: RecognizeRequest) -> IdentifyResponse:
    """Like /identify, with all persons within the threshold and no others."""
    return services().gallery.identification.recognize(body)
