"""Folder indexes as files, one a key, in a folder of their own."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from hashlib import file_digest, sha256
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from typing_extensions import override

from core.files import atomically_written
from services.engine.base import EmbeddingSpace
from services.stores.base import FolderIndex, FolderIndexStore, IndexKey, Photos, StoredIndex

logger = logging.getLogger(__name__)

_FORMAT = 2
_DIGEST_BYTES = 65  # of the first line: 64 digits and its end

# Clients choose the options that make an index; the least recently saved makes room, and can be built again.
_MOST_FILES = 64


class FileFolderIndexStore(FolderIndexStore):
    """A file a key below `folder`, replaced whole.

    A line with the SHA-256 of the rest, a line of JSON that says what is in it, and a numpy archive, never unpickled.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @override
    def ping(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK):
            raise PermissionError("not writable")

    @override
    def version(self, key: IndexKey) -> object:
        with suppress(OSError):
            status = self._path(key).stat()
            return status.st_ino, status.st_mtime_ns, status.st_size
        return None

    @override
    def load(self, key: IndexKey, *, draft: bool = False) -> FolderIndex | None:
        try:
            with self._path(key, draft=draft).open("rb") as file:
                digest = file.read(_DIGEST_BYTES)
                if digest != _digest(file):
                    raise ValueError("the checksum is another")
                header = json.loads(file.readline())
                if (header["format"], header["key"]) != (_FORMAT, asdict(key)):
                    return None
                return _read(file)
        except FileNotFoundError:
            return None
        except Exception:  # whatever numpy makes of it, the answer is to build it again
            logger.warning("a folder index is damaged and will be rebuilt", exc_info=True)
            return None

    @override
    def save(self, key: IndexKey, index: FolderIndex, *, draft: bool = False) -> None:
        header = {
            "format": _FORMAT,
            "key": asdict(key),
            "photos": len(index.photos),
            "faces": len(index.boxes),
            "failed": index.failed(),
        }
        with atomically_written(self._path(key, draft=draft)) as file:
            file.write(bytes(_DIGEST_BYTES))
            file.write(json.dumps(header).encode() + b"\n")
            _write(file, index)
            digest = _digest(file)
            file.seek(0)
            file.write(digest)
        if not draft:
            self._path(key, draft=True).unlink(missing_ok=True)
            self._make_room()

    @override
    def stored(self) -> list[StoredIndex]:
        found = []
        for path in self._files():
            with suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
                file.readline()
                header = json.loads(file.readline())
                status = os.fstat(file.fileno())
                key = header["key"] | {"space": EmbeddingSpace(**header["key"]["space"])}
                counts = {name: header[name] for name in ("photos", "faces", "failed")}
                found.append(StoredIndex(key=IndexKey(**key), bytes=status.st_size, saved_at=status.st_mtime, **counts))
        return found

    @contextmanager
    @override
    def building(self, key: IndexKey) -> Iterator[bool]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path(key).with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # nobody else can write here either: each builds for itself
            yield True
            return
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = True
                for left_by_a_crash in self._folder.glob(f".{self._path(key).stem}.*"):
                    left_by_a_crash.unlink(missing_ok=True)
            except BlockingIOError:
                mine = False
            yield mine
        finally:
            os.close(descriptor)

    def _path(self, key: IndexKey, *, draft: bool = False) -> Path:
        # Without the weights: an index of other ones is replaced, not left beside.
        name = sha256(json.dumps(asdict(replace(key, weights="")), sort_keys=True).encode()).hexdigest()[:32]
        return self._folder / f"{name}.{'draft' if draft else 'index'}"

    def _files(self) -> list[Path]:
        """The indexes, the last saved first."""
        with suppress(OSError):
            return sorted(self._folder.glob("*.index"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return []

    def _make_room(self) -> None:
        for path in self._files()[_MOST_FILES:]:
            for suffix in (".index", ".draft", ".lock"):
                path.with_suffix(suffix).unlink(missing_ok=True)


def _digest(file: BufferedReader | BufferedRandom) -> bytes:
    """The first line of the open file: the SHA-256 of the others. Leaves the file at the second."""
    file.seek(_DIGEST_BYTES)
    digest = file_digest(file, "sha256").hexdigest().encode() + b"\n"
    file.seek(_DIGEST_BYTES)
    return digest


def _write(file: BinaryIO, index: FolderIndex) -> None:
    np.savez(
        file,
        names=np.frombuffer(index.photos.text, np.uint8),
        ends=index.photos.ends,
        signatures=index.photos.signatures,
        problems=index.problems,
        photo_of_row=index.photo_of_row,
        boxes=index.boxes,
        embeddings=index.embeddings,
    )


def _read(file: BinaryIO) -> FolderIndex:
    archive: Any = np.load(file, allow_pickle=False)
    return FolderIndex(
        photos=Photos(text=archive["names"].tobytes(), ends=archive["ends"], signatures=archive["signatures"]),
        problems=archive["problems"],
        photo_of_row=archive["photo_of_row"],
        boxes=archive["boxes"],
        embeddings=archive["embeddings"],
    )
