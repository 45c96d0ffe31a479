"""Which files in a folder are photos."""

import pytest

from core.images.folder import PhotoLister
from tests.pictures import ALICE, write_photo

HOUSEKEEPING = [
    ".hidden", "@eaDir", "@tmp", "#recycle", "#snapshot", "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", "lost+found",
    "__MACOSX", ".Trash-1000", ".Trashes", "@Recycle", "@Recently-Snapshot", ".@__thumb", "System Volume Information",
    "~snapshot", "files_trashbin", "THUMBS.DB", ".recycle",
]  # fmt: skip


def names(folder, *skip):
    return sorted(file.name for file in PhotoLister(skip).photos(folder))


@pytest.mark.parametrize("name", HOUSEKEEPING)
def test_folders_that_systems_add_are_skipped_at_any_depth(tmp_path, name):
    for folder in (name, f"alice/{name}", f"alice/{name}/deep", f"{name}/alice"):
        write_photo(tmp_path / folder / "1.png", ALICE)
    write_photo(tmp_path / "alice" / "1.png", ALICE)
    assert names(tmp_path) == ["alice/1.png"]
    assert PhotoLister().skips(f"alice/{name}/1.png")


def test_files_that_systems_add_are_skipped(tmp_path):
    for name in ("._1.png", ".1.jpg", "1.png"):
        write_photo(tmp_path / "alice" / name, ALICE)
    assert names(tmp_path) == ["alice/1.png"]


def test_names_of_people_are_not_skipped(tmp_path):
    people = ["@alice", "#1", "$mith", "recycle", "lost", "Trash", "eaDir", "~bob", "alice.", "[bob]"]
    for name in people:
        write_photo(tmp_path / name / "1.png", ALICE)
    assert names(tmp_path) == sorted(f"{name}/1.png" for name in people)


def test_an_operator_adds_patterns_in_any_case(tmp_path):
    for name in ("Rejected/1.png", "a/rejected/1.png", "b_old/1.png", "c/IMG_1.PNG", "d/1.png"):
        write_photo(tmp_path / name, ALICE)
    assert names(tmp_path, "rejected", "*_OLD", "img_?.png") == ["d/1.png"]


def test_a_folder_whose_own_name_would_be_skipped_is_listed(tmp_path):
    write_photo(tmp_path / ".photos" / "alice" / "1.png", ALICE)
    assert names(tmp_path / ".photos") == ["alice/1.png"]
