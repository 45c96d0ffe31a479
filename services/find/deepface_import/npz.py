"""Reads the `.npz` file of DeepFace's index without trusting its content.

The archive is read from its beginning in blocks of rows, so a large archive takes time but no memory. Only the format
that DeepFace writes is accepted: no large directory, no compression, no pickle. `zipfile` is not used, because it reads
the whole directory before the archive can be refused. In Python 3.11, a directory of a million entries (47 MB) takes
10 s and 367 MB of memory.
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
from services.find.deepface_import.index_rows import RecordedFace, file_name, in_deepfaces_way, match_rows
from services.find.index import IndexKey, PhotoFaces
from services.models.catalogue import catalogue

logger = logging.getLogger(__name__)

_MAX_BYTES = 2**36
_MAX_MEMBERS = 16
_MAX_PATH_BYTES = 4 * 4096  # PATH_MAX of Linux, at numpy's four bytes per character
_ROWS_AT_ONCE = 256

# Header of a member: signature, flags, method, CRC-32, both sizes, length of the name, length of the extra field.
_MEMBER = struct.Struct("<4s2xHH4xLLLHH")
_LARGE = struct.Struct("<HHQQ")  # follows the name if the sizes do not fit; numpy always writes it
_IN_LARGE = 0xFFFFFFFF
_NPY_HEADER_BYTES = 4096

_BOX = ("target_x", "target_y", "target_w", "target_h")
_COLUMNS = ("identity", "hash", "has_embedding", "embedding", *_BOX)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """An array in the archive that is not read yet.

    `header` holds the bytes before the array, `start` is its offset, and `crc` is the checksum of both.
    """

    header: bytes
    start: int
    crc: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def import_npz(key: IndexKey, wanted: Mapping[str, Signature]) -> dict[str, PhotoFaces]:
    """The `wanted` photos that are valid in DeepFace's `.npz` in the folder; none if the file is damaged."""
    if not wanted:
        return {}
    name = file_name(key)
    if name is None:
        _tell_of_unused(key)
        return {}
    try:
        with open_beneath(key.folder, name) as file:
            found = match_rows(key, wanted, recorded_faces(file, catalogue.find(key.space.model).dim))
    except FileNotFoundError:
        return {}
    except Exception as error:  # a hostile file may cause any error; the photos are embedded instead
        logger.warning("DeepFace index not readable; embedding its photos again", extra={"cause": type(error).__name__})
        return {}
    logger.info("photos imported from a DeepFace index", extra={"photos": len(found)})
    return found


def _tell_of_unused(key: IndexKey) -> None:
    """Log a warning if DeepFace's index is not used only because detection or alignment differ from DeepFace's."""
    name = file_name(replace(key, space=in_deepfaces_way(key.space)))
    if name is not None and os.path.lexists(os.path.join(key.folder, name)):
        logger.warning(
            "DeepFace index not used: to use it, set DETECTION=deepface and DEFAULT_ALIGNMENT=eyes",
            extra={"model": key.space.model, "detector": key.detector},
        )


def recorded_faces(file: BinaryIO, dimension: int | None) -> Iterator[RecordedFace]:
    """The rows of an index with embeddings of `dimension`. A wrong checksum raises only after the last row.

    Raises:
        ValueError: DeepFace does not write such a file, or not such a large one.
        OSError: the file cannot be read.
    """
    columns = _columns(file.fileno())
    if columns.keys() != set(_COLUMNS):
        raise ValueError("unexpected columns")
    rows, width = columns["identity"].shape[:1], columns["embedding"].shape[1:]
    expected = {"identity": ("<U", rows), "hash": ("<U", rows), "has_embedding": ("|b", rows)}
    expected |= {"embedding": ("<f", rows + width)} | dict.fromkeys(_BOX, ("<i", rows))
    if {name: (column.dtype.str[:2], column.shape) for name, column in columns.items()} != expected:
        raise ValueError("unexpected columns")
    if width not in ((dimension,), (0,)):
        raise ValueError("unexpected dimension")
    if max(columns[name].dtype.itemsize for name in _COLUMNS) > _MAX_PATH_BYTES:
        raise ValueError("path too long")
    for blocks in zip(*(_blocks(file.fileno(), columns[name]) for name in _COLUMNS), strict=True):
        yield from _rows(*blocks)


def _rows(
    identities: npt.NDArray[Any],
    hashes: npt.NDArray[Any],
    has_embedding: npt.NDArray[Any],
    embeddings: npt.NDArray[Any],
    *box: npt.NDArray[Any],
) -> Iterator[RecordedFace]:
    with np.errstate(over="ignore", invalid="ignore"):  # values beyond float32 become infinite, and are refused later
        embeddings = embeddings.astype(np.float32)
    columns = identities.tolist(), hashes.tolist(), has_embedding.tolist(), np.stack(box, axis=1).tolist()
    for number, (identity, recorded, has, (x, y, w, h)) in enumerate(zip(*columns, strict=True)):
        embedding = embeddings[number].copy() if has else None  # a view would keep the whole block in memory
        yield RecordedFace(identity=identity, hash=recorded, box=(x, y, w, h), embedding=embedding)


def _columns(descriptor: int) -> dict[str, _Column]:
    """The arrays of the archive by name."""
    size = os.fstat(descriptor).st_size
    if size > _MAX_BYTES:
        raise ValueError("file too large")
    found: dict[str, _Column] = {}
    at = 0
    for _ in range(_MAX_MEMBERS):
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
            raise ValueError("compressed, encrypted or truncated member")
        found[text[:name_length].decode("ascii").removesuffix(".npy")] = _column(descriptor, begins, at, crc)
    return found


def _column(descriptor: int, begins: int, ends: int, crc: int) -> _Column:
    beginning = io.BytesIO(os.pread(descriptor, min(_NPY_HEADER_BYTES, ends - begins), begins))
    if np.lib.format.read_magic(beginning) != (1, 0):
        raise ValueError("unexpected array format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(beginning)
    start = begins + beginning.tell()
    if by_columns or min(shape) < 0 or dtype.itemsize * math.prod(shape) != ends - start:
        raise ValueError("array shape does not match the number of bytes")
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
        raise ValueError("wrong checksum")
