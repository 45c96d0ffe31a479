"""Reads JPEGs that lack their last bytes, if nearly all of the image is there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from core.images.header import END_OF_IMAGE, PROGRESSIVE, START_OF_FRAME, START_OF_SCAN, jpeg_segments

_END = bytes([0xFF, END_OF_IMAGE])

# The share of the rows that the last scan must have, by whether the JPEG is progressive. Of 10 photos cut off at 99 to
# 50 % of their bytes, a baseline JPEG had that share of the rows, or up to 0.2 more, and below it was grey. A
# progressive JPEG has all rows, of which the lower lack the last bit of their coefficients: its last scan was 7 to 52 %
# of the file.
_MIN_ROWS = {False: 0.9, True: 0.5}

_COEFFICIENTS = 64
_UNKNOWN = 16  # more bits than a coefficient has

_Decoded = npt.NDArray[Any]


def is_cut_off(content: bytes) -> bool:
    """Return whether a JPEG has no end."""
    return not content.endswith(_END) and all(marker != END_OF_IMAGE for marker, _ in jpeg_segments(content))


def decode_cut_off(content: bytes, decode: Callable[[bytes], _Decoded | None]) -> _Decoded | None:
    """Return the pixels of a JPEG without an end; None if too little of the image is there.

    Every scan that the image needs must have begun. How far the last one goes is seen from the rows that change with
    its data. `decode` returns the pixels of a JPEG with an end, or None.
    """
    content = content.rstrip(b"\0")  # of a download that reserved its room
    last = _last_scan(content)
    whole = None if last is None else decode(content + _END)
    before = None if whole is None else decode(content[:last] + _END)
    if whole is None or before is None:
        return None
    rows = np.flatnonzero((whole != before).reshape(len(whole), -1).any(axis=1))
    share = (rows[-1] + 1) / len(whole) if len(rows) else 0
    return whole if share >= _MIN_ROWS[_is_progressive(content)] else None


def _is_progressive(content: bytes) -> bool:
    return any(marker == PROGRESSIVE for marker, _ in jpeg_segments(content))


def _last_scan(content: bytes) -> int | None:
    """Return where the data of the last scan begin; None unless every coefficient of each component is in a scan."""
    begins = None
    bits: dict[int, list[int]] = {}  # by component: how many low bits of each coefficient are yet to come
    for marker, at in jpeg_segments(content):
        length = int.from_bytes(content[at : at + 2])
        part = content[at + 2 : at + length]
        if len(part) < length - 2:
            return None
        if marker in START_OF_FRAME:
            bits = {part[place]: [_UNKNOWN] * _COEFFICIENTS for place in range(6, len(part), 3)}
        elif marker == START_OF_SCAN and len(part) >= 4:
            begins = at + length
            first, last, shift = part[-3:]
            for component in part[1:-3:2]:
                for place in range(first, min(last + 1, _COEFFICIENTS)):
                    bits.get(component, [_UNKNOWN] * _COEFFICIENTS)[place] = shift & 0x0F
    return begins if not any(any(left) for left in bits.values()) else None
