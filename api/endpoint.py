"""The decorator above every route: it validates the body, writes the answer, and holds what OpenAPI says of both."""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import wraps
from types import MappingProxyType
from typing import Any

from flask import Response
from flask import request as flask_request
from pydantic import BaseModel

from api.deps import services
from api.inputs import read_query, read_request
from core.deadline import deadline
from core.exceptions import ServiceError
from schemas.common import Request

_ATTRIBUTE = "documented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a route takes and gives; its summary is the view's docstring. Without a `response` there is no body, or one
    that is no JSON."""

    request: type[Request] | None
    query: type[Request] | None
    headers: Mapping[str, str]
    response: type[BaseModel] | None
    status: int
    media_type: str
    errors: tuple[type[ServiceError], ...]


def endpoint(
    *,
    response: type[BaseModel] | None,
    request: type[Request] | None = None,
    query: type[Request] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    status: int = 200,
    media_type: str = "application/json",
    infers: bool = True,
    errors: Sequence[type[ServiceError]] = (),
) -> Callable[[Callable[..., BaseModel | Response]], Callable[..., Response]]:
    """Make a function of the validated request (or query, or of nothing) that returns a `response` model a Flask view.

    The variables of the route's path are handed on by name. With a request it is admitted to the queue for the lanes
    once its body is there, unless it `infers` nothing. The function's docstring is the endpoint's summary; `headers`
    are those it reads, with what they mean, and `errors` those its answers may carry.
    """

    def decorate(function: Callable[..., BaseModel | Response]) -> Callable[..., Response]:
        @wraps(function)
        def view(**variables: str) -> Response:
            given: list[Request] = []
            in_queue = request is not None and infers
            if in_queue:  # not before the preloaded models are there
                services().readiness.require_loaded()
            if request is not None:
                given.append(read_request(request))  # first: a slow upload must not hold a place
            elif query is not None:
                given.append(read_query(query))
            with _deadline(), services().admission.admitted() if in_queue else nullcontext():
                answer = function(*given, **variables)
            if isinstance(answer, Response):
                return answer
            return Response(answer.model_dump_json(), status=status, mimetype="application/json")

        known = Documented(
            request=request,
            query=query,
            headers=headers,
            response=response,
            status=status,
            media_type=media_type,
            errors=tuple(errors),
        )
        setattr(view, _ATTRIBUTE, known)
        return view

    return decorate


def _deadline() -> AbstractContextManager[None]:
    """The request's deadline, counted from when its body is there."""
    connection = flask_request.environ.get("gunicorn.socket")
    return deadline(services().settings.request_timeout_s, is_abandoned=lambda: _is_closed(connection))


def _is_closed(connection: socket.socket | None) -> bool:
    """Whether the client has closed its end; a server that does not lend the connection cannot tell."""
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True


def documented(view: Callable[..., Any]) -> Documented | None:
    """What `endpoint` knows of a view; None for other views."""
    return getattr(view, _ATTRIBUTE, None)
