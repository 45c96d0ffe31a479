import fcntl
import io
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from core.encryption import Keyring
from services.deepface.interface import EmbeddingSpace
from services.find import store as module
from services.find.index import FolderIndex, IndexKey, PhotoFaces
from services.find.photo_list import Photos
from services.find.store import FolderIndexStore
from tests.conftest import PROJECT

SPACE = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)
OLD, NEW = bytes(32), bytes([1] * 32)
KEY = IndexKey(folder="/photos", detector="opencv", space=SPACE, weights="w")


def photo(faces, number=0):
    boxes = np.arange(faces * 4, dtype=np.int32).reshape(-1, 4) + number
    return PhotoFaces(signature=(number, 2**62, 3), boxes=boxes, embeddings=np.full((faces, 3), number, np.float32))


def made(photos):
    return FolderIndex.empty().updated(of(photos), photos)


def of(photos):
    return Photos.of((name, faces.signature) for name, faces in photos.items())


def rows(index):
    return [(index.name(row), int(embedding[0])) for row, embedding in enumerate(index.embeddings)]


def content(index):
    arrays = (index.boxes, index.embeddings, index.problems, index.lengths)
    return dict(index.photos.items()), [(array.dtype, array.tolist()) for array in arrays], rows(index)


@pytest.fixture(params=["plain", "encrypted"])
def store(request, tmp_path):
    return FolderIndexStore(tmp_path / "index", Keyring([OLD] if request.param == "encrypted" else []))


def test_rows_are_ordered_by_photo_and_changes_touch_only_their_photos():
    first = {"b": photo(2, 1), "a": photo(1, 2), "none": photo(0)}
    index = made(first)
    assert rows(index) == [("a", 2), ("b", 1), ("b", 1)]
    added = {"b": photo(1, 3), "0": photo(1, 4)}
    index = index.updated(of(added), added)
    assert rows(index) == [("0", 4), ("b", 3)]
    assert dict(index.photos.items()) == {"b": (3, 2**62, 3), "0": (4, 2**62, 3)}
    assert rows(index.updated(Photos.of(()), {})) == []


def test_an_update_by_pieces_is_an_index_made_at_once():
    rng = np.random.default_rng(1)
    index, there = FolderIndex.empty(), {}
    for step in range(1, 40):
        for name in rng.permutation(list(there))[: rng.integers(0, 3)]:
            del there[name]
        added = {f"é{name}": photo(int(rng.integers(0, 4)), step) for name in rng.integers(0, 30, 3)}
        there |= added
        index = index.updated(of(there), added)
        assert content(index) == content(made(there))
    by_photo = index.by_photo()
    assert content(made(by_photo)) == content(index)
    assert {name: len(faces.boxes) for name, faces in by_photo.items()} == {n: len(f.boxes) for n, f in there.items()}


def test_changes_are_what_was_added_changed_or_removed():
    one, other = (1, 2**62, 3), (1, 2**62, 4)
    before = Photos.of([("é", one), ("same", one), ("changed", one), ("z", one)])
    now = Photos.of([("a", one), ("changed", other), ("same", one), ("海", one), ("z", one)])
    assert list(before.changes(now)) == [("a", one), ("changed", other), ("é", None), ("海", one)]
    assert list(before.changes(before)) == []
    assert len(list(Photos.of(()).changes(now))) == len(list(now.changes(Photos.of(())))) == 5


def test_an_update_of_many_rows_is_an_index_made_at_once():
    many = {f"{number:05}": photo(number % 3, number) for number in range(10_000)}
    added = {f"{number:05}": photo(1, -number) for number in range(7, 12_000, 1000)}
    index = made(many).updated(of(many | added), added)
    assert content(index) == content(made(many | added))


