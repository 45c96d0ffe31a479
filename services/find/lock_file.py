"""Lock files that are deleted while they are locked."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def locked_file(path: Path) -> int:
    """The descriptor of the locked lock file. Closing it ends the lock.

    Raises:
        BlockingIOError: another process or thread holds the lock.
        OSError: the file cannot be opened.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the file was deleted meanwhile, and another process may hold a new one
