"""Reads a DeepFace pickle from standard input, and writes what it holds as lines of JSON; a program of its own.

A pickle is a program for a small machine that can call any function by name. Here it can do no harm: no name leads
anywhere but to stand-ins for numpy's numbers, and the process may open no file or socket, start no other, and use only
as much memory and time as an honest pickle of this size needs. It knows nothing of the service and imports only the
standard library, so that it starts fast.

Called with the dimension of the embeddings. Each line is `[identity, hash, [x, y, w, h], embedding]`, the embedding as
float32 in base64, or null; the last is `null`. The exit status is 0 only after that one.
"""

import array
import base64
import json
import os
import pickle
import resource
import struct
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, NoReturn

_KEYS = {"identity", "hash", "embedding", "target_x", "target_y", "target_w", "target_h"}
_BOX = ("target_x", "target_y", "target_w", "target_h")

_MOST_PATH = 4096  # PATH_MAX of Linux
_HASH_CHARACTERS = 40
_LARGEST = 2**31 - 1

# A float takes nine bytes in a pickle, and one of numpy's over twenty; a list that is named again takes two.
_LEAST_BYTES_A_NUMBER = 4

# In memory one of numpy's takes over 300, with all that the unpickler remembers of it.
_MEMORY_OF_ITS_SIZE = 32
_MEMORY_BYTES = 2**28
_BYTES_A_SECOND = 2**20
_SECONDS = 20

_NUMBERS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B"}


class _Type:
    """Stands for a `numpy.dtype`: what it is called, and its byte order."""

    __slots__ = ("name", "state")

    def __init__(self, name: Any) -> None:
        self.name = name
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def number(self, content: bytes) -> float:
        """The number in `content`.

        Raises:
            ValueError, TypeError, KeyError, struct.error: there is none.
        """
        if self.state is not None and self.state[1] not in ("<", "|"):
            raise ValueError("another byte order")
        number: float = struct.unpack(f"<{_NUMBERS[self.name]}", content)[0]
        return number


class _MakeType:
    """Stands for the name `numpy.dtype`; without a dictionary, so that no pickle can leave anything in it."""

    __slots__ = ()

    def __call__(self, name: object, align: object = False, copy: object = True) -> _Type:
        return _Type(name)


class _MakeNumber:
    """Stands for the name `numpy.core.multiarray.scalar`, which gives a number of Python instead."""

    __slots__ = ()

    def __call__(self, type_: _Type, content: bytes) -> float:
        return type_.number(content)


_NAMES = {
    ("numpy", "dtype"): _MakeType(),
    ("numpy.core.multiarray", "scalar"): _MakeNumber(),
    ("numpy._core.multiarray", "scalar"): _MakeNumber(),
}


class Reader(pickle.Unpickler):
    """Makes lists, dictionaries, strings and numbers, and nothing else: no name is imported."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name of numpy.

        Raises:
            pickle.UnpicklingError: it is another name.
        """
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError("a name that no index has")
        return _NAMES[module, name]

    def persistent_load(self, pid: object) -> NoReturn:
        """No index refers to anything outside.

        Raises:
            pickle.UnpicklingError: always.
        """
        raise pickle.UnpicklingError("a reference that no index has")


def lines(file: BinaryIO, size: int, dimension: int) -> Iterator[bytes]:
    """The lines for a pickle of `size` bytes.

    Raises:
        Exception: whatever unpickling it led to; ValueError, TypeError or KeyError where it holds something else than
            DeepFace up to 0.0.101 wrote.
    """
    rows = Reader(file).load()
    if type(rows) is not list or file.read(1):
        raise ValueError("no list of rows")
    numbers = 0
    for row in rows:
        line = _line(row, dimension)
        numbers += dimension if row["embedding"] is not None else 1
        if numbers * _LEAST_BYTES_A_NUMBER > size:
            raise ValueError("more numbers than the file has room for")
        yield line
    yield b"null\n"


def _line(row: Any, dimension: int) -> bytes:
    if type(row) is not dict or row.keys() != _KEYS:
        raise ValueError("no row of an index")
    identity, recorded, embedding = row["identity"], row["hash"], row["embedding"]
    if type(identity) is not str or not 0 < len(identity) <= _MOST_PATH:
        raise ValueError("no path")
    if type(recorded) is not str or len(recorded) != _HASH_CHARACTERS:
        raise ValueError("no hash")
    box = [row[name] for name in _BOX]
    if any(type(edge) is not int or abs(edge) > _LARGEST for edge in box):
        raise ValueError("no box")
    return json.dumps([identity, recorded, box, _packed(embedding, dimension)]).encode() + b"\n"


def _packed(embedding: Any, dimension: int) -> str | None:
    if embedding is None:
        return None
    if type(embedding) is not list or len(embedding) != dimension or {*map(type, embedding)} - {float, int}:
        raise ValueError("no embedding of this model")
    return base64.b64encode(array.array("f", embedding)).decode()


def confine(size: int) -> None:
    """Give up every right that reading a pickle of `size` bytes does not need.

    Raises:
        OSError, ValueError: the system did not take them.
    """
    limits = {
        resource.RLIMIT_AS: _MEMORY_BYTES + _MEMORY_OF_ITS_SIZE * size,
        resource.RLIMIT_CPU: _SECONDS + size // _BYTES_A_SECOND,
        resource.RLIMIT_NOFILE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        _, most = resource.getrlimit(limit)
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (allowed, allowed))


def main() -> int:
    """Read standard input; returns the exit status."""
    try:
        size = os.fstat(sys.stdin.fileno()).st_size
        confine(size)
        for line in lines(sys.stdin.buffer, size, int(sys.argv[1])):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except Exception:  # the reason may be of the pickle's making, and is nobody's business
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
