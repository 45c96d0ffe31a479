import zlib

import cv2
import pytest

from core.exceptions import ImageDecodeError
from core.images.bombs import MAX_JPEG_SCANS, MAX_PNG_TEXTS, is_decompression_bomb
from core.images.decoding import ImagePolicy, decode
from core.images.header import (
    MAX_JPEG_SEGMENTS,
    MAX_PNG_CHUNKS,
    MAX_WEBP_CHUNKS,
    header_size,
    jpeg_segments,
    png_chunks,
    webp_chunks,
)
from tests.containers import (
    JPEG_TABLES,
    canvas,
    chunk,
    exif_of_one_value,
    frame,
    jpeg,
    lossless,
    png,
    progressive,
    refining,
    scan,
    segment,
    webp,
    zeros,
)
from tests.pictures import encoded, picture
from tests.shared import field_photo

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


def test_the_scans_of_a_large_picture_have_a_budget_in_pixels():
    for pixels, most in ((1_000_000, 100), (20_000_000, 50), (50_000_000, 20), (200_000_000, 16)):
        assert not is_decompression_bomb(refining(64, 64, most), "JPEG", pixels)
        assert is_decompression_bomb(refining(64, 64, most + 1), "JPEG", pixels)
        # Without an end it is decoded twice.
        assert not is_decompression_bomb(refining(64, 64, most // 2)[:-2], "JPEG", pixels)
        assert is_decompression_bomb(refining(64, 64, most // 2 + 1)[:-2], "JPEG", pixels)


@pytest.mark.parametrize("kind", [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF])
def test_a_jpeg_that_is_neither_baseline_nor_progressive_is_refused_undecoded(kind, policy, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    for content in (progressive(64, 64, 3, kind=kind), progressive(64, 64, 3, kind=kind)[:-2]):
        with pytest.raises(ImageDecodeError, match="This kind of JPEG is not supported"):
            decode(content, policy)


def test_a_jpeg_of_twelve_bits_is_refused_by_its_kind(policy):
    with pytest.raises(ImageDecodeError, match="8 bits"):
        decode(jpeg(JPEG_TABLES, frame(64, 64, kind=0xC1, precision=12), scan()), policy)


@pytest.mark.parametrize("kind", [0xC0, 0xC1, 0xC2, 0xCA])
def test_a_second_frame_is_refused_wherever_it_is(kind, policy, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    first, second = frame(64, 64), frame(64, 64, kind=kind)
    for parts in ((first, second, scan()), (first, scan(), second), (first, scan(), second, scan())):
        with pytest.raises(ImageDecodeError, match="too long"):
            decode(jpeg(JPEG_TABLES, *parts), policy)


def test_an_arithmetic_photo_from_the_field_is_refused_undecoded(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageDecodeError, match="This kind of JPEG is not supported"):
        decode(field_photo("arithmetic_20_scans.jpg"), ImagePolicy(max_bytes=1_000_000, max_pixels=50_000_000))


@pytest.mark.parametrize("name", ["closeup_img20.jpg", "small_face.jpg", "wall1.jpg", "couple_left_cut_out.png"])
def test_photos_from_the_field_are_read(name):
    assert decode(field_photo(name), ImagePolicy(max_bytes=10_000_000, max_pixels=50_000_000)).ndim == 3


@pytest.mark.parametrize(
    ("walk", "most", "content"),
    [
        (jpeg_segments, MAX_JPEG_SEGMENTS, lambda count: jpeg(segment(0xE1) * count)[:-2]),
        (png_chunks, MAX_PNG_CHUNKS, lambda count: png(64, 64, chunk(b"IDAT") * (count - 2))),  # beside IHDR and IEND
        (webp_chunks, MAX_WEBP_CHUNKS, lambda count: webp(*[(b"abcd", b"")] * count)),
    ],
    ids=["JPEG", "PNG", "WebP"],
)
def test_no_more_parts_of_a_file_are_walked_than_a_photo_has(walk, most, content):
    assert sum(1 for _ in walk(content(most))) == most
    walked = 0
    with pytest.raises(ImageDecodeError, match="too long for its size"):
        for _ in walk(content(10 * most)):
            walked += 1
    assert walked == most


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_entries_may_not_share_gigabytes(order):
    few, many = (exif_of_one_value(count, 1_100_000, order=order) for count in (900, 1000))
    assert not is_decompression_bomb(png(64, 64, chunk(b"eXIf", few), ROWS), "PNG", PIXELS)
    for exif in (many, many[:8] + b"\xff\xff" + many[10:]):  # and where it counts more than it has
        assert is_decompression_bomb(png(64, 64, chunk(b"eXIf", exif), ROWS), "PNG", PIXELS)
        content = webp(canvas(64, 64, 8), lossless(64, 64), (b"EXIF", exif))
        assert is_decompression_bomb(content, "WebP", PIXELS)
    part = segment(0xE1, b"Exif\0\0" + exif_of_one_value(5000, 65_000, order=order))
    assert not is_decompression_bomb(jpeg(part * 3, JPEG_TABLES, frame(64, 64), scan()), "JPEG", PIXELS)
    assert is_decompression_bomb(jpeg(part * 4, JPEG_TABLES, frame(64, 64), scan()), "JPEG", PIXELS)


@pytest.mark.parametrize(
    "exif", [b"", b"MM\0*", b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\x08\0\0\0"]
)
def test_damaged_exif_is_no_bomb(exif):
    assert not is_decompression_bomb(png(64, 64, chunk(b"eXIf", exif), ROWS), "PNG", PIXELS)
