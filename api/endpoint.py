"""The decorator above every route: it validates the body, writes the answer, and holds what OpenAPI says of both."""

import socket
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response
from flask import request as flask_request
from pydantic import BaseModel

from api.deps import services
from api.inputs import read_request
from core.deadline import deadline
from core.exceptions import ServiceError
from schemas.common import Request

_ATTRIBUTE = "documented"


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """What a route takes and gives; its summary is the view's docstring."""

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

    With a request, it is admitted to the queue for the lanes once its body is there. The function's docstring is the
    endpoint's summary; `errors` are those its answers may carry.
    """

    def decorate(function: Callable[..., BaseModel]) -> Callable[[], Response]:
        @wraps(function)
        def view() -> Response:
            if request is None:
                answer = function()
            else:
                body = read_request(request)  # first: a slow upload must not hold a place
                with _deadline(), services().admission.admitted():
                    answer = function(body)
            return Response(answer.model_dump_json(), mimetype="application/json")

        setattr(view, _ATTRIBUTE, Documented(request=request, response=response, errors=tuple(errors)))
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
