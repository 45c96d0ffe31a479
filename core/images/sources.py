"""Opens every image of the service: URLs, base64, paths and uploads share one decoder."""

import binascii
import math
import os
import unicodedata
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from itertools import product
from pathlib import Path
from typing import BinaryIO, Literal

from core.exceptions import ImageDecodeError, ImageError, ImageSourceForbidden
from core.files import OutsideRoot, open_beneath
from core.images.decoding import ImagePolicy, Pixels, decode, read_limited
from core.images.fetch import fetch
from core.images.header import ACCEPTED, image_format
from core.scopes import Scope, is_granted

# Characters of base64 that decode to the longest signature of a format (12 bytes).
_SIGNATURE_CHARACTERS = 16

_FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")
_MAX_PATH = 4096  # bytes of a path that Linux opens (PATH_MAX)
_MAX_SPELLINGS = 32  # of a path, each of which is looked for in each root


@contextmanager
def managed_image(
    source: str | bytes, *, field: str, policy: ImagePolicy, lane: AbstractContextManager[object] | None = None
) -> Iterator[Pixels]:
    """Yield the image behind `source`, upright, as BGR uint8 of shape (height, width, 3).

    `bytes` are an encoded image (an upload or a raw body). A string is read in this order: a URL, a data URI, base64 of
    an accepted image, or else a path below one of the policy's roots. Nothing is written to disk. An `ImageError` from
    here or from the `with` block gets the name of the request's `field`.

    `lane` is entered after the source has been read, however slowly, and left with the block. So the number of images
    decoded at once never exceeds the number of lanes.

    Raises:
        ImageDecodeError: the source is unreachable, or not a readable JPEG, PNG or WebP.
        ImageSourceForbidden: the policy does not allow the URL or path.
        ImageTooLarge: the image has more bytes or pixels than the policy allows; checked before decoding.
    """
    try:
        encoded = read_encoded(source, policy)
        with lane or nullcontext():
            yield decode(encoded, policy)
    except ImageError as error:
        error.in_field(field)
        raise


def read_encoded(source: str | bytes, policy: ImagePolicy) -> bytes:
    """Return the encoded image behind `source`; raises the errors of `managed_image`."""
    if isinstance(source, bytes):
        return source
    scheme = source[:8].lower()
    if scheme.startswith(("http://", "https://")):
        if not policy.allow_urls:
            raise ImageSourceForbidden("Images by URL are disabled. Send the image itself.")
        return fetch(source, max_bytes=policy.max_bytes, allowed_hosts=policy.url_allowed_hosts)
    if scheme.startswith("data:"):
        return _read_data_uri(source)
    encoded = _read_base64(source)
    return _read_path(source, policy) if encoded is None else encoded


def _read_data_uri(source: str) -> bytes:
    head, comma, payload = source.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise ImageDecodeError("The data URI is malformed. Use the form data:image/…;base64,….")
    try:
        return b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise ImageDecodeError("The data URI does not hold valid base64. Encode the image again.") from None


def _read_base64(source: str) -> bytes | None:
    """Return the bytes of strict base64 with the signature of an accepted image; None for anything else."""
    try:
        if image_format(b64decode(source[:_SIGNATURE_CHARACTERS], validate=True)) not in ACCEPTED:
            return None
        return b64decode(source, validate=True)
    except (binascii.Error, ValueError):
        return None


def _read_path(source: str, policy: ImagePolicy) -> bytes:
    if not policy.allow_paths or not policy.roots:
        raise ImageSourceForbidden("Images by path are disabled. Send the image itself.")
    closed = None if is_granted(Scope.FIND) else policy.photos
    places = list(_places(source, policy, closed))
    inside = False
    for root, relative in places:
        try:
            with open_beneath(root, relative, closed=closed) as file:
                return read_limited(file, policy)
        except OutsideRoot:
            continue
        except (OSError, ValueError):
            inside = True
    if not inside:
        raise ImageSourceForbidden(
            "This path is outside the allowed folders: IMAGES_PATH and, with the scope find, FACES_DB_PATH."
        )
    with _respelled(places, closed) as twin:
        if twin is not None:
            return read_limited(twin, policy)
    raise ImageDecodeError("The image file does not exist, and the text is not a valid URL or base64 of an image.")


def _places(source: str, policy: ImagePolicy, closed: str | None) -> Iterator[tuple[str, str]]:
    """Yield each root with the path below it that `source` may mean. An answer of `/find` means that photo first."""
    photos = policy.photos
    if photos and photos != closed and source.startswith(prefix := os.path.join(photos, "")):
        yield photos, source.removeprefix(prefix)
    for root in policy.roots:
        if root != closed:
            with suppress(OutsideRoot):
                yield root, _below(root, source)


@contextmanager
def _respelled(places: Iterable[tuple[str, str]], closed: str | None) -> Iterator[BinaryIO | None]:
    """The one file whose path has the same letters with their accents composed otherwise; None if none or several do.

    macOS and Linux compose them differently, so a copied folder has other names than its owner types.
    """
    with ExitStack() as stack:
        found: dict[tuple[int, int], BinaryIO] = {}
        for root, relative in places:
            for spelling in _spellings(relative):
                with suppress(OSError, ValueError, OutsideRoot):
                    file = stack.enter_context(open_beneath(root, spelling, closed=closed))
                    status = os.fstat(file.fileno())
                    found[status.st_dev, status.st_ino] = file
        yield next(iter(found.values())) if len(found) == 1 else None


def _spellings(path: str) -> set[str]:
    """The other paths that have each part as it is, in NFC or in NFD."""
    if path.isascii() or len(path) > _MAX_PATH:
        return set()
    parts = [{part, *(unicodedata.normalize(form, part) for form in _FORMS)} for part in path.split("/")]
    if math.prod(map(len, parts)) > _MAX_SPELLINGS:
        return {unicodedata.normalize(form, path) for form in _FORMS} - {path}
    return {"/".join(spelled) for spelled in product(*parts)} - {path}


def _below(root: str, path: str) -> str:
    """Return `path` relative to `root`. Only the text is checked here; links are checked while opening."""
    if not path.startswith("/"):
        if os.path.normpath(path).startswith(".."):
            raise OutsideRoot
        return path
    top = Path(os.path.abspath(root))
    parts = Path(path)
    if not parts.is_relative_to(top):
        raise OutsideRoot
    return str(parts.relative_to(top))
