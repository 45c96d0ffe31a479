"""Turns of builds, across processes: a build pauses while a more urgent one runs."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

_PAUSE_S = 0.05  # between two checks whether a more urgent build still runs


class Urgency(IntEnum):
    """How urgent a build is; the smallest number comes first."""

    PERMANENT = 0  # the default index, and those made by commands
    REFRESH = 1  # an update of an index that a request built
    FIRST = 2  # the first build of an index on request


class BuildTurns:
    """Locks by urgency in a folder. A lock ends with its process. Safe to call from several threads.

    Where the folder cannot be written, no process waits for another.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def taken(self, urgency: Urgency) -> Iterator[bool]:
        """Whether the block may build. First builds on request run one at a time; others run at the same time."""
        alone = fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            descriptor = self._locked(urgency, alone if urgency is Urgency.FIRST else fcntl.LOCK_SH)
        except BlockingIOError:
            yield False
            return
        except OSError:
            yield True
            return
        try:
            yield True
        finally:
            os.close(descriptor)

    def wait(self, urgency: Urgency) -> None:
        """Return as soon as no build of greater urgency runs."""
        while any(self._is_taken(other) for other in Urgency if other < urgency):
            time.sleep(_PAUSE_S)

    def _is_taken(self, urgency: Urgency) -> bool:
        try:
            os.close(self._locked(urgency, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def _locked(self, urgency: Urgency, operation: int) -> int:
        """The descriptor of the locked file. Closing it ends the lock."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f".{urgency.name.lower()}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, operation)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
