"""Detects decompression bombs, small files that occupy the decoder for minutes, without decoding a pixel."""

import zlib
from contextlib import suppress

from core.images.exif import claimed_bytes, exif_blocks
from core.images.header import END_OF_IMAGE, START_OF_FRAME, START_OF_SCAN, jpeg_segments, png_chunks

# Each scan of a progressive JPEG makes another pass over the whole image, even if the scan is empty. A refinement scan
# of 50 megapixels takes 76 bytes; it took 32 ms on an AMD EPYC and 60 ms on a slower machine (libjpeg-turbo 3.1.2).
# Encoders write 10 scans, optimisers a few more: so many are always read. More of them have a budget of 20 scans of
# 50 megapixels, 1.2 s on the slower machine.
MAX_JPEG_SCANS = 100
_ORDINARY_SCANS = 16
_MAX_SCANNED_PIXELS = 1_000_000_000

# libpng inflates each of these to up to 8 MB, which takes 40 ms, before it knows whether the text is needed.
MAX_PNG_TEXTS = 32
_COMPRESSED_TEXTS = frozenset({b"zTXt", b"iTXt", b"iCCP"})

# 16-bit RGBA has 8. The rest is for the filter byte of each row; narrow interlaced images have the most rows.
_MAX_BYTES_PER_PIXEL = 10
_PIECE_BYTES = 1 << 20

# OpenCV copies the value of each EXIF entry, 0.1 s per GB. 65,535 entries that share one value of 8 MB took it 45 s.
_MAX_EXIF_BYTES = 1 << 30


def is_decompression_bomb(content: bytes, name: str, pixels: int) -> bool:
    """Return whether a file of an accepted format needs far more work than an image of this many pixels should.

    Raises:
        ImageDecodeError: the file has too many parts.
    """
    if sum(map(claimed_bytes, exif_blocks(content, name))) > _MAX_EXIF_BYTES:
        return True
    return (name == "JPEG" and _is_jpeg_bomb(content, pixels)) or (name == "PNG" and _is_png_bomb(content, pixels))


def _is_jpeg_bomb(content: bytes, pixels: int) -> bool:
    markers = [marker for marker, _ in jpeg_segments(content)]
    budget = max(_ORDINARY_SCANS, _MAX_SCANNED_PIXELS // pixels)
    # libjpeg refuses a second frame, but only after it has decoded what comes before.
    frames = sum(marker in START_OF_FRAME for marker in markers)
    decoded = 1 if END_OF_IMAGE in markers else 2  # `decode_cut_off` looks twice
    return markers.count(START_OF_SCAN) * decoded > min(MAX_JPEG_SCANS, budget) or frames > 1


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
