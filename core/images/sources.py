"""Every picture the service sees comes through here: one decoder for URLs, base64, paths and uploads."""

import binascii
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from core.exceptions import ImageDecodeError, ImageError, ImageSourceForbidden, ImageTooLarge
from core.files import OutsideRoot, open_beneath
from core.images.bombs import is_bomb
from core.images.fetch import fetch
from core.images.header import ACCEPTED, header_size, image_format

Pixels = npt.NDArray[np.uint8]

# How much base64 decodes to the longest signature that names a format (12 bytes).
_SIGNATURE_CHARACTERS = 16

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


@contextmanager
def managed_image(
    source: str | bytes, *, field: str, policy: ImagePolicy, lane: AbstractContextManager[object] | None = None
) -> Iterator[Pixels]:
    """The picture behind `source`, upright, as BGR uint8 of shape (height, width, 3).

    `bytes` are an encoded image (an upload or a raw body). A string is a URL, a data URI, base64 whose first bytes
    are an accepted image's, or else a path below one of the policy's roots, in this order. Nothing is written to
    disk. An `ImageError` raised here or by the code inside the `with` is given the name of the request's `field`.

    `lane` is entered once the source has been read, however slow that was, and left with the image: so no more
    pictures are decoded at once than there are lanes.

    Raises:
        ImageDecodeError: the source is unreachable, or no readable JPEG, PNG or WebP.
        ImageSourceForbidden: the policy does not allow the URL or path.
        ImageTooLarge: more bytes or pixels than the policy allows; known before anything is decoded.
    """
    try:
        encoded = read_encoded(source, policy)
        with lane or nullcontext():
            yield decode(encoded, policy)
    except ImageError as error:
        error.in_field(field)
        raise


def read_encoded(source: str | bytes, policy: ImagePolicy) -> bytes:
    """The encoded image behind `source`; raises as `managed_image`."""
    if isinstance(source, bytes):
        return source
    scheme = source[:8].lower()
    if scheme.startswith(("http://", "https://")):
        if not policy.allow_urls:
            raise ImageSourceForbidden("This server does not read images from URLs.")
        return fetch(source, max_bytes=policy.max_bytes, allowed_hosts=policy.url_allowed_hosts)
    if scheme.startswith("data:"):
        return _read_data_uri(source)
    encoded = _read_base64(source)
    return _read_path(source, policy) if encoded is None else encoded


def _read_data_uri(source: str) -> bytes:
    head, comma, payload = source.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ImageDecodeError("A data URI must have the form data:image/…;base64,….")
    try:
        return b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise ImageDecodeError("The data URI does not hold valid base64.") from None


def _read_base64(source: str) -> bytes | None:
    """The bytes of strict base64 that begin as an accepted image does; None for anything else."""
    try:
        if image_format(b64decode(source[:_SIGNATURE_CHARACTERS], validate=True)) not in ACCEPTED:
            return None
        return b64decode(source, validate=True)
    except (binascii.Error, ValueError):
        return None


def _read_path(source: str, policy: ImagePolicy) -> bytes:
    if not policy.allow_paths or not policy.roots:
        raise ImageSourceForbidden("This server does not read images by path.")
    inside = False
    for root in policy.roots:
        try:
            with open_beneath(root, _below(root, source)) as file:
                return read_limited(file, policy)
        except OutsideRoot:
            continue
        except (OSError, ValueError):
            inside = True
    if not inside:
        raise ImageSourceForbidden("This path is outside the folders this server may read.")
    raise ImageDecodeError("There is no such image file, and this is no valid URL or base64 of an image either.")


def _below(root: str, path: str) -> str:
    """`path` relative to `root`; only the words are judged here, links are judged while opening."""
    if not path.startswith("/"):
        if os.path.normpath(path).startswith(".."):
            raise OutsideRoot
        return path
    top = Path(os.path.abspath(root))
    parts = Path(path)
    if not parts.is_relative_to(top):
        raise OutsideRoot
    return str(parts.relative_to(top))


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
