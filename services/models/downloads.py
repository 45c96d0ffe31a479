"""Downloads that resume where they stopped, also in another process.

The received bytes are in `.NAME.….part` beside the target file, one for each URL. `.NAME.….part.json` states the
version, and how many bytes are safely on disk.
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

# Called with the bytes read so far and the total number of bytes, None if the source does not state it.
Progress = Callable[[int, int | None], None]

_CHUNK_BYTES = 1 << 16  # bytes that may be lost when a connection breaks
_SAVED_BYTES = 32 << 20  # bytes that may be fetched again after a power cut
_MAX_BYTES = 4 << 30  # for a file of unknown size; the largest here has 0.6 GB
_TIMEOUT_S = (10, 60)  # to connect, and between two reads

_PARTIAL, _RANGE_NOT_SATISFIABLE = 206, 416

# Google Drive answers a request for a large file with a confirmation page, which gdown handles.
_DRIVE_HOST = "drive.google.com"


class _Note(BaseModel):
    """The version of a partial file. Without a `validator`, it cannot be checked whether the rest belongs to it."""

    validator: str | None
    total: int | None
    done: int = 0


class Partial:
    """The bytes received from `source` for the file `target`."""

    def __init__(self, target: Path, source: str) -> None:
        self.path = target.with_name(f".{target.name}.{sha256(source.encode()).hexdigest()[:8]}.part")
        self._note_path = self.path.with_name(self.path.name + ".json")

    def resumable(self) -> _Note | None:
        """The note of a partial file that can be resumed; otherwise None, and the partial file is deleted."""
        with suppress(OSError, ValidationError):
            note = _Note.model_validate_json(self._note_path.read_bytes())
            if note.validator and 0 < note.done <= self.path.stat().st_size:
                return note
        self.forget()
        return None

    def forget(self) -> None:
        """Delete the partial file."""
        self.path.unlink(missing_ok=True)
        self._note_path.unlink(missing_ok=True)

    @contextmanager
    def written(self, note: _Note) -> Iterator[tuple[BufferedRandom, Callable[[], None]]]:
        """The partial file, opened at its end, and a function that saves what was written since.

        The received bytes are saved however the block ends.
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
    """The URL without user and password, for messages."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def download(url: str, partial: Partial, size: int | None, progress: Progress) -> None:
    """Download `url` to `partial`, resuming from what is there; `size` is in bytes, if known.

    It retries at once as long as each try receives bytes.

    Raises:
        FetchError: the source fails, or sends another file. What was received stays if it can be resumed.
        OSError: the folder cannot be written.
    """
    try:
        if urlsplit(url).hostname == _DRIVE_HOST:
            with partial.written(_Note(validator=None, total=None)) as (file, _):
                _download_from_drive(url, file, progress)
        else:
            _download(url, partial, size, progress)
    except FetchError:
        partial.resumable()  # deletes what cannot be resumed
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
            raise FetchError(f"answered {error.response.status_code}") from error
        except requests.RequestException as error:
            reason = _reason(error)


def _try(url: str, partial: Partial, note: _Note | None, size: int | None, progress: Progress) -> None:
    """Make one request for the missing bytes."""
    headers = {"Accept-Encoding": "identity"}  # so that lengths count the bytes of the file
    if note and note.validator:
        headers |= {"Range": f"bytes={note.done}-", "If-Range": note.validator}
    with requests.get(url, stream=True, timeout=_TIMEOUT_S, headers=headers) as response:
        if response.status_code == _RANGE_NOT_SATISFIABLE:
            partial.forget()
            raise FetchError("has fewer bytes than before")
        response.raise_for_status()
        if response.status_code != _PARTIAL:
            note = _note_of(response)
        elif note is None or response.headers.get("Content-Range") != _rest(note):
            partial.forget()
            raise FetchError("sent another range than requested")
        if size is not None and note.total is not None and note.total != size:
            partial.forget()
            raise FetchError(f"has {note.total} bytes instead of {size}")
        _receive(response, partial, note, size, progress)


def _note_of(response: requests.Response) -> _Note:
    """The note of a complete response, with the validator for `If-Range` (RFC 9110, 13.1.5)."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal():
        return _Note(validator=None, total=None)
    tag = response.headers.get("ETag", "")
    return _Note(validator=tag if tag.startswith('"') else response.headers.get("Last-Modified"), total=int(length))


def _rest(note: _Note) -> str:
    """The Content-Range of all missing bytes."""
    return f"bytes {note.done}-{(note.total or 0) - 1}/{note.total}"


def _receive(response: requests.Response, partial: Partial, note: _Note, size: int | None, progress: Progress) -> None:
    most = note.total or size or _MAX_BYTES
    saved = note.done
    with partial.written(note) as (file, save):
        for chunk in response.iter_content(_CHUNK_BYTES):
            if file.tell() + len(chunk) > most:
                raise FetchError(f"sent more than {most} bytes")
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
        return "broke the connection"
    return "cannot be reached" if isinstance(error, requests.ConnectionError) else "sent an invalid response"


def _download_from_drive(url: str, target: BinaryIO, progress: Progress) -> None:
    import gdown  # slow to import, and only two of the files need it

    try:
        gdown.download(url, target, quiet=True, progress=progress, timeout=_TIMEOUT_S)
    except gdown.exceptions.DownloadError as error:
        raise FetchError(str(error)) from error
    except requests.RequestException as error:  # an OSError, but none of the disk
        raise FetchError(_reason(error)) from error


def unpack(archive: Path, target: Path, kind: str, size: int | None) -> None:
    """Write the one file of a `.bz2` or `.zip` archive to `target`, at most one byte more than `size`.

    Raises:
        FetchError: the source is not such an archive.
        OSError: `target` cannot be written.
    """
    most = (size or _MAX_BYTES) + 1
    with target.open("wb") as unpacked:
        try:
            with _opened(archive, kind) as content:
                _copy(content, unpacked, most)
        except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # an error of the disk, not of the archive
                raise
            raise FetchError(f"is not a {kind} archive of one file") from error


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
    """Copy a file of another folder to `partial`.

    Raises:
        FetchError: the source is not a readable file.
        OSError: `partial` cannot be written.
    """
    partial.forget()
    try:
        content = source.open("rb")
    except OSError as error:
        raise FetchError("does not exist" if isinstance(error, FileNotFoundError) else "cannot be read") from error
    partial.path.parent.mkdir(parents=True, exist_ok=True)
    with content, partial.path.open("wb") as target:
        shutil.copyfileobj(content, target, _CHUNK_BYTES)


class FetchError(CommandError):
    """No source provided the file; the message says what happened at each of them."""
