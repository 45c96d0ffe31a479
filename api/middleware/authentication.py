"""Who asks, and whether the key allows it: known before anything of the request is read."""

from flask import Flask, current_app, g, request

from api.context import services
from api.middleware.rate_limits import count_wrong_key
from api.route import route_of
from core.exceptions import AmbiguousCredentials, Forbidden, Unauthorized
from core.logging import annotate
from core.scopes import Scope
from schemas.common import Request
from services.access.keys import Caller

_BEARER = "bearer "


def init_callers(app: Flask) -> None:
    """Know who asks the routes of `app` that are not public; nobody gets further without a valid key."""
    app.before_request(_look_up)


def init_scopes(app: Flask) -> None:
    """Let only those into the routes of `app` whose key has the scope that the route states."""
    app.before_request(_admit)


def caller() -> Caller:
    """Who the current request comes from; there is nobody where a route is public."""
    found = g.caller
    assert isinstance(found, Caller)
    return found


def require(scope: Scope) -> None:
    """Raise Forbidden unless the current request's key has the scope."""
    if scope not in caller().scopes:
        raise Forbidden(f"The key lacks the scope {scope}.")


def require_collection(name: str) -> None:
    """Raise Forbidden if the current request's key is for another collection."""
    if caller().collection not in (None, name):
        raise Forbidden("The key is for another collection.")


def confined(given: Request | None) -> Request | None:
    """The request as it is; where the key is for one collection only, made one about that collection.

    Whom it names by an id the store looks for `within` that collection alone.

    Raises:
        Forbidden: the request names another collection.
    """
    collection = caller().collection
    if collection is None or given is None or "collection" not in type(given).model_fields:
        return given
    for named in given.model_dump(include={"collection"}, exclude_unset=True, exclude_none=True).values():
        require_collection(named)
    return given.model_copy(update={"collection": collection})


def _scope() -> Scope | None:
    """What the current request's route needs; None if it is public, none, or only asked what methods it has."""
    if request.url_rule is None or request.method == "OPTIONS":
        return None
    return route_of(current_app.view_functions[request.url_rule.endpoint]).scope


def _look_up() -> None:
    if _scope() is None:
        return
    token = _token()
    try:
        g.caller = services().access.keys.caller(token)
    except Unauthorized:
        if token:  # who sends none does not guess
            count_wrong_key()
        raise
    if g.caller.key_id:
        annotate(key_id=g.caller.key_id)


def _admit() -> None:
    if (scope := _scope()) is not None:
        require(scope)


def _token() -> str | None:
    """The one key of the current request, however often it is there; raises AmbiguousCredentials.

    A header that was sent twice is here once, joined by a comma, which no key has.
    """
    authorization = [part.strip() for part in request.headers.get("Authorization", "").split(",")]
    given = {part.strip() for part in request.headers.get("X-API-Key", "").split(",")}
    if any(_is_bearer(part) for part in authorization):
        given |= {part[len(_BEARER) :].strip() if _is_bearer(part) else part for part in authorization}
    given.discard("")
    if len(given) > 1:
        raise AmbiguousCredentials
    return next(iter(given), None)


def _is_bearer(credentials: str) -> bool:
    return credentials[: len(_BEARER)].lower() == _BEARER
