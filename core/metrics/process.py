"""Notes the memory of this process for the metrics."""

import os
import time
from pathlib import Path
from threading import Lock

from core.metrics.definitions import RESIDENT

_EVERY_S = 1.0
_STATM = Path("/proc/self/statm")  # proc(5): the second number is the resident pages


class _Memory:
    def __init__(self) -> None:
        self._noted_at = -_EVERY_S
        self._lock = Lock()

    def note(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._noted_at < _EVERY_S:
                return
            self._noted_at = now
        if _STATM.exists():
            RESIDENT.set(int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))


_memory = _Memory()


def note_memory() -> None:
    """Note the resident memory of this process, once a second at most."""
    _memory.note()
