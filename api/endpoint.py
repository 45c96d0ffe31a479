"""The decorator above every route: it validates the body, writes the answer, and holds what OpenAPI says of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response
from pydantic import BaseModel

from api.inputs import read_request
from core.exceptions import ServiceError
from schemas.common import Request

_ATTRIBUTE = "documented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a route takes and gives."""

    summary: str
    request: type[Request] | None
    response: type[BaseModel]
    errors: tuple[type[ServiceError], ...]


def endpoint(
    *,
    response: type[BaseModel],
    request: type[Request] | None = None,
    errors: Sequence[type[ServiceError]] = (),
) -> Callable[[Callable[..., BaseModel]], Callable[[], Response]]:
    """Make a function of the validated request (or of nothing) that returns a `response` model a Flask view.

    The function's docstring is the endpoint's summary; `errors` are those its answers may carry.
    """

    def decorate(function: Callable[..., BaseModel]) -> Callable[[], Response]:
        @wraps(function)
        def view() -> Response:
            answer = function() if request is None else function(read_request(request))
            return Response(answer.model_dump_json(), mimetype="application/json")

        summary = (function.__doc__ or "").strip()
        setattr(
            view,
            _ATTRIBUTE,
            Documented(summary=summary, request=request, response=response, errors=tuple(errors)),
        )
        return view

    return decorate


def documented(view: Callable[..., Any]) -> Documented | None:
    """What `endpoint` knows of a view; None for other views."""
    return getattr(view, _ATTRIBUTE, None)
