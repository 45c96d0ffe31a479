"""How long the current request still waits for the database: all its waits together, for a key as for a face."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

DATABASE_S = 5.0  # then it counts as unavailable
_LEAST_S = 0.05  # to find free what is free


@dataclass(slots=True)
class _Patience:
    spent_s: float = 0.0
    waits_since: float | None = None  # of time.monotonic(), while it waits

    def left_s(self) -> float:
        now = time.monotonic()
        return DATABASE_S - self.spent_s - (0.0 if self.waits_since is None else now - self.waits_since)


_current: ContextVar[_Patience | None] = ContextVar("patience", default=None)


def begin_patience() -> Token[_Patience | None]:
    """From here on the waits of this context share DATABASE_S; give the token to `end_patience`."""
    return _current.set(_Patience())


def end_patience(token: Token[_Patience | None]) -> None:
    """Undo `begin_patience`."""
    _current.reset(token)


def is_exhausted() -> bool:
    """Whether the current request has waited long enough; never so outside of requests."""
    current = _current.get()
    return current is not None and current.left_s() <= 0


def left_s(most_s: float = DATABASE_S) -> float:
    """Seconds that a wait may take now: `most_s`, or less in a request that has waited before; above 0."""
    current = _current.get()
    return most_s if current is None else max(_LEAST_S, min(most_s, current.left_s()))


@contextmanager
def waiting() -> Iterator[None]:
    """Count the time of the block as waited."""
    current = _current.get()
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
        current = _current.get()
        if current is not None and current.waits_since is None:
            current.spent_s += time.monotonic() - started
        raise
