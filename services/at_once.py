"""Two parts of a request at the same time: searching faces keeps one core busy, and there are more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def at_once(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    """What both return; `second` runs on another thread, under this one's deadline and log line.

    Raises:
        Whatever they raise; of two errors that of `first`.
    """
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(copy_context().run, second)
        return first(), other.result()
