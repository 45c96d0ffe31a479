import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from core.exceptions import ImageDecodeError, ImageSourceForbidden, ImageTooLarge, NoFaceDetected
from core.images.decoding import ImagePolicy
from core.images.sources import MAX_PATH, MAX_URL, _spellings, managed_image, read_encoded
from tests.conftest import PROJECT
from tests.pictures import ALICE, BOB, Block, encoded, picture, write_photo

SIGHT = picture(Block(ALICE), Block(BOB, x=120, y=10, w=60, h=30))


def opened(source, policy):
    with managed_image(source, field="img", policy=policy) as image:
        return image


def pillow_bytes(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def test_the_same_file_gives_the_same_pixels_whichever_way_it_comes(policy):
    content = encoded(SIGHT, ".jpg")
    path = os.path.join(policy.roots[0], "Zoë", "фото 1.jpg")
    os.mkdir(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(content)
    text = b64encode(content).decode()
    sources = [
        content,
        text,
        f"data:image/jpeg;base64,{text}",
        f"data:text/plain;base64,{text}",
        "Zoë/фото 1.jpg",
        path,
    ]
    images = [opened(source, policy) for source in sources]
    assert all(image.dtype == np.uint8 and np.array_equal(image, images[0]) for image in images)


def wrapped(text, end="\n", width=76):
    return end.join(text[at : at + width] for at in range(0, len(text), width)) + end


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(
    "before", ["", "data:image/jpeg;base64,", "data:image/jpeg;charset=utf-8;base64, ", "\n DATA:;BASE64,"]
)
def test_base64_is_read_in_every_spelling_of_encoders(policy, suffix, before):
    contents = [encoded(SIGHT, suffix) + bytes(more) for more in range(3)]  # each padding
    for content in contents:
        plain, safe = b64encode(content).decode(), urlsafe_b64encode(content).decode()
        for text in (
            plain,
            wrapped(plain),
            wrapped(plain, "\r\n"),
            wrapped(plain, "\r", 4),
            wrapped(plain, " ", 1),
            f" \t\n{plain}\r\n ",
            plain.rstrip("="),
            safe,
            wrapped(safe.rstrip("=")),
        ):
            assert np.array_equal(opened(before + text, policy), opened(content, policy))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("wrong", ["@", "é", "AAAA=AAAA", "\0", "A===="])
def test_what_begins_as_an_image_and_is_not_base64_is_said_to_be_that(policy, kind, wrong):
    text = b64encode(pillow_bytes(Image.fromarray(SIGHT), kind)).decode().rstrip("=")
    text = text[: len(text) // 4 * 4]
    for source in (text + wrong, text[:100] + wrong + text[100:], f"data:image/x;base64,{text}{wrong}"):
        with pytest.raises(ImageDecodeError, match="valid base64"):
            opened(source, policy)
    with pytest.raises(ImageDecodeError, match=r"damaged|pixels|format is"):
        opened(text[:24], policy)


@pytest.mark.parametrize(
    "source",
    ["/9j/", "/9j/4AAQ.jpg", "_9j_", "iVBOR.png", "UklGR/a.webp", "iVBORw0KGgoAAAANSUhEUg", "UklGRgAA\nAABXRUJQ"],
)
def test_the_beginning_of_an_image_is_never_taken_for_a_path(policy, source):
    with pytest.raises(ImageDecodeError):
        opened(source, policy)


@pytest.mark.parametrize("source", ["/wor/photo.jpg", "/wo", "Qk/photo.bmp", "UD/a.png", "P1.png"])
def test_a_path_that_begins_as_a_short_signature_is_a_path(policy, source):
    with pytest.raises((ImageSourceForbidden, ImageDecodeError), match=r"outside|does not exist"):
        opened(source, policy)


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("https://example.com/" + "a" * MAX_URL, ImageDecodeError, "URL is longer"),
        ("HTTP://example.com/" + "é" * MAX_URL, ImageDecodeError, "URL is longer"),
        ("a" * (MAX_PATH + 1), ImageDecodeError, "too long for a path"),
        ("a/" * MAX_PATH, ImageDecodeError, "too long for a path"),
        ("/" + "a" * MAX_PATH, ImageSourceForbidden, "path is longer"),
        ("../" * MAX_PATH, ImageSourceForbidden, "path is longer"),
        ("data:" + "a" * 2000 + ";base64,AAAA", ImageDecodeError, "malformed"),
    ],
    ids=lambda given: str(given)[:20],
)
def test_an_overlong_source_is_refused_before_anything_parses_it(policy, monkeypatch, source, error, said):
    for name in ("fetch", "open_beneath", "Path"):
        monkeypatch.setattr(f"core.images.sources.{name}", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(error, match=said):
        opened(source, policy)


def test_base64_takes_memory_of_a_few_times_the_text(policy):
    text = wrapped(b64encode(b"\xff\xd8\xff" + os.urandom(3_000_000)).decode(), "\r\n")
    tracemalloc.start()
    with pytest.raises(ImageTooLarge):
        opened(text, policy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(policy, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(SIGHT[..., ::-1])
    content = pillow_bytes(stored, kind, exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))[..., ::-1]
    assert np.abs(opened(content, policy).astype(int) - upright).max() <= 2


def on_white(stored):
    """What a viewer with white paper shows of an image with alpha, as BGR."""
    stored = stored.convert("RGBA")
    paper = Image.new("RGBA", stored.size, "white")
    paper.alpha_composite(stored)
    return np.asarray(paper.convert("RGB"))[..., ::-1]


def cut_out(mode):
    """The sight, half transparent below, and the second person cut out of it by alpha alone."""
    stored = Image.fromarray(SIGHT[..., ::-1]).convert("RGBA")
    alpha = np.full(SIGHT.shape[:2], 255, np.uint8)
    alpha[:, 100:] = 0
    alpha[60:, :100] = 128
    stored.putalpha(Image.fromarray(alpha))
    return stored.convert(mode)


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "WEBP")])
def test_what_is_transparent_is_white(policy, mode, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = pillow_bytes(cut_out(mode), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    image = opened(content, policy)
    expected = on_white(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert np.abs(image.astype(int) - expected).max() <= 1
    assert (opened(pillow_bytes(cut_out(mode), kind), policy)[:, 100:] == 255).all()


def test_a_colour_of_the_palette_or_the_file_may_be_transparent(policy):
    stored = Image.fromarray(SIGHT[..., ::-1])
    for image, transparent in ((stored, BOB[::-1]), (stored.quantize(8), bytes([0] * 8))):
        content = pillow_bytes(image, "PNG", transparency=transparent)
        assert np.array_equal(opened(content, policy), on_white(Image.open(io.BytesIO(content))))


@pytest.mark.parametrize("opacity", [0, 0x4040, 0x8080, 0xFFFF])
def test_sixteen_bits_are_laid_on_white_too(policy, opacity):
    deep = np.full((70, 30, 4), 0x2020, np.uint16)
    deep[..., 3] = opacity
    expected = round((0x20 * opacity + 0xFF * (0xFFFF - opacity)) / 0xFFFF)
    assert np.abs(opened(encoded(deep, ".png"), policy).astype(int) - expected).max() <= 1


def test_the_first_picture_of_an_animation_is_laid_on_white(policy):
    frames = [cut_out("RGBA"), Image.fromarray(SIGHT)]
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        content = pillow_bytes(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert np.abs(opened(content, policy).astype(int) - on_white(frames[0])).max() <= 1


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("P", "PNG"), ("1", "PNG")],
)
def test_every_colour_mode_becomes_three_channels(policy, mode, kind):
    stored = Image.fromarray(SIGHT[..., ::-1]).convert(mode)
    expected = np.asarray(stored.convert("RGB"))[..., ::-1].astype(int)
    image = opened(pillow_bytes(stored, kind), policy)
    assert image.shape == SIGHT.shape
    # Lossy formats smear the edges of the blocks; their middles stay.
    assert np.abs(image.astype(int) - expected)[35:65, 25:55].max() <= 8


def test_cmyk_jpeg_keeps_its_colours(policy):
    stored = Image.fromarray(SIGHT[..., ::-1]).convert("CMYK")
    image = opened(pillow_bytes(stored, "JPEG", quality=95), policy)
    assert np.abs(image[50, 40].astype(int) - ALICE).max() <= 16


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_reduced_to_eight(policy, channels):
    deep = np.full((20, 30, channels), 0x8040, np.uint16)
    image = opened(encoded(deep, ".png"), policy)
    assert image.shape == (20, 30, 3)
    assert set(np.unique(image)) == {128}


def test_what_is_no_accepted_format_is_refused_by_name(policy):
    gif = pillow_bytes(Image.fromarray(SIGHT), "GIF")
    for source, name in ((gif, "GIF"), (encoded(SIGHT, ".bmp"), "BMP"), (b"hello", "unknown")):
        with pytest.raises(ImageDecodeError, match=name):
            opened(source, policy)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_file_cut_inside_its_header_is_refused(policy, suffix):
    with pytest.raises(ImageDecodeError, match="damaged"):
        opened(encoded(SIGHT, suffix)[:20], policy)


def test_an_error_names_the_field_and_an_error_inside_the_block_too(policy):
    with pytest.raises(ImageDecodeError) as caught, managed_image(b"x", field="img2", policy=policy):
        pass
    assert [entry["field"] for entry in caught.value.details["fields"]] == ["img2"]
    with pytest.raises(NoFaceDetected) as inside, managed_image(encoded(SIGHT), field="img1", policy=policy):
        raise NoFaceDetected
    assert [entry["field"] for entry in inside.value.details["fields"]] == ["img1"]


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (1, 1000), (4000, 9)])
def test_a_picture_that_can_show_no_face_is_refused(policy, size):
    with pytest.raises(ImageDecodeError, match=f"{size[0]} x {size[1]}"):
        opened(encoded(picture(width=size[0], height=size[1])), policy)


