"""Seals bytes, so that they can be read and changed only with a key: AES-256-GCM of `cryptography`.

What is sealed is, byte by byte:

     0        the version of this format, 1
     1 to 8   the id of the key, so that the right one is taken without trying
     9 to 20  the nonce: 96 random bits. Two are alike with a chance of 2^-33 once a key has sealed 2^32 times (NIST SP
              800-38D, 8.3, allows as many)
    21 to -17 what was sealed, encrypted; as long as it was
   -16 to -1  the tag, over all that and what the bytes are (the `context`), which is not in them

The key that encrypts, and its id, are made of the given key by HKDF-SHA256, each with a text of its own.
"""

import io
import os
from collections.abc import Iterable
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from typing_extensions import Buffer, override

_VERSION = b"\x01"
_ID_BYTES, _NONCE_BYTES, _TAG_BYTES = 8, 12, 16
_KEY_BYTES = 32
_NONCE_AT = len(_VERSION) + _ID_BYTES
_SEALED_AT = _NONCE_AT + _NONCE_BYTES

# How many bytes longer something is once it is sealed.
OVERHEAD = _SEALED_AT + _TAG_BYTES


class Unopenable(Exception):
    """What should be opened was sealed with another key, as something else, or has been changed."""


class Keyring:
    """The keys: the first one seals, any of them opens. Without any, nothing can be sealed or opened.

    Args:
        keys: 32 random bytes each.
    """

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._ciphers = {_derived(key, b"id", _ID_BYTES): AESGCM(_derived(key, b"key", _KEY_BYTES)) for key in keys}
        self._first = next(iter(self._ciphers), b"")

    def __bool__(self) -> bool:
        return bool(self._ciphers)

    @property
    def first(self) -> str:
        """The id of the key that seals, as 16 hexadecimal digits; empty if there is none."""
        return self._first.hex()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(number.hex() for number in self._ciphers)

    def seal(self, content: bytes, context: bytes) -> bytes:
        """The content for whoever has the key and says the same context; raises KeyError if there is no key."""
        cipher, nonce = self._ciphers[self._first], os.urandom(_NONCE_BYTES)
        return _VERSION + self._first + nonce + cipher.encrypt(nonce, content, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """What was sealed in this context.

        Raises:
            Unopenable: it was not, or with none of these keys, or somebody has changed it.
        """
        cipher = self._ciphers.get(sealed[len(_VERSION) : _NONCE_AT])
        if cipher is None or not sealed.startswith(_VERSION) or len(sealed) < OVERHEAD:
            raise Unopenable
        try:
            return cipher.decrypt(sealed[_NONCE_AT:_SEALED_AT], sealed[_SEALED_AT:], context)
        except InvalidTag:
            raise Unopenable from None


def key_id(sealed: bytes) -> str:
    """The id of the key that has sealed this, as `Keyring.first` says it; anything if it is not sealed."""
    return sealed[len(_VERSION) : _NONCE_AT].hex()


def _derived(key: bytes, what: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"face service, gallery " + what).derive(key)


_MARK = b"sealed 1\n"


_FILE_ID_BYTES = 16


_HEADER_BYTES = len(_MARK) + _FILE_ID_BYTES


_PIECE = 1 << 16


_SEALED_PIECE = _PIECE + OVERHEAD


def sealed_by(file: BinaryIO) -> str:
    """The id of the key that has sealed the open file; empty if it is no such file. Leaves it at its beginning."""
    file.seek(0)
    begins = file.read(_HEADER_BYTES + OVERHEAD)
    file.seek(0)
    return key_id(begins[_HEADER_BYTES:]) if begins.startswith(_MARK) else ""


class _Sealing(io.RawIOBase):
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
        for start in range(0, len(view), _PIECE):  # so that what waits is never as much as the content
            self._waiting += view[start : start + _PIECE]
            while len(self._waiting) > _PIECE:  # of which the last piece may be the last of all
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
        self._file.write(self._keyring.seal(bytes(self._waiting[:_PIECE]), context))
        del self._waiting[:_PIECE]
        self._pieces += 1


class _Opened(io.RawIOBase):
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
        piece = self._keyring.open(self._file.read(_SEALED_PIECE), context)[start : start + len(view)]
        view[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)


def sealing(file: BinaryIO, keyring: Keyring) -> BinaryIO:
    """What to write to, so that it is sealed in `file`, which stays open. It is whole once this is closed."""
    return io.BufferedWriter(_Sealing(file, keyring), _PIECE)


def opened(file: BinaryIO, keyring: Keyring) -> BinaryIO:
    """What was written into the file, to be read at any place.

    Raises:
        Unopenable: it is no such file. Reading raises it where the file is damaged, or sealed with none of these keys.
    """
    if not sealed_by(file):
        raise Unopenable
    return io.BufferedReader(_Opened(file, keyring), _PIECE)


def _context(file_id: bytes, number: int, *, last: bool) -> bytes:
    return b"file" + file_id + number.to_bytes(8) + bytes([last])
