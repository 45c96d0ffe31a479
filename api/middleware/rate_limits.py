"""How often a key or an address may ask. Flask-Limiter counts."""

import math
import time
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from flask import Flask, Response, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded, RequestLimit
from limits import RateLimitItemPerMinute
from werkzeug.middleware.proxy_fix import ProxyFix

from api.context import services_of
from api.errors import answer_error
from api.route import route_of
from core.exceptions import RateLimited

WRONG_KEYS = RateLimitItemPerMinute(10)

_KEY = "face_service_addresses"
_NETWORK_BITS = 64  # of IPv6, which is what one customer has at least (RFC 6177)


def init_address_limit(app: Flask) -> None:
    """Limit how often an address may ask the routes of `app` that are not public, before its key is looked up."""
    settings = services_of(app).settings
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0)  # type: ignore[method-assign]
    app.extensions[_KEY] = _limiter(app, "address", settings.rate_limit_address)
    app.register_error_handler(RateLimitExceeded, _answer_exceeded)
    app.after_request(_say_what_is_left)


def init_key_limit(app: Flask) -> None:
    """Limit how often a key may ask the routes of `app`; to be called when the caller is known."""
    limit = services_of(app).settings.rate_limit
    if limit:
        _limiter(app, "key", limit)


def count_wrong_key() -> None:
    """Count a wrong key against the current request's address.

    Raises:
        RateLimited: it was one too many; a right one would have opened.
    """
    limiter: Limiter = current_app.extensions[_KEY]
    who = ["wrong key", _address()]
    if not limiter.limiter.hit(WRONG_KEYS, *who):
        g.exceeded = RequestLimit(limiter, WRONG_KEYS, who, breached=True, shared=True)
        raise RateLimited("Too many wrong keys from this address.", retry_after_s=_left(g.exceeded).seconds)


def _limiter(app: Flask, counted: str, limit: str) -> Limiter:
    """Counts, once per request, by address or by key."""
    hits = services_of(app).access.counters
    limiter = Limiter(
        _address if counted == "address" else _caller,
        key_prefix=counted,
        application_limits=[ApplicationLimit(limit)] if limit else [],
        storage_uri=hits.uri,
        storage_options=dict(hits.options),
    )
    limiter.request_filter(_is_free)
    limiter.init_app(app)
    return limiter


def _is_free() -> bool:
    """Whether the current request is never limited: for a public route, or only about what methods there are."""
    if request.url_rule is None or request.method == "OPTIONS":
        return True
    return route_of(current_app.view_functions[request.url_rule.endpoint]).scope is None


def _address() -> str:
    """Whose address it is; of IPv6 the network, since a customer has more addresses than anybody can count."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, _NETWORK_BITS), strict=False))


def _caller() -> str:
    return g.caller.key_id or _address()


def _answer_exceeded(_: RateLimitExceeded) -> Response:
    g.exceeded = next(limit for limit in _limits() if limit.breached)
    return answer_error(RateLimited(retry_after_s=_left(g.exceeded).seconds))


def _limits() -> list[RequestLimit]:
    """Those that the current request was counted for."""
    return [limit for limiter in current_app.extensions["limiter"] for limit in limiter.current_limits]


def _say_what_is_left(response: Response) -> Response:
    """The headers of the limit that was exceeded, or of the one that is nearest."""
    counted = [g.exceeded] if "exceeded" in g else _limits()
    if counted:
        left = min(map(_left, counted))
        response.headers["RateLimit-Limit"] = str(left.amount)
        response.headers["RateLimit-Remaining"] = str(left.requests)
        response.headers["RateLimit-Reset"] = str(left.seconds)
    return response


class _Left(NamedTuple):
    """How many requests are left of an amount, and for how long."""

    requests: int
    amount: int
    seconds: int


def _left(limit: RequestLimit) -> _Left:
    window = limit.window
    return _Left(window.remaining, limit.limit.amount, max(1, math.ceil(window.reset_time - time.time())))
