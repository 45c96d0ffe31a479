import struct

import cv2
import numpy as np
import pytest

from core.images.header import header_size, image_format
from tests.pictures import encoded, picture


@pytest.mark.parametrize(("suffix", "name"), [(".jpg", "JPEG"), (".png", "PNG"), (".webp", "WebP")])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (641, 480)])
def test_size_and_format_of_an_encoded_picture_are_read_from_its_header(suffix, name, size):
    width, height = size
    content = encoded(picture(width=width, height=height), suffix)
    assert image_format(content) == name
    assert header_size(content, name) == size


def test_the_three_kinds_of_webp_give_their_size():
    pixels = np.random.default_rng(1).integers(0, 255, (30, 50, 4), np.uint8)
    lossy = encoded(pixels[..., :3].copy(), ".webp", [cv2.IMWRITE_WEBP_QUALITY, 50])
    lossless = encoded(pixels[..., :3].copy(), ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101])
    extended = encoded(pixels, ".webp", [cv2.IMWRITE_WEBP_QUALITY, 50])
    assert [content[12:16] for content in (lossy, lossless, extended)] == [b"VP8 ", b"VP8L", b"VP8X"]
    assert [header_size(content, "WebP") for content in (lossy, lossless, extended)] == [(50, 30)] * 3


def test_every_prefix_of_a_header_gives_its_size_or_none():
    for suffix, name in ((".jpg", "JPEG"), (".png", "PNG"), (".webp", "WebP")):
        content = encoded(picture(width=64, height=48), suffix)
        answers = {header_size(content[:length], name) for length in range(12, 700)}
        assert answers <= {None, (64, 48)}
        assert header_size(content[:12], name) is None


def test_a_jpeg_size_inside_a_comment_or_thumbnail_is_not_taken_for_the_frames():
    content = encoded(picture(width=64, height=48), ".jpg")
    fake_frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 9, 9) + bytes(10)
    comment = b"\xff\xfe" + struct.pack(">H", len(fake_frame) + 2) + fake_frame
    assert header_size(content[:2] + comment + content[2:], "JPEG") == (64, 48)


def test_a_size_of_zero_counts_as_damaged():
    content = bytearray(encoded(picture(), ".png"))
    content[16:20] = bytes(4)
    assert header_size(bytes(content), "PNG") is None


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"GIF89a", "GIF"),
        (b"BM\0\0", "BMP"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns", "SVG"),
        (b"P6 1 1", "Netpbm"),
        (b"hello", None),
        (b"", None),
    ],
)
def test_formats_that_are_not_accepted_are_known_by_name(content, name):
    assert image_format(content) == name


def test_a_jpeg_is_walked_as_libjpeg_does_so_that_no_other_frame_is_seen():
    small, large = encoded(picture(width=64, height=48), ".jpg"), encoded(picture(width=640, height=480), ".jpg")
    comment = b"\xff\xfe" + struct.pack(">H", len(small) + 2) + small
    stuffed = b"\xff\0" + struct.pack(">H", len(large))
    for content in (large[:2] + stuffed + large[2:-2] + comment, large[:2] + b"\xff\x01" + large[2:], large + small):
        assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (480, 640, 3)
        assert header_size(content, "JPEG") == (640, 480)
