"""The endpoints of the gallery."""

from hashlib import sha256

from flask import Blueprint, request

from api.context import services
from api.endpoint import endpoint
from api.route import Route
from api.v1.error_groups import ENROLMENT_ERRORS, FACE_ERRORS
from core.exceptions import Conflict, NotFound, PersonNotFound, ServiceUnavailable, StorageFull, ValidationFailed
from core.scopes import Scope
from schemas.gallery import IdentifyRequest, IdentifyResponse, RecognizeRequest, RegisterRequest, RegisterResponse

blueprint = Blueprint("gallery", __name__)

_IDEMPOTENCY = "Idempotency-Key"
_LONGEST_KEY = 200
_ONCE = "For seven days a second request with the same key is answered as the first, and stores nothing."


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
    """Store a person's face in the gallery."""
    key = request.headers.get(_IDEMPOTENCY)
    if key is None:
        return services().gallery.registration.register(body)
    if not 0 < len(key) <= _LONGEST_KEY:
        raise ValidationFailed.of(_IDEMPOTENCY, f"It has 1 to {_LONGEST_KEY} characters")
    of_collection = sha256(f"{body.collection}\n{key}".encode(errors="surrogatepass")).hexdigest()
    return services().gallery.registration.register_once(body, key=of_collection, digest=_digest(body))


def _digest(body: RegisterRequest) -> str:
    """Of what the body means: a client that sends it again may choose another boundary for its parts."""
    digest = sha256()
    for name, value in sorted(body.model_dump().items()):
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
    """Who of the gallery each face may be, nearest first, and a decision."""
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
    """As /identify, with all who lie within the model's own threshold, and nobody else."""
    return services().gallery.identification.recognize(body)
