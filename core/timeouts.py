"""The deadline and the database time budget of the current request."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

from core.exceptions import DeadlineExceeded

DATABASE_S = 5.0  # after this wait the database counts as unavailable
_MIN_S = 0.05  # enough to obtain a free resource

# Interval at which a waiting request checks whether its client is still connected.
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class _Deadline:
    ends_at: float  # on the clock time.monotonic()
    is_abandoned: Callable[[], bool]


_current: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float, *, is_abandoned: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Give the block a deadline in `seconds`; `is_abandoned` tells whether the client has disconnected."""
    token = _current.set(_Deadline(time.monotonic() + seconds, is_abandoned))
    try:
        yield
    finally:
        _current.reset(token)


def remaining_s() -> float | None:
    """Return the seconds left to the current request, at least 0; None if there is no deadline."""
    current = _current.get()
    return None if current is None else max(0.0, current.ends_at - time.monotonic())


def check_deadline() -> None:
    """Return if the current request has time left and its client is still connected.

    Raises:
        DeadlineExceeded: the deadline has passed, or the client has disconnected.
    """
    current = _current.get()
    if current is None:
        return
    if time.monotonic() >= current.ends_at:
        raise DeadlineExceeded
    if current.is_abandoned():
        raise DeadlineExceeded("The client closed the connection.")


@dataclass(slots=True)
class _Budget:
    spent_s: float = 0.0
    waits_since: float | None = None  # on the clock time.monotonic(), while it waits

    def left_s(self) -> float:
        now = time.monotonic()
        return DATABASE_S - self.spent_s - (0.0 if self.waits_since is None else now - self.waits_since)


_budget: ContextVar[_Budget | None] = ContextVar("database_time_budget", default=None)


def begin_database_budget() -> Token[_Budget | None]:
    """Start a database time budget of DATABASE_S for this context. Pass the returned token to `end_database_budget`."""
    return _budget.set(_Budget())


def end_database_budget(token: Token[_Budget | None]) -> None:
    """Undo `begin_database_budget`."""
    _budget.reset(token)


def is_budget_exhausted() -> bool:
    """Return whether the current request has used up its budget; always False outside requests."""
    current = _budget.get()
    return current is not None and current.left_s() <= 0


def budget_left_s(most_s: float = DATABASE_S) -> float:
    """Return the seconds a wait may take now: `most_s`, or less if the request has waited before; always above 0."""
    current = _budget.get()
    return most_s if current is None else max(_MIN_S, min(most_s, current.left_s()))


@contextmanager
def database_wait() -> Iterator[None]:
    """Charge the time of the block to the budget."""
    current = _budget.get()
    if current is None or current.waits_since is not None:  # the outer block charges it
        yield
        return
    current.waits_since = time.monotonic()
    try:
        yield
    finally:
        current.spent_s += time.monotonic() - current.waits_since
        current.waits_since = None


@contextmanager
def database_work() -> Iterator[None]:
    """Charge the time of the block, in which the database works for the request, only if the block fails."""
    started = time.monotonic()
    try:
        yield
    except Exception:
        current = _budget.get()
        if current is not None and current.waits_since is None:
            current.spent_s += time.monotonic() - started
        raise
