"""Downloads that go on where they stopped, also in another process.

What has come lies beside the file it is to become, in `.NAME.….part`, one for each URL, and `.NAME.….part.json` says of
which version it is and how much of it is on disk for certain.
"""

import bz2
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError

from core.exceptions import CommandError
from core.files import atomically_written

# Called with the bytes read so far and their number in all, where the source tells it.
Progress = Callable[[int, int | None], None]

_CHUNK_BYTES = 1 << 16  # what is under way when a connection breaks is lost
_SAVED_BYTES = 32 << 20  # after a power cut at most as many are fetched again
_MOST_BYTES = 4 << 30  # of a file nobody knows the size of; the largest here has 0.6 GB
_TIMEOUT_S = (10, 60)  # to connect, and between two reads

_PARTIAL, _RANGE_NOT_SATISFIABLE = 206, 416

# Google Drive answers a large file with a page to click through, which gdown knows how to pass.
_DRIVE_HOST = "drive.google.com"


class _Note(BaseModel):
    """What a partial file is part of. Without a `validator` nobody could tell whether the rest belongs to it."""

    validator: str | None
    total: int | None
    done: int = 0


class Partial:
    """What has come from `source` of the file that is to lie at `target`."""

    def __init__(self, target: Path, source: str) -> None:
        self.path = target.with_name(f".{target.name}.{sha256(source.encode()).hexdigest()[:8]}.part")
        self._note_path = self.path.with_name(self.path.name + ".json")

    def resumable(self) -> _Note | None:
        """The note of a part that may be gone on with; None, and the part is gone, if there is none."""
        with suppress(OSError, ValidationError):
            note = _Note.model_validate_json(self._note_path.read_bytes())
            if note.validator and 0 < note.done <= self.path.stat().st_size:
                return note
        self.forget()
        return None

    def forget(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    @contextmanager
    def written(self, note: _Note) -> Iterator[tuple[BufferedRandom, Callable[[], None]]]:
        """The partial file, at the end of what is there, and a function that saves what was written since.

        However the block ends, what has come is saved.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if note.done else "w+b") as file:
            file.truncate(note.done)
            file.seek(note.done)

            def save() -> None:
                file.flush()
                os.fsync(file.fileno())
                note.done = file.tell()
                with atomically_written(self._note_path) as saved:
                    saved.write(note.model_dump_json().encode())

            try:
                yield file, save
            finally:
                save()


def without_secrets(url: str) -> str:
    """A URL as it may be shown: without a password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def download(url: str, partial: Partial, size: int | None, progress: Progress) -> None:
    """Have all that `url` gives in `partial`, going on with what is there; `size` in bytes, where it is known.

    As long as each try brings bytes, another one follows at once.

    Raises:
        FetchError: the source fails, or gives something else. What has come stays where it can be gone on with.
        OSError: the folder cannot be written.
    """
    try:
        if urlsplit(url).hostname == _DRIVE_HOST:
            with partial.written(_Note(validator=None, total=None)) as (file, _):
                _download_from_drive(url, file, progress)
        else:
            _download(url, partial, size, progress)
    except FetchError:
        partial.resumable()  # or it is gone
        raise


def _download(url: str, partial: Partial, size: int | None, progress: Progress) -> None:
    before = -1
    reason = ""
    while True:
        note = partial.resumable()
        have = note.done if note else 0
        if note and have == note.total:
            return
        if have <= before:
            raise FetchError(reason)
        before = have
        try:
            _try(url, partial, note, size, progress)
            return
        except requests.HTTPError as error:
            raise FetchError(f"answers {error.response.status_code}") from error
        except requests.RequestException as error:
            reason = _reason(error)


def _try(url: str, partial: Partial, note: _Note | None, size: int | None, progress: Progress) -> None:
    """One request, for what is missing."""
    headers = {"Accept-Encoding": "identity"}  # so that lengths count the bytes of the file
    if note and note.validator:
        headers |= {"Range": f"bytes={note.done}-", "If-Range": note.validator}
    with requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=headers) as response:
        if response.status_code == _RANGE_NOT_SATISFIABLE:
            partial.forget()
            raise FetchError("has less than it had")
        response.raise_for_status()
        if response.status_code != _PARTIAL:
            note = _note_of(response)
        elif note is None or response.headers.get("Content-Range") != _rest(note):
            partial.forget()
            raise FetchError("answers with another part than it was asked for")
        if size is not None and note.total is not None and note.total != size:
            partial.forget()
            raise FetchError(f"has {note.total} bytes in place of {size}")
        _receive(response, partial, note, size, progress)


