"""Every error a client can see, with its HTTP status and its stable code.

ServiceError
├── ValidationFailed            422 validation_error
├── AmbiguousCredentials        400 ambiguous_credentials
├── Unauthorized                401 unauthorized
├── Forbidden                   403 forbidden
├── LicenseForbidden            403 license_forbidden
├── NotFound                    404 not_found
├── PersonNotFound              404 person_not_found
├── FaceNotFound                404 face_not_found
├── Conflict                    409 conflict
├── MethodNotAllowed            405 method_not_allowed
├── LengthRequired              411 length_required
├── RequestTooLarge             413 request_too_large
├── UnsupportedMediaType        415 unsupported_media_type
├── ImageError                  (abstract: names the field)
│   ├── ImageDecodeError        400 image_decode_error
│   ├── ImageSourceForbidden    403 image_source_forbidden
│   ├── ImageTooLarge           413 image_too_large
│   ├── NoFaceDetected          422 no_face_detected
│   ├── SeveralFaces            422 several_faces
│   ├── LowQuality              422 low_quality
│   └── SpoofDetected           422 spoof_detected
├── RateLimited                 429 rate_limited
├── PersonLocked                429 person_locked
├── FolderNotFound              400 db_not_found
├── LivenessUnavailable         412 liveness_unavailable
├── ServiceUnavailable          503 service_unavailable
├── ModelUnavailable            503 model_unavailable
├── ModelLoading                503 model_loading
├── IndexBuilding               503 index_building
├── Overloaded                  503 overloaded
├── DeadlineExceeded            503 deadline_exceeded
├── StorageFull                 507 storage_full
├── DeepFaceError               500 deepface_error
└── InternalError               500 internal_error
"""

from typing import Any, ClassVar


class ServiceError(Exception):
    """Base of every error answered to a client; never raised itself.

    `message` and `details` reach the client as they are: they hold no server path, traceback, picture or
    embedding.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    default_message: ClassVar[str] = ""

    def __init__(
        self, message: str | None = None, *, details: dict[str, Any] | None = None, retry_after_s: int | None = None
    ) -> None:
        self.message = message or self.default_message
        self.details = details or {}
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class CommandError(Exception):
    """Base of what ends a command with one line, and no request meets: the message says what is wrong."""


class ValidationFailed(ServiceError):
    """Raised when the body is not valid JSON or form data, or a field is missing, wrong or unknown."""

    status = 422
    code = "validation_error"
    default_message = "The request is not valid."

    def __init__(self, fields: list[dict[str, str]], message: str | None = None) -> None:
        super().__init__(message, details={"fields": fields})

    @classmethod
    def of(cls, field: str, msg: str) -> "ValidationFailed":
        """The error of one field."""
        return cls([{"field": field, "msg": msg}])


class NotFound(ServiceError):
    """Raised when no route has the requested path."""

    status = 404
    code = "not_found"
    default_message = "There is nothing at this path; GET / lists the endpoints."


class PersonNotFound(ServiceError):
    """Raised when there is no person of this id, or not in this collection."""

    status = 404
    code = "person_not_found"
    default_message = "There is no such person."


class FaceNotFound(ServiceError):
    """Raised when there is no face of this id."""

    status = 404
    code = "face_not_found"
    default_message = "There is no such face."


class Conflict(ServiceError):
    """Raised when what is asked for contradicts what is stored: a name that is taken, a face that is known."""

    status = 409
    code = "conflict"


class MethodNotAllowed(ServiceError):
    """Raised when the path exists but not for this method; `Allow` lists those it has."""

    status = 405
    code = "method_not_allowed"
    default_message = "This path does not take this method."

    def __init__(self, allowed: list[str]) -> None:
        super().__init__()
        self.allowed = allowed


class LengthRequired(ServiceError):
    """Raised when a body comes without a Content-Length (chunked)."""

    status = 411
    code = "length_required"
    default_message = "Send the body with a Content-Length."


class RequestTooLarge(ServiceError):
    """Raised when the body is over MAX_BODY_BYTES, or has too many parts."""

    status = 413
    code = "request_too_large"
    default_message = "The request body is too large."


class UnsupportedMediaType(ServiceError):
    """Raised when the body is neither JSON, form nor image."""

    status = 415
    code = "unsupported_media_type"
    default_message = "Send JSON, a form (multipart or urlencoded), or the image itself (Content-Type: image/*)."


class ImageError(ServiceError):
    """Base of the errors of one image; where it is raised without the request's `field`, `managed_image` names it."""

    def __init__(
        self, message: str | None = None, *, field: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, details=details)
        if field is not None:
            self.in_field(field)

    def in_field(self, field: str) -> None:
        """Name the request field, unless one is named already."""
        self.details.setdefault("fields", [{"field": field, "msg": self.message}])


