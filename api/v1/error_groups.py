"""Groups of errors that several endpoints may return."""

from core.exceptions import (
    DeadlineExceeded,
    DeepFaceError,
    ImageDecodeError,
    ImageSourceForbidden,
    ImageTooLarge,
    InternalError,
    LengthRequired,
    LicenseForbidden,
    LivenessUnavailable,
    LowQuality,
    ModelLoading,
    ModelUnavailable,
    NoFaceDetected,
    Overloaded,
    RequestTooLarge,
    ServiceUnavailable,
    SeveralFaces,
    SpoofDetected,
    UnsupportedMediaType,
    ValidationFailed,
)

FACE_ERRORS = (
    ValidationFailed,
    LengthRequired,
    RequestTooLarge,
    UnsupportedMediaType,
    ImageDecodeError,
    ImageSourceForbidden,
    ImageTooLarge,
    NoFaceDetected,
    LicenseForbidden,
    LivenessUnavailable,
    ModelUnavailable,
    ModelLoading,
    Overloaded,
    DeadlineExceeded,
    DeepFaceError,
    InternalError,
)
STORE_ERRORS = (ServiceUnavailable, InternalError)
BODY_ERRORS = (ValidationFailed, LengthRequired, RequestTooLarge, UnsupportedMediaType, Overloaded)
ENROLMENT_ERRORS = (*FACE_ERRORS, SeveralFaces, LowQuality, SpoofDetected, ServiceUnavailable)