def _note_of(response: requests.Response) -> _Note:
    """The note of a whole answer, with what tells this version from another in `If-Range` (RFC 9110, 13.1.5)."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal():
        return _Note(validator=None, total=None)
    tag = response.headers.get("ETag", "")
    return _Note(validator=tag if tag.startswith('"') else response.headers.get("Last-Modified"), total=int(length))


def _rest(note: _Note) -> str:
    """The Content-Range of all that is missing."""
    return f"bytes {note.done}-{(note.total or 0) - 1}/{note.total}"


def _receive(response: requests.Response, partial: Partial, note: _Note, size: int | None, progress: Progress) -> None:
    most = note.total or size or _MOST_BYTES
    saved = note.done
    with partial.written(note) as (file, save):
        for chunk in response.iter_content(_CHUNK_BYTES):
            if file.tell() + len(chunk) > most:
                raise FetchError(f"gives more than {most} bytes")
            file.write(chunk)
            progress(file.tell(), note.total)
            if file.tell() - saved >= _SAVED_BYTES:
                save()
                saved = note.done


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "has no valid certificate"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "breaks off"
    return "cannot be reached" if isinstance(error, requests.ConnectionError) else "does not answer properly"


def _download_from_drive(url: str, target: BinaryIO, progress: Progress) -> None:
    import gdown  # loads slowly, and only two of the files need it

    try:
        gdown.download(url, target, quiet=True, progress=progress, timeout=_TIMEOUT_S)
    except gdown.exceptions.DownloadError as error:
        raise FetchError(str(error)) from error


def unpack(archive: Path, target: Path, kind: str, size: int | None) -> None:
    """Write the one file of a `.bz2` or `.zip` archive to `target`, at most one byte more than it should have.

    Raises:
        FetchError: it is no such archive.
        OSError: `target` cannot be written.
    """
    most = (size or _MOST_BYTES) + 1
    with target.open("wb") as unpacked:
        try:
            with _opened(archive, kind) as content:
                _copy(content, unpacked, most)
        except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # of the disk, not of the archive
                raise
            raise FetchError(f"is no {kind} archive of one file") from error


@contextmanager
def _opened(archive: Path, kind: str) -> Iterator[BinaryIO]:
    if kind == ".bz2":
        with bz2.BZ2File(archive) as content:
            yield content  # type: ignore[misc]
        return
    with zipfile.ZipFile(archive) as files:
        (name,) = files.namelist()
        with files.open(name) as member:
            yield member  # type: ignore[misc]


def _copy(source: BinaryIO, target: BinaryIO, most: int) -> None:
    while most > 0 and (chunk := source.read(min(_CHUNK_BYTES, most))):
        target.write(chunk)
        most -= len(chunk)


def copy(source: Path, partial: Partial) -> None:
    """Have the bytes of a file of another folder in `partial`.

    Raises:
        FetchError: it is no file that can be read.
        OSError: `partial` cannot be written.
    """
    partial.forget()
    try:
        content = source.open("rb")
    except OSError as error:
        raise FetchError("is not there" if isinstance(error, FileNotFoundError) else "cannot be read") from error
    partial.path.parent.mkdir(parents=True, exist_ok=True)
    with content, partial.path.open("wb") as target:
        shutil.copyfileobj(content, target, _CHUNK_BYTES)


class FetchError(CommandError):
    """No source gave the file; the message says what each of them answered."""
