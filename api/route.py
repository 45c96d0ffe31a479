"""What a route says of itself: what it takes and gives, and who may ask."""

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
    """What a route takes and gives; its summary is the view's docstring.

    A key needs the `scope`; without one the route is public. It takes a `request` body, or a `query`, or neither. With
    a request it waits in the queue for the lanes, unless it `infers` nothing. Without a `response` there is no body, or
    one that the service does not validate. `headers` are those it reads and `answer_headers` those it sets, with what
    they mean; `errors` are those its answers may carry beside those about keys.
    """

    scope: Scope | None
    response: type[BaseModel] | None
    request: type[Request] | None = None
    query: type[Request] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    media_type: str = "application/json"
    infers: bool = True
    errors: tuple[type[ServiceError], ...] = ()

    @property
    def is_queued(self) -> bool:
        """Whether its requests need a place in the queue for the lanes."""
        return self.request is not None and self.infers


def attach_route(view: Callable[..., Any], route: Route) -> None:
    """Have `route_of` find this of the view."""
    setattr(view, _ATTRIBUTE, route)


def route_of(view: Callable[..., Any]) -> Route:
    """The route of a view; every one of the service's was made by `api.endpoint.endpoint`, or it fails."""
    route = getattr(view, _ATTRIBUTE)
    assert isinstance(route, Route)
    return route
