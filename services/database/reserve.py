"""Disk space that is kept beside a SQLite database for deletions, so that a full disk does not stop them.

A deletion overwrites what it deletes, and its journal first takes a copy of all pages that it changes.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# The pages of some faces without pictures, and of the indexes, events and other rows that a deletion changes.
MIN_BYTES = 4 << 20

_SCARCE = 4  # the reserve is released if less than this many times its size is free


class Reserve:
    """A file of at least MIN_BYTES. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def bytes(self) -> int:
        """The size of the file; 0 if there is none."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def keep(self, bytes_: int = MIN_BYTES) -> None:
        """Reserve at least this many bytes, unless the disk is full, or a deletion uses the reserve now."""
        if self.bytes < bytes_:
            with suppress(OSError), self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB) as descriptor:
                _try_to_allocate(descriptor, bytes_)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Leave the reserve to the block if the disk has little space."""
        size = self.bytes
        with ExitStack() as stack:
            with suppress(OSError):
                disk = os.statvfs(self._path.parent)
                if size and disk.f_bavail * disk.f_frsize <= _SCARCE * size:
                    descriptor = stack.enter_context(self._locked(fcntl.LOCK_EX))
                    os.ftruncate(descriptor, 0)
                    stack.callback(_try_to_allocate, descriptor, size)
            yield

    @contextmanager
    def _locked(self, how: int) -> Iterator[int]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield descriptor
        finally:
            os.close(descriptor)


def _try_to_allocate(descriptor: int, size: int) -> None:
    before = os.fstat(descriptor).st_size
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:  # the disk is full, or cannot do that
        os.ftruncate(descriptor, before)  # frees what of it was allocated
