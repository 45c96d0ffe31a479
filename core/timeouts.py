"""How long the current request may still wait, and whether anybody still waits for its answer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

from core.exceptions import DeadlineExceeded

DATABASE_S = 5.0  # then it counts as unavailable
_LEAST_S = 0.05  # to find free what is free

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


@dataclass(slots=True)
class _Patience:
    spent_s: float = 0.0
    waits_since: float | None = None  # of time.monotonic(), while it waits

    def left_s(self) -> float:
        now = time.monotonic()
        return DATABASE_S - self.spent_s - (0.0 if self.waits_since is None else now - self.waits_since)


_budget: ContextVar[_Patience | None] = ContextVar("patience", default=None)


def begin_patience() -> Token[_Patience | None]:
    """From here on the waits of this context share DATABASE_S; give the token to `end_patience`."""
    return _budget.set(_Patience())


def end_patience(token: Token[_Patience | None]) -> None:
    """Undo `begin_patience`."""
    _budget.reset(token)


def is_exhausted() -> bool:
    """Whether the current request has waited long enough; never so outside of requests."""
    current = _budget.get()
    return current is not None and current.left_s() <= 0


def left_s(most_s: float = DATABASE_S) -> float:
    """Seconds that a wait may take now: `most_s`, or less in a request that has waited before; above 0."""
    current = _budget.get()
    return most_s if current is None else max(_LEAST_S, min(most_s, current.left_s()))


@contextmanager
def waiting() -> Iterator[None]:
    """Count the time of the block as waited."""
    current = _budget.get()
    if current is None or current.waits_since is not None:  # the outer block counts it
        yield
        return
    current.waits_since = time.monotonic()
    try:
        yield
    finally:
        current.spent_s += time.monotonic() - current.waits_since
        current.waits_since = None


@contextmanager
def working() -> Iterator[None]:
    """Count the time of the block, in which the database works for the request, only if that comes to nothing."""
    started = time.monotonic()
    try:
        yield
    except Exception:
        current = _budget.get()
        if current is not None and current.waits_since is None:
            current.spent_s += time.monotonic() - started
        raise
