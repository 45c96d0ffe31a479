"""Faces that photo programs have named in photos: regions in XMP, inside the photo or beside it."""

import cv2
import numpy as np
import pytest

from core.images.pixels import upright
from tests.pictures import ALICE, ALICIA, BOB, Block, encoded, picture
from tests.services.gallery.imports.importing import POLICY, faces, kill_after, names
from tests.services.gallery.imports.xmp import PROGRAMS, Mark, lightroom, with_orientation, with_xmp

# Alice on the left, Bob on the right, in a picture of 200 x 120.
TWO = picture(Block(ALICE, x=20), Block(BOB, x=140))
ALICES, BOBS = Mark("Alice", 0.2, 50 / 120), Mark("Bob", 0.8, 50 / 120)


@pytest.fixture
def write(photos):
    def write(name, content, packet=None, sidecar=None):
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if packet is None else with_xmp(content, packet))
        if sidecar is not None:
            sidecar_name, text = sidecar
            (path.parent / sidecar_name).write_bytes(text)

    return write


@pytest.fixture
def take(register, sources, photos):
    return lambda **options: register(sources.photos(photos), **options)


def colours(store, name):
    """The colour of each face of a person, which the fake engine embeds."""
    stored = [face for person, its_faces in everybody(store) if person.name == name for face in its_faces]
    return {tuple(face.face.embeddings[0].vector[:3].astype(int).tolist()) for face in stored}


def everybody(store):
    with store.snapshot() as snapshot:
        return list(snapshot.persons)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_each_named_face_is_its_persons(take, write, store, program, suffix):
    parameters = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == ".webp" else []
    write(f"a/1{suffix}", encoded(TWO, suffix, parameters), program(ALICES, BOBS))
    assert take(dry_run=True) == (2, 0, {})
    assert names(store) == {}
    assert take() == (2, 0, {})
    assert (colours(store, "Alice"), colours(store, "Bob")) == ({ALICE}, {BOB})
    assert {face.photo for face in faces(store, "Bob")} == {f"a/1{suffix}"}
    assert take() == (0, 2, {})


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_only_what_is_named_since_is_registered(take, write, store, suffix):
    write(f"1{suffix}", encoded(TWO, suffix), lightroom(ALICES))
    assert take() == (1, 0, {})
    write(f"1{suffix}", encoded(TWO, suffix), lightroom(BOBS, ALICES))  # the program has changed the file
    assert take() == (1, 1, {})
    write(f"1{suffix}", encoded(picture(Block(ALICE, x=21), Block(BOB, x=140)), suffix), lightroom(BOBS, ALICES))
    assert take() == (2, 0, {})
    assert names(store) == {"Alice": 2, "Bob": 2}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("sidecar", ["1.jpg.xmp", "1.xmp"])
def test_a_sidecar_counts_more_than_the_photo(take, write, store, program, sidecar):
    write("1.jpg", encoded(TWO, ".jpg"), lightroom(Mark("Old name", 0.2, 0.4)), (sidecar, program(ALICES)))
    write("2.jpg", encoded(TWO, ".jpg"), lightroom(BOBS), ("2.jpg.xmp", lightroom()))
    assert take() == (2, 0, {})
    assert names(store) == {"Alice": 1, "Bob": 1}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_is_of_the_stored_image_however_it_is_turned(take, write, store, orientation):
    turns = {upright(stored, orientation).tobytes(): stored for stored in turned(TWO)}
    stored = turns[TWO.tobytes()]  # what a camera stores, so that turned upright it is the picture
    height, width = stored.shape[:2]
    marks = []
    for name, colour in (("Alice", ALICE), ("Bob", BOB)):
        ys, xs = np.nonzero((stored == colour).all(axis=2))
        x, y, w, h = (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2, np.ptp(xs), np.ptp(ys)
        marks.append(Mark(name, x / width, y / height, w / width, h / height))
    content = with_orientation(encoded(stored, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]), orientation)
    write("1.jpg", content, lightroom(*marks, size=(width, height)))
    assert take() == (2, 0, {})
    assert (colours(store, "Alice"), colours(store, "Bob")) == ({ALICE}, {BOB})


def turned(image):
    """The image turned and mirrored in every way."""
    for quarters in range(4):
        yield np.ascontiguousarray(np.rot90(image, quarters))
        yield np.ascontiguousarray(np.rot90(image, quarters)[:, ::-1])


def test_a_region_without_its_face_is_no_persons(take, write, store):
    write("nobody.jpg", encoded(TWO, ".jpg"), lightroom(Mark("Alice", 0.5, 0.4)))
    write("beside.jpg", encoded(TWO, ".jpg"), lightroom(Mark("Alice", 0.36, 0.4)))  # hers is near, but not there
    write("turned.jpg", with_orientation(encoded(TWO, ".jpg"), 6), lightroom(ALICES, size=(120, 200)))
    write("cropped.jpg", encoded(TWO, ".jpg"), lightroom(ALICES, size=(200, 200)))
    write("smaller.jpg", encoded(TWO, ".jpg"), lightroom(ALICES, size=(6000, 3601)))
    assert take() == (1, 0, {
        "nobody.jpg: Alice": "no_face_detected", "beside.jpg: Alice": "no_face_detected",
        "turned.jpg: Alice": "region_outdated", "cropped.jpg: Alice": "region_outdated",
    })  # fmt: skip
    assert colours(store, "Alice") == {ALICE}


