"""Reads the `.npz` in which DeepFace keeps its index, as little trusting as it is possible to be.

The archive is walked from its beginning and read in blocks of rows, so that its size costs time but no memory. Neither
a directory of a million entries, nor compression, nor a pickle has a way in: only what DeepFace writes is read. The
`zipfile` of Python 3.11 reads such a directory, of 47 MB, in 10 s and 367 MB of memory before it can be refused.
"""

import io
import logging
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from core.files import Signature, open_beneath
from services.find.deepface_import.index_rows import RecordedFace, adopted, file_name, in_deepfaces_way
from services.find.index import IndexKey, PhotoFaces
from services.models.catalogue import catalogue

logger = logging.getLogger(__name__)

_MOST_BYTES = 2**36
_MOST_MEMBERS = 16
_MOST_PATH_BYTES = 4 * 4096  # PATH_MAX of Linux in numpy's four bytes a character
_ROWS_AT_ONCE = 256

# A member's header in the archive: signature, flags, method, CRC-32, both sizes, lengths of the name and the rest.
_MEMBER = struct.Struct("<4s2xHH4xLLLHH")
_LARGE = struct.Struct("<HHQQ")  # what follows the name where the sizes do not fit; numpy always writes it so
_IN_LARGE = 0xFFFFFFFF
_NPY_HEADER_BYTES = 4096

_BOX = ("target_x", "target_y", "target_w", "target_h")
_COLUMNS = ("identity", "hash", "has_embedding", "embedding", *_BOX)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """An array in the archive, not read yet: the bytes before it, where it begins, and the checksum of both."""

    header: bytes
    start: int
    crc: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def taken_over(key: IndexKey, wanted: Mapping[str, Signature]) -> dict[str, PhotoFaces]:
    """The photos of `wanted` as the `.npz` that DeepFace left in the folder has them; of a damaged one, none."""
    if not wanted:
        return {}
    name = file_name(key)
    if name is None:
        _tell_of_unused(key)
        return {}
    try:
        with open_beneath(key.folder, name) as file:
            found = adopted(key, wanted, recorded_faces(file, catalogue.find(key.space.model).dim))
    except FileNotFoundError:
        return {}
    except Exception as error:  # whatever a hostile file leads to, the answer is to embed the photos
        logger.warning("an index of DeepFace could not be read and is ignored", extra={"cause": type(error).__name__})
        return {}
    logger.info("photos taken over from an index of DeepFace", extra={"photos": len(found)})
    return found


def _tell_of_unused(key: IndexKey) -> None:
    """Say in the log that there is an index of DeepFace which would do if faces were found and cut out as it does."""
    name = file_name(replace(key, space=in_deepfaces_way(key.space)))
    if name is not None and os.path.lexists(os.path.join(key.folder, name)):
        logger.warning(
            "an index of DeepFace is not used: it has faces as DETECTION=deepface and DEFAULT_ALIGNMENT=eyes find them",
            extra={"model": key.space.model, "detector": key.detector},
        )


def recorded_faces(file: BinaryIO, dimension: int | None) -> Iterator[RecordedFace]:
    """The rows of an index with embeddings of `dimension`; a wrong checksum is noticed after the last one.

    Raises:
        ValueError: the file is not what DeepFace writes, or larger than any it would.
        OSError: it could not be read.
    """
    columns = _columns(file.fileno())
    if columns.keys() != set(_COLUMNS):
        raise ValueError("other columns")
    rows, width = columns["identity"].shape[:1], columns["embedding"].shape[1:]
    expected = {"identity": ("<U", rows), "hash": ("<U", rows), "has_embedding": ("|b", rows)}
    expected |= {"embedding": ("<f", rows + width)} | dict.fromkeys(_BOX, ("<i", rows))
    if {name: (column.dtype.str[:2], column.shape) for name, column in columns.items()} != expected:
        raise ValueError("other columns")
    if width not in ((dimension,), (0,)):
        raise ValueError("another dimension")
    if max(columns[name].dtype.itemsize for name in _COLUMNS) > _MOST_PATH_BYTES:
        raise ValueError("a path that is too long")
    for blocks in zip(*(_blocks(file.fileno(), columns[name]) for name in _COLUMNS), strict=True):
        yield from _rows(*blocks)


def _rows(
    identities: npt.NDArray[Any],
    hashes: npt.NDArray[Any],
    has_embedding: npt.NDArray[Any],
    embeddings: npt.NDArray[Any],
    *box: npt.NDArray[Any],
) -> Iterator[RecordedFace]:
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        embeddings = embeddings.astype(np.float32)
    columns = identities.tolist(), hashes.tolist(), has_embedding.tolist(), np.stack(box, axis=1).tolist()
    for number, (identity, recorded, has, (x, y, w, h)) in enumerate(zip(*columns, strict=True)):
        embedding = embeddings[number].copy() if has else None  # a view would keep the whole block
        yield RecordedFace(identity=identity, hash=recorded, box=(x, y, w, h), embedding=embedding)


def _columns(descriptor: int) -> dict[str, _Column]:
    """The arrays by name."""
    size = os.fstat(descriptor).st_size
    if size > _MOST_BYTES:
        raise ValueError("too large")
    found: dict[str, _Column] = {}
    at = 0
    for _ in range(_MOST_MEMBERS):
        header = os.pread(descriptor, _MEMBER.size, at)
        if not header.startswith(b"PK\3\4"):
            break
        _, flags, method, crc, packed, length, name_length, rest_length = _MEMBER.unpack(header)
        begins = at + _MEMBER.size + name_length + rest_length
        text = os.pread(descriptor, name_length + rest_length, at + _MEMBER.size)
        if packed == length == _IN_LARGE:
            _, _, length, packed = _LARGE.unpack(text[name_length:])
        at = begins + length
        if flags or method or packed != length or at > size:
            raise ValueError("not stored as it is")
        found[text[:name_length].decode("ascii").removesuffix(".npy")] = _column(descriptor, begins, at, crc)
    return found


def _column(descriptor: int, begins: int, ends: int, crc: int) -> _Column:
    beginning = io.BytesIO(os.pread(descriptor, min(_NPY_HEADER_BYTES, ends - begins), begins))
    if np.lib.format.read_magic(beginning) != (1, 0):
        raise ValueError("another format of arrays")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(beginning)
    start = begins + beginning.tell()
    if by_columns or min(shape) < 0 or dtype.itemsize * math.prod(shape) != ends - start:
        raise ValueError("a shape that the bytes do not have")
    header = beginning.getvalue()[: beginning.tell()]
    return _Column(header=header, start=start, crc=crc, shape=shape, dtype=dtype)


def _blocks(descriptor: int, column: _Column) -> Iterator[npt.NDArray[Any]]:
    """The array in pieces of `_ROWS_AT_ONCE` rows."""
    rows, width = column.shape[0], column.shape[1:]
    row_bytes = column.dtype.itemsize * math.prod(width)
    crc = zlib.crc32(column.header)
    for first in range(0, rows, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, rows - first)
        content = os.pread(descriptor, count * row_bytes, column.start + first * row_bytes)
        crc = zlib.crc32(content, crc)
        yield np.frombuffer(content, column.dtype).reshape(count, *width)
    if crc != column.crc:
        raise ValueError("damaged")
