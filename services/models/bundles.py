"""The use-case of taking weight files to a machine without internet: one archive, written and read.

It is a tar without compression, which would not make weights smaller: first `manifest.json`, then the files it names,
each as `weights/NAME`. The checksums find damage; who can change the archive can change them too,
but for those that are published.
"""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.exceptions import CommandError
from core.files import atomically_written
from services.models.catalogue import catalogue
from services.models.catalogue.types import Model, WeightFile
from services.models.checksums import FileDigest
from services.models.downloads import FetchError
from services.models.weights import Weights

Counted = Callable[[int, int], None]  # how many of how many bytes

_MANIFEST = "manifest.json"
_FOLDER = "weights/"
_MOST_MANIFEST_BYTES = 1_000_000
_CHUNK_BYTES = 1 << 20
_MODE = 0o644  # nothing in it is secret


class BadBundle(CommandError):
    """A file is no such archive, or not whole, or what it holds is not what is expected; the message says what."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    size: int = Field(ge=0)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["face-service weights 1"] = "face-service weights 1"
    files: list[_Entry]


class WeightBundles:
    """Writes and reads the archive."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = weights

    def write(self, path: Path, models: Iterable[Model], progress: Counted) -> list[str]:
        """Write the files of `models` to the archive `path`; returns their names.

        Raises:
            BadBundle: a file is missing or wrong, or there is none.
            OSError: `path` cannot be written; what was there before is untouched.
        """
        files = {file.name: file for model in models for file in self._weights.files(model)}
        if not files:
            raise BadBundle("These models have no files.")
        entries = [self._entry(file) for file in files.values()]
        total, done = sum(entry.size for entry in entries), 0
        with atomically_written(path, mode=_MODE) as target, tarfile.open(fileobj=target, mode="w") as archive:
            said = _Manifest(files=entries).model_dump_json(indent=1).encode()
            archive.addfile(_member(_MANIFEST, len(said)), io.BytesIO(said))
            for entry in entries:
                with self._weights.path(files[entry.name]).open("rb") as content:
                    archive.addfile(_member(_FOLDER + entry.name, entry.size), content)
                done += entry.size
                progress(done, total)
        return list(files)

    def _entry(self, file: WeightFile) -> _Entry:
        size = self._weights.size(file)
        if size is None:
            raise BadBundle(f"{file.name} is not here: fetch it first.")
        if problem := self._weights.problem(file, read=True):
            raise BadBundle(f"{problem}.")
        return _Entry(name=file.name, size=size, sha256=self._weights.digest(file))

    def read(self, path: Path, progress: Counted) -> list[str]:
        """Put the files of the archive `path` in place, after all of them were checked; returns their names.

        Raises:
            BadBundle: something is wrong with it; then nothing was put in place.
            UnreadableLock: as `Weights.expected`.
            OSError: it cannot be read, or the folder not be written.
        """
        try:
            with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                return self._taken(archive, progress)
        except tarfile.TarError as error:
            raise BadBundle("It is no archive of weights, or a damaged one.") from error
        except FetchError as error:
            raise BadBundle(f"{error}.") from error

    def _taken(self, archive: tarfile.TarFile, progress: Counted) -> list[str]:
        members = iter(archive)
        pending = {_FOLDER + entry.name: entry for entry in _manifest(archive, members).files}
        known = {file.name: file for model in catalogue.MODELS.values() for file in model.all_files}
        for entry in pending.values():
            self._require_expected(known.get(entry.name), entry)
        total, done = sum(entry.size for entry in pending.values()), 0
        with self._weights.staged() as stage:
            taken: list[tuple[WeightFile, Path]] = []
            for member in members:
                named = pending.get(member.name)
                if named is None or not _is_plain(member) or member.size != named.size:
                    raise BadBundle("It holds something that its manifest does not name.")
                del pending[member.name]
                taken.append((known[named.name], stage / str(len(taken))))
                _extract(archive, member, taken[-1][1], named)
                done += named.size
                progress(done, total)
            if pending:
                raise BadBundle("It does not hold all that its manifest names.")
            for file, source in taken:
                self._weights.install(file, source)
        return [file.name for file, _ in taken]

    def _require_expected(self, file: WeightFile | None, entry: _Entry) -> None:
        if file is None:
            raise BadBundle(f"No model has a file {entry.name!r}.")
        expected = self._weights.expected(file)
        if expected not in (None, FileDigest(entry.size, entry.sha256)):
            assert expected is not None
            raise BadBundle(f"{file.name}: expected SHA-256 {expected.sha256}, found {entry.sha256}.")


def _member(name: str, size: int) -> tarfile.TarInfo:
    """One without owner and time: the same files make the same archive."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _manifest(archive: tarfile.TarFile, members: Iterator[tarfile.TarInfo]) -> _Manifest:
    first = next(members, None)
    content = _content(archive, first) if first and _is_plain(first) and first.name == _MANIFEST else None
    if content is None:
        raise BadBundle("It is no archive of weights: it does not begin with a manifest.")
    try:
        manifest = _Manifest.model_validate_json(content.read(_MOST_MANIFEST_BYTES))
    except ValidationError as error:
        raise BadBundle("Its manifest cannot be read.") from error
    if len({entry.name for entry in manifest.files}) != len(manifest.files):
        raise BadBundle("Its manifest names a file twice.")
    return manifest


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file whose bytes are all in the archive: no link, no device, nothing sparse."""
    return member.isreg() and not member.issparse()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None, "a regular file has content"
    return content


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, entry: _Entry) -> None:
    """Write the member to `target`, if it has the checksum of the manifest."""
    with target.open("wb") as file:
        shutil.copyfileobj(_content(archive, member), file, _CHUNK_BYTES)
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.sha256:
        raise BadBundle(f"{entry.name} is damaged: expected SHA-256 {entry.sha256}, found {found}.")
