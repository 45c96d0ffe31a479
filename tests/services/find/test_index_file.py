"""Folder indexes with a key: nothing of them is readable on the disk, and what was there before is sealed."""

from dataclasses import replace

import numpy as np
import pytest

from core.encryption import Keyring
from services.find.store import FolderIndexStore
from tests.postgresql import in_files
from tests.services.find.test_store import KEY, NEW, OLD, content, made, photo


@pytest.fixture
def opened(tmp_path):
    return lambda *keys: FolderIndexStore(tmp_path / "index", Keyring(keys))


def pieces_of(index):
    return {row.tobytes()[:64]: str(number) for number, row in enumerate(index.embeddings)}


def test_with_a_key_no_file_holds_an_embedding_or_a_name(opened, tmp_path):
    rng = np.random.default_rng(0)
    faces = {f"{n}.jpg": replace(photo(1), embeddings=rng.normal(size=(1, 128)).astype(np.float32)) for n in range(50)}
    index = made(faces)
    for keys, expected in (((), 50), ((OLD,), 0)):
        opened(*keys).save(KEY, index)
        opened(*keys).save(KEY, index, draft=True)
        assert len(in_files(tmp_path, pieces_of(index))) == expected
        names = [b"49.jpg" in path.read_bytes() for path in (tmp_path / "index").iterdir()]
        assert names == [not keys] * 2
        assert content(opened(*keys).load(KEY)) == content(index)


def test_an_index_that_does_not_open_is_none_and_gives_way(opened):
    opened(OLD).save(KEY, made({"a": photo(1)}))
    for other in (opened(), opened(NEW)):
        assert other.load(KEY) is None
        assert other.stored() == []
    assert content(opened(NEW, OLD).load(KEY)) == content(made({"a": photo(1)}))
    opened(NEW).save(KEY, made({"b": photo(1)}))
    assert opened(OLD).load(KEY) is None
    assert content(opened(NEW).load(KEY)) == content(made({"b": photo(1)}))


def test_what_is_there_is_encrypted_with_the_first_key(opened, tmp_path):
    rng = np.random.default_rng(0)
    index = made({"a": replace(photo(1), embeddings=rng.normal(size=(1, 128)).astype(np.float32))})
    keys = [replace(KEY, folder=f"/{number}") for number in range(3)]
    for key in keys:
        with opened().building(key):
            opened().save(key, index)
    opened().save(keys[1], index, draft=True)
    (tmp_path / "index" / f".{next((tmp_path / 'index').glob('*.draft')).stem}.index.left").write_bytes(b"by a crash")
    order = [one.key for one in opened().stored()]
    assert opened().reencrypt() == 0
    assert in_files(tmp_path, pieces_of(index)) == {"0"}
    with opened().building(keys[2]):
        assert opened(OLD).reencrypt() == 1
    assert opened(OLD).reencrypt() == 0
    assert in_files(tmp_path, pieces_of(index)) == set()
    assert not list((tmp_path / "index").glob("*.left"))
    assert [one.key for one in opened(OLD).stored()] == order
    before = sorted(path.read_bytes() for path in (tmp_path / "index").glob("*.*"))
    assert opened(OLD).reencrypt() == 0
    assert sorted(path.read_bytes() for path in (tmp_path / "index").glob("*.*")) == before
    assert opened(NEW, OLD).reencrypt() == 0
    for key in keys:
        assert content(opened(NEW).load(key)) == content(index)
    assert content(opened(NEW).load(keys[1], draft=True)) == content(index)


def test_a_damaged_plain_index_is_removed_and_one_of_another_key_is_kept(opened, tmp_path):
    opened().save(KEY, made({"a": photo(1)}))
    (path,) = (tmp_path / "index").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    assert opened(OLD).reencrypt() == 0
    assert not path.exists()
    opened(OLD).save(KEY, made({"a": photo(1)}))
    assert opened(NEW).reencrypt() == 0
    assert content(opened(OLD).load(KEY)) == content(made({"a": photo(1)}))
