import os
from dataclasses import replace

import numpy as np
import pytest

from services.engine.base import EmbeddingSpace
from services.stores.base import FolderIndex, IndexKey, PhotoFaces
from services.stores.folder_index import NpzFolderIndexStore

SPACE = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)
KEY = IndexKey(folder="/photos", detector="opencv", space=SPACE, weights="w")


def photo(faces, number=0):
    boxes = np.arange(faces * 4, dtype=np.int32).reshape(-1, 4) + number
    return PhotoFaces(signature=(number, 2**62, 3), boxes=boxes, embeddings=np.full((faces, 3), number, np.float32))


def rows(index):
    return [(name, int(row[0])) for name, row in zip(index.names, index.embeddings, strict=True)]


@pytest.fixture
def store(tmp_path):
    return NpzFolderIndexStore(tmp_path / "index")


def test_rows_are_ordered_by_photo_and_changes_touch_only_their_photos():
    index = FolderIndex.empty().changed(removed=set(), added={"b": photo(2, 1), "a": photo(1, 2), "none": photo(0)})
    assert rows(index) == [("a", 2), ("b", 1), ("b", 1)]
    assert set(index.photos) == {"a", "b", "none"}
    index = index.changed(removed={"a", "none"}, added={"b": photo(1, 3), "0": photo(1, 4)})
    assert rows(index) == [("0", 4), ("b", 3)]
    assert index.photos == {"b": (3, 2**62, 3), "0": (4, 2**62, 3)}
    assert rows(index.changed(removed={"0", "b"}, added={})) == []


@pytest.mark.parametrize("photos", [{}, {"none": photo(0)}, {"Ö/海.jpg": photo(2, 7), "a": photo(1), "none": photo(0)}])
def test_what_was_saved_is_loaded(store, photos):
    index = FolderIndex.empty().changed(removed=set(), added=photos)
    store.save(KEY, index)
    loaded = store.load(KEY)
    assert (loaded.photos, loaded.names) == (index.photos, index.names)
    assert np.array_equal(loaded.boxes, index.boxes)
    assert np.array_equal(loaded.embeddings, index.embeddings)
    assert (loaded.boxes.dtype, loaded.embeddings.dtype) == (np.int32, np.float32)


def test_keys_do_not_share_an_index(store):
    store.save(KEY, FolderIndex.empty())
    assert store.load(IndexKey(folder="/photos", detector="dlib", space=SPACE, weights="w")) is None
    assert store.load(IndexKey(folder="/other", detector="opencv", space=SPACE, weights="w")) is None


def test_a_damaged_file_is_no_index(store, tmp_path):
    store.save(KEY, FolderIndex.empty().changed(removed=set(), added={"a": photo(50)}))
    (path,) = (tmp_path / "index").iterdir()
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(content), 50):
        path.write_bytes(content[:length])
        assert store.load(KEY) is None
    for place, bit in zip(rng.integers(0, len(content), 500), rng.integers(0, 8, 500), strict=True):
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        path.write_bytes(bytes(flipped))
        store.load(KEY)  # may be whole all the same: not every bit of the container matters
    path.write_bytes(content)
    assert store.load(KEY) is not None


def test_an_index_of_other_weights_is_none_and_gives_way(store, tmp_path):
    store.save(KEY, FolderIndex.empty())
    other = replace(KEY, weights="other")
    assert store.load(other) is None
    store.save(other, FolderIndex.empty())
    assert store.load(other) is not None
    assert len(list((tmp_path / "index").iterdir())) == 1


def test_a_pickle_is_never_loaded(store, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    store.save(KEY, FolderIndex.empty())
    (path,) = (tmp_path / "index").iterdir()
    header = np.load(path)["header"]
    np.savez(path, header=header, photos=np.array([Attack()], object))
    assert store.load(KEY) is None
    assert not (tmp_path / "pwned").exists()


def test_ping_says_whether_the_folder_can_be_written(store, tmp_path):
    store.ping()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"\w"):
        NpzFolderIndexStore(tmp_path / "file").ping()
