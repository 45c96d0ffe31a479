"""Folder indexes as files, one a key, in a folder of their own."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from core.encryption import Keyring, Unopenable, sealed_by
from services.deepface.interface import EmbeddingSpace
from services.find import index_file
from services.find.index import FolderIndex, IndexKey
from services.find.photo_list import Photos


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIndex:
    """What a store knows of an index without loading it; `saved_at` in seconds since the epoch."""

    key: IndexKey
    photos: int
    faces: int
    failed: dict[str, int]
    bytes: int
    saved_at: float


logger = logging.getLogger(__name__)

_FORMAT = 2

# Clients choose the options that make an index; the least recently saved makes room, and can be built again.
_MOST_FILES = 64

_NO_KEY = "GALLERY_KEY: an index of the photo folder is encrypted, and no key is given"
_WRONG_KEY = "GALLERY_KEY: it does not open an index of the photo folder"
_WAY_OUT = "; without DATA_PATH/folder_index all are built anew"


class FolderIndexStore:
    """Keeps folder indexes, for several processes. Safe to call from several threads; the last `save` wins.

    Beside the index of a key there may be a draft: what a build has so far, for the one that has to go on with it.

    An index is a file below `folder`, replaced whole; sealed if the keyring has a key. It is a line with the SHA-256 of
    the rest, a line of JSON that says what is in it, and a numpy archive, never unpickled. Sealed, it is as
    `core.encryption` says, and the first line is not needed.
    """

    def __init__(self, folder: Path, keyring: Keyring | None = None) -> None:
        self._folder = folder
        self._keyring = keyring or Keyring()

    def ping(self) -> None:
        """Return if the store can be written to.

        Raises:
            OSError: it cannot.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK):
            raise PermissionError("not writable")

    def version(self, key: IndexKey) -> object:
        """Something that is different after another `save`; None if there is no index."""
        with suppress(OSError):
            status = self._path(key).stat()
            return status.st_ino, status.st_mtime_ns, status.st_size
        return None

    def load(self, key: IndexKey, *, draft: bool = False) -> FolderIndex | None:
        """The index (or draft) as last saved; None if there is none, or it is damaged, of another format or
        of other weights."""
        try:
            with index_file.read(self._path(key, draft=draft), self._keyring) as file:
                header = json.loads(file.readline())
                if (header["format"], header["key"]) != (_FORMAT, asdict(key)):
                    return None
                return _read(file)
        except FileNotFoundError:
            return None
        except Unopenable:
            logger.warning("a folder index does not open with GALLERY_KEY and will be rebuilt")
            return None
        except Exception:  # whatever numpy makes of it, the answer is to build it again
            logger.warning("a folder index is damaged and will be rebuilt", exc_info=True)
            return None

    def save(self, key: IndexKey, index: FolderIndex, *, draft: bool = False) -> None:
        """Keep `index`, which ends its draft, or keep a draft.

        When this returns it survives a crash, and before that the one saved earlier does.

        Raises:
            OSError: it could not be written.
        """
        header = {
            "format": _FORMAT,
            "key": asdict(key),
            "photos": len(index.photos),
            "faces": len(index.boxes),
            "failed": index.failed(),
        }
        with index_file.written(self._path(key, draft=draft), self._keyring) as file:
            file.write(json.dumps(header).encode() + b"\n")
            _write(file, index)
        if not draft:
            self._path(key, draft=True).unlink(missing_ok=True)
            self._make_room()

    def stored(self) -> list[StoredIndex]:
        """Every index, the last saved first."""
        found = []
        for path in self._files():
            with (
                suppress(OSError, ValueError, KeyError, TypeError, Unopenable),
                index_file.read(path, self._keyring, checked=False) as file,
            ):
                header = json.loads(file.readline())
                status = path.stat()
                key = header["key"] | {"space": EmbeddingSpace(**header["key"]["space"])}
                counts = {name: header[name] for name in ("photos", "faces", "failed")}
                found.append(StoredIndex(key=IndexKey(**key), bytes=status.st_size, saved_at=status.st_mtime, **counts))
        return found

    def building(self, key: IndexKey) -> AbstractContextManager[bool]:
        """The right to build the index of `key`, if no one else has it, in this process or another; it ends with the
        block, or with the process."""
        return self._locked(self._path(key).stem)

    def key_problem(self) -> str:
        """Why GALLERY_KEY does not open every index and draft that is sealed; empty if it does."""
        for path in (*self._folder.glob("*.index"), *self._folder.glob("*.draft")):
            with suppress(OSError), path.open("rb") as file:
                if (key := sealed_by(file)) and key not in self._keyring.ids:
                    return (_WRONG_KEY if self._keyring else _NO_KEY) + _WAY_OUT
        return ""

    def reseal(self) -> int:
        """Have every index and draft sealed with the first key of GALLERY_KEY; does nothing without one.

        Returns how many could not be, because they are being built or cannot be written.
        """
        left = 0
        if not self._keyring or not self._folder.exists():
            return left
        for stem in sorted({path.stem for path in self._folder.iterdir() if not path.name.startswith(".")}):
            with self._locked(stem) as mine:
                for path in (self._folder / f"{stem}.index", self._folder / f"{stem}.draft"):
                    try:
                        if mine and path.exists():
                            index_file.reseal(path, self._keyring)
                        left += not mine and path.exists()
                    except OSError:
                        left += 1
        return left

    @contextmanager
    def _locked(self, stem: str) -> Iterator[bool]:
        """Whether nobody else holds the lock of this index; then what a crash left of it is removed."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = _lock(self._folder / f"{stem}.lock")
        except BlockingIOError:
            yield False
            return
        except OSError:  # nobody else can write here either: each builds for itself
            yield True
            return
        try:
            for left_by_a_crash in self._folder.glob(f".{stem}.*"):
                left_by_a_crash.unlink(missing_ok=True)
            yield True
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
            with self._locked(path.stem) as mine:
                # The lock last, while it is held: who has opened it by then notices, and opens another.
                for suffix in (".index", ".draft", ".lock") if mine else ():
                    path.with_suffix(suffix).unlink(missing_ok=True)


def _lock(path: Path) -> int:
    """The descriptor of the lock file, locked; closing it ends the lock.

    Raises:
        BlockingIOError: somebody else has locked it.
        OSError: it cannot be opened.
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
        os.close(descriptor)  # of a file that made room in between: another may be locked by now


def _write(file: IO[bytes], index: FolderIndex) -> None:
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
