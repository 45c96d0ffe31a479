"""Which files in a folder are photos."""

import os

import pytest

from core.images import folder
from core.images.folder import PhotoLister
from tests.pictures import ALICE, write_photo

HOUSEKEEPING = [
    ".hidden", "@eaDir", "@tmp", "#recycle", "#snapshot", "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", "lost+found",
    "__MACOSX", ".Trash-1000", ".Trashes", "@Recycle", "@Recently-Snapshot", ".@__thumb", "System Volume Information",
    "~snapshot", "files_trashbin", "THUMBS.DB", ".recycle",
]  # fmt: skip


def names(top, *skip):
    return sorted(file.name for file in PhotoLister(skip).photos(top))


@pytest.mark.parametrize("name", HOUSEKEEPING)
def test_folders_that_systems_add_are_skipped_at_any_depth(tmp_path, name):
    for place in (name, f"alice/{name}", f"alice/{name}/deep", f"{name}/alice"):
        write_photo(tmp_path / place / "1.png", ALICE)
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


def test_names_without_a_known_suffix_are_judged_by_content(tmp_path):
    content = write_photo(tmp_path / "seed.jpg", ALICE).read_bytes()
    pictures = ("a.jfif", "a.jpe", "a.jpg_large", "a", "a.JPG!d", "photo.txt", "a.jpg.bak", "a.")
    for name in pictures:
        (tmp_path / name).write_bytes(content)
    for name, begin in {"b.heic": b"", "scan": b"II*\0", "live": b"\0\0\0\x18ftypheic", "c.gif": b"GIF89a"}.items():
        (tmp_path / name).write_bytes(begin.ljust(40, b"\0"))
    for name in ("notes.txt", "ds_model.npz", "BMW", "P1 plan", "list.pdf", "video.mp4", "empty", "1.xmp"):
        begin = {"list.pdf": b"%PDF", "video.mp4": b"\0\0\0\x18ftypisom", "empty": b""}.get(name, name.encode())
        (tmp_path / name).write_bytes(begin.ljust(0 if name == "empty" else 40, b" "))
    os.symlink(tmp_path / "a", tmp_path / "linked")
    assert names(tmp_path) == sorted([*pictures, "b.heic", "c.gif", "linked", "live", "scan", "seed.jpg"])


def test_the_content_of_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    content = write_photo(tmp_path / "seed.jpg", ALICE).read_bytes()
    for number in range(20):
        (tmp_path / f"{number}").write_bytes(content if number % 2 else b"text")
    opened = []
    open_beneath = folder.open_beneath
    monkeypatch.setattr(folder, "open_beneath", lambda *names: opened.append(names[1]) or open_beneath(*names))
    lister = PhotoLister()
    assert [len(list(lister.photos(tmp_path))) for _ in range(3)] == [11] * 3
    assert sorted(opened, key=int) == [str(number) for number in range(20)]
    opened.clear()
    (tmp_path / "0").write_bytes(content)
    (tmp_path / "1").write_bytes(b"other text")
    (tmp_path / "2").unlink()
    assert [len(list(lister.photos(tmp_path))) for _ in range(2)] == [11] * 2
    assert sorted(opened) == ["0", "1"]


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path):
    inside, outside = tmp_path / "photos", tmp_path / "secret"
    content = write_photo(outside / "1.png", ALICE).read_bytes()
    write_photo(inside / "alice" / "1.png", ALICE)
    for name in (b"\xff.png", b"bad\xfe", b"M\xfcller/1.png"):
        path = os.path.join(os.fsencode(inside), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    with open(os.fsencode(inside) + b"/\xfd.txt", "wb"):
        pass
    os.symlink("../secret/1.png", inside / "out.png")
    os.symlink("../secret", inside / "folder")
    os.symlink("missing", inside / "broken.png")
    os.symlink("missing", inside / "broken")
    assert {file.name: file.problem for file in PhotoLister().photos(inside)} == {
        "alice/1.png": "", "\\xff.png": "name_not_utf8", "bad\\xfe": "name_not_utf8",
        "M\\xfcller/1.png": "name_not_utf8", "out.png": "outside_folder", "folder": "linked_folder",
        "broken.png": "unreadable",
    }  # fmt: skip
