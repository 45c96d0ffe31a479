"""Deleting on a disk without a free byte."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from core.encryption import Keyring
from core.exceptions import StorageFull
from services.audit.events import Event
from services.audit.store import AuditStore
from services.database.choice import make_database
from services.database.reserve import MIN_BYTES
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.disks import filled, small_disk
from tests.postgresql import in_files
from tests.services.conftest import events_in
from tests.services.gallery.store.test_store import FORGET, face, near, register

KINDS = pytest.mark.parametrize("keys", [(), (bytes(32),)], ids=["plain", "encrypted"])


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", 64) as folder:
        yield folder


@pytest.fixture
def opened(disk):
    databases = []

    def open_one(*keys):
        databases.append(make_database(f"sqlite:///{disk / 'gallery.db'}", Keyring(keys)))
        return GalleryStore(databases[-1], make_search(databases[-1]))

    yield open_one
    for database in databases:
        database.close()


def pictured(count, size, seed=0):
    return [face(number, crop=os.urandom(size)) for number in range(seed, seed + count)]


def files_with(disk, faces):
    """Which of the pictures are in a file of the disk."""
    return in_files(disk, {one.crop[:64]: str(number) for number, one in enumerate(faces)})


@KINDS
def test_a_person_and_a_face_are_deleted_on_a_full_disk_with_their_events_and_leave_nothing(disk, opened, keys):
    gallery = opened(*keys)
    faces = pictured(3, 200_000)
    ann, _ = register(gallery, "Ann", *faces)
    bob, (first, _) = register(gallery, "Bob", *pictured(2, 200_000, 10))
    with closing(sqlite3.connect(disk / "gallery.db")) as connection:
        before = [row[0][-64:] for row in connection.execute("SELECT crop FROM faces")]
    with filled(disk):
        with pytest.raises(StorageFull):
            register(gallery, "Cid", *pictured(1, 200_000, 20))
        receipt = gallery.forget(FORGET, person_id=ann.id)
        assert receipt.bytes_gone
        gallery.forget(FORGET, face_id=first.id)
        assert [name for name, _ in near(gallery, 10)] == ["Bob"]
        assert gallery.person(bob.id).faces == 1
        assert files_with(disk, faces) == set()
        assert in_files(disk, dict.fromkeys(before[:3], "before")) == set()
        with pytest.raises(StorageFull):
            register(gallery, "Cid", *pictured(40, 200_000, 20))
    assert len(events_in(AuditStore(gallery._database), "forget")) == 2
    assert (disk / "gallery.db.reserve").stat().st_size >= MIN_BYTES
    register(gallery, "Cid", face(3))


@KINDS
def test_a_person_of_more_pictures_than_the_reserve_holds_is_deleted_face_by_face(disk, opened, keys):
    gallery = opened(*keys)
    faces = pictured(12, 1_000_000)
    ann, _ = register(gallery, "Ann", *faces)
    with filled(disk):
        gallery.forget(FORGET, person_id=ann.id)
        assert near(gallery, 1) == []
        assert files_with(disk, faces) == set()
    assert len(events_in(AuditStore(gallery._database), "forget")) == 13


def test_a_picture_larger_than_the_least_reserve_has_room_kept_for_it(disk, opened):
    large = pictured(1, MIN_BYTES + 1_000_000)
    ann, _ = register(opened(), "Ann", *large)
    (disk / "gallery.db.reserve").unlink()  # as an earlier version has left it
    gallery = opened()
    gallery.ping()
    with filled(disk):
        gallery.forget(FORGET, person_id=ann.id)
        assert files_with(disk, large) == set()


def test_a_reserve_that_cannot_grow_stays_as_large_as_it_was(disk, opened):
    gallery = opened()
    ann, _ = register(gallery, "Ann", *pictured(1, 100_000))
    with filled(disk):
        gallery._database.keep_room(10_000_000)
        assert (disk / "gallery.db.reserve").stat().st_blocks * 512 >= MIN_BYTES
        gallery.forget(FORGET, person_id=ann.id)


def test_a_collection_and_those_whose_time_is_over_are_deleted_on_a_full_disk(disk, opened):
    gallery = opened()
    past = datetime.now(UTC) - timedelta(days=1)
    for number in range(4):
        register(gallery, f"p{number}", *pictured(3, 500_000, number), collection="staff")
        register(gallery, f"q{number}", *pictured(3, 500_000, number), retain_until=past)
    with filled(disk):
        gallery.remove_collection("staff", Event(action="remove_collection", outcome="done"), with_persons=True)
        assert len(gallery.expire(datetime.now(UTC), FORGET, limit=100)) == 4
        assert gallery.collections() == {"default": 0}


def test_the_reserve_is_made_again_once_there_is_room_and_never_fills_the_disk(disk, opened):
    gallery = opened()
    reserve = disk / "gallery.db.reserve"
    register(gallery, "Ann", face(1))
    reserve.unlink()
    with filled(disk):
        gallery._database._tried_at = 0.0
        with pytest.raises(StorageFull):
            gallery.ping()
        assert not reserve.exists() or reserve.stat().st_size == 0
    gallery._database._tried_at = 0.0
    gallery.ping()
    assert reserve.stat().st_size >= MIN_BYTES
    assert reserve.stat().st_blocks * 512 >= MIN_BYTES
    assert reserve.stat().st_mode & 0o777 == 0o600
