"""Networks prepared from checked weights, and kept on disk; only what this service has written is ever loaded.

Each set of files has a seal: the SHA-256 of every file, encrypted for the name of the set. GALLERY_KEY encrypts it. If
there is no GALLERY_KEY, a random key does, which the workers of one start of the service share. So another start makes
each set anew from the weights, and tells if the files that were there are not as it makes them.
"""

import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import BufferedReader
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, TypeVar, cast

from google.protobuf.message import DecodeError

from core.encryption import DecryptionError, Keyring
from core.files import OutsideRoot, locked, open_beneath, signature_of
from core.process import START_KEY
from services.deepface.networks.onnx_files import graph_parts

logger = logging.getLogger(__name__)

_SEAL = "seal"
_CONTEXT = b"prepared network "
_DRAFT = ".draft"
_MODE, _FILE_MODE = 0o755, 0o644  # not secret, and several users may share the folder
_GRAPH = "graph.onnx"  # ONNX Runtime writes it with other names, and in another order, each time
_COMPILED = "compiled.blob"  # OpenVINO writes it otherwise each time
_SET = re.compile(r"[^.].*-[0-9a-f]{32,}")
_PROCESSORS = Path("/proc/cpuinfo")
_MAX_SEAL_BYTES = 1 << 20  # a longer file is not read into memory

Result = TypeVar("Result")


class NotAuthentic(Exception):
    """Raised when a set of files is missing, or is not as this service has written it."""


@dataclass(frozen=True, slots=True)
class PreparedFiles:
    """A set of files and what they have to be: the size in bytes and the SHA-256 of each, by name."""

    folder: Path
    expected: dict[str, tuple[int, str]]

    def read(self, name: str) -> bytes:
        """The content of a file; raises NotAuthentic if it is not as expected."""
        with self._open(name) as file:
            content = file.read(self.expected[name][0])
        if sha256(content).hexdigest() != self.expected[name][1]:
            raise NotAuthentic
        return content

    def checked(self, name: str) -> BinaryIO:
        """The open file, whose content was just as expected; raises NotAuthentic.

        Whatever replaces the file by its name has no effect on the open one.
        """
        file = self._open(name)
        try:
            before = signature_of(os.fstat(file.fileno()))
            digest = file_digest(cast(BufferedReader, file), "sha256").hexdigest()
            if digest != self.expected[name][1] or signature_of(os.fstat(file.fileno())) != before:
                raise NotAuthentic
        except BaseException:
            file.close()
            raise
        return file

    def check(self) -> None:
        """Return if all files are as expected; else raise NotAuthentic."""
        if not self.is_made_of(self.expected.keys()):
            raise NotAuthentic

    def is_made_of(self, names: Set[str]) -> bool:
        """Whether these files are as expected."""
        try:
            for name in names:
                self.checked(name).close()
        except NotAuthentic:
            return False
        return True

    def _open(self, name: str) -> BinaryIO:
        try:
            file = open_beneath(self.folder, name)
        except (OSError, OutsideRoot, KeyError):
            raise NotAuthentic from None
        if name not in self.expected or os.fstat(file.fileno()).st_size != self.expected[name][0]:
            file.close()
            raise NotAuthentic
        return file


