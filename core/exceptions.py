"""The errors a client can receive, each with its HTTP status and stable code.

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
    """Base class of every error sent to a client; never raised itself.

    The client receives `message` and `details` unchanged. They must not hold a server path, traceback, image or
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
    """Base class of errors that end a command with their one-line message; requests never raise them."""


class ValidationFailed(ServiceError):
    """Raised when the body is not valid JSON or form data, or a field is missing, wrong or unknown."""

    status = 422
    code = "validation_error"
    default_message = "The request is not valid."

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


class RequestTooLarge(ServiceError):
    """Raised when the body exceeds MAX_BODY_BYTES or has too many parts."""

    status = 413
    code = "request_too_large"
    default_message = "The request body is too large or has too many parts. Send a smaller body."


class UnsupportedMediaType(ServiceError):
    """Raised when the body is neither JSON, a form nor an image."""

    status = 415
    code = "unsupported_media_type"
    default_message = "Unsupported Content-Type. Send JSON, a form (multipart or urlencoded) or an image (image/*)."


class ImageError(ServiceError):
    """Base class of errors about one image. If raised without the request's `field`, `managed_image` adds it."""

    def __init__(
        self, message: str | None = None, *, field: str | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, details=details)
        if field is not None:
            self.in_field(field)

    def in_field(self, field: str) -> None:
        """Add the request field to the details, unless they already name one."""
        self.details.setdefault("fields", [{"field": field, "msg": self.message}])


class ImageDecodeError(ImageError):
    """Raised when an image cannot be read: wrong format, bad base64, unreachable URL or missing file."""

    status = 400
    code = "image_decode_error"
    default_message = "The image cannot be read. Send a JPEG, PNG or WebP image."


class ImageSourceForbidden(ImageError):
    """Raised when the server may not read the image's URL or path."""

    status = 403
    code = "image_source_forbidden"
    default_message = "This image source is not allowed."


class ImageTooLarge(ImageError):
    """Raised when an image exceeds MAX_IMAGE_BYTES or MAX_IMAGE_PIXELS; checked before decoding."""

    status = 413
    code = "image_too_large"
    default_message = "The image is too large. Send a smaller one."


class NoFaceDetected(ImageError):
    """Raised when the detector finds no face and enforce_detection is on."""

    status = 422
    code = "no_face_detected"
    default_message = "No face was found. Send a clearer image or set enforce_detection to false."


class SeveralFaces(ImageError):
    """Raised when an image for the gallery shows more than one face."""

    status = 422
    code = "several_faces"
    default_message = "More than one face was found. Send an image of one person or set face_policy to largest."


class LowQuality(ImageError):
    """Raised when a face is below min_quality; details list the reasons."""

    status = 422
    code = "low_quality"
    default_message = "The face is not good enough to be registered. See the reasons in details."


class SpoofDetected(ImageError):
    """Raised when a face to register fails the liveness check."""

    status = 422
    code = "spoof_detected"
    default_message = "The face failed the liveness check. Send an image of a live face."


class FolderNotFound(ServiceError):
    """Raised when FACES_DB_PATH is set but is not a folder."""

    status = 400
    code = "db_not_found"
    default_message = "The folder FACES_DB_PATH does not exist. Create it or correct the setting."


class LivenessUnavailable(ServiceError):
    """Raised when the request sets anti_spoofing and the liveness weights are missing."""

    status = 412
    code = "liveness_unavailable"


class ServiceUnavailable(ServiceError):
    """Raised when a required part is not configured, or the database does not answer."""

    status = 503
    code = "service_unavailable"


class ModelUnavailable(ServiceError):
    """Raised when a model's weights or package are missing, or its answer has changed; names the command to run."""

    status = 503
    code = "model_unavailable"


class ModelLoading(ServiceError):
    """Raised while the models of PRELOAD_MODELS are loading."""

    status = 503
    code = "model_loading"
    default_message = "The models are still loading. Retry later. GET /ready lists them."


class IndexBuilding(ServiceError):
    """Raised when the folder has no complete index yet; details show the progress."""

    status = 503
    code = "index_building"
    default_message = "The index of the photo folder is being built. Retry later."


class Overloaded(ServiceError):
    """Raised when QUEUE_MAX requests are already waiting."""

    status = 503
    code = "overloaded"
    default_message = "The server is at capacity. Retry later."


class DeadlineExceeded(ServiceError):
    """Raised when a request waited longer than REQUEST_TIMEOUT_S; its work was not started."""

    status = 503
    code = "deadline_exceeded"
    default_message = "The request waited too long and its work was not started. Retry later."


class StorageFull(ServiceError):
    """Raised when the disk of the database is full; nothing was changed."""

    status = 507
    code = "storage_full"
    default_message = "The disk of the database is full. Nothing was changed. Free disk space and retry."


class DeepFaceError(ServiceError):
    """Raised when DeepFace fails and no other code applies; the log has the traceback."""

    status = 500
    code = "deepface_error"
    default_message = "The face engine failed on this request. See the server log."


class InternalError(ServiceError):
    """Raised for every unexpected error; the log has the traceback."""

    status = 500
    code = "internal_error"
    default_message = "The server failed on this request. See the server log."


class AmbiguousCredentials(ServiceError):
    """Raised when a request carries two different API keys."""

    status = 400
    code = "ambiguous_credentials"
    default_message = "The request carries two API keys. Send one, in Authorization: Bearer or in X-API-Key."


class Unauthorized(ServiceError):
    """Raised when a required API key is missing or not valid; with `WWW-Authenticate`."""

    status = 401
    code = "unauthorized"
    default_message = "A valid API key is required. Send it in Authorization: Bearer or in X-API-Key."


class Forbidden(ServiceError):
    """Raised when the API key lacks the required scope, or is for another collection."""

    status = 403
    code = "forbidden"


class LicenseForbidden(ServiceError):
    """Raised when LICENSE_POLICY does not allow the model's licence; details name the licence and its terms."""

    status = 403
    code = "license_forbidden"


class RateLimited(ServiceError):
    """Raised when an API key or address exceeds its rate limit, or an address sends too many wrong keys."""

    status = 429
    code = "rate_limited"
    default_message = "Too many requests. Retry later."


class PersonLocked(ServiceError):
    """Raised when `/verify` has failed too many times in a row for this person."""

    status = 429
    code = "person_locked"
    default_message = "Too many failed attempts for this person. Retry later."