def test_neither_an_update_nor_saving_nor_loading_needs_a_second_matrix(store):
    # numpy writes 16 MiB at a time.
    faces = {
        name: PhotoFaces(
            signature=(1, 2, 3), boxes=np.ones((5000, 4), np.int32), embeddings=np.ones((5000, 1000), np.float32)
        )
        for name in ("a", "b")
    }
    index = made(faces)
    added = {"c": replace(faces["a"], boxes=faces["a"].boxes[:1], embeddings=faces["a"].embeddings[:1])}
    both = of(faces | added)

    def peak(action):
        tracemalloc.start()
        try:
            action()
            return tracemalloc.get_traced_memory()[1] / index.embeddings.nbytes
        finally:
            tracemalloc.stop()

    assert peak(lambda: store.save(KEY, index)) < 0.6
    assert peak(lambda: store.load(KEY)) < 1.2
    assert peak(lambda: index.updated(both, added)) < 1.4


def test_a_photo_that_is_not_known_yet_is_left_out():
    index = made({"a": photo(1, 1)}).updated(Photos.of([("b", (0, 0, 0)), ("a", (1, 2**62, 3))]), {})
    assert dict(index.photos.items()) == {"a": (1, 2**62, 3)}
    index = index.updated(Photos.of([("a", (9, 9, 9))]), {})
    assert len(index.photos) == len(index.embeddings) == 0


def test_reasons_are_counted():
    blank = replace(photo(0), problem="no_face_detected")
    index = made({"a": photo(1), "b": blank, "c": blank, "d": replace(blank, problem="image_decode_error")})
    assert index.failed() == {"no_face_detected": 2, "image_decode_error": 1}


@pytest.mark.parametrize("photos", [{}, {"none": photo(0)}, {"Ö/海.jpg": photo(2, 7), "a": photo(1), "none": photo(0)}])
def test_what_was_saved_is_loaded(store, photos):
    store.save(KEY, made(photos))
    assert content(store.load(KEY)) == content(made(photos))
    (stored,) = store.stored()
    assert (stored.key, stored.photos, stored.faces) == (KEY, len(photos), len(made(photos).boxes))
    assert stored.bytes > 0


def test_a_draft_is_kept_apart_and_ends_with_the_index(store):
    draft = made({"a": photo(1)})
    store.save(KEY, draft, draft=True)
    assert store.load(KEY) is None
    assert store.version(KEY) is None
    assert content(store.load(KEY, draft=True)) == content(draft)
    store.save(KEY, FolderIndex.empty())
    assert store.load(KEY, draft=True) is None


def test_another_save_is_another_version(store):
    versions = set()
    for _ in range(5):
        store.save(KEY, FolderIndex.empty())
        versions.add(store.version(KEY))
    assert len(versions) == 5


