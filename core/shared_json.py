"""A small JSON file that several processes read and change; each change is all there or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.files import atomically_written


class Damaged(ValueError):
    """The file does not hold a JSON object: somebody else has written it."""


class SharedJson:
    """The JSON object in the file at `path`; beside it lies `path` with `.lock`, which holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """What is in it; nothing where there is no file.

        Raises:
            Damaged: it is no JSON object.
            OSError: it cannot be read.
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
        """What is in it, to be changed in place; one at a time of all processes. With `anew` damage counts as nothing.

        It is on the disk when the block ends without an error.

        Raises:
            Damaged: as `read`, unless `anew`.
            OSError: it cannot be written; it is as it was.
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
