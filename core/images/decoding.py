"""From the bytes of an image to its pixels, within limits."""

from dataclasses import dataclass
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from core.exceptions import ImageDecodeError, ImageTooLarge
from core.images.bombs import is_bomb
from core.images.header import ACCEPTED, header_size, image_format

Pixels = npt.NDArray[np.uint8]
# Beyond these a side shrinks to nothing when the networks' inputs are made from the picture.
_LEAST_SIDE_PX = 8
_MOST_ELONGATED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePolicy:
    """From where images may come, and how large they may be."""

    max_bytes: int
    max_pixels: int
    roots: tuple[str, ...] = ()
    allow_paths: bool = True
    allow_urls: bool = True
    url_allowed_hosts: tuple[str, ...] = ()


def read_limited(file: BinaryIO, policy: ImagePolicy) -> bytes:
    """The whole file, or `ImageTooLarge` after reading one byte more than the policy allows."""
    content = file.read(policy.max_bytes + 1)
    _check_bytes(content, policy)
    return content


def _check_bytes(content: bytes, policy: ImagePolicy) -> None:
    if len(content) > policy.max_bytes:
        raise ImageTooLarge(f"The image has more than {policy.max_bytes} bytes.")


def decode(content: bytes, policy: ImagePolicy) -> Pixels:
    """The picture in `content`, upright, as BGR uint8 of shape (height, width, 3); alpha is dropped.

    The format is judged by content. Size is read from the header, so that a small file cannot claim gigabytes; nor can
    it cost minutes. OpenCV then decodes every format, reduces 16 bits to 8, converts grey and CMYK, and applies the
    EXIF orientation once.

    Raises:
        ImageDecodeError: not a JPEG, PNG or WebP, a damaged one, or a bomb.
        ImageTooLarge: more bytes or pixels than the policy allows.
    """
    _check_bytes(content, policy)
    name = image_format(content)
    if name not in ACCEPTED:
        raise ImageDecodeError(f"The image must be JPEG, PNG or WebP; this is {name or 'of an unknown format'}.")
    size = header_size(content, name)
    if size is None:
        raise ImageDecodeError(f"The {name} image is damaged.")
    width, height = size
    if max(size) > _MOST_ELONGATED * min(size) or min(size) < _LEAST_SIDE_PX:
        raise ImageDecodeError(f"An image of {width} x {height} pixels is too small or too narrow to show a face.")
    if width * height > policy.max_pixels:
        raise ImageTooLarge(f"The image has {width} x {height} pixels; at most {policy.max_pixels} are accepted.")
    if is_bomb(content, name, width * height):
        raise ImageDecodeError(f"This {name} would take far longer to decode than a picture of its size should.")
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageDecodeError(f"The {name} image is damaged.")
    return np.asarray(pixels, np.uint8)
