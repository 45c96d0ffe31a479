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

from core.exceptions.access import (
    AmbiguousCredentials,
    Forbidden,
    LicenseForbidden,
    PersonLocked,
    RateLimited,
    Unauthorized,
)
from core.exceptions.base import CommandError, ServiceError
from core.exceptions.images import (
    ImageDecodeError,
    ImageError,
    ImageSourceForbidden,
    ImageTooLarge,
    LowQuality,
    NoFaceDetected,
    SeveralFaces,
    SpoofDetected,
)
from core.exceptions.request import (
    Conflict,
    FaceNotFound,
    LengthRequired,
    MethodNotAllowed,
    NotFound,
    PersonNotFound,
    RequestTooLarge,
    UnsupportedMediaType,
    ValidationFailed,
)
from core.exceptions.server import (
    DeadlineExceeded,
    DeepFaceError,
    FolderNotFound,
    IndexBuilding,
    InternalError,
    LivenessUnavailable,
    ModelLoading,
    ModelUnavailable,
    Overloaded,
    ServiceUnavailable,
    StorageFull,
)

__all__ = [
    "AmbiguousCredentials",
    "CommandError",
    "Conflict",
    "DeadlineExceeded",
    "DeepFaceError",
    "FaceNotFound",
    "FolderNotFound",
    "Forbidden",
    "ImageDecodeError",
    "ImageError",
    "ImageSourceForbidden",
    "ImageTooLarge",
    "IndexBuilding",
    "InternalError",
    "LengthRequired",
    "LicenseForbidden",
    "LivenessUnavailable",
    "LowQuality",
    "MethodNotAllowed",
    "ModelLoading",
    "ModelUnavailable",
    "NoFaceDetected",
    "NotFound",
    "Overloaded",
    "PersonLocked",
    "PersonNotFound",
    "RateLimited",
    "RequestTooLarge",
    "ServiceError",
    "ServiceUnavailable",
    "SeveralFaces",
    "SpoofDetected",
    "StorageFull",
    "Unauthorized",
    "UnsupportedMediaType",
    "ValidationFailed",
]
