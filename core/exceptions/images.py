"""Errors about one image of a request."""

from typing import Any

from core.exceptions.base import ServiceError


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
    remedy = "Send the image itself, or have the source allowed by the URL_ and ALLOW_ settings."


class ImageTooLarge(ImageError):
    """Raised when an image exceeds MAX_IMAGE_BYTES or MAX_IMAGE_PIXELS; checked before decoding."""

    status = 413
    code = "image_too_large"
    default_message = "The image is too large. Send a smaller one."
    remedy = "Send a smaller image, or raise the limit."


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
    """Raised when a face is below min_quality or MIN_QUALITY; details list the reasons."""

    status = 422
    code = "low_quality"
    default_message = "The face is not good enough to be registered. See the reasons in details."
    remedy = "Follow the reasons and advice in details, and take another photo."


class SpoofDetected(ImageError):
    """Raised when a face to register fails the liveness check."""

    status = 422
    code = "spoof_detected"
    default_message = "The face failed the liveness check. Send an image of a live face."
