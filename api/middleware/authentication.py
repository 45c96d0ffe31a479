"""Authenticates the caller and checks the scope, before the body of a request is read or, at one door, decoded."""

from flask import Flask, current_app, g, request

from api.context import is_open, services
from api.inputs import has_form, read_key
from api.middleware.rate_limits import count_wrong_key, require_few_wrong_keys
from api.route import Route, route_of
from core.exceptions import AmbiguousCredentials, Forbidden, Unauthorized
from core.logging import annotate
from core.scopes import granted, require
from schemas.common import Request
from services.access.keys import Caller

_BEARER = "bearer "


def init_callers(app: Flask) -> None:
    """Identify the caller of each non-public route of `app`; refuse a request without a valid API key."""
    app.before_request(_look_up)


def init_scopes(app: Flask) -> None:
    """Refuse a request to a route of `app` if its API key lacks the route's scope."""
    app.before_request(_admit)


def caller() -> Caller:
    """Return the caller of the current request; fail on a public route."""
    found = g.caller
    assert isinstance(found, Caller)
    return found


def sent_key() -> str | None:
    """Return the API key of the current request, even if it is repeated; raise AmbiguousCredentials for two keys.

    A header sent twice arrives as one, joined by a comma. No key contains a comma.
    """
    authorization = [part.strip() for part in request.headers.get("Authorization", "").split(",")]
    given = {part.strip() for part in request.headers.get("X-API-Key", "").split(",")}
    if any(_is_bearer(part) for part in authorization):
        given |= {part[len(_BEARER) :].strip() if _is_bearer(part) else part for part in authorization}
    given.discard("")
    if len(given) > 1:
        raise AmbiguousCredentials
    return next(iter(given), None)


def require_one_key(given: Request) -> None:
    """Raise AmbiguousCredentials if the current request has another API key in its form than in its headers."""
    if given.key_field is not None and len({sent_key(), getattr(given, given.key_field)} - {None}) > 1:
        raise AmbiguousCredentials


def require_collection(name: str) -> None:
    """Raise Forbidden if the current request's API key is for another collection."""
    if caller().collection not in (None, name):
        raise Forbidden("The API key is for another collection. Use a key for this collection.")


def confined(given: Request) -> Request:
    """Return the request, limited to the collection of the API key if the key has one.

    The database looks up an ID of the request only `within` that collection.

    Raises:
        Forbidden: the request names another collection.
    """
    collection = caller().collection
    if collection is None or "collection" not in type(given).model_fields:
        return given
    for named in given.model_dump(include={"collection"}, exclude_unset=True, exclude_none=True).values():
        require_collection(named)
    return given.model_copy(update={"collection": collection})


def _closed_route() -> Route | None:
    """Return the current route; None if it is public or unknown, or for an OPTIONS request."""
    if request.url_rule is None or request.method == "OPTIONS":
        return None
    route = route_of(current_app.view_functions[request.url_rule.endpoint])
    return None if is_open(route) else route


def _look_up() -> None:
    route = _closed_route()
    if route is None:
        return
    token = (request.view_args or {})[route.key_variable] if route.key_variable else sent_key()
    reads_body = token is None and _has_key_in_form(route)
    if reads_body:
        token = _key_of_form(route)
    try:
        g.caller = services().access.keys.caller(token)
    except Unauthorized:
        if token or reads_body:  # a request without a key is no guess, unless its body was read
            count_wrong_key()
        raise
    if g.caller.key_id:
        annotate(key_id=g.caller.key_id)


def _has_key_in_form(route: Route) -> bool:
    """Return whether clients of the route send a key in the form, and the current request needs one."""
    has_field = route.request is not None and route.request.key_field is not None
    return has_field and has_form() and not services().access.keys.is_open()


def _key_of_form(route: Route) -> str | None:
    """Return the API key in the form of the current request, unless the address has sent too many wrong keys."""
    assert route.request is not None, "the route has a form"
    require_few_wrong_keys()
    return read_key(route.request)


def _admit() -> None:
    route = _closed_route()
    if route is not None and route.scope is not None:
        with granted(caller().scopes):
            require(route.scope)


def _is_bearer(credentials: str) -> bool:
    return credentials[: len(_BEARER)].lower() == _BEARER
