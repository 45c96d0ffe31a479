"""The files of the models: which are here, taking those that Python packages carry, and fetching the rest.

Only `fetch` downloads, and only the command line calls it; a request never does.
"""

import bz2
import hashlib
import importlib.util
import logging
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
from typing_extensions import override

from core.files import atomically_written
from services.engine.base import FetchError, Progress, Weights
from services.engine.catalogue import MODELS
from services.engine.model import Model, WeightFile

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = (10, 60)  # to connect, and between two reads
_MODE = 0o644  # no secret, and a volume of weights may be shared by several users

# Google Drive answers a large file with a page to click through, which gdown knows how to pass.
_DRIVE_HOST = "drive.google.com"


class WeightFolder(Weights):
    """The folder in which DeepFace, run on `framework`, looks for weights: `.deepface/weights` below its home."""

    def __init__(self, deepface_home: Path, framework: str = "onnx") -> None:
        self._folder = deepface_home / ".deepface" / "weights"
        self._framework = framework

    @override
    def path(self, file: WeightFile) -> Path:
        return self._folder / file.name

    @override
    def files(self, model: Model) -> tuple[WeightFile, ...]:
        return model.keras_files if self._framework == "tensorflow" and model.keras_files else model.files

    @override
    def size(self, file: WeightFile) -> int | None:
        try:
            return self.path(file).stat().st_size
        except OSError:
            return None

    @override
    def missing(self, model: Model) -> list[WeightFile]:
        return [file for file in self.files(model) if not self.path(file).is_file()]

    @override
    def digest(self, file: WeightFile) -> str:
        with self.path(file).open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()

    def install_packaged(self) -> None:
        """Copy the files that installed Python packages carry to where DeepFace looks, if they are not there yet.

        A copy, not a link: the folder outlives the virtual environment. A folder that cannot be written is logged;
        the models in question then say so themselves when they are asked for.
        """
        for file in (file for model in MODELS.values() for file in self.missing(model) if file.package):
            source = _packaged(file)
            if source is not None:
                try:
                    with source.open("rb") as content, atomically_written(self.path(file), mode=_MODE) as target:
                        shutil.copyfileobj(content, target, _CHUNK_BYTES)
                except OSError as error:
                    logger.warning("could not install %s: %s", file.name, error.strerror)

    @override
    def fetch(self, file: WeightFile, progress: Progress) -> None:
        failures = []
        for url in file.urls:
            try:
                with atomically_written(self.path(file), mode=_MODE) as target:
                    _download(url, target, progress, scratch=self.path(file).parent)
                return
            except (requests.RequestException, FetchError) as error:
                failures.append(f"{url}: {error}")
        raise FetchError("; ".join(failures))


def _packaged(file: WeightFile) -> Path | None:
    """Where the file lies inside its package, found without importing that; None if it is not installed."""
    spec = importlib.util.find_spec(file.package) if file.package else None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / file.package_path
    return path if path.is_file() else None


def _download(url: str, target: BinaryIO, progress: Progress, *, scratch: Path) -> None:
    """Write what `url` gives to `target`, unpacked; an archive that has to be whole first lies in `scratch`."""
    if url.endswith(".zip"):
        # Not the system's folder for temporary files, which may be a small one in memory.
        with tempfile.TemporaryFile(dir=scratch) as archive:
            _download_plain(url, archive, progress)
            _unzip(archive, target)
        return
    _download_plain(url, target, progress)


def _unzip(archive: BinaryIO, target: BinaryIO) -> None:
    """Write the one file in `archive` to `target`."""
    try:
        with zipfile.ZipFile(archive) as files:
            (name,) = files.namelist()
            with files.open(name) as content:
                shutil.copyfileobj(content, target, _CHUNK_BYTES)
    except (zipfile.BadZipFile, ValueError) as error:
        raise FetchError("not a zip archive of one file") from error


def _download_plain(url: str, target: BinaryIO, progress: Progress) -> None:
    if urlsplit(url).hostname == _DRIVE_HOST:
        _download_from_drive(url, target, progress)
        return
    headers = {"Accept-Encoding": "identity"}  # so that Content-Length counts the bytes of the file
    with requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=headers) as response:
        response.raise_for_status()
        total = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
        archive = bz2.BZ2Decompressor() if url.endswith(".bz2") else None
        done = 0
        for chunk in response.iter_content(_CHUNK_BYTES):
            done += len(chunk)
            target.write(chunk if archive is None else _unpacked(archive, chunk))
            progress(done, total)
    if total is not None and done != total:
        raise FetchError(f"ended after {done} of {total} bytes")
    if archive is not None and not archive.eof:
        raise FetchError("the bz2 archive is cut off")


def _unpacked(archive: bz2.BZ2Decompressor, chunk: bytes) -> bytes:
    try:
        return archive.decompress(chunk)
    except (OSError, EOFError) as error:
        raise FetchError("not a bz2 archive") from error


def _download_from_drive(url: str, target: BinaryIO, progress: Progress) -> None:
    import gdown  # loads slowly, and only two of the files need it

    try:
        gdown.download(url, target, quiet=True, progress=progress, timeout=_TIMEOUT_S)
    except gdown.exceptions.DownloadError as error:
        raise FetchError(str(error)) from error
