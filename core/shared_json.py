"""A small JSON file shared by several processes; each change is written completely or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.files import atomically_written


class Damaged(ValueError):
    """Raised when the file does not hold a JSON object, because something other than the service wrote it."""


class SharedJson:
    """The JSON object in the file at `path`; an empty lock file, `path` with `.lock`, is next to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """Return the object; empty if there is no file.

        Raises:
            Damaged: the file does not hold a JSON object.
            OSError: the file cannot be read.
        """
        try:
            content = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Damaged(f"{self._path.name} is damaged") from error
        if not isinstance(content, dict):
            raise Damaged(f"{self._path.name} is damaged")
        return content

    @contextmanager
    def changing(self, *, anew: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the object to change in place. With `anew` a damaged file counts as empty.

        Only one process at a time is in the block. The change is on disk when the block ends without an error.

        Raises:
            Damaged: as `read`, unless `anew`.
            OSError: the file cannot be written; it is unchanged.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                content = self.read()
            except Damaged:
                if not anew:
                    raise
                content = {}
            before = json.dumps(content)
            yield content
            after = json.dumps(content)
            if after != before:
                with atomically_written(self._path) as file:
                    file.write(after.encode())
        finally:
            os.close(lock)
