import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from core.files import OutsideRoot, atomically_written, list_files, open_beneath
from tests.conftest import open_below


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "people" / "alice").mkdir(parents=True)
    (tmp_path / "root" / "people" / "alice" / "1.jpg").write_bytes(b"alice")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return tmp_path / "root"


def read(root, path):
    with open_beneath(root, path) as file:
        return file.read()


@pytest.mark.parametrize("path", ["people/alice/1.jpg", "./people//alice/./1.jpg", "people/alice/../alice/1.jpg"])
def test_a_file_below_the_root_is_read(root, path):
    assert read(root, path) == b"alice"


def test_links_that_stay_below_the_root_are_followed(root):
    os.symlink("people", root / "friends")
    os.symlink("../friends/alice/1.jpg", root / "people" / "best.jpg")
    assert read(root, "friends/alice/1.jpg") == read(root, "people/best.jpg") == b"alice"


@pytest.mark.parametrize("target", ["../secret.jpg", "people/../../secret.jpg", "/etc/passwd", ".."])
def test_links_that_leave_the_root_are_refused(root, target):
    os.symlink(target, root / "link")
    with pytest.raises(OutsideRoot):
        read(root, "link")
    os.symlink("link", root / "indirect")
    with pytest.raises(OutsideRoot):
        read(root, "indirect")


@pytest.mark.parametrize("spelling", ["root", "root/people/..", "link to the root"])
def test_a_closed_folder_is_outside_by_whatever_way_it_is_reached(root, spelling):
    os.symlink("people", root / "friends")
    os.symlink("people/alice/1.jpg", root / "best.jpg")
    os.symlink("people/alice/2.jpg", root / "missing.jpg")
    os.symlink(root, root.parent / "link to the root")
    (root / "free.jpg").write_bytes(b"free")
    top = f"{root.parent}/{spelling}"
    inside = [
        "people/alice/1.jpg", "people/missing", "people", "people/../free.jpg", "friends/alice/1.jpg", "best.jpg",
        "missing.jpg", "./people//alice/../alice/1.jpg",
    ]  # fmt: skip
    for path in inside:
        with pytest.raises(OutsideRoot):
            open_beneath(top, path, closed=f"{top}/people")
    with open_beneath(top, "free.jpg", closed=f"{top}/people") as file:
        assert file.read() == b"free"
    for closed in (top, root.parent):  # the root itself, and a folder that it lies in
        for path in ("free.jpg", "missing", "people/alice/1.jpg"):
            with pytest.raises(OutsideRoot):
                open_beneath(top, path, closed=closed)
    with open_beneath(top, "free.jpg", closed=f"{top}/nothing") as file:
        assert file.read() == b"free"
    assert open_below(root) == []


def test_what_is_no_regular_file_is_not_opened_and_a_pipe_does_not_hang(root):
    os.mkfifo(root / "pipe")
    os.symlink("loop", root / "loop")
    for path in ("people", "", ".", "pipe", "people/alice/1.jpg/x", "missing", "loop", "x" * 300):
        with pytest.raises(OSError, match=r"\w"):
            read(root, path)


def test_no_descriptor_stays_open_whatever_happens(root):
    with open_beneath(root, "people/alice/1.jpg"):
        assert open_below(root) == [str(root / "people/alice/1.jpg")]
    for path in ("people/alice/1.jpg", "people/../..", "missing", "people"):
        with suppress(OSError, OutsideRoot):
            read(root, path)
    assert open_below(root.parent) == []


def names(root):
    return {file.name for file in list_files(root) if not file.problem}


def test_listing_gives_files_and_links_that_stay_inside_and_says_what_cannot_be_used(root):
    (root / "UPPER.JPG").write_bytes(b"")
    (root / "日本 写真.jpg").write_bytes(b"")
    os.symlink("people/alice/1.jpg", root / "inside.jpg")
    os.symlink(root / "people" / "alice" / "1.jpg", root / "absolute.jpg")
    os.symlink("../secret.jpg", root / "outside.jpg")
    os.symlink("missing.jpg", root / "broken.jpg")
    os.symlink("..", root / "up")
    os.mkfifo(root / "pipe.jpg")
    with open(os.fsencode(root) + b"/\xff.jpg", "wb"):
        pass
    assert names(root) == {
        "people/alice/1.jpg", "UPPER.JPG", "日本 写真.jpg", "inside.jpg", "absolute.jpg", "\udcff.jpg",
    }  # fmt: skip
    problems = {file.name: (file.problem, file.is_folder) for file in list_files(root) if file.problem}
    assert problems == {
        "outside.jpg": ("outside_folder", False), "broken.jpg": ("unreadable", False), "up": ("linked_folder", True),
    }  # fmt: skip


def test_what_is_skipped_is_not_entered(root):
    (root / "skipped" / "deep").mkdir(parents=True)
    (root / "skipped" / "deep" / "1.jpg").write_bytes(b"")
    assert [file.name for file in list_files(root, lambda name: name == "skipped")] == ["people/alice/1.jpg"]


@pytest.mark.parametrize("spelling", ["given", "resolved", "relative"])
def test_an_absolute_link_works_if_it_begins_with_the_root(root, tmp_path, spelling, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink(root, tmp_path / "mounted")
    top = {"given": tmp_path / "mounted", "resolved": root, "relative": "mounted"}[spelling]
    for number, start in enumerate((root, *([] if spelling == "resolved" else [tmp_path / "mounted"]))):
        os.symlink(f"{start}/people/../people/alice/1.jpg", root / "people" / f"{number}.jpg")
        assert read(top, f"people/{number}.jpg") == b"alice"
    for number, target in enumerate((f"{root}/../secret.jpg", f"{root}x/1.jpg", f"{root}", f"{tmp_path}/secret.jpg")):
        os.symlink(target, root / f"out{number}.jpg")
        with pytest.raises(OutsideRoot):
            read(top, f"out{number}.jpg")


def test_a_root_that_is_a_link_is_listed(root, tmp_path):
    os.symlink(root, tmp_path / "mounted")
    assert names(tmp_path / "mounted") == {"people/alice/1.jpg"}


def test_a_signature_changes_with_the_content(root):
    path = root / "people" / "alice" / "1.jpg"
    before = list(list_files(root))
    path.write_bytes(b"bob!!")
    assert list(list_files(root)) != before


def test_listing_a_missing_root_or_a_file_says_so(root):
    with pytest.raises(FileNotFoundError):
        names(root / "missing")
    with pytest.raises(NotADirectoryError):
        names(root / "people" / "alice" / "1.jpg")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file"
    with atomically_written(path) as file:
        file.write(b"one")
    with pytest.raises(KeyError), atomically_written(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"one"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["file"]


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="full"), atomically_written(path) as file:
        file.write(b"new")
        raise OSError(errno.ENOSPC, "full")
    assert path.read_bytes() == b"old"


def test_a_kill_at_any_moment_leaves_one_whole_version(tmp_path):
    path = tmp_path / "file"
    script = (
        "import sys; from pathlib import Path; from core.files import atomically_written\n"
        "for i in range(1, 100000):\n"
        "    with atomically_written(Path(sys.argv[1])) as file:\n"
        "        for _ in range(50): file.write(b'%06d' % i * 100)\n"
    )
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for wait_s in (0.01, 0.02, 0.05, 0.03, 0.07):
        with subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=top) as writer:
            deadline = time.monotonic() + 10
            while not path.exists() and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(wait_s)
            writer.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert len(content) == 30_000
        assert content == content[:6] * 5_000
