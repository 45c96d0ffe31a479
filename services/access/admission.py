"""Admission control: accepts the requests that can run or wait, and rejects the rest immediately."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.exceptions import Overloaded

RETRY_AFTER_S = 1

# The C library keeps much of what large bodies took. To return it takes 5 to 30 ms, so not after each of them.
_TRIM_BYTES = 8_000_000


class Admission:
    """Admits at most `limit` requests at a time."""

    def __init__(self, limit: int) -> None:
        self._places = threading.BoundedSemaphore(limit)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A place until the block ends.

        Raises:
            Overloaded: there is no place; raised without waiting.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded(retry_after_s=RETRY_AFTER_S)
        try:
            yield
        finally:
            self._places.release()


class BodyBudget:
    """The bytes that the bodies of all requests may have together, each until its request is answered."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._held = 0
        self._released = 0  # since `release` last returned True

    def share(self) -> "BodyShare":
        """Return the share of one request, which holds no bytes yet."""
        return BodyShare(self)

    def add(self, share: "BodyShare", size: int, coming: int) -> bool:
        """Add `size` bytes to the share. False if they and those still `coming` exceed the limit: it then has none.

        A share that holds all bytes may always grow, so that one request is admitted whatever its size. A refused share
        gives its bytes back at once, so that of several uploads that exceed the limit together one gets through.
        """
        with self._lock:
            is_alone = self._held == share.size
            fits = is_alone or self._held + size + coming <= self._limit
            change = size if fits else -share.size
            self._held += change
            share.size += change
            return fits

    def release(self, share: "BodyShare") -> bool:
        """Take all bytes from the share. True if so many were released that their memory is worth returning."""
        with self._lock:
            self._held -= share.size
            self._released += share.size
            share.size = 0
            is_worth_it = self._released >= _TRIM_BYTES
            self._released = 0 if is_worth_it else self._released
            return is_worth_it


class BodyShare:
    """The bytes that one request holds of the budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self.size = 0

    def add(self, size: int, *, coming: int = 0) -> None:
        """Hold `size` more bytes. Those still `coming` are not held: a slow upload holds what it has sent.

        Raises:
            Overloaded: there is no room for them; raised without waiting. The share then holds nothing.
        """
        if not self._budget.add(self, size, coming):
            raise Overloaded(retry_after_s=RETRY_AFTER_S)

    def release(self) -> bool:
        """Give all bytes back. Return whether memory should now be returned to the system."""
        return self._budget.release(self)
