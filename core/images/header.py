"""Reads the format, size and container parts of an encoded image, without decoding it."""

import importlib.util
import re
import struct
from collections.abc import Iterator

from core.exceptions import ImageDecodeError

HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None  # requirements-heic.txt
ACCEPTED = frozenset({"JPEG", "PNG", "WebP", *(["HEIC"] if HAS_HEIC else [])})

# First bytes of a file, and the name of its format. Formats that are not accepted are listed to name them in errors.
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "ICO"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"%PDF", "PDF"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    *((b"P%d" % kind, "Netpbm") for kind in range(1, 8)),
)

# Brands of the ISO base media container (ISO/IEC 14496-12) that hold still images.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_LONGEST_FTYP = 256
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"mif1": "HEIF"} | dict.fromkeys(_HEIC_BRANDS, "HEIC")

# Start-of-frame markers carry the size (ITU-T T.81, table B.1). C4, C8 and CC, in their range, are other markers.
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Baseline, extended and progressive, with Huffman coding. Arithmetic coding (C9, CA) took up to 40 processor seconds
# for 1.3 MB, because its decoder goes on after the end of the data. No camera writes the others, or more than 8 bits.
PROGRESSIVE = 0xC2
_ACCEPTED_FRAMES = frozenset({0xC0, 0xC1, PROGRESSIVE})
_BITS = 8
# Matches a marker with its own segment, or the end of the image, but not stuffed zeros, TEM, RSTn or fill bytes.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9

# Parts that are walked, each for about a microsecond. A JPEG of 100 scans with four code tables each, a profile and the
# longest metadata has 900 segments. libpng writes a chunk per 8 kB, so that 100 MB have 12,800.
MAX_JPEG_SEGMENTS = 2000
MAX_PNG_CHUNKS = 20_000
MAX_WEBP_CHUNKS = 2000  # 7 are defined; an animation has one per frame


def image_format(content: bytes) -> str | None:
    """Return the name of the format of `content`, from its first bytes; None if it is unknown."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp":
        return _iso_format(content)
    return next((name for signature, name in _SIGNATURES if content.startswith(signature)), None)


def _iso_format(content: bytes) -> str:
    """Return the format of an ISO base media file: that of its main brand, or the more specific one beside "HEIF"."""
    name = _BRANDS.get(content[8:12], "a video")
    if name != "HEIF":
        return name
    beside = content[16 : min(int.from_bytes(content[:4]), _LONGEST_FTYP)]
    brands = (beside[at : at + 4] for at in range(0, len(beside), 4))
    return next((_BRANDS[brand] for brand in brands if _BRANDS.get(brand, name) != name), name)


def header_size(content: bytes, name: str) -> tuple[int, int] | None:
    """Return the width and height in pixels, as stored, from the header of an accepted format.

    Returns:
        None if the header is truncated, malformed, or claims no pixels.

    Raises:
        ImageDecodeError: the image has too many parts, or is a JPEG of a kind that is not accepted.
    """
    try:
        width, height = {"JPEG": _jpeg_size, "PNG": _png_size, "WebP": _webp_size}[name](content)
    except (struct.error, IndexError, ValueError):
        return None
    return (width, height) if width and height else None


def _png_size(content: bytes) -> tuple[int, int]:
    """Return the width and height of the IHDR chunk, which must be first (PNG specification, 11.2.1)."""
    kinds = [kind for kind, _ in png_chunks(content)]
    if kinds[0] != b"IHDR" or b"IDAT" not in kinds:  # without image data OpenCV would read beyond IEND
        raise ValueError("no IHDR or no IDAT")
    width, height = struct.unpack_from(">II", content, 16)
    return width, height


def png_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the type and data of each chunk up to IEND (PNG specification, 5.3).

    Raises:
        ValueError: a chunk claims more bytes than the file has. OpenCV would allocate these gigabytes first.
        ImageDecodeError: there are more than MAX_PNG_CHUNKS.
    """
    view = memoryview(content)
    at = 8
    kind = b""
    left = MAX_PNG_CHUNKS
    while kind != b"IEND" and at + 8 <= len(content):
        left -= 1
        if left < 0:
            raise too_costly("PNG")
        length, kind = struct.unpack_from(">I4s", content, at)
        if at + 8 + length > len(content):
            raise ValueError("a chunk is truncated")
        yield kind, view[at + 8 : at + 8 + length]
        at += length + 12


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Return the width and height of the first frame header (ITU-T T.81, B.2.2)."""
    for marker, at in jpeg_segments(content):
        if marker in START_OF_FRAME:
            bits, height, width = struct.unpack_from(">BHH", content, at + 2)
            if marker not in _ACCEPTED_FRAMES or bits != _BITS:
                raise ImageDecodeError(
                    "This kind of JPEG is not supported. Save it as baseline or progressive, 8 bits."
                )
            return width, height
    raise ValueError("no frame")


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield each segment's marker and the position of its length, and last the end of image (ITU-T T.81, B.1.1.4).

    Bytes between two segments, coded data or stray bytes, are skipped as libjpeg does. If this walk treated any byte
    differently, a file could show it another image than the decoder.

    Raises:
        ImageDecodeError: there are more than MAX_JPEG_SEGMENTS.
    """
    at = 2
    left = MAX_JPEG_SEGMENTS
    while found := _MARKER.search(content, at):
        marker, at = found[1][0], found.end()
        if marker == END_OF_IMAGE:
            yield marker, at
            return
        left -= 1
        if left < 0:
            raise too_costly("JPEG")
        yield marker, at
        at += int.from_bytes(content[at : at + 2])


def webp_chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the name and data of each chunk of a WebP, as far as the file has it (RFC 9649, 2.3).

    Raises:
        ImageDecodeError: there are more than MAX_WEBP_CHUNKS.
    """
    view = memoryview(content)
    at = 12
    left = MAX_WEBP_CHUNKS
    while at + 8 <= len(content):
        left -= 1
        if left < 0:
            raise too_costly("WebP")
        name, length = struct.unpack_from("<4sI", content, at)
        yield name, view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def too_costly(name: str) -> ImageDecodeError:
    """Return the error for an image that needs far more work than its size should."""
    return ImageDecodeError(f"Decoding this {name} image would take too long for its size. Save the image anew.")


def _webp_size(content: bytes) -> tuple[int, int]:
    """Return the width and height of the first chunk: lossy, lossless or extended (RFC 9649, 2.5 to 2.7)."""
    chunk = content[12:16]
    if chunk == b"VP8X":
        width, height = int.from_bytes(content[24:27], "little"), int.from_bytes(content[27:30], "little")
        return (width + 1, height + 1) if len(content) >= 30 else (0, 0)
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("unknown chunk")
