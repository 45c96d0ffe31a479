"""The folder in memory in which the workers of a server keep the values of their metrics, one file a kind and worker.

It imports prometheus-client late: the library chooses at its import whether values are in files.
"""

import atexit
import fcntl
import os
import shutil
import struct
import tempfile
from contextlib import suppress
from pathlib import Path

from core.files import locked

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own
_MEMORY = Path("/dev/shm")  # a tmpfs on every Linux, in containers too  # noqa: S108
_PREFIX = "face-service-metrics-"
_ROOM = 4  # free bytes per byte of a file whose values are moved
_ENDED = "ended"  # in place of the process number in the files with the values of ended workers


def metrics_folder() -> Path | None:
    """Return the folder of this server; None in a process whose values are in its own memory."""
    folder = os.environ.get(_VARIABLE)
    return Path(folder) if folder else None


class MetricsFolder:
    """A new, empty folder, until this process ends. Make it before anything imports prometheus-client.

    The folders of servers that were killed are deleted.
    """

    def __init__(self) -> None:
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        _delete_left(parent)
        draft = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
        # As long as the server lives, it holds the lock that tells others so. The workers inherit it.
        self._lock = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = draft.rename(parent / draft.name.removeprefix("."))
        self._values = self.path / "values"
        self._values.mkdir()
        os.environ[_VARIABLE] = str(self._values)
        self._owner = os.getpid()
        atexit.register(self._delete)

    def end_worker(self, process_id: int) -> None:
        """Take a worker that has ended, however it ended, out of all gauges, and keep what it has counted."""
        from prometheus_client.multiprocess import mark_process_dead

        with locked(self._values):
            mark_process_dead(process_id, str(self._values))
            for kind in ("counter", "histogram"):
                file = self._values / f"{kind}_{process_id}.db"
                # Without room, a write to memory that is mapped ends the process. The file itself still counts.
                if file.exists() and _free_bytes(self._values) > _ROOM * file.stat().st_size:
                    _add_up(file, self._values / f"{kind}_{_ENDED}.db")
                    file.unlink()

    def _delete(self) -> None:
        if os.getpid() == self._owner:  # a worker inherits this function
            shutil.rmtree(self.path, ignore_errors=True)


def _add_up(file: Path, total: Path) -> None:
    """Add the values of a worker to those of `total`."""
    from prometheus_client.mmap_dict import MmapedDict

    try:
        values = list(MmapedDict.read_all_values_from_file(str(file)))
    except (struct.error, RuntimeError):  # the worker was killed while it made the file
        return
    ended = MmapedDict(str(total))
    for key, value, _, _ in values:
        ended.write_value(key, ended.read_value(key)[0] + value, 0.0)
    ended.close()


def _free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _delete_left(parent: Path) -> None:
    """Delete the folders of this user whose servers have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or one that is in use
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)
