"""Errors in the request itself: its body, its path, its method."""

from core.exceptions.base import ServiceError


class ValidationFailed(ServiceError):
    """Raised when the body is not valid JSON or form data, or a field is missing, wrong or unknown."""

    status = 422
    code = "validation_error"
    default_message = "The request is not valid."
    remedy = "Correct the fields that details list."

    def __init__(self, fields: list[dict[str, str]], message: str | None = None) -> None:
        super().__init__(message, details={"fields": fields})

    @classmethod
    def of(cls, field: str, msg: str) -> "ValidationFailed":
        """Return the error for one field."""
        return cls([{"field": field, "msg": msg}])


class NotFound(ServiceError):
    """Raised when no route has the requested path."""

    status = 404
    code = "not_found"
    default_message = "There is no endpoint at this path. GET / lists the endpoints."


class PersonNotFound(ServiceError):
    """Raised when no person has this ID, or the person is in another collection."""

    status = 404
    code = "person_not_found"
    default_message = "Person not found. Check the person ID and the collection."


class FaceNotFound(ServiceError):
    """Raised when no face has this ID."""

    status = 404
    code = "face_not_found"
    default_message = "Face not found. Check the face ID."


class Conflict(ServiceError):
    """Raised when the request contradicts stored data, for example a taken name or a known face."""

    status = 409
    code = "conflict"
    remedy = "Follow the message: it names what is stored already."


class MethodNotAllowed(ServiceError):
    """Raised when the path does not support this method; `Allow` lists the supported methods."""

    status = 405
    code = "method_not_allowed"
    default_message = "This path does not support this method. See the Allow header."

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = allowed


class LengthRequired(ServiceError):
    """Raised when the body has no Content-Length (chunked)."""

    status = 411
    code = "length_required"
    default_message = "The request has no Content-Length. Send the body with one."
    remedy = "Send the body with a Content-Length."


class RequestTooLarge(ServiceError):
    """Raised when the body exceeds MAX_BODY_BYTES or has too many parts."""

    status = 413
    code = "request_too_large"
    default_message = "The request body is too large or has too many parts. Send a smaller body."


class UnsupportedMediaType(ServiceError):
    """Raised when the body is neither JSON, a form nor an image, or it is compressed."""

    status = 415
    code = "unsupported_media_type"
    default_message = "Unsupported Content-Type. Send JSON, a form (multipart or urlencoded) or an image (image/*)."
