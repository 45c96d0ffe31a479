"""Opens every image of the service: URLs, base64, paths and uploads share one decoder."""

import math
import os
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from itertools import product
from pathlib import Path
from typing import BinaryIO, Literal

from core.exceptions import ImageDecodeError, ImageError, ImageSourceForbidden
from core.files import OutsideRoot, open_beneath
from core.images.base64_text import decoded, encoded_format
from core.images.decoding import ImagePolicy, decode, read_limited
from core.images.fetch import fetch
from core.images.pixels import Pixels
from core.metrics.stages import stage
from core.scopes import Scope, is_granted

# Longer text is refused before anything parses it: parsing a URL takes 2.5 s per megabyte.
MAX_URL = 8192  # characters, the longest request line that common servers accept
MAX_PATH = 4096  # characters: PATH_MAX of Linux, in bytes
_MAX_DATA_HEAD = 1024  # characters of a data URI before its comma

# Formats whose signature of two bytes is also the beginning of common paths: `/wo` is JPEG XL.
_LIKE_A_PATH = frozenset({"BMP", "JPEG XL", "Netpbm"})

NO_SOURCE = (
    f"The text is not base64 of an image, and it is too long for a path (maximum {MAX_PATH} characters). Send the"
    " image as base64 or as a file."
)

_FORMS: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")
_MAX_SPELLINGS = 32  # of a path, each of which is looked for in each root


@contextmanager
def managed_image(
    source: str | bytes, *, field: str, policy: ImagePolicy, lane: AbstractContextManager[object] | None = None
) -> Iterator[Pixels]:
    """Yield the image behind `source`, upright, as BGR uint8 of shape (height, width, 3).

    `bytes` are an encoded image (an upload or a raw body). A string is read in this order: a URL, a data URI, base64 if
    it begins with the signature of an image, or else a path below one of the policy's roots. Nothing is written to
    disk. An `ImageError` from here or from the `with` block gets the name of the request's `field`.

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
            with stage("decode"):
                image = decode(encoded, policy, field=field)
            yield image
    except ImageError as error:
        error.in_field(field)
        raise


class FetchedUrl(str):
    """An image URL with the content that was read from it, or the error."""

    outcome: bytes | ImageError


def is_url(source: str) -> bool:
    """Return whether the source is read as a URL. Blanks and line breaks around it do not count."""
    return source.lstrip()[:8].lower().startswith(("http://", "https://"))


def fetched(url: str, policy: ImagePolicy) -> FetchedUrl:
    """Return the URL after an attempt to read it. A failure is raised by `read_encoded`."""
    result = FetchedUrl(url)
    try:
        result.outcome = read_encoded(url, policy)
    except ImageError as error:
        result.outcome = error
    return result


def read_encoded(source: str | bytes, policy: ImagePolicy) -> bytes:
    """Return the encoded image behind `source`; raises the errors of `managed_image`."""
    if isinstance(source, FetchedUrl):
        if isinstance(source.outcome, ImageError):
            raise source.outcome
        return source.outcome
    if isinstance(source, bytes):
        return source
    if is_url(source):
        return _read_url(source, policy)
    if _is_data_uri(source):
        return _read_data_uri(source)
    kind = encoded_format(source)
    if kind is not None and (kind not in _LIKE_A_PATH or len(source) > MAX_PATH):
        return _read_base64(source, f"The text begins as a {kind} image in base64, but it is not valid base64.")
    if len(source) <= MAX_PATH:
        return _read_path(source, policy)
    if source.startswith(("/", "../")):
        raise ImageSourceForbidden(f"The path is longer than {MAX_PATH} characters. Send the image itself.")
    raise ImageDecodeError(NO_SOURCE)


def is_encoded(head: str) -> bool:
    """Return whether a string with this beginning is read as a data URI or base64, not as a URL or path."""
    return _is_data_uri(head) or encoded_format(head) is not None


def _is_data_uri(source: str) -> bool:
    return source.lstrip()[:5].lower() == "data:"


def _read_url(source: str, policy: ImagePolicy) -> bytes:
    if not policy.allow_urls:
        raise ImageSourceForbidden("Images by URL are disabled. Send the image itself.")
    source = source.strip()
    if len(source) > MAX_URL:
        raise ImageDecodeError(f"The URL is longer than {MAX_URL} characters. Send a shorter one or the image itself.")
    with stage("fetch"):
        return fetch(source, max_bytes=policy.max_bytes, rules=policy.urls)


def _read_data_uri(source: str) -> bytes:
    """Return the bytes of `data:image/jpeg;base64,…`, which may have further parameters (RFC 2397)."""
    source = source.lstrip()
    comma = source.find(",", 0, _MAX_DATA_HEAD)
    parameters = [parameter.strip().lower() for parameter in source[: max(0, comma)].split(";")]
    if "base64" not in parameters[1:]:
        raise ImageDecodeError("The data URI is malformed. Use the form data:image/…;base64,….")
    return _read_base64(source[comma + 1 :], "The data URI does not hold valid base64.")


def _read_base64(text: str, problem: str) -> bytes:
    try:
        return decoded(text)
    except ValueError:
        raise ImageDecodeError(f"{problem} Encode the image again.") from None


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
    photos = policy.photos if policy.names_photos else None
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
    if path.isascii():
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
