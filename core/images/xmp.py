"""Finds the XMP packet of an encoded image, and what no change of its metadata touches."""

from collections.abc import Iterator

from core.images.header import START_OF_SCAN, jpeg_segments, png_chunks, webp_chunks

_APP1 = 0xE1
_JPEG_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_PREFIX = b"XML:com.adobe.xmp\0\0"  # the second zero: not compressed
_CODED_CHUNKS = frozenset({b"IDAT", b"VP8 ", b"VP8L"})
_PNG_LANGUAGES = 2  # texts that end with a zero, before the packet


def xmp_packet(content: bytes, name: str) -> bytes:
    """Return the XMP packet of a JPEG, PNG or WebP; empty if there is none (XMP specification, part 3).

    Of a JPEG, the part before its first scan is enough. Extended XMP, beyond 64 kB, is not read.

    Raises:
        ValueError: the image is damaged.
        ImageDecodeError: it has too many parts.
    """
    match name:
        case "JPEG":
            for marker, at in jpeg_segments(content):
                if marker == START_OF_SCAN:
                    break
                if marker == _APP1 and content.startswith(_JPEG_PREFIX, at + 2):
                    return content[at + 2 + len(_JPEG_PREFIX) : at + int.from_bytes(content[at : at + 2])]
        case "PNG":
            for kind, data in png_chunks(content):
                if kind == b"iTXt" and data[: len(_PNG_PREFIX)] == _PNG_PREFIX:
                    method_and_text = bytes(data[len(_PNG_PREFIX) + 1 :])
                    return method_and_text.split(b"\0", _PNG_LANGUAGES)[-1]
        case "WebP":
            return next((bytes(data) for kind, data in webp_chunks(content) if kind == b"XMP "), b"")
    return b""


def coded_pixels(content: bytes, name: str) -> Iterator[bytes | memoryview]:
    """Yield the parts of an encoded JPEG, PNG or WebP that hold its pixels; of another format all of it.

    Raises:
        ValueError, ImageDecodeError: as `xmp_packet`.
    """
    match name:
        case "JPEG":
            yield content[next((at for marker, at in jpeg_segments(content) if marker == START_OF_SCAN), 0) :]
        case "PNG" | "WebP":
            chunks = png_chunks(content) if name == "PNG" else webp_chunks(content)
            yield from (data for kind, data in chunks if kind in _CODED_CHUNKS)
        case _:
            yield content
