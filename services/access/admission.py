"""Admission control: accepts the requests that can run or wait, and rejects the rest immediately."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.exceptions import Overloaded

RETRY_AFTER_S = 1


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
