"""The decorator of every route: it passes the validated request to a function and returns its answer."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps

from flask import Response
from flask import request as flask_request
from pydantic import BaseModel

from api.context import is_open, services
from api.inputs import read_query, read_request
from api.middleware.authentication import caller, confined, require_one_key
from api.middleware.body_memory import count_body_bytes
from api.middleware.rate_limits import caller_name
from api.route import Route, attach_route
from core.images.warnings import collect_warnings
from core.scopes import granted
from core.timeouts import deadline
from schemas.common import ImageResponse, ImageWarning, Request

View = Callable[..., Response]


def endpoint(route: Route) -> Callable[[Callable[..., BaseModel | Response]], View]:
    """Return a decorator that makes a view of a function.

    The function gets the validated request and the query, as far as the route has them, and returns the route's
    response. The route's path variables are passed by name. The function's docstring is the endpoint's summary.
    """

    def decorate(function: Callable[..., BaseModel | Response]) -> View:
        @wraps(function)
        def view(**variables: str) -> Response:
            given = _read(route)
            scopes = frozenset() if is_open(route) else caller().scopes
            with granted(scopes), _deadline():
                given = [_fetched(route, one) for one in given]
                with _place_in_queue(route), collect_warnings() as warnings:
                    answer = function(*given, **variables)
            return _written(_with_warnings(answer, warnings), route.status)

        attach_route(view, route)
        return view

    return decorate


def _read(route: Route) -> list[Request]:
    """Return the validated request and query, as far as the route has them.

    Runs before queueing: a slow upload must not hold a place in the queue.
    """
    if route.is_queued:  # refuse until the preloaded models of all workers have been loaded once
        services().health.readiness.require_loaded()
    given: list[Request] = []
    if route.request is not None:
        given.append(read_request(route.request))
        require_one_key(given[0])
    if route.query is not None:
        given.append(read_query(route.query))
    if not given and not route.is_probe:
        read_query(Request)  # which has no fields: whatever is there is unknown
    return given if is_open(route) else [confined(one) for one in given]


def _fetched(route: Route, given: Request) -> Request:
    """Return the request with the content of its image URLs: a slow server must not hold a place in the queue."""
    if not route.is_queued:
        return given
    return services().access.fetches.fetched(given, caller=caller_name(), hold=count_body_bytes)


@contextmanager
def _place_in_queue(route: Route) -> Iterator[None]:
    """Hold a place in the queue and wait there for the models, if the route needs them."""
    if not route.is_queued:
        yield
        return
    with services().access.admission.admitted():
        services().health.readiness.wait_until_loaded()
        yield


def _with_warnings(answer: BaseModel | Response, warnings: list[tuple[str, str]]) -> BaseModel | Response:
    if not warnings or not isinstance(answer, ImageResponse):
        return answer
    return answer.model_copy(
        update={"warnings": [ImageWarning(field=field, msg=msg) for field, msg in sorted(warnings)]}
    )


def _written(answer: BaseModel | Response, status: int) -> Response:
    if isinstance(answer, Response):
        return answer
    return Response(answer.model_dump_json(), status=status, mimetype="application/json")


def _deadline() -> AbstractContextManager[None]:
    """Return the deadline of the request, counted from the complete body."""
    connection = flask_request.environ.get("gunicorn.socket")
    return deadline(services().settings.request_timeout_s, is_abandoned=lambda: _is_closed(connection))


def _is_closed(connection: socket.socket | None) -> bool:
    """Return whether the client has closed its end; False if the server does not expose the connection."""
    if connection is None:
        return False
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
