"""The errors of who may ask, for what, and how much.

ServiceError
├── AmbiguousCredentials        400 ambiguous_credentials
├── Unauthorized                401 unauthorized
├── Forbidden                   403 forbidden
├── LicenseForbidden            403 license_forbidden
├── RateLimited                 429 rate_limited
└── PersonLocked                429 person_locked
"""

from core.exceptions import ServiceError


class AmbiguousCredentials(ServiceError):
    """Raised when a request carries two different keys."""

    status = 400
    code = "ambiguous_credentials"
    default_message = "Send one key: in Authorization: Bearer, or in X-API-Key."


class Unauthorized(ServiceError):
    """Raised when a request carries no key that is valid, and one is needed; with `WWW-Authenticate`."""

    status = 401
    code = "unauthorized"
    default_message = "A valid key is needed, in Authorization: Bearer or in X-API-Key."


class Forbidden(ServiceError):
    """Raised when the key lacks the scope that the request needs, or is for another collection."""

    status = 403
    code = "forbidden"


class LicenseForbidden(ServiceError):
    """Raised when the model's licence is outside LICENSE_POLICY; details say what it allows."""

    status = 403
    code = "license_forbidden"


class RateLimited(ServiceError):
    """Raised when a key or an address asks more often than it may, or an address sends too many wrong keys."""

    status = 429
    code = "rate_limited"
    default_message = "Too many requests; try again later."


class PersonLocked(ServiceError):
    """Raised when `/verify` has not found the person too many times in a row."""

    status = 429
    code = "person_locked"
    default_message = "The person was not recognized too many times in a row; try again later."
