"""The description of a route: its request, its response and the scope it requires."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from core.exceptions import ServiceError
from core.scopes import Scope
from schemas.common import Request

_ATTRIBUTE = "route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The request and response of a route; its summary is the view's docstring.

    An API key needs the `scope`. A route without a scope is public, or answers `any_key`. The key is in a header, or in
    the path's variable `key_variable`. A route takes a `request` body, a `query`, both or neither. Whatever else the
    query string holds is an error. A route with a request waits in the queue for the lanes, unless it `infers` nothing.
    So does a route that `decodes` a stored photo. Without a `response` there is no body, or the service does not
    validate it. A route `draws` if it also answers with the image as PNG. `headers` are the request headers it reads
    and `answer_headers` the response headers it sets, each with its meaning. Monitoring asks a route that `is_probe`:
    no rate limit applies to it, and it ignores the query string. A route that is not `in_document` serves the OpenAPI
    document, a page or the metrics: it is for people and monitoring, not for clients made from the document. `errors`
    are its errors, except those about API keys.
    """

    scope: Scope | None
    any_key: bool = False
    response: type[BaseModel] | None
    request: type[Request] | None = None
    query: type[Request] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    media_type: str = "application/json"
    infers: bool = True
    decodes: bool = False
    draws: bool = False
    is_probe: bool = False
    key_variable: str = ""
    in_document: bool = True
    errors: tuple[type[ServiceError], ...] = ()

    @property
    def is_public(self) -> bool:
        """Whether requests of this route need no API key."""
        return self.scope is None and not self.any_key

    @property
    def is_queued(self) -> bool:
        """Whether requests of this route need a place in the queue for the lanes."""
        return self.decodes or (self.request is not None and self.infers)


def attach_route(view: Callable[..., Any], route: Route) -> None:
    """Attach the route to the view, for `route_of`."""
    setattr(view, _ATTRIBUTE, route)


def route_of(view: Callable[..., Any]) -> Route:
    """Return the route of a view; fail if `api.endpoint.endpoint` did not make the view."""
    route = getattr(view, _ATTRIBUTE)
    assert isinstance(route, Route)
    return route
