import io
import os
import struct
import subprocess
import sys
from base64 import b64encode

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from core.exceptions import ImageDecodeError, ImageTooLarge
from core.images import decoding
from core.images.decoding import ImagePolicy, decode
from core.images.heic import MAX_BOXES, heic_size
from core.images.sources import managed_image
from tests.conftest import PROJECT
from tests.pictures import ALICE, BOB, Block, picture

pillow_heif = pytest.importorskip("pillow_heif", reason="requirements-heic.txt is not installed")

SIGHT = picture(Block(ALICE), Block(BOB, x=120))
BRANDS = slice(8, 12)


def heic(image, *, tile=0):
    """The file of a BGR or BGRA picture, in tiles of so many pixels."""
    file = pillow_heif.from_bytes(
        mode="BGRA" if image.shape[2] == 4 else "BGR",
        size=image.shape[1::-1],
        data=np.ascontiguousarray(image).tobytes(),
    )
    content = io.BytesIO()
    pillow_heif.options.GRID_TILE_SIZE = tile
    try:
        file.save(content, quality=90)
    finally:
        pillow_heif.options.GRID_TILE_SIZE = 0
    return content.getvalue()


def changed(content, name, layout, *values, at=0):
    """The file with these numbers, `at` bytes behind the first occurrence of the name."""
    file = bytearray(content)
    struct.pack_into(layout, file, content.index(name) + len(name) + at, *values)
    return bytes(file)


@pytest.fixture
def wide():
    """A policy for larger pictures."""
    return ImagePolicy(max_bytes=1_000_000, max_pixels=10_000_000)


@pytest.mark.parametrize("tile", [0, 128])
def test_a_heic_image_is_read_as_it_was(wide, tile):
    image = cv2.resize(SIGHT, (400, 240))
    found = decode(heic(image, tile=tile), wide)
    assert found.shape == image.shape
    assert np.abs(found.astype(int) - image)[80:120, 60:100].max() <= 8


def test_it_is_read_from_bytes_base64_and_a_path_alike(policy):
    content = heic(SIGHT)
    with open(os.path.join(policy.roots[0], "photo.heic"), "wb") as file:
        file.write(content)
    text = b64encode(content).decode()
    images = []
    for source in (content, text, f"data:image/heic;base64,{text}", "photo.heic"):
        with managed_image(source, field="img", policy=policy) as image:
            images.append(image)
    assert all(np.array_equal(image, images[0]) for image in images)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_once(policy, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(SIGHT[..., ::-1]))
    content = io.BytesIO()
    pillow_heif.from_pillow(stored).save(content, quality=90, exif=exif.tobytes())
    stored.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(stored))[..., ::-1].astype(int)
    image = decode(content.getvalue(), policy)
    assert image.shape == expected.shape
    assert np.abs(image - expected).mean() < 8


def test_what_is_transparent_is_white(policy):
    image = np.dstack([SIGHT, np.full(SIGHT.shape[:2], 255, np.uint8)])
    image[:, 104:, 3] = 0
    found = decode(heic(image), policy)
    assert (found[:, 112:] >= 250).all()
    assert np.abs(found[60, 40].astype(int) - ALICE).max() <= 8


def test_a_main_brand_without_a_codec_is_told_by_those_beside_it(policy):
    content = bytearray(heic(SIGHT))
    content[BRANDS] = b"mif1"
    assert decode(bytes(content), policy).shape == SIGHT.shape


def test_its_pixels_are_counted_from_the_header(policy, monkeypatch):
    monkeypatch.setattr(decoding, "decode_heic", lambda *_: pytest.fail("it was decoded"))
    content = heic(np.zeros((1000, 1100, 3), np.uint8))
    with pytest.raises(ImageTooLarge, match="1100 x 1000"):
        decode(content, policy)
    with pytest.raises(ImageTooLarge):
        decode(changed(heic(SIGHT), b"ispe", ">II", 20_000, 20_000, at=4), policy)
    with pytest.raises(ImageDecodeError, match="too small"):
        decode(changed(heic(SIGHT), b"ispe", ">II", 4000, 9, at=4), policy)


def test_a_picture_larger_than_its_header_says_is_refused(policy):
    content = heic(np.zeros((2000, 3000, 3), np.uint8))
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode(changed(content, b"ispe", ">II", 400, 400, at=4), policy)


def test_tiles_may_not_hold_far_more_than_the_image(wide):
    content = heic(np.zeros((2048, 2048, 3), np.uint8), tile=512)
    assert heic_size(content) == (2048, 2048)
    less = changed(changed(content, b"idat", ">HH", 700, 700, at=4), b"ispe", ">II", 700, 700, at=4)
    with pytest.raises(ImageDecodeError, match="too long for its size"):
        decode(less, wide)
    small = heic(np.zeros((100, 100, 3), np.uint8), tile=512)
    assert decode(small, wide).shape == (100, 100, 3)


@pytest.mark.parametrize("kind", [b"iovl", b"iden"])
def test_images_made_of_others_are_refused(wide, kind):
    content = heic(np.zeros((512, 512, 3), np.uint8), tile=256)
    with pytest.raises(ImageDecodeError, match="too long for its size"):
        decode(content.replace(b"grid", kind), wide)


def test_tiles_of_tiles_are_refused(wide):
    content = heic(np.zeros((512, 512, 3), np.uint8), tile=256)
    at = content.index(b"dimg") + 8  # the first tile of the grid, item 1, becomes the grid itself
    with pytest.raises(ImageDecodeError, match="too long for its size"):
        decode(content[:at] + b"\0\1" + content[at + 2 :], wide)


def test_no_more_boxes_are_walked_than_a_photo_has(policy):
    content = heic(SIGHT)
    assert decode(content + struct.pack(">I4s", 8, b"free") * 100, policy).shape == SIGHT.shape
    with pytest.raises(ImageDecodeError, match="too long for its size"):
        decode(content + struct.pack(">I4s", 8, b"free") * MAX_BOXES, policy)


def test_every_part_of_a_file_is_refused_as_damaged(policy):
    content = heic(SIGHT, tile=128)
    for length in (*range(12, 800, 7), len(content) // 2):
        with pytest.raises(ImageDecodeError):
            decode(content[:length], policy)


def test_mutated_files_are_read_or_refused(policy):
    random = np.random.default_rng(1)
    content = np.frombuffer(heic(SIGHT, tile=128), np.uint8)
    for _ in range(300):
        file = content.copy()
        places = random.integers(0, 900, 4)
        file[places] = random.integers(0, 256, 4)
        try:
            assert decode(file.tobytes(), policy).ndim == 3
        except (ImageDecodeError, ImageTooLarge):
            continue


def test_without_the_package_the_error_names_it(tmp_path):
    script = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from core.images.decoding import ImagePolicy, decode\n"
        "try: decode(sys.stdin.buffer.read(), ImagePolicy(max_bytes=10**6, max_pixels=10**6))\n"
        "except Exception as error: print(error.message)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], input=heic(SIGHT), capture_output=True, cwd=PROJECT, check=True
    )
    assert b"The image format is HEIC" in result.stdout
    assert b"requirements-heic.txt" in result.stdout
