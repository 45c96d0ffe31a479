"""Detects decompression bombs, small files that occupy the decoder for minutes, without decoding a pixel."""

import zlib
from contextlib import suppress

from core.images.header import jpeg_segments, png_chunks

# Each scan of a progressive JPEG makes another pass over the whole image, even if the scan is empty: at 50 megapixels
# 6 ms for 10 bytes. Encoders write 10 scans, optimisers a few more.
MAX_JPEG_SCANS = 100
_START_OF_SCAN = 0xDA

# libpng inflates each of these to up to 8 MB, which takes 40 ms, before it knows whether the text is needed.
MAX_PNG_TEXTS = 32
_COMPRESSED_TEXTS = frozenset({b"zTXt", b"iTXt", b"iCCP"})

# 16-bit RGBA has 8. The rest is for the filter byte of each row; narrow interlaced images have the most rows.
_MAX_BYTES_PER_PIXEL = 10
_PIECE_BYTES = 1 << 20


def is_decompression_bomb(content: bytes, name: str, pixels: int) -> bool:
    """Return whether a file of an accepted format needs far more work than an image of this many pixels should."""
    if name == "JPEG":
        return sum(marker == _START_OF_SCAN for marker, _ in jpeg_segments(content)) > MAX_JPEG_SCANS
    return name == "PNG" and _is_png_bomb(content, pixels)


def _is_png_bomb(content: bytes, pixels: int) -> bool:
    texts = 0
    left = _MAX_BYTES_PER_PIXEL * pixels
    inflater = zlib.decompressobj()
    for kind, data in png_chunks(content):
        texts += kind in _COMPRESSED_TEXTS
        if kind == b"IDAT":
            left -= _inflated_size(inflater, data, left)
        if texts > MAX_PNG_TEXTS or left < 0:
            return True
    return False


def _inflated_size(inflater: "zlib._Decompress", data: bytes | memoryview, limit: int) -> int:
    """Return the number of bytes that `data` adds to the stream. Stops at damage, and soon after `limit`."""
    size = 0
    with suppress(zlib.error):
        while data and not inflater.eof and size <= limit:
            size += len(inflater.decompress(data, _PIECE_BYTES))
            data = inflater.unconsumed_tail
    return size