def bomb(width, height):
    """A small valid PNG that claims, and holds, a picture of this size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_from_its_header_before_it_is_decoded(policy, monkeypatch):
    content = bomb(20_000, 20_000)
    assert len(content) < policy.max_bytes
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ImageTooLarge, match="20000 x 20000"):
        opened(content, policy)


def test_opencv_itself_is_bounded_where_a_file_fools_the_header_check():
    script = (
        "import sys; from core.settings import Settings; from core.process import prepare_process;"
        "prepare_process(Settings(max_image_pixels=1000)); import cv2, numpy;"
        "data = numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8);"
        "print(cv2.imdecode(data, cv2.IMREAD_COLOR).shape)"
    )

    def decode(content):
        return subprocess.run(
            [sys.executable, "-c", script], input=content, capture_output=True, cwd=PROJECT, check=False
        )

    assert decode(encoded(picture(width=20, height=20))).returncode == 0
    assert b"CV_IO_MAX_IMAGE_PIXELS" in decode(encoded(picture(width=200, height=200))).stderr


def test_more_bytes_than_allowed_are_refused_from_every_source(policy):
    content = os.urandom(policy.max_bytes + 1)
    large = encoded(SIGHT) + content
    with open(os.path.join(policy.roots[0], "large.png"), "wb") as file:
        file.write(large)
    for source in (large, b64encode(large).decode(), "data:;base64," + b64encode(large).decode(), "large.png"):
        with pytest.raises(ImageTooLarge, match="bytes"):
            opened(source, policy)


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64,@@@@",
        "data:image/png;base64",
        "data:image/png,abc",
        "data:image/png;base64,aGVsbG8=",
        "missing.jpg",
        "folder",
        "folder/../missing.jpg",
        "nul\0byte.jpg",
        "iVBORw0KGgoAAAANSUhEUg@@",
        "x" * 5000,
    ],
)
def test_a_source_that_leads_to_no_image_is_a_decode_error(policy, source):
    os.mkdir(os.path.join(policy.roots[0], "folder"))
    with pytest.raises(ImageDecodeError):
        opened(source, policy)


@pytest.mark.parametrize(
    "source", ["../secret.png", "/etc/passwd", "a/../../secret.png", "link.png", "dir/secret.png", "abs.png"]
)
def test_a_path_that_leaves_the_roots_is_forbidden(policy, tmp_path, source):
    root = policy.roots[0]
    (tmp_path / "secret.png").write_bytes(encoded(SIGHT))
    os.mkdir(os.path.join(root, "a"))
    os.symlink("../secret.png", os.path.join(root, "link.png"))
    os.symlink("..", os.path.join(root, "dir"))
    os.symlink(tmp_path / "secret.png", os.path.join(root, "abs.png"))
    with pytest.raises(ImageSourceForbidden):
        opened(source, policy)


def test_a_path_above_the_root_is_forbidden_even_where_the_root_is_missing():
    with pytest.raises(ImageSourceForbidden):
        opened("../../etc/passwd", ImagePolicy(max_bytes=1, max_pixels=1, roots=("missing",)))


def test_paths_are_looked_for_in_one_root_after_the_other(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "second" / "photo.png").write_bytes(encoded(SIGHT))
    roots = (str(tmp_path / "first"), str(tmp_path / "second"))
    policy = ImagePolicy(max_bytes=100_000, max_pixels=1_000_000, roots=roots)
    assert opened("photo.png", policy).shape == SIGHT.shape
    assert opened(str(tmp_path / "second" / "photo.png"), policy).shape == SIGHT.shape


NFC, NFD = "Jos\u00e9/\u00c4.png", "Jose\u0301/A\u0308.png"


@pytest.mark.parametrize("there", [NFC, NFD, "Jos\u00e9/A\u0308.png"])
@pytest.mark.parametrize("asked", [NFC, NFD, "Jose\u0301/\u00c4.png"])
def test_a_path_is_found_however_its_accents_are_composed(policy, there, asked):
    (root,) = policy.roots
    write_photo(Path(root) / there, ALICE)
    for source in (asked, f"{root}/{asked}"):
        assert read_encoded(source, policy) == (Path(root) / there).read_bytes()
    for other in ("jos\u00e9/\u00e4.png", "JOSE\u0301/A\u0308.png", "Jose/A.png"):  # never by case, nor without accents
        with pytest.raises(ImageDecodeError):
            read_encoded(other, policy)


def test_the_exact_name_comes_first_and_two_others_are_none(policy):
    (root,) = policy.roots
    half = "e\u0323\u0301.png"
    third = "\u00e9\u0323.png"
    write_photo(Path(root) / "\u1eb9\u0301.png", ALICE)
    write_photo(Path(root) / half, BOB)
    for name in ("\u1eb9\u0301.png", half):
        assert read_encoded(name, policy) == (Path(root) / name).read_bytes()
    with pytest.raises(ImageDecodeError):
        read_encoded(third, policy)
    (Path(root) / half).unlink()
    assert read_encoded(third, policy) == (Path(root) / "\u1eb9\u0301.png").read_bytes()


def test_a_plain_path_has_no_other_spellings_and_a_long_one_has_few():
    assert _spellings("a/b.png") == set()
    assert len(_spellings("\u00e9/" * (MAX_PATH // 2))) <= 2


def test_the_policy_can_turn_paths_and_urls_off(policy):
    with pytest.raises(ImageSourceForbidden):
        opened("photo.png", ImagePolicy(max_bytes=1, max_pixels=1))
    with pytest.raises(ImageSourceForbidden):
        opened("photo.png", ImagePolicy(max_bytes=1, max_pixels=1, roots=policy.roots, allow_paths=False))
    with pytest.raises(ImageSourceForbidden):
        opened("https://example.com/a.png", ImagePolicy(max_bytes=1, max_pixels=1, allow_urls=False))