class PreparedNetworks:
    """Sets of files in `folder`, each in a folder of its own. Safe for several threads and processes.

    The name of a set ends in `-` and a value that changes with whatever it was made from. Without keys in `keyring`,
    the sets of another start of the service are not used.
    """

    def __init__(self, folder: Path, keyring: Keyring | None = None) -> None:
        self._folder = folder
        self._is_lasting = bool(keyring)
        self._keyring = keyring or Keyring([START_KEY])
        self._rejected: set[str] = set()

    def rejected(self) -> list[str]:
        """The sets that are not to be loaded: this object made them anew, or GALLERY_KEY does not authenticate them."""
        found = set(self._rejected)
        with suppress(OSError):
            for path in self._folder.iterdir() if self._is_lasting else ():
                try:
                    if _SET.fullmatch(path.name):
                        self._sealed(path.name).check()
                except NotAuthentic:
                    found.add(path.name)
        return sorted(found)

    def load(self, name: str, make: Callable[[Path], None], read: Callable[[PreparedFiles], Result]) -> Result:
        """What `read` returns for the set. `make` writes its files into a folder if they are missing or not authentic.

        Raises:
            OSError: the set cannot be written.
            Whatever `make` and `read` raise.
        """
        with suppress(NotAuthentic):  # without the lock, which is held while another set is being made
            return read(self._sealed(name))
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder):
            return read(self._made(name, make))

    def _sealed(self, name: str) -> PreparedFiles:
        try:
            with open_beneath(self._folder / name, _SEAL) as file:
                content = self._keyring.decrypt(file.read(_MAX_SEAL_BYTES), _CONTEXT + name.encode())
        except (OSError, OutsideRoot, DecryptionError):
            raise NotAuthentic from None
        files = {file: (size, digest) for file, (size, digest) in json.loads(content).items()}
        return PreparedFiles(self._folder / name, files)

    def _made(self, name: str, make: Callable[[Path], None]) -> PreparedFiles:
        """The set, made anew unless another process was faster. The caller holds the lock."""
        with suppress(NotAuthentic):
            files = self._sealed(name)
            files.check()
            return files
        for path in self._folder.iterdir():  # left by a killed process, or by an earlier version of the service
            if not _SET.fullmatch(path.name):
                _remove(path)
        is_there = (self._folder / name).exists()
        was_sealed = self._is_lasting and (self._folder / name / _SEAL).exists()
        draft = Path(mkdtemp(prefix=_DRAFT, dir=self._folder))  # only its owner can write there
        try:
            make(draft)
            files = PreparedFiles(self._folder / name, _described(draft))
            seal = self._keyring.encrypt(json.dumps(files.expected).encode(), _CONTEXT + name.encode())
            if is_there and (was_sealed or not _is_equivalent(files, draft)):
                self._rejected.add(name)
                logger.warning("prepared network %s was not made by this service; made anew from the weights", name)
            (draft / _SEAL).write_bytes(seal)
            for file in draft.iterdir():
                with file.open("rb") as content:
                    os.fsync(content.fileno())
            for old in self._folder.glob(f"{name.rpartition('-')[0]}-*"):  # also of earlier weights
                _remove(old)
            draft.chmod(_MODE)
            draft.rename(self._folder / name)
            return files
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _is_equivalent(files: PreparedFiles, draft: Path) -> bool:
    """Whether the files that are there are those of `draft`, as far as a runtime writes them alike."""
    if not files.is_made_of(files.expected.keys() - {_GRAPH, _COMPILED}):
        return False
    if _GRAPH not in files.expected:
        return True
    try:
        with open_beneath(files.folder, _GRAPH) as file:
            return graph_parts(file.read()) == graph_parts((draft / _GRAPH).read_bytes())
    except (OSError, OutsideRoot, DecodeError):
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _described(folder: Path) -> dict[str, tuple[int, str]]:
    described = {}
    for path in folder.iterdir():
        with path.open("rb") as file:
            described[path.name] = (os.fstat(file.fileno()).st_size, file_digest(file, "sha256").hexdigest())
    return described


def prepared_name(network: str | bytes, stem: str, made_for: str) -> str:
    """A name for what is prepared from a network. It depends on the network, the processor and `made_for`.

    The network is given as to `Runtime.open`; the stem of a path takes the place of `stem`.
    """
    if isinstance(network, bytes):
        content = sha256(network).hexdigest()
    else:
        path = Path(network).resolve()
        stem, content = path.stem, f"{path} {signature_of(path.stat())}"
    return f"{stem}-{sha256(f'{content} {made_for} {_processor()}'.encode()).hexdigest()[:32]}"


def _processor() -> str:
    """The features of the processor, because a prepared network suits only processors with the same features."""
    with suppress(OSError):
        return next((line for line in _PROCESSORS.read_text().splitlines() if line.startswith("flags")), "")
    return ""
