"""kill -9 at each step of a backup and of a restoration."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from core.exceptions import ServiceUnavailable
from tests.conftest import PROJECT
from tests.services.backup.conftest import WITH_WAL
from tests.services.backup.dying_process import FAILED
from tests.services.backup.place import INDEX, Place, names_in
from tests.services.gallery.store.test_store import FORGET, register

PROGRAM = PROJECT / "tests" / "services" / "backup" / "dying_process.py"


MANY = 10_000  # more steps than there are
LAST = 14


class Dying:
    """A process that begins a task anew for each step."""

    def __init__(self, place, task, file, journal="DELETE"):
        key = place.keys[0].hex() if place.keys else ""
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(place.folder), key, task, str(file), journal],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "TMPDIR": os.environ["TMPDIR"]},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()
        assert self._process.returncode == 0

    def takes(self, step):
        """How many steps the task took; None if it was killed before this one."""
        self._process.stdin.write(f"{step}\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        assert code != FAILED
        return None if code == -signal.SIGKILL else code


def is_sound(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class Writing:
    """Registers persons in a thread; `answered` are the names of those who were."""

    def __init__(self, place):
        self.answered = []
        self._place = Place(place.folder, place.keys)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        self._place.database.close()

    def _write(self):
        while not self._is_over.is_set():
            name = f"w{len(self.answered)}"
            try:
                register(self._place.gallery, name)
            except ServiceUnavailable:
                continue
            self.answered.append(name)


def test_a_backup_that_is_killed_leaves_the_earlier_one_and_the_gallery(place, tmp_path):
    register(place.gallery, "Ann")
    place.write(INDEX, b"an index")
    file = tmp_path / "backup.zip"
    place.creation.create(file)
    earlier = file.read_bytes()
    step = 0
    with Dying(place, "backup", file) as dying, Writing(place) as writing:
        while dying.takes(step) is None:
            if file.read_bytes() != earlier:  # it was complete before it was killed
                assert "Ann" in names_in(file, tmp_path / f"restored-{step}", place.keys)
            step += 1
    assert step > 5
    assert set(writing.answered) | {"Ann"} == set(place.names())
    assert is_sound(place.file)


@WITH_WAL
def test_a_restoration_that_is_killed_leaves_the_former_gallery_or_the_restored_one(place, tmp_path, journal):
    file = tmp_path / "backup.zip"
    register(place.gallery, "Ann")
    gone, _ = register(place.gallery, "Gone")
    place.write(INDEX, b"an index")
    place.creation.create(file)
    place.gallery.forget(FORGET, person_id=gone.id)
    register(place.gallery, "Bob")
    place.database.close()
    step, is_restored = 0, False
    with Dying(place, "restore", file, journal) as dying:
        while dying.takes(step) is None:
            found = place.names()
            assert found in (["Ann"], *([] if is_restored else [["Ann", "Bob"]]))
            is_restored = found == ["Ann"]
            assert is_sound(place.file)
            place.database.close()
            step += 1
    assert step > 5
    assert place.names() == ["Ann"]
    assert place.verified()[0]
    place.database.close()
    assert {path.name for path in place.folder.iterdir()} == {
        *("folder_index", "forgets.log", "gallery.db", "gallery.db.reserve")
    }


@WITH_WAL
def test_a_restoration_that_is_killed_while_others_write_loses_nothing_that_they_wrote_after_it(
    place, tmp_path, journal
):
    file = tmp_path / "backup.zip"
    register(place.gallery, "Ann")
    place.creation.create(file)
    with Dying(place, "restore", file, journal) as dying, Writing(place) as writing:
        total = dying.takes(MANY)
        for step in range(total - LAST, total):  # these replace the file
            dying.takes(step)
            if place.file.exists():
                before = len(writing.answered)
                while len(writing.answered) < before + 3:
                    pass
                # The first may have been under way while the file was replaced.
                assert set(writing.answered[before + 1 : before + 3]) <= set(place.names())
            else:
                assert journal == "WAL"
                with pytest.raises(ServiceUnavailable, match="The database file is missing"):
                    place.names()
        assert dying.takes(MANY) > LAST
    assert is_sound(place.file)
    assert "Ann" in place.names()
