"""Small files that would hold the decoder for minutes; found without decoding a pixel."""

import zlib
from contextlib import suppress

from core.images.header import jpeg_segments, png_chunks

# Each scan of a progressive JPEG goes over the whole picture once more, even if it holds nothing: at 50 megapixels 6 ms
# for 10 bytes. Encoders write 10 scans, optimisers a few more.
MAX_JPEG_SCANS = 100
_START_OF_SCAN = 0xDA

# libpng inflates each of these to up to 8 MB, 40 ms, before it knows whether anybody wants it.
MAX_PNG_TEXTS = 32
_COMPRESSED_TEXTS = frozenset({b"zTXt", b"iTXt", b"iCCP"})

# 16-bit RGBA has 8; the rest is room for the filter byte of each row, of which narrow interlaced pictures have most.
_MOST_BYTES_PER_PIXEL = 10
_PIECE_BYTES = 1 << 20


def is_bomb(content: bytes, name: str, pixels: int) -> bool:
    """Whether a file of an accepted format asks for far more work than a picture of so many pixels is worth."""
    if name == "JPEG":
        return sum(marker == _START_OF_SCAN for marker, _ in jpeg_segments(content)) > MAX_JPEG_SCANS
    return name == "PNG" and _is_png_bomb(content, pixels)


def _is_png_bomb(content: bytes, pixels: int) -> bool:
    texts = 0
    left = _MOST_BYTES_PER_PIXEL * pixels
    inflater = zlib.decompressobj()
    for kind, data in png_chunks(content):
        texts += kind in _COMPRESSED_TEXTS
        if kind == b"IDAT":
            left -= _inflated_size(inflater, data, left)
        if texts > MAX_PNG_TEXTS or left < 0:
            return True
    return False


def _inflated_size(inflater: "zlib._Decompress", data: bytes | memoryview, limit: int) -> int:
    """To how many bytes `data` continues the stream, which ends where it is damaged; counted little beyond `limit`."""
    size = 0
    with suppress(zlib.error):
        while data and not inflater.eof and size <= limit:
            size += len(inflater.decompress(data, _PIECE_BYTES))
            data = inflater.unconsumed_tail
    return size
