"""What of the gallery is encrypted, with which keys it opens, and how they are replaced."""

import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import numpy as np
import pytest
import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import ServiceUnavailable
from services.audit.events import Event
from services.database.choice import make_database
from services.gallery.store.choice import make_search
from services.gallery.store.reencryption import FaceReencryption
from services.gallery.store.store import GalleryStore
from services.gallery.table_copy import FaceSource
from tests.conftest import PROJECT
from tests.postgresql import in_files
from tests.services.conftest import events_in
from tests.services.gallery.store.test_store import OTHER as OTHER_SPACE
from tests.services.gallery.store.test_store import SPACE, embedded, everybody, face, near, register, vector

OLD, NEW, OTHER = (bytes([number]) * 32 for number in range(3))
ROTATE = Event(action="rotate_key", outcome="done")
FACES = 800  # that are encrypted anew, while it is killed
CROP = b"\x89PNG" + bytes(range(100))
WRONG, NONE = "the encryption key does not match this gallery", "the gallery is encrypted, but no encryption key is set"


@pytest.fixture
def opened(database_url):
    """Opens the gallery with keys, as a process that was started with them."""
    databases = []

    def opened(*keys):
        database = make_database(database_url, Keyring(keys))
        databases.append(database)
        search = make_search(database)
        return GalleryStore(database, search)

    yield opened
    for database in databases:
        database.close()


def rotate(database_url, *keys, limit=3):
    """How many faces were encrypted anew."""
    with closing(make_database(database_url, Keyring(keys))) as database:
        sealer, done = FaceReencryption(database), 0
        remaining = sealer.remaining()
        while count := sealer.reencrypt(ROTATE, limit=limit):
            done += count
        assert (done, sealer.remaining()) == (remaining, 0)
    return done


