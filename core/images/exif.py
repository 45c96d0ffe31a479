"""Reads the EXIF data of an encoded image: its orientation, and how much a decoder would copy out of it."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.images.header import START_OF_SCAN, jpeg_segments, png_chunks, webp_chunks

UPRIGHT = 1
_ORIENTATION = 0x0112
_ORIENTATIONS = range(1, 9)
_SHORT = 3  # the type of 16-bit numbers

_APP1 = 0xE1
_PREFIX = b"Exif\0\0"

# An entry of a directory, in both byte orders (TIFF 6.0, section 2).
_ENTRY = np.dtype([("tag", "<u2"), ("type", "<u2"), ("length", "<u4"), ("value", "<u4")])
_ENTRIES = {b"II*\0": _ENTRY, b"MM\0*": _ENTRY.newbyteorder(">")}


def exif_blocks(content: bytes, name: str) -> Iterator[bytes | memoryview]:
    """Yield each EXIF block of a JPEG, PNG or WebP, in the order of the file, beginning with its TIFF header."""
    match name:
        case "JPEG":
            for marker, at in jpeg_segments(content):
                if marker == START_OF_SCAN:  # OpenCV looks no further
                    return
                if marker == _APP1 and content.startswith(_PREFIX, at + 2):
                    yield content[at + 2 + len(_PREFIX) : at + int.from_bytes(content[at : at + 2])]
        case "PNG":
            yield from (data for kind, data in png_chunks(content) if kind == b"eXIf")
        case "WebP":
            yield from (data for kind, data in webp_chunks(content) if kind == b"EXIF")


def orientation(content: bytes, name: str) -> int:
    """Return the orientation of the image, 1 to 8 (Exif 2.32, 4.6.4); `UPRIGHT` if there is none."""
    for block in exif_blocks(content, name):
        entries = _entries(block)
        for entry in entries[entries["tag"] == _ORIENTATION]:
            shift = 16 if entry["type"] == _SHORT and block[:1] == b"M" else 0  # the first two bytes hold it
            if (value := int(entry["value"]) >> shift) in _ORIENTATIONS:
                return value
    return UPRIGHT


def claimed_bytes(block: bytes | memoryview) -> int:
    """Return the sum of the lengths of all values in the first directory of a block.

    A value counts if the block is long enough for it. Entries may share one value.
    """
    lengths = _entries(block)["length"].astype(np.int64)
    return int(lengths[lengths <= len(block)].sum())


def _entries(block: bytes | memoryview) -> npt.NDArray[np.void]:
    """Return the entries of the first directory that the block has; none if it is malformed."""
    entry = _ENTRIES.get(bytes(block[:4]), _ENTRY)
    order: Literal["little", "big"] = "little" if block[:1] == b"I" else "big"
    at = int.from_bytes(block[4:8], order)
    count = min(int.from_bytes(block[at : at + 2], order), max(0, len(block) - at - 2) // entry.itemsize)
    return np.frombuffer(block[at + 2 : at + 2 + count * entry.itemsize], entry)