def test_the_face_of_a_region_is_found_among_others(take, write, store):
    near = picture(Block(ALICE, x=20), Block(BOB, x=65, y=20, w=60, h=80))  # larger, and within the margin
    write("1.jpg", encoded(near, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95]), lightroom(ALICES))
    assert take() == (1, 0, {})
    assert colours(store, "Alice") == {ALICE}


def test_a_large_region_is_made_smaller(take, write, store):
    large = picture(Block(ALICE, x=300, y=100, w=400, h=400), width=1000, height=600)
    policy_fits = encoded(large, ".png")
    assert len(policy_fits) < POLICY.max_bytes
    write("1.png", policy_fits, lightroom(Mark("Alice", 0.5, 0.5, 1, 1), size=(1000, 600)))
    assert take() == (1, 0, {})


def test_what_is_no_named_face_is_told(take, write, store):
    marks = (
        Mark("", 0.2, 0.4), Mark("Rex", 0.2, 0.4, kind="Pet"), ALICES, ALICES,
        Mark("Al\u202eice", 0.2, 0.4), Mark("Bob", "nan", 0.4), Mark("Carol", 0.5, 0.5, "1e999", 1), Mark("Dave", 2, 2),
    )  # fmt: skip
    write("1.jpg", encoded(TWO, ".jpg"), lightroom(*marks))
    write("2.jpg", encoded(TWO, ".jpg"))
    assert take() == (2, 0, {
        "1.jpg: without a name": "no_person", "1.jpg: Al\u202eice": "validation_error (name)",
        "1.jpg: Bob": "region_invalid", "1.jpg: Carol": "region_invalid", "1.jpg: Dave": "region_invalid",
    })  # fmt: skip
    assert names(store) == {"Alice": 2}


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]><x>&z;</x>""" % b"".join(
    b'<!ENTITY %c "%s">' % (b, b"&%c;" % (b - 1) * 10) for b in range(ord("b"), ord("z") + 1)
)
ENTITY = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>"""
HOSTILE = {
    "bomb": BOMB,
    "bomb in UTF-16": BOMB.decode().encode("utf-16"),
    "file": ENTITY,
    "cut off": lightroom(ALICES)[:900],
    "no XML": b"\0\1\2" * 100,
    "unknown encoding": b'<?xml version="1.0" encoding="x-nothing"?><x/>',
    "large": b"<x>" + b" " * (1 << 22) + b"</x>",
    "many regions": lightroom(*[ALICES] * 201),
}


@pytest.mark.parametrize("packet", HOSTILE.values(), ids=HOSTILE)
def test_hostile_xmp_is_refused(take, write, store, packet):
    write("1.jpg", encoded(TWO, ".jpg"), sidecar=("1.jpg.xmp", packet))
    write("2.jpg", encoded(TWO, ".jpg"), lightroom(BOBS))
    assert take() == (1, 0, {"1.jpg": "xmp_unreadable"})
    assert names(store) == {"Bob": 1}


def test_a_deep_tree_is_read_without_recursion(take, write):
    write("1.jpg", encoded(TWO, ".jpg"), sidecar=("1.jpg.xmp", b"<x>" * 200_000 + b"</x>" * 200_000))
    assert take() == (0, 0, {})


def test_no_sidecar_or_photo_is_read_outside_the_folder(take, write, photos, tmp_path):
    (tmp_path / "outside.xmp").write_bytes(lightroom(ALICES))
    (tmp_path / "outside.jpg").write_bytes(with_xmp(encoded(TWO, ".jpg"), lightroom(ALICES)))
    write("1.jpg", encoded(TWO, ".jpg"))
    (photos / "1.jpg.xmp").symlink_to(tmp_path / "outside.xmp")
    (photos / "2.jpg").symlink_to(tmp_path / "outside.jpg")
    assert take() == (0, 0, {"1.jpg": "outside_folder", "2.jpg": "outside_folder"})


def test_damaged_photos_are_refused(take, write):
    whole = with_xmp(encoded(TWO, ".png"), lightroom(ALICES))
    write("1.png", whole[:1000])
    write("2.png", bytes(POLICY.max_bytes + 1))
    write("3.jpg", b"hello")
    write("4.jpg", with_xmp(encoded(TWO, ".jpg"), lightroom(ALICES))[:-2000])
    assert take() == (0, 0, {
        "1.png": "image_decode_error", "2.png": "image_too_large", "4.jpg: Alice": "image_decode_error",
    })  # fmt: skip


def test_an_import_that_was_killed_resumes(take, write, store, photos, tmp_path):
    for number in range(4):
        marks = (Mark(f"left {number}", 0.2, 50 / 120), Mark(f"right {number}", 0.8, 50 / 120))
        write(f"{number}.jpg", encoded(TWO, ".jpg"), lightroom(*marks))
    kill_after(3, tmp_path, "photos", photos)
    enrolled, known, refused = take()
    assert (enrolled + known, refused) == (8, {})
    assert known >= 3
    assert names(store) == {f"{side} {number}": 1 for number in range(4) for side in ("left", "right")}
    assert ALICIA not in colours(store, "left 0")