def execute(url, statement, **values):
    """Rows of a statement, of somebody who has the database and no key."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


@contextmanager
def refused(message):
    with pytest.raises(ServiceUnavailable, match=f"^GALLERY_KEY: {message}$"):
        yield


def test_with_a_key_the_database_holds_no_picture_and_sqlite_no_embedding(database_url, opened):
    gallery = opened(OLD)
    _, (kept,) = register(gallery, "Ann", face(1, 2, crop=CROP))
    register(gallery, "Bob", face(3))
    assert gallery.crop(kept.id) == CROP
    assert near(gallery, 1, 2)[0] == ("Ann", 0.0)
    rows = dict(execute(database_url, "SELECT sealed_with, crop FROM faces WHERE crop IS NOT NULL"))
    assert list(rows) == [Keyring([OLD]).bound.first]
    assert CROP not in bytes(*rows.values())
    if database_url.startswith("sqlite"):
        for (stored,) in execute(database_url, "SELECT embedding FROM embeddings"):
            assert vector(1).tobytes()[:4] not in stored
            assert bytes(16) not in stored
    else:
        assert execute(database_url, "SELECT count(*) FROM faces WHERE sealed_with IS NULL") == [(1,)]


def test_a_gallery_opens_with_its_keys_only(database_url, opened):
    register(opened(OLD), "Ann", face(1, crop=CROP))
    for keys, message in (((), NONE), ((NEW,), WRONG), ((NEW, OTHER), WRONG)):
        for use in (GalleryStore.ping, GalleryStore.collections, lambda gallery: near(gallery, 1)):
            with refused(message):
                use(opened(*keys))
    for keys in ((OLD,), (NEW, OLD)):
        assert near(opened(*keys), 1) == [("Ann", 0.0)]
    register(opened(NEW, OLD), "Bob", face(1, crop=CROP))
    for key in (OLD, NEW):  # each opens but half of it
        with refused(WRONG):
            opened(key).ping()


def test_what_was_stored_without_a_key_is_read_and_then_encrypted(database_url, opened):
    gallery = opened()
    (person, (kept,)), _ = register(gallery, "Ann", face(1, crop=CROP)), register(gallery, "Bob", face(2))
    register(opened(OLD), "Cid", face(3))
    gallery = opened(OLD)
    assert [name for name, _ in near(gallery, 1)] == ["Ann", "Bob", "Cid"]
    assert gallery.crop(kept.id) == CROP
    assert rotate(database_url, OLD) == (2 if database_url.startswith("sqlite") else 1)
    with refused(NONE):
        opened().ping()
    assert [name for name, _ in near(opened(OLD), 1)] == ["Ann", "Bob", "Cid"]
    assert opened(OLD).crop(kept.id) == CROP
    assert opened(OLD).person(person.id).faces == 1


def test_after_a_rotation_only_the_new_key_opens_and_it_has_its_event(database_url, opened, make_audit):
    gallery = opened(OLD)
    ids = [register(gallery, f"p{number}", face(number, crop=CROP))[1][0].id for number in range(1, 11)]
    gallery.ping()
    assert rotate(database_url, NEW, OLD) == 10
    with refused(WRONG):  # of a process that was not started anew
        gallery.ping()
    with refused("the encryption key does not decrypt a face of this gallery"):
        gallery.crop(ids[0])
    assert rotate(database_url, NEW) == 0
    with refused(WRONG):
        opened(OLD).ping()
    gallery = opened(NEW)
    assert near(gallery, 7)[0] == ("p7", 0.0)
    assert {gallery.crop(face_id) for face_id in ids} == {CROP}
    execute(database_url, "DELETE FROM faces")
    execute(database_url, "DELETE FROM sealing_keys")  # so that the events can be read without a key
    assert len(events_in(make_audit(), "rotate_key")) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_key_that_is_used_again_while_it_is_forgotten_is_not(database_url, opened):
    register(opened(OLD), "Ann", face(1, crop=CROP))
    ((key, crop),) = execute(database_url, "SELECT sealed_with, crop FROM faces")
    database = make_database(database_url, Keyring([NEW, OLD]))
    sealer, done = FaceReencryption(database), []
    assert sealer.reencrypt(ROTATE, limit=9) == 1
    rotation = threading.Thread(target=lambda: done.append(sealer.reencrypt(ROTATE, limit=9)))
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:  # of a process that was not started anew
        update = sa.text("UPDATE faces SET sealed_with = :key, crop = :crop")
        connection.execute(update, {"key": key, "crop": crop})
        rotation.start()
        rotation.join(0.5)
        assert done == []
    rotation.join(60)
    assert done == [1]
    assert sealer.reencrypt(ROTATE, limit=9) == 0
    assert execute(database_url, "SELECT id FROM sealing_keys") == [(Keyring([NEW]).bound.first,)]
    database.close()


def test_a_face_that_does_not_open_is_neither_left_out_nor_shown(database_url, opened):
    gallery = opened(OLD)
    ann, (first,) = register(gallery, "Ann", face(1, crop=CROP))
    _, (second,) = register(gallery, "Bob", face(2, crop=CROP + b"2"))
    values = [("faces", "id", "crop"), ("embeddings", "face_id", "embedding")]
    for table, key, column in values if database_url.startswith("sqlite") else values[:1]:
        (one, mine), (other, yours) = execute(database_url, f"SELECT {key}, {column} FROM {table}")
        for number, theirs in ((one, yours), (other, mine)):
            execute(database_url, f"UPDATE {table} SET {column} = :theirs WHERE {key} = :id", theirs=theirs, id=number)
    gallery = opened(OLD)
    message = "the encryption key does not decrypt a face of this gallery"
    for number in (first.id, second.id):
        with refused(message):
            gallery.crop(number)
    with refused(message):
        everybody(gallery)
    assert gallery.faces(ann.id)[0].has_crop
    if database_url.startswith("sqlite"):
        with refused(message):
            near(gallery, 1)
        with closing(make_database(database_url, Keyring([OLD]))) as database, refused(message):
            list(FaceSource(database).rows("default", SPACE))
    with refused(message):
        rotate(database_url, NEW, OLD)


def test_a_merge_encrypts_for_the_other_person_and_a_row_that_is_only_given_away_does_not_open(database_url, opened):
    gallery = opened(OLD)
    (ann, _), (bob, (kept,)) = (
        register(gallery, "Ann", face(1, crop=CROP)),
        register(gallery, "Bob", face(2, crop=CROP)),
    )
    gallery.merge(ann.id, [bob.id], Event(action="merge", outcome="done"))
    assert near(gallery, 2) == [("Ann", 0.0)]
    assert gallery.crop(kept.id) == CROP
    cid, _ = register(gallery, "Cid", face(3))
    number = cid.id.replace("-", "") if database_url.startswith("sqlite") else cid.id
    execute(database_url, "UPDATE faces SET person_id = :person WHERE crop IS NOT NULL", person=number)
    with refused("the encryption key does not decrypt a face of this gallery"):
        gallery.crop(kept.id)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_face_that_is_only_given_away_takes_no_embedding_to_the_other_person(database_url, opened):
    gallery = opened(OLD)
    (ann, _), (bob, _), (cid, _) = (register(gallery, name, face(number)) for number, name in enumerate("ABC", 1))
    ids = [person.id.replace("-", "") for person in (ann, bob)]
    execute(database_url, "UPDATE faces SET person_id = :ann WHERE person_id = :bob", ann=ids[0], bob=ids[1])
    message = "the encryption key does not decrypt a face of this gallery"
    with refused(message):
        everybody(gallery)
    with refused(message):
        gallery.merge(cid.id, [ann.id], Event(action="merge", outcome="done"))
    assert near(gallery, 2)[0] == ("B", 0.0)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_embedding_of_a_face_is_encrypted_and_encrypted_anew(database_url, opened):
    gallery = opened(OLD)
    (ann, _), (bob, _) = (
        register(gallery, name, face(number, also=[embedded(number, space=OTHER_SPACE)]))
        for number, name in enumerate(("Ann", "Bob"), 1)
    )
    gallery.merge(ann.id, [bob.id], Event(action="merge", outcome="done"))
    assert rotate(database_url, NEW, OLD) == 2
    assert {key for (key,) in execute(database_url, "SELECT sealed_with FROM embeddings")} == {
        Keyring([NEW]).bound.first
    }
    for space in (SPACE, OTHER_SPACE):
        assert near(opened(NEW), 2, space=space) == [("Ann", 0.0)]


def test_a_process_without_the_key_adds_nothing_plain_to_an_encrypted_gallery(database_url, opened):
    before = opened()
    before.ping()
    register(opened(OLD), "Ann", face(1, crop=CROP))
    with refused(NONE):
        register(before, "Bob", face(2, crop=CROP))
    assert near(opened(OLD), 2) == [("Ann", 1.0)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rotations_that_are_killed_go_on_while_others_search_and_leave_nothing_of_before(
    database_url, opened, tmp_path
):
    rng = np.random.default_rng(0)
    plain = opened()
    embeddings = rng.normal(size=(FACES, 128)).astype(np.float32)
    crops = [rng.bytes(300) for _ in embeddings]
    faces = [face(embedding=one, crop=crop) for one, crop in zip(embeddings, crops, strict=True)]
    register(plain, "Ann", *faces)
    pieces = {one.tobytes()[:64]: f"face {number}" for number, one in enumerate(embeddings)}
    pieces |= {crop[:64]: f"crop {number}" for number, crop in enumerate(crops)}
    assert in_files(tmp_path, pieces) == set(pieces.values())

    def found(gallery, number):
        probe = embeddings[number].astype(np.float64)
        return gallery.nearest(probe, space=SPACE, collection="default", metric="euclidean", k=1)[0]

    before = []
    for keys in ((OLD,), (NEW, OLD)):
        command = [sys.executable, "-m", "tests.services.gallery.rotating_process", database_url]
        command += [key.hex() for key in keys]
        for kill in (True, False):
            with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
                done = int(process.stdout.readline())
                if kill:
                    time.sleep(float(rng.uniform(0, 0.1)))
                    process.kill()
                for _ in range(2):  # a worker that was started this moment
                    number, fresh = int(rng.integers(FACES)), opened(*keys)
                    assert found(fresh, number).distance < 1e-6
                    assert fresh.crop(found(fresh, number).face_id) == crops[number]
                process.communicate()
            assert (process.returncode, 0 < done < FACES) == (-9 if kill else 0, True)
        assert in_files(tmp_path, pieces | dict.fromkeys(before, "before")) == set()
        rows = execute(
            database_url,
            "SELECT embedding, crop, e.sealed_with FROM embeddings e JOIN faces f ON f.id = e.face_id"
            " WHERE e.sealed_with = f.sealed_with",
        )
        assert len(rows) == FACES
        assert {row[2] for row in rows} == {Keyring(keys).bound.first}
        before = [stored[-64:] for row in rows for stored in row[:2]]
    assert in_files(tmp_path, dict.fromkeys(before, "now")) == {"now"}
    assert found(opened(NEW), 7).distance < 1e-6


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_file_holds_an_embedding_or_a_picture_of_those_who_are_registered(database_url, tmp_path, opened):
    rng = np.random.default_rng(0)
    for keys in ((), (OLD,)):
        embeddings, crops = rng.normal(size=(50, 128)).astype(np.float32), [rng.bytes(1000) for _ in range(50)]
        gallery = opened(*keys)
        for number, (embedding, crop) in enumerate(zip(embeddings, crops, strict=True)):
            register(gallery, f"{len(keys)} {number}", face(embedding=embedding, crop=crop))
        near(gallery, 1)
        pieces = {whole[:64]: str(number) for number, whole in enumerate([*map(bytes, embeddings), *crops])}
        assert len(in_files(tmp_path, pieces)) == (0 if keys else 100)
