"""The file format of the index store: plain with a checksum, or encrypted if there is a key.

With a key, a plain file is never read: anybody could have written it. `reencrypt` encrypts files from before the key.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import file_digest
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import IO, BinaryIO

from core.encryption import DecryptionError, Keyring, decrypting, encrypted_by, encrypting
from core.files import atomically_written

logger = logging.getLogger(__name__)

_DIGEST_BYTES = 65  # length of a plain file's first line: 64 hex digits and the newline


@contextmanager
def written(path: Path, keyring: Keyring) -> Iterator[IO[bytes]]:
    """A file for the content, which replaces `path` when the block ends. If encrypted, it can only be appended to.

    Raises:
        OSError: as `atomically_written`.
    """
    with atomically_written(path) as file:
        if keyring:
            with encrypting(file, keyring) as writer:
                yield writer
        else:
            file.write(bytes(_DIGEST_BYTES))
            yield file
            digest = _digest(file)
            file.seek(0)
            file.write(digest)


@contextmanager
def read(path: Path, keyring: Keyring, *, checked: bool = True) -> Iterator[BinaryIO]:
    """The content. `checked=False` skips the checksum of a plain file.

    Raises:
        OSError: the file cannot be read.
        DecryptionError: no key decrypts the file, it is damaged, or it is plain although there is a key. Reading the
            content may raise this too.
        ValueError: the plain file is damaged.
    """
    with path.open("rb") as file:
        is_encrypted = keyring or encrypted_by(file)
        with decrypting(file, keyring) if is_encrypted else _plain(file, checked=checked) as content:
            yield content


@contextmanager
def _plain(file: BufferedReader, *, checked: bool = True) -> Iterator[BinaryIO]:
    digest = file.read(_DIGEST_BYTES)
    if checked and digest != _digest(file):
        raise ValueError("wrong checksum")
    yield file


def reencrypt(path: Path, keyring: Keyring, *, takes_plain: bool) -> None:
    """Encrypt the file with the first key, unless it already is.

    A plain file is deleted if it is damaged, or without `takes_plain`. A file that no key decrypts is kept.

    Raises:
        OSError: the file cannot be read or written. It is unchanged.
    """
    with path.open("rb") as file:
        key, status = encrypted_by(file), os.fstat(file.fileno())
    if key == keyring.first:
        return
    if not key and not takes_plain:
        logger.warning("folder index without encryption deleted, because all were encrypted; it will be rebuilt")
        path.unlink()
        return
    try:
        with path.open("rb") as file, _content(file, keyring) as content, written(path, keyring) as sealed:
            shutil.copyfileobj(content, sealed, 1 << 20)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the store deletes the oldest files first
    except ValueError:
        path.unlink()
    except DecryptionError:
        pass


def _content(file: BufferedReader, keyring: Keyring) -> AbstractContextManager[BinaryIO]:
    return decrypting(file, keyring) if encrypted_by(file) else _plain(file)


def _digest(file: BufferedReader | BufferedRandom) -> bytes:
    """The first line for the open file: the SHA-256 of all later lines. Leaves the file at the second line."""
    file.seek(_DIGEST_BYTES)
    digest = file_digest(file, "sha256").hexdigest().encode() + b"\n"
    file.seek(_DIGEST_BYTES)
    return digest
