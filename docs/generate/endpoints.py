"""The page of endpoints."""

import re
from collections.abc import Iterator

from api.door import doors_of
from api.route import Route, route_of
from api.views import door_views, summary
from docs.generate.application import application
from docs.generate.fields import fields_of, routes, shared
from docs.generate.markdown import table


def endpoints() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "All are available at `/` and under `/api/v1`. `GET /openapi.json` describes them for programs, `GET /docs`"
    yield "for people. Every answer carries `X-Request-Id` (yours, if you sent one) and `X-Response-Time-Ms`. To a"
    yield "request with an API key, `Server-Timing` tells the milliseconds of [each"
    yield "stage](../how-to/monitor.md#times-of-one-request)."
    yield ""
    found = [(name, said, route) for name, (said, route) in routes().items()]
    yield from table(
        ("endpoint", "scope", "what it does"),
        (
            (
                f"[`{name}`](#{_anchor(name)})" if route.request or route.query else f"`{name}`",
                _scope(route),
                said,
            )
            for name, said, route in found
        ),
    )
    for name, _, route in found:
        fields = fields_of(route)
        if fields:
            yield f"## {name}"
            yield ""
            own = [field for field in fields if field not in shared()]
            if own:
                yield from table(("field", "type", "description"), iter(own))
            common = [field for field in fields if field in shared()]
            if common:
                yield f"{'And the' if own else 'The'} [options](options.md): {', '.join(name for name, *_ in common)}."
                yield ""
    yield "## Doors"
    yield ""
    yield "The setting `DOORS` opens them. Each answers as another system does; `GET /openapi.json` has their fields."
    yield ""
    yield from table(
        ("door", "endpoint", "scope", "what it does"),
        (
            (door.title, f"`{method} {path}`", _scope(route_of(view)), summary(view))
            for door in doors_of(application())
            for method, path, view in door_views(application(), door)
        ),
    )


def _scope(route: Route) -> str:
    if route.scope is None:
        return "any" if route.any_key else "none"
    return f"`{route.scope.value}`"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