class ImageDecodeError(ImageError):
    """Raised when a source is no readable image: wrong format, bad base64, unreachable URL, missing file."""

    status = 400
    code = "image_decode_error"
    default_message = "This is not a readable image."


class ImageSourceForbidden(ImageError):
    """Raised when the URL or path is not one this server may read."""

    status = 403
    code = "image_source_forbidden"
    default_message = "This server may not read images from there."


class ImageTooLarge(ImageError):
    """Raised when an image is over MAX_IMAGE_BYTES or MAX_IMAGE_PIXELS, before it is decoded."""

    status = 413
    code = "image_too_large"
    default_message = "The image is too large."


class NoFaceDetected(ImageError):
    """Raised when the detector finds no face and enforce_detection is on."""

    status = 422
    code = "no_face_detected"
    default_message = "No face was found; send a clearer photo or set enforce_detection to false."


class SeveralFaces(ImageError):
    """Raised when a photo for the gallery shows more than the one face it should."""

    status = 422
    code = "several_faces"
    default_message = "More than one face was found; send a photo of one person or set face_policy to largest."


class LowQuality(ImageError):
    """Raised when a face is below min_quality; details name the reasons."""

    status = 422
    code = "low_quality"
    default_message = "The face is not good enough to be registered."


class SpoofDetected(ImageError):
    """Raised when a face to be registered failed the liveness check."""

    status = 422
    code = "spoof_detected"
    default_message = "The face does not look like a live one."


class FolderNotFound(ServiceError):
    """Raised when FACES_DB_PATH is set but is not a folder."""

    status = 400
    code = "db_not_found"
    default_message = "The folder of FACES_DB_PATH does not exist."


class LivenessUnavailable(ServiceError):
    """Raised when anti_spoofing is asked for and the liveness weights are missing."""

    status = 412
    code = "liveness_unavailable"


class ServiceUnavailable(ServiceError):
    """Raised when what the request needs is not configured, or the store does not answer."""

    status = 503
    code = "service_unavailable"


class ModelUnavailable(ServiceError):
    """Raised when a model's weights or package are absent or its answer has changed; names the command that helps."""

    status = 503
    code = "model_unavailable"


class ModelLoading(ServiceError):
    """Raised while the models of PRELOAD_MODELS are still loading."""

    status = 503
    code = "model_loading"
    default_message = "The models are still loading; GET /ready names what is missing."


class IndexBuilding(ServiceError):
    """Raised when the folder has no complete index yet; details carry the progress."""

    status = 503
    code = "index_building"
    default_message = "The index of the photo folder is being built."


class Overloaded(ServiceError):
    """Raised when QUEUE_MAX requests wait already."""

    status = 503
    code = "overloaded"
    default_message = "The server has as much to do as it can take; try again."


class DeadlineExceeded(ServiceError):
    """Raised when a request waited past REQUEST_TIMEOUT_S; its work was not started."""

    status = 503
    code = "deadline_exceeded"
    default_message = "The request waited too long; its work was not started."


class StorageFull(ServiceError):
    """Raised when the disk of the database is full; nothing was changed."""

    status = 507
    code = "storage_full"
    default_message = "There is no room left to store this."


class DeepFaceError(ServiceError):
    """Raised when DeepFace fails in a way that no other code describes; logged with its traceback."""

    status = 500
    code = "deepface_error"
    default_message = "The face engine failed on this request."


class InternalError(ServiceError):
    """Raised for everything unforeseen; logged with its traceback."""

    status = 500
    code = "internal_error"
    default_message = "The server failed on this request."


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
