"""The use case of moving weight files to a machine without internet access, in one archive.

The archive is an uncompressed tar, because compression does not make weights smaller. Its first member is
`manifest.json`. The files that it names follow as `weights/NAME`. The checksums detect damage. Whoever can change the
archive can change its checksums too, but not the published ones.
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

Counted = Callable[[int, int], None]  # bytes done, and bytes in total

_MANIFEST = "manifest.json"
_FOLDER = "weights/"
_MAX_MANIFEST_BYTES = 1_000_000
_CHUNK_BYTES = 1 << 20
_MODE = 0o644  # the archive holds nothing secret


class BadBundle(CommandError):
    """A file is not an archive of weights, is incomplete, or holds unexpected content; the message says which."""


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
    """Writes and reads archives of weights."""

    def __init__(self, *, weights: Weights) -> None:
        self._weights = weights

    def write(self, path: Path, models: Iterable[Model], progress: Counted) -> list[str]:
        """Write the files of `models` to the archive `path`; returns their names.

        Raises:
            BadBundle: a file is missing or damaged, or the models have no files.
            OSError: `path` cannot be written; an existing file stays unchanged.
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
            raise BadBundle(f"{file.name} is not installed: fetch it first.")
        if problem := self._weights.problem(file, read=True):
            raise BadBundle(f"{problem}.")
        return _Entry(name=file.name, size=size, sha256=self._weights.digest(file))

    def read(self, path: Path, progress: Counted) -> list[str]:
        """Install the files of the archive `path` after checking all of them; returns their names.

        Raises:
            BadBundle: the archive is invalid; nothing was installed.
            UnreadableLock: as `Weights.expected`.
            OSError: the archive cannot be read, or the folder cannot be written.
        """
        try:
            with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
                return self._taken(archive, progress)
        except tarfile.TarError as error:
            raise BadBundle("The file is not an archive of weights, or is damaged.") from error
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
                    raise BadBundle("The archive holds a file that its manifest does not name.")
                del pending[member.name]
                taken.append((known[named.name], stage / str(len(taken))))
                _extract(archive, member, taken[-1][1], named)
                done += named.size
                progress(done, total)
            if pending:
                raise BadBundle("The archive lacks a file that its manifest names.")
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
    """A member without owner and time, so that the same files make the same archive."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def _manifest(archive: tarfile.TarFile, members: Iterator[tarfile.TarInfo]) -> _Manifest:
    first = next(members, None)
    content = _content(archive, first) if first and _is_plain(first) and first.name == _MANIFEST else None
    if content is None:
        raise BadBundle("The file is not an archive of weights: it does not begin with a manifest.")
    try:
        manifest = _Manifest.model_validate_json(content.read(_MAX_MANIFEST_BYTES))
    except ValidationError as error:
        raise BadBundle("The manifest of the archive cannot be read.") from error
    if len({entry.name for entry in manifest.files}) != len(manifest.files):
        raise BadBundle("The manifest of the archive names a file twice.")
    return manifest


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a file with all its bytes in the archive: not a link, a device or a sparse file."""
    return member.isreg() and not member.issparse()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None, "a regular file has content"
    return content


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, entry: _Entry) -> None:
    """Write the member to `target`, and check it against the checksum in the manifest."""
    with target.open("wb") as file:
        shutil.copyfileobj(_content(archive, member), file, _CHUNK_BYTES)
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != entry.sha256:
        raise BadBundle(f"{entry.name} is damaged: expected SHA-256 {entry.sha256}, found {found}.")
