"""Stores folder indexes as files, one per key, in their own folder."""

import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from core.encryption import DecryptionError, Keyring, encrypted_by
from core.files import atomically_written
from services.deepface.interface import EmbeddingSpace
from services.find import index_file
from services.find.index import FolderIndex, IndexKey
from services.find.index_archive import read_archive, write_archive
from services.find.lock_file import locked_file
from services.find.turns import BuildTurns


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIndex:
    """The facts about a stored index that are known without loading it. `saved_at` is in seconds since the epoch."""

    key: IndexKey
    photos: int
    faces: int
    failed: dict[str, int]
    bytes: int
    saved_at: float


logger = logging.getLogger(__name__)

_FORMAT = 2

# The files of an index. The lock file is deleted last, while it is locked. A process that has opened it notices, and
# opens a new one.
_SUFFIXES = (".index", ".draft", ".kept", ".lock")

# The file beside the folder that says, encrypted, that every index was encrypted: a plain one that turns up later is
# not believed.
_ALL_ENCRYPTED = ".encrypted"
_CONTEXT = b"all folder indexes are encrypted"

_NO_KEY = "GALLERY_KEY: an index of the photo folder is encrypted, but no encryption key is set"
_WRONG_KEY = "GALLERY_KEY: the encryption key does not match an index of the photo folder"
_WAY_OUT = ". Set the right key, or delete DATA_PATH/folder_index to rebuild all indexes"


