"""What one person may have, however many requests gave it."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import PydanticCustomError

from core.exceptions import ValidationFailed
from schemas.fields import check_labels, check_metadata

T = TypeVar("T", bound=dict[str, Any])


def labels(value: dict[str, str]) -> dict[str, str]:
    """The labels of a person; raises ValidationFailed if they are too many."""
    return _checked("labels", check_labels, value)


def metadata(value: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a person; raises ValidationFailed if it is too large."""
    return _checked("metadata", check_metadata, value)


def _checked(field: str, check: Callable[[T], T], value: T) -> T:
    try:
        return check(value)
    except PydanticCustomError as error:
        raise ValidationFailed.of(field, f"Too much with what the person already has: {error.message()}") from None
