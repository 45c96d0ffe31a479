"""Photos in the folders of Double Take."""

import pytest

from tests.pictures import ALICE, ALICIA, BOB, write_photo
from tests.services.gallery.imports.importing import faces, kill_after, names


@pytest.fixture
def storage(tmp_path):
    """Double Take's storage, as its `STORAGE_PATH` has it."""
    write_photo(tmp_path / "storage" / "train" / "alice" / "0e3c2a.jpg", ALICE)
    write_photo(tmp_path / "storage" / "train" / "alice" / "hall.latest.jpg", ALICIA)
    write_photo(tmp_path / "storage" / "train" / "bob" / "1.jpg", BOB)
    write_photo(tmp_path / "storage" / "matches" / "carol" / "1.jpg", BOB)
    return tmp_path / "storage"


@pytest.mark.parametrize("below", [".", "train"])
def test_the_photos_double_take_trains_with_are_registered(register, sources, store, storage, below):
    assert register(sources.double_take(storage / below)) == (3, 0, {})
    assert names(store) == {"alice": 2, "bob": 1}
    assert {face.photo for face in faces(store, "bob")} == {"bob/1.jpg"}
    assert register(sources.double_take(storage)) == (0, 3, {})


def test_an_import_that_was_killed_resumes(register, sources, store, storage, tmp_path):
    kill_after(1, tmp_path, "double_take", storage)
    enrolled, known, refused = register(sources.double_take(storage))
    assert (enrolled + known, refused) == (3, {})
    assert known >= 1
    assert names(store) == {"alice": 2, "bob": 1}


def test_a_link_does_not_lead_out_of_the_storage(register, sources, store, storage, tmp_path):
    write_photo(tmp_path / "elsewhere" / "1.jpg", BOB)
    (storage / "train" / "carol").symlink_to(tmp_path / "elsewhere")
    (storage / "train" / "bob" / "2.jpg").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    refused = {"carol": "linked_folder", "bob/2.jpg": "outside_folder"}
    assert register(sources.double_take(storage)) == (3, 0, refused)
