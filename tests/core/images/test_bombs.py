import zlib

import pytest

from core.exceptions import ImageDecodeError
from core.images.bombs import MAX_JPEG_SCANS, MAX_PNG_TEXTS, is_decompression_bomb
from core.images.decoding import decode
from core.images.header import header_size
from tests.containers import chunk, jpeg, png, progressive, scan, segment, zeros
from tests.pictures import encoded, picture

ROWS = chunk(b"IDAT", zeros(64 * 193))
PIXELS = 64 * 64


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_an_encoded_picture_is_no_bomb(suffix):
    name = {".jpg": "JPEG", ".png": "PNG", ".webp": "WebP"}[suffix]
    assert not is_decompression_bomb(encoded(picture(), suffix), name, 200 * 120)


def test_scans_are_counted_to_the_end_of_the_image():
    assert not is_decompression_bomb(progressive(64, 64, MAX_JPEG_SCANS), "JPEG", PIXELS)
    assert not is_decompression_bomb(progressive(64, 64, MAX_JPEG_SCANS) + scan() * 9, "JPEG", PIXELS)
    many = progressive(64, 64, MAX_JPEG_SCANS + 1)
    thumbnail = segment(0xE1, jpeg())
    for content in (many, many[:-2], many[:-2] + b"\xff\xda", many[:2] + thumbnail + many[2:]):
        assert is_decompression_bomb(content, "JPEG", PIXELS)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_compressed_texts_are_counted_before_and_after_the_picture(kind):
    for before in (0, 9, MAX_PNG_TEXTS):
        after = MAX_PNG_TEXTS - before
        assert not is_decompression_bomb(png(64, 64, chunk(kind) * before, ROWS, chunk(kind) * after), "PNG", PIXELS)
        assert is_decompression_bomb(png(64, 64, chunk(kind) * before, ROWS, chunk(kind) * (after + 1)), "PNG", PIXELS)


def test_a_picture_that_inflates_to_more_than_its_pixels_is_a_bomb_however_it_is_cut():
    rows = zeros(10_000_000)
    for size in (1, 1000, len(rows)):
        parts = [chunk(b"IDAT", rows[at : at + size]) for at in range(0, len(rows), size)]
        assert is_decompression_bomb(png(64, 64, *parts), "PNG", PIXELS)
        assert not is_decompression_bomb(png(2000, 2000, *parts), "PNG", 2000 * 2000)


def test_a_damaged_stream_hides_no_texts():
    broken = chunk(b"IDAT", zlib.compress(bytes(64 * 193))[:-4] + b"\0\0\0\0")
    assert is_decompression_bomb(png(64, 64, broken, chunk(b"zTXt") * 33), "PNG", PIXELS)


@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (16, 6)])
@pytest.mark.parametrize("size", [(8, 320), (320, 8), (9, 9)])
def test_no_legal_picture_is_large_for_its_pixels(depth, colour, size):
    # Adam7 filters each row of each of its seven passes, so at most this much on top.
    bits = depth * (4 if colour == 6 else 1)
    rows = zeros(size[0] * size[1] * bits // 8 + 15 * max(size) // 8)
    assert not is_decompression_bomb(
        png(*size, chunk(b"IDAT", rows), depth=depth, colour=colour), "PNG", size[0] * size[1]
    )


def test_a_bomb_is_a_decode_error(policy):
    with pytest.raises(ImageDecodeError, match="too long for its size"):
        decode(progressive(64, 64, 1000), policy)


@pytest.mark.parametrize("kind", [b"tEXt", b"IDAT", b"IEND"])
def test_a_chunk_that_claims_gigabytes_makes_a_png_malformed(kind):
    claim = chunk(kind, length=0xFFFFFFFF)
    assert header_size(png(64, 64, ROWS), "PNG") == (64, 64)
    assert header_size(png(64, 64, claim, ROWS), "PNG") is None
    assert header_size(png(64, 64, chunk(b"IEND"), claim, ROWS), "PNG") is None
    assert header_size(png(64, 64, ROWS) + claim, "PNG") == (64, 64)
