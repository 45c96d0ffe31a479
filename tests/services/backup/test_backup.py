"""A backup has everything that was answered before it; restored, it is served, without what was forgotten since."""

import os
import sqlite3
import threading
from contextlib import closing
from uuid import UUID

import pytest

from core.exceptions import PersonNotFound, ServiceUnavailable
from services.backup.creation import FileInUse
from services.database import exchange, replacement
from tests.disks import filled, small_disk
from tests.postgresql import in_files
from tests.services.backup.conftest import WITH_WAL
from tests.services.backup.place import INDEX, Place, names_in
from tests.services.gallery.store.test_store import FORGET, face, near, register

STEM = "f" * 32


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch):
    monkeypatch.setattr(replacement, "_LOOK_S", 0.0)


@pytest.fixture
def backup(tmp_path):
    return tmp_path / "backup.zip"


def whole(folder):
    with closing(sqlite3.connect(folder / "gallery.db")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@WITH_WAL
def test_what_was_backed_up_is_restored_on_another_machine(place, backup, opened, tmp_path, keys):
    ann, (first,) = register(place.gallery, "Ann", face(1, crop=b"a picture"), labels={"team": "blue"})
    place.write(INDEX, b"an index")
    place.write(f"folder_index/{STEM}.kept", b"")
    place.write("self_test.json", b"{}")
    place.write("folder_index/turn.0", b"no index")
    assert set(place.creation.create(backup).members) == {
        *("gallery.db", INDEX, f"folder_index/{STEM}.kept", "self_test.json")
    }
    other = opened(tmp_path / "other", keys)
    other.restore(backup)
    assert other.gallery.person(ann.id) == ann
    assert other.gallery.crop(first.id) == b"a picture"
    assert near(other.gallery, 1) == [("Ann", 0)]
    assert {str(path.relative_to(other.folder)) for path in other.folder.rglob("*") if path.is_file()} >= {
        *(INDEX, f"folder_index/{STEM}.kept", "self_test.json")
    }
    assert (other.folder / INDEX).read_bytes() == b"an index"
    assert not (other.folder / ".restore").exists()
    assert os.stat(other.file).st_mode & 0o777 == 0o600


@WITH_WAL
def test_every_answered_registration_is_in_a_backup_that_began_after_it(place, tmp_path, opened, keys):
    answered: list[str] = []
    is_over = threading.Event()
    register(place.gallery, "first")  # which makes the schema

    def write(number):
        writer = Place(place.folder, keys)
        with closing(writer.database):
            count = 0
            while not is_over.is_set():
                register(writer.gallery, name := f"{number}-{count}", face(count))
                answered.append(name)
                count += 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    expected = []
    try:
        for number in range(5):
            while len(answered) < 5 * (number + 1):
                is_over.wait(0.01)
            expected.append(set(answered))
            place.creation.create(tmp_path / f"{number}.zip")
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    for number, before in enumerate(expected):
        assert before <= set(names_in(tmp_path / f"{number}.zip", tmp_path / f"restored-{number}", keys))
    assert set(answered) <= set(place.names())


def test_backups_of_an_encrypted_gallery_are_encrypted(place, backup, tmp_path, keys):
    crop = os.urandom(64)
    name = "a name of exactly sixty-four characters that nothing else holds!"
    register(place.gallery, name, face(1, crop=crop))
    place.creation.create(backup)
    folder = tmp_path / "alone"
    folder.mkdir()
    os.replace(backup, folder / "backup")
    pieces = {crop: "crop", name.encode(): "name"}
    assert in_files(folder, pieces) == (set() if keys else {"crop", "name"})
    assert os.stat(folder / "backup").st_mode & 0o777 == 0o600


def test_who_was_forgotten_since_is_not_back_and_an_event_says_so(place, backup):
    register(place.gallery, "Ann", face(1))
    bob, (first, _) = register(place.gallery, "Bob", face(2), face(3))
    place.creation.create(backup)
    ann = place.gallery.named("Ann", within="default")
    place.gallery.forget(FORGET, person_id=ann.id)
    place.gallery.forget(FORGET, face_id=first.id)
    register(place.gallery, "Cid", face(4))
    assert place.restore(backup).reapplied == 2
    assert place.names() == ["Bob"]
    assert place.gallery.person(bob.id).faces == 1
    with pytest.raises(PersonNotFound):
        place.gallery.person(ann.id)


def test_who_was_forgotten_since_is_back_on_demand(place, backup):
    register(place.gallery, "Ann")
    place.creation.create(backup)
    place.gallery.forget(FORGET, person_id=place.gallery.named("Ann", within="default").id)
    assert place.restore(backup, reapplies=False).reapplied is None
    assert place.names() == ["Ann"]


def test_the_log_of_deletions_outlives_its_machine(place, opened, tmp_path, keys):
    register(place.gallery, "Ann")
    place.creation.create(tmp_path / "first.zip")
    ann = place.gallery.named("Ann", within="default")
    place.gallery.forget(FORGET, person_id=ann.id)
    place.creation.create(tmp_path / "second.zip")
    other = opened(tmp_path / "other", keys)
    other.restore(tmp_path / "second.zip")
    assert [one.person_id for one in other.forgets.read()] == [UUID(ann.id)]
    other.restore(tmp_path / "second.zip")
    assert len(other.forgets.read()) == 1
    other.restore(tmp_path / "first.zip")
    assert other.names() == []


def test_the_audit_trail_is_whole_and_names_what_it_lacks(place, backup):
    register(place.gallery, "Ann")
    place.seal()
    manifest = place.creation.create(backup)
    for name in ("Bob", "Cid"):
        register(place.gallery, name)
        place.seal()
    whole_before, said = place.verified()
    assert (whole_before, said) == (True, [])
    place.restore(backup)
    is_whole, (line,) = place.verified()
    assert is_whole
    at = manifest.taken_at.isoformat(timespec="microseconds")
    assert f"a backup of {at} was restored" in line
    assert "after batch 1 it had batches up to 3, with the last hash " in line


def test_a_restored_backup_of_nothing_lacks_nothing_that_can_be_named(place, backup, opened, tmp_path, keys):
    register(place.gallery, "Ann")
    place.creation.create(backup)
    other = opened(tmp_path / "other", keys)
    other.restore(backup)
    is_whole, (line,) = other.verified()
    assert is_whole
    assert line.endswith("what was recorded since is not in this trail")


@WITH_WAL
def test_replaced_files_are_deleted_or_kept(place, backup, opened):
    register(place.gallery, "Ann")
    place.write(INDEX, b"of the backup")
    place.creation.create(backup)
    register(place.gallery, "Bob")
    place.write(INDEX, b"of today")
    kept = place.restore(backup, keeps_old=True).kept
    assert place.names() == ["Ann"]
    assert (place.folder / INDEX).read_bytes() == b"of the backup"
    assert (place.folder / kept / INDEX).read_bytes() == b"of today"
    assert opened(place.folder / kept, place.keys).names() == ["Ann", "Bob"]
    before = set(place.folder.iterdir())
    assert place.restore(backup).kept == ""
    assert set(place.folder.iterdir()) <= before  # a write-ahead log is made anew when it is needed


@WITH_WAL
def test_running_processes_notice_at_their_next_request(place, backup, opened):
    other = opened(place.folder, place.keys)
    register(place.gallery, "Ann", face(1))
    place.creation.create(backup)
    register(place.gallery, "Bob", face(2))
    assert [name for name, _ in near(other.gallery, 2)] == ["Bob", "Ann"]
    place.restore(backup)
    assert near(other.gallery, 1) == [("Ann", 0)]
    register(other.gallery, "Cid", face(3))
    assert place.names() == ["Ann", "Cid"]


@WITH_WAL
def test_who_waits_while_the_file_is_replaced_does_not_write_into_the_former_one(place, backup, opened, tmp_path):
    register(place.gallery, "Ann")
    place.creation.create(backup)
    restored = opened(tmp_path / "restored", place.keys)
    restored.restore(backup)
    restored.database.close()
    other = opened(place.folder, place.keys)
    assert other.names() == ["Ann"]
    outcome: list[object] = []

    def write():
        try:
            outcome.append(register(other.gallery, "Bob"))
        except ServiceUnavailable as error:
            outcome.append(error)

    with exchange.locked(place.file):
        writer = threading.Thread(target=write)
        writer.start()
        while not other.database._writing.locked():
            pass
        exchange.replace(restored.file, place.file, kept=None)
    writer.join()
    assert isinstance(outcome[0], ServiceUnavailable)
    register(other.gallery, "Bob")
    assert place.names() == ["Ann", "Bob"]


@WITH_WAL
def test_writers_lose_nothing_that_is_answered_after_a_restoration(place, backup, keys):
    register(place.gallery, "Ann")
    place.creation.create(backup)
    answered: list[str] = []
    is_over = threading.Event()

    def write(number):
        writer = Place(place.folder, keys)
        with closing(writer.database):
            count = 0
            while not is_over.is_set():
                name, count = f"{number}-{count}", count + 1
                try:
                    register(writer.gallery, name)
                except ServiceUnavailable:
                    continue
                answered.append(name)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            place.restore(backup)
            after = len(answered)
            while len(answered) < after + 6:
                is_over.wait(0.01)
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    # The first two may have been under way while the file was replaced.
    assert set(answered[after + 2 :]) <= set(place.names())
    assert whole(place.folder)


@pytest.mark.parametrize("former", [None, b"", b"no database at all" * 1000])
def test_what_cannot_be_read_any_more_is_replaced(place, backup, former, opened):
    register(place.gallery, "Ann")
    place.creation.create(backup)
    place.database.close()
    place.file.unlink()
    if former is not None:
        place.file.write_bytes(former)
        (place.folder / "gallery.db-journal").write_bytes(b"of the former file")
    fresh = opened(place.folder, place.keys)
    fresh.restore(backup)
    assert fresh.names() == ["Ann"]


@pytest.mark.parametrize("keeps_old", [False, True])
def test_a_database_that_is_half_replaced_is_not_taken_for_an_empty_one(place, backup, opened, keeps_old):
    register(place.gallery, "Ann")
    place.creation.create(backup)
    register(place.gallery, "Bob")
    place.database.close()
    former = place.file.rename(f"{place.file}.former")
    with pytest.raises(ServiceUnavailable, match="A restore was interrupted"):
        opened(place.folder, place.keys).names()
    assert not place.file.exists()
    fresh = opened(place.folder, place.keys)
    fresh.restore(backup, keeps_old=keeps_old)
    assert fresh.names() == ["Ann"]
    assert not former.exists()
    assert len(list(place.folder.glob("replaced-*/gallery.db"))) == keeps_old


def test_a_backup_may_not_take_the_place_of_a_file_of_the_service(place):
    register(place.gallery, "Ann")
    place.write(INDEX, b"an index")
    for path in (place.file, place.folder / ".." / "data" / "gallery.db", place.folder / INDEX):
        with pytest.raises(FileInUse):
            place.creation.create(path)
    assert place.names() == ["Ann"]


def test_a_full_disk_leaves_the_earlier_backup(place, tmp_path):
    with small_disk(tmp_path / "disk", 8) as disk:
        register(place.gallery, "Ann")
        place.creation.create(disk / "backup.zip")
        before = (disk / "backup.zip").read_bytes()
        with filled(disk), pytest.raises(OSError, match="No space left on device"):
            place.creation.create(disk / "backup.zip")
        assert (disk / "backup.zip").read_bytes() == before
        assert [path.name for path in disk.iterdir()] == ["backup.zip"]
