"""Field types shared by several groups of endpoints, with their validation."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, JsonValue, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from schemas import text

_KEY = r"^[A-Za-z0-9_.-]{1,64}$"
_MAX_LABELS = 50
_MAX_METADATA = 10_000  # characters, as JSON
_MAX_DEPTH = 32  # levels of objects and lists in metadata, itself included. Pydantic writes no more than 254.
CollectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
LabelKey = Annotated[str, StringConstraints(pattern=_KEY)]
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


def _safe(value: str) -> str:
    """The text without invisible characters; refuses what could control a terminal or reorder other text."""
    if not text.is_safe(value):
        raise PydanticCustomError("text", "Input should be one line without control or direction characters")
    return text.visible(value)


def _name(value: str) -> str:
    """The name as responses show it: one line of visible text without blanks at its ends."""
    shown = text.stripped(_safe(value))
    if not text.identity(shown):
        raise PydanticCustomError("name", "Input should have a visible character")
    if len(text.folded(shown)) > text.MAX_FOLDED:
        raise PydanticCustomError(
            "name", f"Input should have at most {text.MAX_FOLDED} characters with its ligatures spelled out"
        )
    return shown


def check_labels(value: dict[str, str]) -> dict[str, str]:
    """The labels of a person; raises a PydanticCustomError if they are too many."""
    if len(value) > _MAX_LABELS:
        raise PydanticCustomError("too_large", f"A person should have at most {_MAX_LABELS} labels")
    return value


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a person, if both databases can store it and responses can carry it.

    Raises:
        PydanticCustomError: the metadata is too large or too deep, or has a NUL, lone surrogate or infinite number.
    """
    _shallow(value)
    try:
        written = json.dumps(_as_stored(value), ensure_ascii=False, allow_nan=False)
        written.encode()
    except ValueError:
        raise PydanticCustomError("json", "Input should be JSON without infinite numbers or lone surrogates") from None
    if len(written) > _MAX_METADATA or "\\u0000" in written:
        raise PydanticCustomError(
            "too_large", f"Input should have at most {_MAX_METADATA} characters as JSON, and no NUL"
        )
    return value


def _shallow(value: Any) -> Any:
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > _MAX_DEPTH:
            raise PydanticCustomError("too_deep", f"Input should have at most {_MAX_DEPTH} levels of objects and lists")
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return value


def _as_stored(value: Any) -> Any:
    """The value with whole numbers as PostgreSQL returns them: 1e300 has 301 digits there."""
    if isinstance(value, dict):
        return {name: _as_stored(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_as_stored(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment(value: object) -> object:
    """The datetime for a text in ISO 8601, because JSON has no type for a datetime."""
    if isinstance(value, str):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    raise PydanticCustomError("moment", "Input should be an ISO 8601 time with offset, like 2030-01-31T00:00:00Z")


def _in_utc(value: datetime) -> datetime:
    """The time in UTC, as both databases return it; its offset may lead beyond the years 1 to 9999."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment", "Input should be a time in the years 1 to 9999 in UTC") from None


def _as_written(value: str) -> str:
    """The ID as responses write it. Other text stays unchanged, because it matches no ID."""
    try:
        return str(UUID(value))
    except ValueError:
        return value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_name),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]*\S[^\x00-\x1f\x7f-\x9f]*$"}),
]

LabelValue = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(_safe),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}),
]

Labels = Annotated[
    dict[LabelKey, LabelValue],
    Field(
        max_length=_MAX_LABELS, json_schema_extra={"propertyNames": {"pattern": _KEY}, "additionalProperties": False}
    ),
    BeforeValidator(parsed),
]

Metadata = Annotated[
    dict[str, JsonValue],
    AfterValidator(check_metadata),
    BeforeValidator(_shallow),
    BeforeValidator(parsed),
    WithJsonSchema({"type": "object"}),
]

Embedding = Annotated[list[Number], Field(min_length=1, max_length=4096, fail_fast=True), BeforeValidator(parsed)]

# An ID of the service, as OpenAPI's clients read it. Requests may send other text, which matches no ID.
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]

Id = Annotated[Uuid, StringConstraints(min_length=1, max_length=100), AfterValidator(_as_written)]

UtcTime = Annotated[AwareDatetime, AfterValidator(_in_utc)]

Moment = Annotated[UtcTime, BeforeValidator(_moment)]
