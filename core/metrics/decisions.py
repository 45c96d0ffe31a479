"""Counts decisions about faces."""

import math

from core.metrics.definitions import DECISIONS, MATCH_DISTANCE


def count_decision(decision: str, *, model: str, metric: str, distance: float | None) -> None:
    """Count a decision with the distance of the nearest face, which may be None or infinite without one."""
    DECISIONS.labels(decision).inc()
    if distance is not None and math.isfinite(distance):
        MATCH_DISTANCE.labels(model, metric, decision).observe(distance)
