"""The decorator above every route: it validates the body, writes the answer, and holds what OpenAPI says of both."""

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from types import MappingProxyType

from flask import Response
from flask import request as flask_request
from pydantic import BaseModel

from api.context import services
from api.inputs import read_query, read_request
from api.middleware.authentication import confined
from api.route import Documented, document
from core.exceptions import ServiceError
from core.scopes import Scope
from core.timeouts import deadline
from schemas.common import Request


def endpoint(
    *,
    scope: Scope | None,
    response: type[BaseModel] | None,
    request: type[Request] | None = None,
    query: type[Request] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    answer_headers: Mapping[str, str] = MappingProxyType({}),
    status: int = 200,
    media_type: str = "application/json",
    infers: bool = True,
    errors: Sequence[type[ServiceError]] = (),
) -> Callable[[Callable[..., BaseModel | Response]], Callable[..., Response]]:
    """Make a function of the validated request (or query, or of nothing) that returns a `response` model a Flask view.

    A key needs the `scope`; without one the route is public. The variables of the route's path are handed on by name.
    With a request it is admitted to the queue for the lanes once its body is there, unless it `infers` nothing. The
    function's docstring is the endpoint's summary; `headers` are those it reads and `answer_headers` those it
    sets, with what they mean, and `errors` those its answers may carry beside those about keys.
    """

    def decorate(function: Callable[..., BaseModel | Response]) -> Callable[..., Response]:
        @wraps(function)
        def view(**variables: str) -> Response:
            given: Request | None = None
            in_queue = request is not None and infers
            if in_queue:  # not before the preloaded models are there
                services().health.readiness.require_loaded()
            if request is not None:
                given = read_request(request)  # first: a slow upload must not hold a place
            elif query is not None:
                given = read_query(query)
            if scope is not None:
                given = confined(given, variables)
            with _deadline(), services().access.admission.admitted() if in_queue else nullcontext():
                answer = function(**variables) if given is None else function(given, **variables)
            if isinstance(answer, Response):
                return answer
            return Response(answer.model_dump_json(), status=status, mimetype="application/json")

        known = Documented(
            scope=scope,
            request=request,
            query=query,
            headers=headers,
            answer_headers=answer_headers,
            response=response,
            status=status,
            media_type=media_type,
            errors=tuple(errors),
        )
        document(view, known)
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
