"""Makes registrations safe to retry: the header Idempotency-Key of every endpoint that registers a face."""

from hashlib import sha256

from flask import request

from api.context import services
from api.middleware.authentication import caller
from core.exceptions import ValidationFailed
from schemas.gallery import RegisterRequest, RegisterResponse

_IDEMPOTENCY = "Idempotency-Key"
_LONGEST_KEY = 200
# Fields that came after the first digests were stored: they count only if given, so that a retry across an update still
# finds the first response.
_LATER_FIELDS = ("distance_metric", "threshold")
_ONCE = (
    "Makes retries safe. For seven days a request of the same API key with the same value gets the response for the"
    " face stored first, and stores nothing."
)

IDEMPOTENCY_HEADERS = {_IDEMPOTENCY: _ONCE}


def register(body: RegisterRequest) -> RegisterResponse:
    """Return the response for the face, which is stored once for all requests with the same Idempotency-Key.

    Raises:
        ValidationFailed: the key is empty or too long.
        Others as `GalleryService.register_once`.
    """
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
