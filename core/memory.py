"""Memory that is free inside this process, given back to the system."""

import ctypes
from contextlib import suppress


def release_unused() -> None:
    """Give back what has been freed, for which glibc alone waits until nothing behind it is in use."""
    with suppress(AttributeError):  # another C library has no such function
        ctypes.CDLL(None).malloc_trim(0)
