"""The error body of CompreFace, and its numbers of errors."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field
from typing_extensions import override

from schemas.compat.common import DoorError

# Errors that have a number of their own in CompreFace and none in the service.
MISSING_FIELD = "missing_field"
MISSING_KEY = "missing_key"
MISSING_OPTION = "missing_option"
MISSING_PART = "missing_part"
WRONG_SUBJECT = "wrong_subject"
WRONG_COUNT = "wrong_count"

# CompreFace's numbers (its `CommonExceptionCode`) of the service's error codes.
_CODES = {
    MISSING_FIELD: 5,
    "unauthorized": 10,
    "forbidden": 10,
    MISSING_KEY: 20,
    "image_decode_error": 21,
    "image_source_forbidden": 21,
    "image_too_large": 21,
    "validation_error": 26,
    "low_quality": 26,
    "spoof_detected": 26,
    "no_face_detected": 28,
    "several_faces": 31,
    MISSING_OPTION: 33,
    MISSING_PART: 34,
    WRONG_SUBJECT: 36,
    WRONG_COUNT: 37,
    "deepface_error": 41,
    "license_forbidden": 41,
    "model_unavailable": 41,
    "person_not_found": 42,
    "conflict": 43,
    "face_not_found": 44,
}


class CompreFaceError(DoorError):
    """The body of every error."""

    message: str = Field(description="Explanation of the error for humans.")
    code: int = Field(description="CompreFace's number of the error, from 0. 0 = any that CompreFace does not have.")

    @classmethod
    @override
    def of(cls, *, code: str, status: int, message: str, fields: Sequence[dict[str, str]]) -> Self:
        return cls(message=message, code=_CODES.get(code, 0))
