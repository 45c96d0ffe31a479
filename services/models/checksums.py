"""The expected bytes of each weight file: as published, or as first recorded on this machine.

`weights.lock` records files without published checksums. It lies in the folder of the files, so it moves with them, and
all services that share the folder share it. It detects damage, and a source that changed its file. It does not detect
changes by anybody who can write to the folder. The cache of hashes lies elsewhere, because the folder may be read-only.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import stat_result
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.exceptions import CommandError
from core.files import Signature, atomically_written, locked, signature_of
from services.models.catalogue.types import WeightFile


class UnreadableLock(CommandError):
    """`weights.lock` is damaged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The bytes of a file: their number, and their SHA-256 in hexadecimal."""

    size: int
    sha256: str


logger = logging.getLogger(__name__)

LOCK_NAME = "weights.lock"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_MODE = 0o644  # as the files themselves


class _Recorded(BaseModel):
    """A file as first recorded; `accepted` if the operator trusts it over the published checksums."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    sha256: Sha256
    accepted: bool = False


class _Lock(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    files: dict[str, _Recorded] = {}


class WeightRecords:
    """The records in `weights.lock` of a folder, and the expected bytes of each file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / LOCK_NAME

    def expected(self, file: WeightFile) -> FileDigest | None:
        """The expected bytes of `file`; None if they are neither published nor recorded.

        Raises:
            UnreadableLock: `weights.lock` is damaged.
        """
        recorded = self._read().files.get(file.name)
        if file.size is not None and file.sha256 is not None and not (recorded and recorded.accepted):
            return FileDigest(file.size, file.sha256)
        return None if recorded is None else FileDigest(recorded.size, recorded.sha256)

    def record(self, digests: Mapping[str, FileDigest], *, accepted: bool = False) -> None:
        """Expect these bytes of the named files from now on; safe for several processes.

        Raises:
            UnreadableLock: as `expected`.
            OSError: the folder is not writable.
        """
        with locked(self._folder):
            lock = self._read()
            for name, digest in digests.items():
                lock.files[name] = _Recorded(size=digest.size, sha256=digest.sha256, accepted=accepted)
            lock.files = dict(sorted(lock.files.items()))
            with atomically_written(self._path, mode=_MODE) as file:
                file.write(lock.model_dump_json(indent=1).encode() + b"\n")

    def _read(self) -> _Lock:
        try:
            return _Lock.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return _Lock()
        except ValidationError:
            raise UnreadableLock(
                f"{LOCK_NAME} is damaged: restore it, or delete it to record the files again"
            ) from None


class _Hashed(BaseModel):
    """A hashed file: its signature and inode at that time, and the hash."""

    model_config = ConfigDict(frozen=True)

    signature: Signature
    inode: int
    sha256: Sha256


class _Cache(BaseModel):
    files: dict[str, _Hashed] = {}


class DigestCache:
    """The hashes of unchanged files, by path; the file `path` keeps them between processes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._cache = _Cache()
        if path is not None:
            with suppress(OSError, ValidationError):  # hashing once more does no harm
                self._cache = _Cache.model_validate_json(path.read_bytes())

    def get(self, path: Path) -> str | None:
        """The hash of the file at `path`; None if the file has changed since it was hashed.

        Raises:
            OSError: there is no such file.
        """
        status = path.stat()
        hashed = self._cache.files.get(str(path))
        if hashed is None or (hashed.signature, hashed.inode) != (signature_of(status), status.st_ino):
            return None
        return hashed.sha256

    def put(self, path: Path, status: stat_result, sha256: str) -> None:
        """Store the hash of a file that had this status when reading began."""
        self._cache.files[str(path)] = _Hashed(signature=signature_of(status), inode=status.st_ino, sha256=sha256)
        if self._path is not None:
            try:
                with atomically_written(self._path) as file:
                    file.write(self._cache.model_dump_json().encode())
            except OSError as error:
                logger.warning("could not save the checksums of verified files: %s", error.strerror)