def test_one_at_a_time_has_the_right_to_build_and_it_ends_with_its_owner(store, tmp_path):
    with (
        store.building(KEY) as mine,
        store.building(KEY) as second,
        store.building(replace(KEY, detector="ssd")) as third,
    ):
        assert (mine, second, third) == (True, False, True)
    script = (
        "import sys, time; from pathlib import Path; from tests.services.find.test_store import KEY\n"
        "from services.find.store import FolderIndexStore\n"
        "with FolderIndexStore(Path(sys.argv[1])).building(KEY) as mine: print(mine, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "index")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n"
        with store.building(KEY) as mine:
            assert not mine
        other.kill()
    with store.building(KEY) as mine:
        assert mine


def make(store, count):
    keys = [replace(KEY, folder=f"/{number}") for number in range(count)]
    for key in keys:
        with store.building(key):
            store.save(key, FolderIndex.empty())
    return keys


def there(store, keys):
    return [number for number, key in enumerate(keys) if store.load(key) is not None]


def test_the_least_recently_used_makes_room(store, tmp_path):
    keys = make(store, 10)
    store.note_use(keys[1])
    store.make_room(4, None)
    assert there(store, keys) == [1, 7, 8, 9]
    assert len(os.listdir(tmp_path / "index")) == 2 * 4


def test_the_default_index_and_kept_ones_take_no_place(store):
    keys = make(store, 10)
    store.keep(keys[1])
    store.make_room(4, replace(keys[0], weights=""))
    assert there(store, keys) == [0, 1, 6, 7, 8, 9]
    assert [number for number, key in enumerate(keys) if store.is_kept(key)] == [1]


def test_a_draft_of_a_build_that_was_never_finished_takes_a_place(store):
    keys = make(store, 4)
    draft = replace(KEY, folder="/draft")
    store.save(draft, FolderIndex.empty(), draft=True)
    store.make_room(4, None)
    assert there(store, keys) == [1, 2, 3]
    assert store.load(draft, draft=True) is not None
    for key in keys[1:]:
        with store.building(key):
            store.save(key, FolderIndex.empty())
    store.make_room(3, None)
    assert store.load(draft, draft=True) is None


def test_whether_there_is_an_index_is_known_without_loading_it(store):
    assert not store.has(KEY)
    store.save(KEY, FolderIndex.empty())
    assert store.has(KEY)
    assert not store.has(replace(KEY, weights="other"))
    assert not store.has(replace(KEY, detector="ssd"))


def test_an_index_that_is_being_built_does_not_make_room(store):
    keys = make(store, 6)
    with store.building(keys[0]) as mine:
        store.make_room(4, None)
        assert mine
        assert there(store, keys) == [0, 2, 3, 4, 5]
        assert store.load(keys[0]) is not None
        with store.building(keys[0]) as second:
            assert not second


def test_a_lock_that_made_room_while_it_was_opened_is_none(store, tmp_path, monkeypatch):
    with store.building(KEY):
        pass
    (lock,) = (tmp_path / "index").glob("*.lock")
    flock, opened = fcntl.flock, []

    def late(descriptor, operation):
        if not opened:
            lock.unlink()
        opened.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with store.building(KEY) as mine:
        assert (mine, len(opened)) == (True, 2)
        with store.building(KEY) as second:
            assert not second


def test_keys_do_not_share_an_index(store):
    store.save(KEY, FolderIndex.empty())
    assert store.load(IndexKey(folder="/photos", detector="dlib", space=SPACE, weights="w")) is None
    assert store.load(IndexKey(folder="/other", detector="opencv", space=SPACE, weights="w")) is None


def test_a_damaged_file_is_no_index(store, tmp_path):
    store.save(KEY, made({"a": photo(50)}))
    (path,) = (tmp_path / "index").iterdir()
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(whole), 100):
        path.write_bytes(whole[:length])
        assert store.load(KEY) is None
    for place, bit in zip(rng.integers(0, len(whole), 200), rng.integers(0, 8, 200), strict=True):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << bit
        path.write_bytes(bytes(flipped))
        assert store.load(KEY) is None
    path.write_bytes(b"")
    assert store.load(KEY) is None
    assert store.stored() == []
    path.write_bytes(whole)
    assert content(store.load(KEY)) == content(made({"a": photo(50)}))


def test_an_index_of_other_weights_is_none_and_gives_way(store, tmp_path):
    store.save(KEY, FolderIndex.empty())
    other = replace(KEY, weights="other")
    assert store.load(other) is None
    store.save(other, FolderIndex.empty())
    assert store.load(other) is not None
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_an_index_of_another_format_is_none(store, monkeypatch):
    for written, read in ((1, 2), (3, 2), (2, 3)):
        monkeypatch.setattr(module, "_FORMAT", written)
        store.save(KEY, made({"a": photo(1)}))
        assert store.load(KEY) is not None
        monkeypatch.setattr(module, "_FORMAT", read)
        assert store.load(KEY) is None


@pytest.mark.parametrize("store", ["plain"], indirect=True)
def test_a_pickle_is_never_loaded(store, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    store.save(KEY, FolderIndex.empty())
    (path,) = (tmp_path / "index").iterdir()
    header = path.read_bytes().split(b"\n")[1] + b"\n"
    archive = io.BytesIO()
    arrays = np.load(io.BytesIO(path.read_bytes().split(b"\n", 2)[2]))
    np.savez(archive, **dict(arrays) | {"embeddings": np.array([Attack()], object)})
    rest = header + archive.getvalue()
    path.write_bytes(sha256(rest).hexdigest().encode() + b"\n" + rest)
    assert store.load(KEY) is None
    assert not (tmp_path / "pwned").exists()


def test_ping_says_whether_the_folder_can_be_written(store, tmp_path):
    store.ping()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"\w"):
        FolderIndexStore(tmp_path / "file").ping()
