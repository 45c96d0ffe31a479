"""The log of deletions beside the database, which deletes again what a restored backup brings back.

A deletion is appended before its transaction is committed. So the log has every deletion that was acknowledged. It may
also have one that a crash or an error stopped: then the client got no receipt.

A line of JSON is a deletion. It holds its time and ids, and nothing else.
"""

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from core.exceptions import ServiceUnavailable, StorageFull
from core.files import sync_folder

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Forget(BaseModel):
    """A deletion: the time of its event, the faces, and the person if the person was deleted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: AwareDatetime
    person_id: UUID | None = None
    face_ids: tuple[UUID, ...] = ()


class ForgetLog:
    """The log at a path. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, forgets: Sequence[Forget]) -> None:
        """Append the deletions; they are on disk when this returns.

        Raises:
            StorageFull, ServiceUnavailable: the log cannot be written.
        """
        try:
            self._append(b"".join(one.model_dump_json(exclude_defaults=True).encode() + b"\n" for one in forgets))
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull from error
            raise ServiceUnavailable(
                f"The log of deletions in DATA_PATH cannot be written: {error.strerror}. Nothing was deleted."
            ) from error

    def _append(self, lines: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", 0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file.fileno()).st_size
            is_cut_off = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"  # by a crash
            rest = memoryview(b"\n" + lines if is_cut_off else lines)
            try:
                while rest:
                    rest = rest[os.write(file.fileno(), rest) :]
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), size)
                raise
            if not size:
                sync_folder(self.path.parent)

    def read(self) -> list[Forget]:
        """The deletions, oldest first; none if there is no log.

        A line that is no deletion is left out: a crash cut it off before its deletion was committed.

        Raises:
            OSError: the log cannot be read.
        """
        try:
            return self.parse(self.path.read_bytes())
        except FileNotFoundError:
            return []

    @staticmethod
    def parse(content: bytes) -> list[Forget]:
        """The deletions in the content of a log, as `read`."""
        return [one for line in content.splitlines() if (one := _parsed(line)) is not None]


def _parsed(line: bytes) -> Forget | None:
    try:
        return Forget.model_validate_json(line)
    except ValidationError:
        return None
