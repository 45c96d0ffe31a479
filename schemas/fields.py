"""Field types shared by several groups of endpoints, with their validation."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, JsonValue, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

_KEY = r"^[A-Za-z0-9_.-]{1,64}$"
_MAX_METADATA = 10_000  # characters, as JSON
# One line of text without control characters. Surrounding whitespace is removed.
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$"
    ),
]
CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
LabelKey = Annotated[str, StringConstraints(pattern=_KEY)]
LabelValue = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
_LARGEST = 3.4028234663852886e38  # of float32: embeddings are stored and compared as float32
Number = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]
COLLECTION = "default"


def parsed(value: object) -> object:
    """The value of a form field, parsed from JSON text; other values unchanged."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise PydanticCustomError("json", "Input should be valid JSON") from None
    return value


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    """The metadata, if both databases can store it: no NUL, lone surrogate or infinite number; limited in size."""
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        written.encode()
    except ValueError:
        raise PydanticCustomError("json", "Input should be JSON without infinite numbers or lone surrogates") from None
    if len(written) > _MAX_METADATA or "\\u0000" in written:
        raise PydanticCustomError("too_large", "Input should have at most 10000 characters as JSON, and no NUL")
    return value


def _moment(value: object) -> object:
    """The datetime for a text in ISO 8601, because JSON has no type for a datetime."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    raise PydanticCustomError("moment", "Input should be an ISO 8601 time with offset, like 2030-01-31T00:00:00Z")


def _as_written(value: str) -> str:
    """The ID as responses write it. Other text stays unchanged, because it matches no ID."""
    try:
        return str(UUID(value))
    except ValueError:
        return value


Labels = Annotated[
    dict[LabelKey, LabelValue],
    Field(max_length=50, json_schema_extra={"propertyNames": {"pattern": _KEY}, "additionalProperties": False}),
    BeforeValidator(parsed),
]

Metadata = Annotated[
    dict[str, JsonValue], AfterValidator(_storable), BeforeValidator(parsed), WithJsonSchema({"type": "object"})
]

Embedding = Annotated[list[Number], Field(min_length=1, max_length=4096, fail_fast=True), BeforeValidator(parsed)]

Id = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_as_written)]

Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