class FolderIndexStore:
    """Stores folder indexes for several processes. Safe to call from several threads; the last `save` wins.

    An index may have a draft: the results of an unfinished build, so that the next build can resume.

    An index is a file below `folder`, always replaced as a whole. The file has three parts:
    - a line with the SHA-256 of the rest;
    - a line of JSON that describes the content;
    - a numpy archive, which is never unpickled.
    `decoder` names which images can be read. If an index was saved under another name, `load` leaves out its unreadable
    photos.
    If the keyring has a key, the file is encrypted (see `core.encryption`) and has no first line.
    """

    def __init__(self, folder: Path, keyring: Keyring | None = None, *, decoder: str = "") -> None:
        self._folder = folder
        self._decoder = decoder
        self._all_encrypted = folder.with_name(folder.name + _ALL_ENCRYPTED)
        self._keyring = keyring or Keyring()
        self.turns = BuildTurns(folder)

    def ping(self) -> None:
        """Return if the store is writable.

        Raises:
            OSError: the store is not writable.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK):
            raise PermissionError("not writable")

    def version(self, key: IndexKey) -> object:
        """A value that changes with every `save`; None if there is no index."""
        with suppress(OSError):
            status = self._path(key).stat()
            return status.st_ino, status.st_mtime_ns, status.st_size
        return None

    def load(self, key: IndexKey, *, draft: bool = False) -> FolderIndex | None:
        """The index (or draft) as last saved; None if there is no usable one.

        An index is not usable if it is damaged, cannot be decrypted, or has another format or other weights.
        """
        try:
            with index_file.read(self._path(key, draft=draft), self._keyring) as file:
                header = json.loads(file.readline())
                if (header["format"], header["key"]) != (_FORMAT, asdict(key)):
                    return None
                index = read_archive(file)
                return index if header.get("decoder", "") == self._decoder else index.without_failures()
        except FileNotFoundError:
            return None
        except DecryptionError:
            logger.warning("folder index not decrypted by GALLERY_KEY, and will be rebuilt")
            return None
        except Exception:  # numpy may raise any error for a damaged file; the index is built again
            logger.warning("folder index damaged, and will be rebuilt", exc_info=True)
            return None

    def save(self, key: IndexKey, index: FolderIndex, *, draft: bool = False) -> None:
        """Save `index` and delete its draft, or save a draft.

        After this returns, the new file survives a crash. Before that, the earlier file survives.

        Raises:
            OSError: the file could not be written.
        """
        header = {
            "format": _FORMAT,
            "key": asdict(key),
            "photos": len(index.photos),
            "faces": len(index.boxes),
            "failed": index.failed(),
        }
        if self._decoder:
            header["decoder"] = self._decoder
        if not self._keyring:
            self._all_encrypted.unlink(missing_ok=True)
        elif not any(self._folder.glob("*.index")) and not any(self._folder.glob("*.draft")):
            self._note_all_encrypted()
        with index_file.written(self._path(key, draft=draft), self._keyring) as file:
            file.write(json.dumps(header).encode() + b"\n")
            write_archive(file, index)
        if not draft:
            self._path(key, draft=True).unlink(missing_ok=True)

    def has(self, key: IndexKey) -> bool:
        """Whether there is an index of `key`, without reading all of it. It may be damaged."""
        return any(index.key == key for index in self._described([self._path(key)]))

    def keep(self, key: IndexKey) -> None:
        """Have `make_room` keep the index of `key`, which need not exist yet.

        Raises:
            OSError: the folder is not writable.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path(key).with_suffix(".kept").touch(mode=0o600)

    def is_kept(self, key: IndexKey) -> bool:
        """Whether `keep` was called for this index."""
        return self._path(key).with_suffix(".kept").exists()

    def note_use(self, key: IndexKey) -> None:
        """Note that the index of `key` is used now, for `make_room`."""
        with suppress(OSError):
            os.utime(self._path(key).with_suffix(".lock"))

    def make_room(self, max_kept: int, default: IndexKey | None) -> None:
        """Delete the least recently used indexes beyond `max_kept`, with their drafts.

        The `default` index and those of `keep` do not count, and stay. An index that is being built stays, too.
        """
        last_use: dict[str, float] = {}
        contents, kept = set(), {"" if default is None else self._path(default).stem}
        for path in self._paths():
            with suppress(FileNotFoundError):
                last_use[path.stem] = max(path.stat().st_mtime, last_use.get(path.stem, 0))
            if path.suffix == ".kept":
                kept.add(path.stem)
            elif path.suffix != ".lock":
                contents.add(path.stem)
        # A failed build leaves only its lock file, which takes no place.
        others = sorted(last_use.keys() - kept, key=lambda stem: (stem in contents, last_use[stem]), reverse=True)
        for stem in others[min(max_kept, len(contents - kept)) :]:
            with self._locked(stem) as mine:
                for suffix in _SUFFIXES if mine else ():
                    (self._folder / f"{stem}{suffix}").unlink(missing_ok=True)

    def stored(self) -> list[StoredIndex]:
        """All stored indexes, last saved first."""
        return sorted(
            self._described(path for path in self._paths() if path.suffix == ".index"),
            key=lambda index: index.saved_at,
            reverse=True,
        )

    def _described(self, paths: Iterable[Path]) -> Iterator[StoredIndex]:
        """The facts about these index files, without those that cannot be read."""
        for path in paths:
            with (
                suppress(OSError, ValueError, KeyError, TypeError, DecryptionError),
                index_file.read(path, self._keyring, checked=False) as file,
            ):
                header = json.loads(file.readline())
                status = path.stat()
                key = header["key"] | {"space": EmbeddingSpace(**header["key"]["space"])}
                counts = {name: header[name] for name in ("photos", "faces", "failed")}
                yield StoredIndex(key=IndexKey(**key), bytes=status.st_size, saved_at=status.st_mtime, **counts)

    def building(self, key: IndexKey) -> AbstractContextManager[bool]:
        """A lock for building the index of `key`, across processes. The block gets whether it holds the lock.

        The lock ends with the block or with the process.
        """
        return self._locked(self._path(key).stem)

    def key_problem(self) -> str:
        """The reason why GALLERY_KEY does not decrypt every encrypted index and draft; empty if it does."""
        for path in self._paths():
            with suppress(OSError), path.open("rb") as file:
                if (key := encrypted_by(file)) and key not in self._keyring.ids:
                    return (_WRONG_KEY if self._keyring else _NO_KEY) + _WAY_OUT
        return ""

    def reencrypt(self) -> int:
        """Encrypt every index and draft with the first key of GALLERY_KEY. Without a key, do nothing.

        Once all were encrypted, plain ones are deleted instead. Returns the number of failures: files that are being
        built or cannot be written.
        """
        left = 0
        if not self._keyring or not self._folder.exists():
            return left
        takes_plain = not self._are_all_encrypted()
        for stem in sorted({path.stem for path in self._paths()}):
            with self._locked(stem) as mine:
                for path in (self._folder / f"{stem}.index", self._folder / f"{stem}.draft"):
                    try:
                        if mine and path.exists():
                            index_file.reencrypt(path, self._keyring, takes_plain=takes_plain)
                        left += not mine and path.exists()
                    except OSError:
                        left += 1
        if not left:
            with suppress(OSError):
                self._note_all_encrypted()
        return left

    def _note_all_encrypted(self) -> None:
        with atomically_written(self._all_encrypted) as file:
            file.write(self._keyring.encrypt(b"", _CONTEXT))

    def _are_all_encrypted(self) -> bool:
        with suppress(OSError, DecryptionError):
            self._keyring.decrypt(self._all_encrypted.read_bytes(), _CONTEXT)
            return True
        return False

    @contextmanager
    def _locked(self, stem: str) -> Iterator[bool]:
        """Whether this call got the lock of the index. If so, files left by a crash are deleted."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = locked_file(self._folder / f"{stem}.lock")
        except BlockingIOError:
            yield False
            return
        except OSError:  # no process can write here, so each builds its own
            yield True
            return
        try:
            for left_by_a_crash in self._folder.glob(f".{stem}.*"):
                left_by_a_crash.unlink(missing_ok=True)
            yield True
        finally:
            os.close(descriptor)

    def _path(self, key: IndexKey, *, draft: bool = False) -> Path:
        # The name leaves out the weights, so that an index of other weights is replaced.
        name = sha256(json.dumps(asdict(replace(key, weights="")), sort_keys=True).encode()).hexdigest()[:32]
        return self._folder / f"{name}.{'draft' if draft else 'index'}"

    def _paths(self) -> list[Path]:
        """The files of all indexes, without those that are being written."""
        with suppress(OSError):
            return [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        return []
