"""Errors about what a caller may do, and how often."""

from core.exceptions.base import ServiceError


class AmbiguousCredentials(ServiceError):
    """Raised when a request carries two different API keys."""

    status = 400
    code = "ambiguous_credentials"
    default_message = "The request carries two API keys. Send one, in Authorization: Bearer or in X-API-Key."
    remedy = "Send one key, in Authorization: Bearer or in X-API-Key."


class Unauthorized(ServiceError):
    """Raised when a required API key is missing or not valid; with `WWW-Authenticate`."""

    status = 401
    code = "unauthorized"
    default_message = "A valid API key is required. Send it in Authorization: Bearer or in X-API-Key."
    remedy = "Send a valid API key in Authorization: Bearer or in X-API-Key."


class Forbidden(ServiceError):
    """Raised when the API key lacks the scope or is for another collection, or the origin or host is not allowed."""

    status = 403
    code = "forbidden"
    remedy = (
        "Use a key with the scope or collection that the message names. For an origin or host, set CORS_ORIGINS or"
        " ALLOWED_HOSTS."
    )


class LicenseForbidden(ServiceError):
    """Raised when LICENSE_POLICY does not allow the model's licence; details name the licence and its terms."""

    status = 403
    code = "license_forbidden"
    remedy = "Use another model, or change LICENSE_POLICY if the terms allow your use."


class RateLimited(ServiceError):
    """Raised when an API key or address exceeds its limits, or an address sends too many wrong keys."""

    status = 429
    code = "rate_limited"
    default_message = "Too many requests. Retry later."


class PersonLocked(ServiceError):
    """Raised when `/verify` has failed too many times in a row for this person."""

    status = 429
    code = "person_locked"
    default_message = "Too many failed attempts for this person. Retry later."
