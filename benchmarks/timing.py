"""Times ways of doing the same in turn, so that whatever else the machine does hits all alike."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def in_turn(ways: dict[str, Callable[[], Any]], repetitions: int, *, uncounted: int = 1) -> dict[str, float]:
    """The median milliseconds of each way, after a first time that does not count."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(uncounted + repetitions):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            took[name].append((time.perf_counter() - started) * 1000)
    return {name: statistics.median(times[uncounted:]) for name, times in took.items()}
