"""Limits the requests per API key and per address. Flask-Limiter counts them."""

import math
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from flask import Flask, Response, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded, RequestLimit
from limits import RateLimitItemPerMinute

from api.context import is_open, services_of
from api.errors import answer_error
from api.route import Route, route_of
from core.exceptions import RateLimited

WRONG_KEYS = RateLimitItemPerMinute(10)

_KEY = "face_service_addresses"
_NO_ROUTE = "no route"  # Flask-Limiter counts no request without an endpoint
_NETWORK_BITS = 64  # of IPv6: a customer has at least one such network (RFC 6177)


def init_address_limit(app: Flask) -> None:
    """Limit the requests of an address to `app`, before its API key is looked up.

    Unknown paths, methods and public routes count; the probes of monitoring do not.
    """
    settings = services_of(app).settings
    app.extensions[_KEY] = _limiter(app, "address", settings.rate_limit_address, _address, _is_probe)
    app.register_error_handler(RateLimitExceeded, _answer_exceeded)
    app.after_request(_say_what_is_left)


def init_key_limit(app: Flask) -> None:
    """Limit the requests of an API key to the routes of `app`. Call it after `init_callers`."""
    limit = services_of(app).settings.rate_limit
    if limit:
        _limiter(app, "key", limit, caller_name, _is_public)


def count_wrong_key() -> None:
    """Count a wrong API key against the current request's address.

    Raises:
        RateLimited: the address has sent too many wrong keys. A valid key would still be accepted.
    """
    _require_few_wrong_keys(_wrong_keys().limiter.hit)


def require_few_wrong_keys() -> None:
    """Raise RateLimited as `count_wrong_key`, without counting."""
    _require_few_wrong_keys(_wrong_keys().limiter.test)


def _wrong_keys() -> Limiter:
    limiter: Limiter = current_app.extensions[_KEY]
    return limiter


def _require_few_wrong_keys(is_allowed: Callable[..., bool]) -> None:
    who = ["wrong key", _address()]
    if not is_allowed(WRONG_KEYS, *who):
        g.exceeded = RequestLimit(_wrong_keys(), WRONG_KEYS, who, breached=True, shared=True)
        raise RateLimited(
            "Too many wrong API keys from this address. Retry later.", retry_after_s=_left(g.exceeded).seconds
        )


def _limiter(app: Flask, counted: str, limit: str, who: Callable[[], str], is_exempt: Callable[[], bool]) -> Limiter:
    """Return a limiter that counts each request once, by address or by API key, unless the request is exempt."""
    counters = services_of(app).access.counters
    limiter = Limiter(
        who,
        key_prefix=counted,
        request_identifier=lambda: request.endpoint or _NO_ROUTE,
        application_limits=[ApplicationLimit(limit)] if limit else [],
        storage_uri=counters.uri,
        storage_options=dict(counters.options),
    )
    limiter.request_filter(is_exempt)
    limiter.init_app(app)
    return limiter


def _route() -> Route | None:
    """Return the route of the current request, or None if it has none."""
    return None if request.endpoint is None else route_of(current_app.view_functions[request.endpoint])


def _is_public() -> bool:
    """Return whether the current request is for a public or unknown route, or is an OPTIONS request."""
    route = _route()
    return route is None or is_open(route) or request.method == "OPTIONS"


def _is_probe() -> bool:
    route = _route()
    return route is not None and route.is_probe


def _address() -> str:
    """Return the client's address; for IPv6 its network, because a customer has too many addresses to count singly."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, _NETWORK_BITS), strict=False))


def caller_name() -> str:
    """Return what limits of a caller are counted by: the ID of the API key, or without one the client's address."""
    return g.caller.key_id or _address()


def _answer_exceeded(_: RateLimitExceeded) -> Response:
    g.exceeded = next(limit for limit in _limits() if limit.breached)
    return answer_error(RateLimited(retry_after_s=_left(g.exceeded).seconds))


def _limits() -> list[RequestLimit]:
    """Return the limits that counted the current request."""
    return [limit for limiter in current_app.extensions["limiter"] for limit in limiter.current_limits]


def _say_what_is_left(response: Response) -> Response:
    """Add the headers of the exceeded limit, or else of the limit with the fewest requests left."""
    counted = [g.exceeded] if "exceeded" in g else _limits()
    if counted:
        left = min(map(_left, counted))
        response.headers["RateLimit-Limit"] = str(left.amount)
        response.headers["RateLimit-Remaining"] = str(left.requests)
        response.headers["RateLimit-Reset"] = str(left.seconds)
    return response


class _Left(NamedTuple):
    """Requests left, the limit they belong to, and the seconds until it resets."""

    requests: int
    amount: int
    seconds: int


def _left(limit: RequestLimit) -> _Left:
    window = limit.window
    return _Left(window.remaining, limit.limit.amount, max(1, math.ceil(window.reset_time - time.time())))
