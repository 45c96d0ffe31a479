"""Makes small copies of images, for people to look at."""

from typing import Any, Literal

import cv2
import numpy as np

from core.images.pixels import Pixels

_JPEG_QUALITY = 85  # 0 to 100; at 90, a thumbnail has a third more bytes and looks the same


def shrunk(image: Pixels, size: int) -> Pixels:
    """Return the BGR image with its longer side at most `size` pixels. Smaller images are not enlarged."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    if scale >= 1:
        return image
    return np.asarray(
        cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA),
        np.uint8,
    )


def encode(image: Pixels, kind: Literal["png", "jpeg"]) -> bytes:
    """Return the BGR image as a file of this kind, without metadata."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if kind == "jpeg" else []
    encoded: Any = cv2.imencode(f".{kind}", image, options)[1]
    return bytes(np.asarray(encoded, np.uint8).tobytes())
