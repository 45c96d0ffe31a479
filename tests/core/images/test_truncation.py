import logging

import cv2
import numpy as np
import pytest

from core.exceptions import ImageDecodeError
from core.images.decoding import decode
from core.images.header import START_OF_SCAN, jpeg_segments
from core.images.warnings import collect_warnings
from tests.pictures import ALICE, BOB, Block, picture

KINDS = {"baseline": 0, "progressive": 1}


def photo(progressive=0, restart=0):
    """A JPEG with something to see in every row, as a photo has."""
    noise = np.random.default_rng(1).normal(0, 20, (240, 320, 3))
    image = cv2.GaussianBlur(noise, (0, 0), 2) * 4 + cv2.resize(picture(Block(ALICE), Block(BOB, x=120)), (320, 240))
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, cv2.IMWRITE_JPEG_RST_INTERVAL, restart]
    return cv2.imencode(".jpg", image.clip(0, 255).astype(np.uint8), options)[1].tobytes()


def read(content, policy):
    """The pixels, and how often it was warned of them."""
    with collect_warnings() as found:
        image = decode(content, policy, field="img")
    assert {field for field, _ in found} <= {"img"}
    return image, len(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("restart", [0, 4])
@pytest.mark.parametrize("lost", [1, 2, 3, 10, 100, 0.01, 0.03])
def test_a_jpeg_that_lacks_its_last_bytes_is_read_with_a_warning(policy, kind, restart, lost):
    content = photo(KINDS[kind], restart)
    whole, warned = read(content, policy)
    assert warned == 0
    count = lost if lost >= 1 else int(len(content) * lost)
    image, warned = read(content[:-count], policy)
    assert warned == 1
    assert image.shape == whole.shape
    there = image.shape[0] * 8 // 10
    assert np.abs(image[:there].astype(int) - whole[:there]).mean() < (4 if KINDS[kind] else 0.5)
    if count <= 2:
        assert np.array_equal(image, whole)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.6])
def test_a_jpeg_of_which_much_is_missing_is_refused(policy, kind, share):
    content = photo(KINDS[kind])
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode(content[: int(len(content) * share)], policy)


def test_a_progressive_jpeg_needs_the_beginning_of_every_scan(policy):
    content = photo(1)
    scans = [at for marker, at in jpeg_segments(content) if marker == START_OF_SCAN]
    assert len(scans) > 5
    for begins in scans[1:]:
        for end in (begins - 2, begins + 1, begins + 5):
            with pytest.raises(ImageDecodeError, match="damaged"):
                decode(content[:end], policy)


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_in_place_of_what_is_missing_are_not_taken_for_it(policy, kind):
    content = photo(KINDS[kind])
    image, warned = read(content[:-2] + bytes(500), policy)
    assert warned == 1
    assert np.array_equal(image, read(content, policy)[0])
    half = len(content) // 2
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode(content[:half] + bytes(half), policy)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_a_file_of_another_format_that_is_cut_off_is_refused(policy, suffix):
    content = cv2.imencode(suffix, picture(Block(ALICE)))[1].tobytes()
    with pytest.raises(ImageDecodeError):
        decode(content[: len(content) * 3 // 4], policy)


def test_outside_of_requests_it_is_logged_without_a_name(policy, caplog):
    caplog.set_level(logging.INFO)
    decode(photo()[:-2], policy)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "lacks its last bytes" in caplog.text
