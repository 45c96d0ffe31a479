"""Decodes the bytes of an image to pixels, within limits."""

from dataclasses import dataclass, field
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from core.exceptions import ImageDecodeError, ImageTooLarge
from core.images.bombs import is_decompression_bomb
from core.images.exif import orientation
from core.images.header import ACCEPTED, header_size, image_format, too_costly
from core.images.heic import decode_heic, heic_size
from core.images.pixels import Pixels, as_bgr, upright
from core.images.truncation import decode_cut_off, is_cut_off
from core.images.url_rules import UrlRules
from core.images.warnings import warn

CUT_OFF = "The JPEG lacks its last bytes. Some rows at its end may be grey or blurred. Send an intact file."

# Beyond these limits a side shrinks to nothing when the image is resized for a model.
_MIN_SIDE_PX = 8
_MAX_ELONGATED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePolicy:
    """The allowed sources and sizes of images.

    `roots` are the folders of images by path, in the order in which they are searched. The folder `photos` may lie in
    one of them, or be one. Only requests with the scope `find` may read from it. If `names_photos`, `/find` writes
    it before the name of a photo, spelled as here.
    """

    max_bytes: int
    max_pixels: int
    roots: tuple[str, ...] = ()
    photos: str | None = None
    names_photos: bool = False
    allow_paths: bool = True
    allow_urls: bool = True
    urls: UrlRules = field(default_factory=UrlRules)


def read_limited(file: BinaryIO, policy: ImagePolicy) -> bytes:
    """Return the whole file; raise `ImageTooLarge` after reading one byte more than the policy allows."""
    content = file.read(policy.max_bytes + 1)
    _check_bytes(content, policy)
    return content


def _check_bytes(content: bytes, policy: ImagePolicy) -> None:
    if len(content) > policy.max_bytes:
        raise ImageTooLarge(f"The image has more than {policy.max_bytes} bytes. Send a smaller one.")


def decode(content: bytes, policy: ImagePolicy, *, field: str = "") -> Pixels:
    """Return the image in `content`, upright, as BGR uint8 of shape (height, width, 3), without alpha.

    The content determines the format. The size is read from the header first, so that a small file can claim neither
    gigabytes nor minutes. OpenCV then decodes the image, with CMYK converted. Transparent pixels are laid on white, and
    the EXIF orientation is applied once. A JPEG that lacks its last bytes is read with a warning about `field`.

    Raises:
        ImageDecodeError: the content is in none of the accepted formats, is damaged, is an arithmetic-coded or lossless
            JPEG, or is a decompression bomb.
        ImageTooLarge: the image has more bytes or pixels than the policy allows.
    """
    _check_bytes(content, policy)
    name = image_format(content)
    if name not in ACCEPTED:
        extra = ", or install requirements-heic.txt on the server" if name == "HEIC" else ""
        raise ImageDecodeError(f"The image format is {name or 'unknown'}. Send a JPEG, PNG or WebP image{extra}.")
    size = heic_size(content) if name == "HEIC" else header_size(content, name)
    if size is None:
        raise ImageDecodeError(f"The {name} image is damaged. Send an intact file.")
    width, height = size
    if max(size) > _MAX_ELONGATED * min(size) or min(size) < _MIN_SIDE_PX:
        raise ImageDecodeError(f"An image of {width} x {height} pixels is too small or too narrow. Send another.")
    if width * height > policy.max_pixels:
        raise ImageTooLarge(f"The image has {width} x {height} pixels. The maximum is {policy.max_pixels}.")
    if is_decompression_bomb(content, name, width * height):
        raise too_costly(name)
    cut_off = name == "JPEG" and is_cut_off(content)
    if cut_off:
        pixels = decode_cut_off(content, _decoded)
    else:
        pixels = decode_heic(content) if name == "HEIC" else _decoded(content)
    if pixels is None:
        raise ImageDecodeError(f"The {name} image is damaged. Send an intact file.")
    if cut_off:
        warn(field, CUT_OFF)
    return upright(as_bgr(pixels), orientation(content, name))


def _decoded(content: bytes) -> npt.NDArray[Any] | None:
    """Return the pixels as they are stored; None if OpenCV cannot decode them."""
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
