"""A separate program that reads a DeepFace pickle from standard input and writes its content as lines of JSON.

A pickle is a program that can call any function by name. Here it is harmless:

- Names resolve only to stand-ins for numpy's numbers.
- The process cannot open files or sockets, or start processes.
- Its memory and time are limited to the needs of a valid pickle of this size.

The program knows nothing of the service and imports only the standard library, so that it starts fast.

The argument is the dimension of the embeddings. Each line is `[identity, hash, [x, y, w, h], embedding]`. The embedding
is float32 in base64, or null. The last line is `null`. The exit status is 0 only after the last line.
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

_MAX_PATH = 4096  # PATH_MAX of Linux
_HASH_CHARACTERS = 40
_LARGEST = 2**31 - 1

# A float takes 9 bytes in a pickle, and a numpy float over 20. A repeated reference to a list takes only 2, so this
# limit stops small files that expand to many numbers.
_MIN_BYTES_A_NUMBER = 4

# A numpy float takes over 300 bytes of memory, including the unpickler's memo.
_MEMORY_OF_ITS_SIZE = 32
_MEMORY_BYTES = 2**28
_BYTES_A_SECOND = 2**20
_SECONDS = 20

_NUMBERS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B"}


class _Type:
    """Stand-in for a `numpy.dtype`, with its name and byte order."""

    __slots__ = ("name", "state")

    def __init__(self, name: Any) -> None:
        self.name = name
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def number(self, content: bytes) -> float:
        """The number in `content`.

        Raises:
            ValueError, TypeError, KeyError, struct.error: `content` is not such a number.
        """
        if self.state is not None and self.state[1] not in ("<", "|"):
            raise ValueError("unexpected byte order")
        number: float = struct.unpack(f"<{_NUMBERS[self.name]}", content)[0]
        return number


class _MakeType:
    """Stand-in for the name `numpy.dtype`. It has no dictionary, so that a pickle cannot store anything in it."""

    __slots__ = ()

    def __call__(self, name: object, align: object = False, copy: object = True) -> _Type:
        return _Type(name)


class _MakeNumber:
    """Stand-in for the name `numpy.core.multiarray.scalar`. It returns a Python number."""

    __slots__ = ()

    def __call__(self, type_: _Type, content: bytes) -> float:
        return type_.number(content)


_NAMES = {
    ("numpy", "dtype"): _MakeType(),
    ("numpy.core.multiarray", "scalar"): _MakeNumber(),
    ("numpy._core.multiarray", "scalar"): _MakeNumber(),
}


class Reader(pickle.Unpickler):
    """Unpickles only lists, dictionaries, strings and numbers. It imports no name."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a numpy name.

        Raises:
            pickle.UnpicklingError: the name is not allowed.
        """
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError("name not allowed in an index")
        return _NAMES[module, name]

    def persistent_load(self, pid: object) -> NoReturn:
        """Refuse references to external objects, because no index has any.

        Raises:
            pickle.UnpicklingError: always.
        """
        raise pickle.UnpicklingError("external reference not allowed in an index")


def lines(file: BinaryIO, size: int, dimension: int) -> Iterator[bytes]:
    """The output lines for a pickle of `size` bytes.

    Raises:
        ValueError, TypeError, KeyError: the content is not what DeepFace up to 0.0.101 wrote.
        Exception: any error that unpickling caused.
    """
    rows = Reader(file).load()
    if type(rows) is not list or file.read(1):
        raise ValueError("not a list of rows")
    numbers = 0
    for row in rows:
        line = _line(row, dimension)
        numbers += dimension if row["embedding"] is not None else 1
        if numbers * _MIN_BYTES_A_NUMBER > size:
            raise ValueError("more numbers than the file can hold")
        yield line
    yield b"null\n"


def _line(row: Any, dimension: int) -> bytes:
    if type(row) is not dict or row.keys() != _KEYS:
        raise ValueError("not a row of an index")
    identity, recorded, embedding = row["identity"], row["hash"], row["embedding"]
    if type(identity) is not str or not 0 < len(identity) <= _MAX_PATH:
        raise ValueError("invalid path")
    if type(recorded) is not str or len(recorded) != _HASH_CHARACTERS:
        raise ValueError("invalid hash")
    box = [row[name] for name in _BOX]
    if any(type(edge) is not int or abs(edge) > _LARGEST for edge in box):
        raise ValueError("invalid box")
    return json.dumps([identity, recorded, box, _packed(embedding, dimension)]).encode() + b"\n"


def _packed(embedding: Any, dimension: int) -> str | None:
    if embedding is None:
        return None
    if type(embedding) is not list or len(embedding) != dimension or {*map(type, embedding)} - {float, int}:
        raise ValueError("invalid embedding for this model")
    return base64.b64encode(array.array("f", embedding)).decode()


def confine(size: int) -> None:
    """Limit the process to the resources that reading a pickle of `size` bytes needs.

    Raises:
        OSError, ValueError: the system refused a limit.
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
    """Read standard input, write the lines and return the exit status."""
    try:
        size = os.fstat(sys.stdin.fileno()).st_size
        confine(size)
        for line in lines(sys.stdin.buffer, size, int(sys.argv[1])):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except Exception:  # the message is not shown, because a hostile pickle may have written it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
