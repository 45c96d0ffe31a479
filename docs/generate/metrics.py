"""The page of metrics."""

from collections.abc import Iterator

from core.metrics.definitions import METRICS
from docs.generate.markdown import table

_OVER_WORKERS = {
    "sum": "sum",
    "livesum": "sum of the living ones",
    "livemin": "least of the living ones",
    "livemax": "largest of the living ones",
    "liveall": "one series each, with the label `pid`",
    "read": "of the whole service, read every 15 s at most",
}


def metrics() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "What `GET /metrics` answers. [Monitor](../how-to/monitor.md#metrics) says how to scrape it, and has alerts"
    yield "and a dashboard. No label holds a person, a collection, a path or an address."
    yield ""
    yield "The third column says how the values of several workers become one."
    yield ""
    yield from table(
        ("metric", "type", "workers", "meaning"),
        ((f"`{one.name}`", one.kind, _OVER_WORKERS[one.over_workers], one.help) for one in METRICS),
    )
    yield "## Labels"
    yield ""
    yield from table(
        ("metric", "label", "values"),
        ((f"`{one.name}`", f"`{label}`", f"{said}.") for one in METRICS for label, said in one.labels.items()),
    )
    yield "## Bounds"
    yield ""
    yield "The upper bounds (`le`) of histograms, besides `+Inf`."
    yield ""
    yield from table(
        ("metric", "bounds"),
        ((f"`{one.name}`", ", ".join(f"{bound:g}" for bound in one.bounds)) for one in METRICS if one.bounds),
    )
