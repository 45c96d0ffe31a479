"""A file of the index store around its content: plain with a checksum, or sealed where there is a key."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import IO, BinaryIO

from core.encryption import Keyring, Unopenable, opened, sealed_by, sealing
from core.files import atomically_written

_DIGEST_BYTES = 65  # of the first line of a plain one: 64 digits and its end


@contextmanager
def written(path: Path, keyring: Keyring) -> Iterator[IO[bytes]]:
    """What to write the content to; whole, it takes the place of `path`. Sealed it can only be written on and on.

    Raises:
        OSError: as `atomically_written`.
    """
    with atomically_written(path) as file:
        if keyring:
            with sealing(file, keyring) as writer:
                yield writer
        else:
            file.write(bytes(_DIGEST_BYTES))
            yield file
            digest = _digest(file)
            file.seek(0)
            file.write(digest)


@contextmanager
def read(path: Path, keyring: Keyring, *, checked: bool = True) -> Iterator[BinaryIO]:
    """The content; of a plain one unchecked, if that is said.

    Raises:
        OSError: the file cannot be read.
        Unopenable: none of the keys opens it, or it is damaged; also while it is read.
        ValueError: it is plain, and damaged.
    """
    with path.open("rb") as file:
        if sealed_by(file):
            with opened(file, keyring) as content:
                yield content
        else:
            digest = file.read(_DIGEST_BYTES)
            if checked and digest != _digest(file):
                raise ValueError("the checksum is another")
            yield file


def reseal(path: Path, keyring: Keyring) -> None:
    """Seal the file with the first key unless it is; remove a plain one that is damaged, keep one that does not open.

    Raises:
        OSError: it cannot be read or written; it is as it was.
    """
    with path.open("rb") as file:
        key, status = sealed_by(file), os.fstat(file.fileno())
    if key == keyring.first:
        return
    try:
        with read(path, keyring) as content, written(path, keyring) as sealed:
            shutil.copyfileobj(content, sealed, 1 << 20)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the least recently saved makes room
    except ValueError:
        path.unlink()
    except Unopenable:
        pass


def _digest(file: BufferedReader | BufferedRandom) -> bytes:
    """The first line of the open file: the SHA-256 of the others. Leaves the file at the second."""
    file.seek(_DIGEST_BYTES)
    digest = file_digest(file, "sha256").hexdigest().encode() + b"\n"
    file.seek(_DIGEST_BYTES)
    return digest
