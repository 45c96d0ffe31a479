"""How long the current request may still wait, and whether anybody still waits for its answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from core.exceptions import DeadlineExceeded

# How often a waiting request looks whether its client is still there.
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class _Deadline:
    ends_at: float  # of time.monotonic()
    is_abandoned: Callable[[], bool]


_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float, *, is_abandoned: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Give the code inside `seconds`; `is_abandoned` says whether the client has gone away."""
    token = _current.set(_Deadline(time.monotonic() + seconds, is_abandoned))
    try:
        yield
    finally:
        _current.reset(token)


def remaining_s() -> float | None:
    """Seconds that are left to the current request, not below 0; None where there is no deadline."""
    current = _current.get()
    return None if current is None else max(0.0, current.ends_at - time.monotonic())


def check_deadline() -> None:
    """Return while somebody waits for the answer and there is time left.

    Raises:
        DeadlineExceeded: otherwise.
    """
    current = _current.get()
    if current is None:
        return
    if time.monotonic() >= current.ends_at:
        raise DeadlineExceeded
    if current.is_abandoned():
        raise DeadlineExceeded("The client went away.")
