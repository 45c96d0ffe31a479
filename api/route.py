"""What a route says of itself: what it takes and gives, and who may ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from core.exceptions import ServiceError
from core.scopes import Scope
from schemas.common import Request

_ATTRIBUTE = "documented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a route takes and gives; its summary is the view's docstring. Without a `response` there is no body, or one
    that the service does not validate; without a `scope` anybody may ask."""

    scope: Scope | None
    request: type[Request] | None
    query: type[Request] | None
    headers: Mapping[str, str]
    answer_headers: Mapping[str, str]
    response: type[BaseModel] | None
    status: int
    media_type: str
    errors: tuple[type[ServiceError], ...]


def document(view: Callable[..., Any], known: Documented) -> None:
    """Have `documented` find this of the view."""
    setattr(view, _ATTRIBUTE, known)


def documented(view: Callable[..., Any]) -> Documented:
    """What is known of a view; every one of the service's was made by `api.endpoint.endpoint`, or it fails."""
    known = getattr(view, _ATTRIBUTE)
    assert isinstance(known, Documented)
    return known
