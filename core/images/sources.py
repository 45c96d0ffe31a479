"""Every picture the service sees comes through here: one decoder for URLs, base64, paths and uploads."""

import binascii
import os
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from core.exceptions import ImageDecodeError, ImageError, ImageSourceForbidden
from core.files import OutsideRoot, open_beneath
from core.images.decoding import ImagePolicy, Pixels, decode, read_limited
from core.images.fetch import fetch
from core.images.header import ACCEPTED, image_format

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})

# How much base64 decodes to the longest signature that names a format (12 bytes).
_SIGNATURE_CHARACTERS = 16


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
