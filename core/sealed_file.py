"""A file of any size sealed piece by piece, to be written at one go and read at any place.

It begins with a line that no other file of the service begins with, and 16 random bytes that make it like no other;
then come the pieces of 64 KiB, the last one shorter, each sealed by `core.encryption`. The context of a piece is these
16 bytes, its number, and whether it is the last: pieces cannot be swapped, left out, or taken from another file.
"""

import io
import os
from typing import BinaryIO

from typing_extensions import Buffer, override

from core.encryption import OVERHEAD, Keyring, Unopenable, key_id

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
