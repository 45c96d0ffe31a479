"""Turns decoded pixels of any kind into the one kind that the service works on."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.images.exif import UPRIGHT

Pixels = npt.NDArray[np.uint8]

_WHITE = 255
_ROWS = 64  # are blended at once, so that a large image needs little memory beside its own

# The turns and mirrors that make each orientation upright.
_QUARTER, _HALF, _THREE_QUARTERS = cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE
_MIRRORED = frozenset({2, 4, 5, 7})
_TURNS = {3: _HALF, 4: _HALF, 5: _QUARTER, 6: _QUARTER, 7: _THREE_QUARTERS, 8: _THREE_QUARTERS}


def as_bgr(decoded: npt.NDArray[Any]) -> Pixels:
    """Return an image as BGR uint8 of shape (height, width, 3), laid on white where it is transparent.

    `decoded` is uint8, or uint16 of which the upper bits are taken, of shape (height, width) in grey, or (height,
    width, channels) in BGR, BGRA, or grey with alpha.
    """
    if decoded.ndim == 2:
        return np.asarray(cv2.cvtColor(_eight_bits(decoded), cv2.COLOR_GRAY2BGR), np.uint8)
    if decoded.shape[2] == 3:
        return _eight_bits(decoded)
    image = np.empty((*decoded.shape[:2], 3), np.uint8)
    for start in range(0, len(decoded), _ROWS):
        rows = _eight_bits(decoded[start : start + _ROWS]).astype(np.uint16)
        opacity = rows[..., -1:]
        image[start : start + _ROWS] = (rows[..., :-1] * opacity + _WHITE * (_WHITE - opacity) + _WHITE // 2) // _WHITE
    return image


def _eight_bits(decoded: npt.NDArray[Any]) -> Pixels:
    return np.asarray(decoded >> 8 if decoded.dtype == np.uint16 else decoded, np.uint8)


def upright(image: Pixels, orientation: int) -> Pixels:
    """Return the image turned and mirrored as its EXIF orientation, 1 to 8, says."""
    if orientation == UPRIGHT:
        return image
    if orientation in _TURNS:
        image = np.asarray(cv2.rotate(image, _TURNS[orientation]), np.uint8)
    return np.asarray(cv2.flip(image, 1), np.uint8) if orientation in _MIRRORED else image


def swaps_sides(orientation: int) -> bool:
    """Return whether `upright` exchanges width and height."""
    return _TURNS.get(orientation) in (_QUARTER, _THREE_QUARTERS)


def upright_point(x: float, y: float, orientation: int) -> tuple[float, float]:
    """Return where `upright` moves a point. Both are relative to the image: 0 to 1 from its top left."""
    match _TURNS.get(orientation):
        case cv2.ROTATE_90_CLOCKWISE:
            x, y = 1 - y, x
        case cv2.ROTATE_180:
            x, y = 1 - x, 1 - y
        case cv2.ROTATE_90_COUNTERCLOCKWISE:
            x, y = y, 1 - x
    return (1 - x, y) if orientation in _MIRRORED else (x, y)
