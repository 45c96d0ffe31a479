"""What is no backup, or none that this service can restore, changes nothing."""

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from hashlib import sha256
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from services.backup.format import BadBackup
from tests.services.backup.conftest import KEY
from tests.services.backup.place import INDEX
from tests.services.gallery.store.test_store import face, register


@pytest.fixture
def backup(tmp_path, place):
    register(place.gallery, "Ann", face(1, crop=os.urandom(100_000)))
    place.write(INDEX, b"an index")
    place.creation.create(tmp_path / "backup.zip")
    register(place.gallery, "Bob")
    return tmp_path / "backup.zip"


@contextmanager
def refused(place, says):
    """In the block, a restoration is refused with these words; nothing has changed."""
    place.database.close()
    before = {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    with pytest.raises(BadBackup, match=says):
        yield
    assert {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()} == before
    assert place.names() == ["Ann", "Bob"]


DAMAGED = "is not a backup of this service, or is damaged"


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 0.99])
def test_a_changed_byte_is_found(place, backup, share):
    content = bytearray(backup.read_bytes())
    content[int(len(content) * share)] ^= 1
    backup.write_bytes(content)
    with refused(place, DAMAGED):
        place.restore(backup)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_that_was_cut_off_is_refused(place, backup, share):
    os.truncate(backup, int(backup.stat().st_size * share))
    with refused(place, DAMAGED):
        place.restore(backup)


def test_another_file_is_refused(place, backup):
    backup.write_bytes(b"something else" * 100)
    with refused(place, DAMAGED):
        place.restore(backup)


def changed(backup, change, *, database=None, extra=(), compression=0):
    """The plain backup with another manifest, another database or more members."""
    with ZipFile(backup) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    if database is not None:
        members["gallery.db"] = database
        manifest["members"]["gallery.db"] = sha256(database).hexdigest()
    for name, content in extra:
        members[name] = content
        manifest["members"][name] = sha256(content).hexdigest()
    change(manifest)
    with ZipFile(backup, "w", compression or 0) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("manifest.json", json.dumps(manifest))


@pytest.mark.parametrize("keys", [()], ids=["plain"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda manifest: manifest.update(format="face-service backup 2"), DAMAGED),
        (lambda manifest: manifest.update(schema_revision="9999"), "has schema 9999; this version of the service"),
        (lambda manifest: manifest.pop("taken_at"), DAMAGED),
        (lambda manifest: manifest.update(more=1), DAMAGED),
        (lambda manifest: manifest["members"].pop("gallery.db"), DAMAGED),
    ],
)
def test_another_format_or_version_is_refused(place, backup, change, says):
    changed(backup, change)
    with refused(place, says):
        place.restore(backup)


@pytest.mark.parametrize("keys", [()], ids=["plain"])
@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "folder_index/../x.index", "networks/x", "gallery.db-wal"]
)
def test_a_member_that_no_backup_has_is_refused(place, backup, name, tmp_path):
    changed(backup, lambda _: None, extra=[(name, b"content")])
    with refused(place, DAMAGED):
        place.restore(backup)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("keys", [()], ids=["plain"])
def test_a_compressed_member_is_refused(place, backup):
    changed(backup, lambda _: None, compression=ZIP_DEFLATED)
    with refused(place, DAMAGED):
        place.restore(backup)


def other_database(path, statement):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    return path.read_bytes()


@pytest.mark.parametrize("keys", [()], ids=["plain"])
def test_a_database_that_is_damaged_inside_is_refused(place, backup, tmp_path):
    with ZipFile(backup) as archive:
        content = bytearray(archive.read("gallery.db"))
    content[4096:8192] = os.urandom(4096)
    changed(backup, lambda _: None, database=bytes(content))
    with refused(place, "damaged"):
        place.restore(backup)
    changed(backup, lambda _: None, database=b"no database" * 1000)
    with refused(place, "damaged"):
        place.restore(backup)


@pytest.mark.parametrize("keys", [(KEY,)], ids=["encrypted"])
def test_the_key_has_to_be_that_of_the_backup(place, backup, opened, tmp_path):
    for keys, says in (((), "no encryption key is set"), ((bytes(32),), "does not match this backup")):
        other = opened(tmp_path / "other", keys)
        with pytest.raises(BadBackup, match=says):
            other.restore(backup)
        assert not other.file.exists()
        other.database.close()
    rotated = opened(tmp_path / "rotated", (bytes(32), KEY))
    rotated.restore(backup)
    assert rotated.names() == ["Ann"]


@pytest.mark.parametrize("keys", [()], ids=["plain"])
def test_a_plain_backup_of_an_encrypted_gallery_needs_its_key_as_well(place, backup, opened, tmp_path):
    """As somebody makes it who has `sqlite3` and the backup's format, and no key."""
    encrypted = opened(tmp_path / "encrypted", (KEY,))
    register(encrypted.gallery, "Eve", face(1))
    encrypted.database.close()
    changed(backup, lambda _: None, database=encrypted.file.read_bytes())
    with refused(place, "the gallery is encrypted, but no encryption key is set"):
        place.restore(backup)
    shutil.rmtree(encrypted.folder)
