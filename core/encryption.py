"""Encrypts bytes, so that only the key's holder can read or change them: AES-256-GCM of `cryptography`.

The layout of encrypted content, in bytes:

     0        the version of this format: 1, or 2 for `Keyring.bound`
     1 to 8   the ID of the key, which selects the key without trial
     9 to 20  the nonce: 96 random bits. After 2^32 encryptions with one key, two nonces are equal with a chance of
              2^-33 (NIST SP 800-38D, 8.3, allows as many)
    21 to -17 the ciphertext, as long as the content
   -16 to -1  the tag, over all of the above and the `context`. The context says what the content is and is not stored

HKDF-SHA256 derives the encryption key and its ID from the given key, each with its own label and version.
"""

import io
import os
from collections.abc import Iterable
from functools import cached_property
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from typing_extensions import Buffer, override

_VERSION, _BOUND_VERSION = b"\x01", b"\x02"
_ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 8, 12, 16
_KEY_BYTES = 32
_NONCE_AT = len(_VERSION) + _ID_BYTES
_SEALED_AT = _NONCE_AT + _NONCE_BYTES

# Bytes that encryption adds to the content.
OVERHEAD = _SEALED_AT + _TAG_BYTES

# An encrypted file begins with this line and with 16 random bytes that no other file has.
_MARK = b"sealed 1\n"
_FILE_ID_BYTES = 16
_HEADER_BYTES = len(_MARK) + _FILE_ID_BYTES

# Then come the pieces, each encrypted, of which the last is shorter. The context of a piece is the random bytes, its
# number, and whether it is the last: pieces cannot be swapped, left out, or taken from another file.
_PIECE = 1 << 16
_SEALED_PIECE = _PIECE + OVERHEAD


class DecryptionError(Exception):
    """Raised when content cannot be decrypted: it has another key or another context, or was changed."""


class Keyring:
    """Encryption keys: the first one encrypts, any of them decrypts. An empty keyring can do neither.

    Args:
        keys: 32 random bytes each.
        version: the first byte of what is encrypted, and of all that is decrypted.
    """

    def __init__(self, keys: Iterable[bytes] = (), version: bytes = _VERSION) -> None:
        self._keys = tuple(keys)
        self._version = version
        label = b"" if version == _VERSION else version
        self._ciphers = {
            _derived(key, label + b"id", _ID_BYTES): AESGCM(_derived(key, label + b"key", _KEY_BYTES))
            for key in self._keys
        }
        self._first = next(iter(self._ciphers), b"")

    def __bool__(self) -> bool:
        return bool(self._ciphers)

    @property
    def first(self) -> str:
        """ID of the key that encrypts, as 16 hex digits; empty if there is no key."""
        return self._first.hex()

    @property
    def ids(self) -> frozenset[str]:
        """IDs of all keys."""
        return frozenset(number.hex() for number in self._ciphers)

    @cached_property
    def bound(self) -> "Keyring":
        """Keys derived from the same keys, with other IDs, for content whose context names all that it belongs to."""
        return Keyring(self._keys, _BOUND_VERSION)

    def encrypt(self, content: bytes, context: bytes) -> bytes:
        """Return the content encrypted for this context; raise KeyError if there is no key."""
        cipher, nonce = self._ciphers[self._first], os.urandom(_NONCE_BYTES)
        return self._version + self._first + nonce + cipher.encrypt(nonce, content, context)

    def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        """Return the decrypted content.

        Raises:
            DecryptionError: the content has another context, has none of these keys, or was changed.
        """
        cipher = self._ciphers.get(sealed[len(_VERSION) : _NONCE_AT])
        if cipher is None or not sealed.startswith(self._version) or len(sealed) < OVERHEAD:
            raise DecryptionError
        try:
            return cipher.decrypt(sealed[_NONCE_AT:_SEALED_AT], sealed[_SEALED_AT:], context)
        except InvalidTag:
            raise DecryptionError from None


def key_id(sealed: bytes) -> str:
    """Return the ID of the key that encrypted this, as `Keyring.first`; arbitrary if the content is not encrypted."""
    return sealed[len(_VERSION) : _NONCE_AT].hex()


def _derived(key: bytes, what: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"face service, gallery " + what).derive(key)


def encrypted_by(file: BinaryIO) -> str:
    """Return the ID of the key that encrypted the open file; empty if it is not encrypted. Rewinds the file."""
    file.seek(0)
    begins = file.read(_HEADER_BYTES + OVERHEAD)
    file.seek(0)
    return key_id(begins[_HEADER_BYTES:]) if begins.startswith(_MARK) else ""


class _EncryptedWriter(io.RawIOBase):
    def __init__(self, file: BinaryIO, keyring: Keyring) -> None:
        super().__init__()
        self._file = file
        self._keyring = keyring
        self._id = os.urandom(_FILE_ID_BYTES)
        self._waiting = bytearray()
        self._pieces = 0
        file.write(_MARK + self._id)

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, content: Buffer, /) -> int:
        view = memoryview(content).cast("B")
        for start in range(0, len(view), _PIECE):  # piece by piece, so that the buffer never holds all the content
            self._waiting += view[start : start + _PIECE]
            while len(self._waiting) > _PIECE:  # keeps one piece back: it may be the last of the file
                self._write(last=False)
        return len(view)

    @override
    def close(self) -> None:
        try:
            if not self.closed:
                self._write(last=True)
        finally:
            super().close()

    def _write(self, *, last: bool) -> None:
        context = _context(self._id, self._pieces, last=last)
        self._file.write(self._keyring.encrypt(bytes(self._waiting[:_PIECE]), context))
        del self._waiting[:_PIECE]
        self._pieces += 1


class _EncryptedReader(io.RawIOBase):
    def __init__(self, file: BinaryIO, keyring: Keyring) -> None:
        super().__init__()
        self._file = file
        self._keyring = keyring
        sealed = file.seek(0, os.SEEK_END) - _HEADER_BYTES
        self._pieces = -(-sealed // _SEALED_PIECE)
        self._length = sealed - self._pieces * OVERHEAD
        file.seek(len(_MARK))
        self._id = file.read(_FILE_ID_BYTES)
        self._place = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        return self._place

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        number, start = divmod(self._place, _PIECE)
        if not view or number >= self._pieces:
            return 0
        self._file.seek(_HEADER_BYTES + number * _SEALED_PIECE)
        context = _context(self._id, number, last=number == self._pieces - 1)
        piece = self._keyring.decrypt(self._file.read(_SEALED_PIECE), context)[start : start + len(view)]
        view[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)


def encrypting(file: BinaryIO, keyring: Keyring) -> BinaryIO:
    """Return a writer that encrypts into `file`. Closing the writer completes the content and leaves `file` open."""
    return io.BufferedWriter(_EncryptedWriter(file, keyring), _PIECE)


def decrypting(file: BinaryIO, keyring: Keyring) -> BinaryIO:
    """Return a seekable reader of the decrypted content of the file.

    Raises:
        DecryptionError: the file is not encrypted. Reading raises it if the file is damaged or has none of these keys.
    """
    if not encrypted_by(file):
        raise DecryptionError
    return io.BufferedReader(_EncryptedReader(file, keyring), _PIECE)


def _context(file_id: bytes, number: int, *, last: bool) -> bytes:
    return b"file" + file_id + number.to_bytes(8) + bytes([last])
