"""The endpoints of the gallery."""

from hashlib import sha256

from flask import Blueprint, request

from api.context import services
from api.endpoint import endpoint
from api.middleware.authentication import caller
from api.route import Route
from api.v1.error_groups import ENROLMENT_ERRORS, FACE_ERRORS
from core.exceptions import Conflict, NotFound, PersonNotFound, ServiceUnavailable, StorageFull, ValidationFailed
from core.scopes import Scope
from schemas.gallery import IdentifyRequest, IdentifyResponse, RecognizeRequest, RegisterRequest, RegisterResponse

blueprint = Blueprint("gallery", __name__)

_IDEMPOTENCY = "Idempotency-Key"
_LONGEST_KEY = 200
# Fields that came after the first digests were stored: they count only if given, so that a retry across an update still
# finds the first response.
_LATER_FIELDS = ("distance_metric", "threshold")
_ONCE = (
    "Makes retries safe. For seven days a request of the same API key with the same value gets the response for the"
    " face stored first, and stores nothing."
)


@blueprint.post("/register")
@endpoint(
    Route(
        scope=Scope.GALLERY_WRITE,
        request=RegisterRequest,
        response=RegisterResponse,
        status=201,
        headers={_IDEMPOTENCY: _ONCE},
        errors=(*ENROLMENT_ERRORS, PersonNotFound, Conflict, StorageFull),
    )
)
def register(body: RegisterRequest) -> RegisterResponse:
    """Register a person's face in the gallery."""
    key = request.headers.get(_IDEMPOTENCY)
    if key is None:
        return services().gallery.registration.register(body)
    if not 0 < len(key) <= _LONGEST_KEY:
        raise ValidationFailed.of(_IDEMPOTENCY, f"Send a key of 1 to {_LONGEST_KEY} characters")
    return services().gallery.registration.register_once(body, key=key, api_key=caller().key_id, digest=_digest(body))


def _digest(body: RegisterRequest) -> str:
    """The digest of the parsed body, because a retry may use another multipart boundary."""
    digest = sha256()
    for name, value in sorted(body.model_dump().items()):
        if value is None and name in _LATER_FIELDS:
            continue
        digest.update(name.encode())
        for part in value if isinstance(value, list) else [value]:
            digest.update(part if isinstance(part, bytes) else repr(part).encode(errors="surrogatepass"))
    return digest.hexdigest()


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
