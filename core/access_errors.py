"""The errors of who may ask, and how much.

ServiceError
├── AmbiguousCredentials        400 ambiguous_credentials
├── Unauthorized                401 unauthorized
└── Forbidden                   403 forbidden
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
