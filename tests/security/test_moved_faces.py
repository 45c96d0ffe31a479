"""Rows of the gallery and indexes of photos that somebody without the key moves, exchanges or puts back."""

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import ServiceUnavailable
from services.database import encryption
from services.database.choice import make_database
from services.find.store import FolderIndexStore
from services.gallery.store.choice import make_search
from services.gallery.store.reencryption import FaceReencryption
from services.gallery.store.store import GalleryStore
from tests.security.weakened import trusting_rows
from tests.services.find.test_store import KEY as INDEX_KEY
from tests.services.find.test_store import content, made, photo
from tests.services.gallery.store.test_encryption import ROTATE
from tests.services.gallery.store.test_store import face, near, register, vector

KEYS = Keyring([bytes([1]) * 32])
MERGE = replace(ROTATE, action="merge")
NAMES = "encryption: rows moved to another person, and values or indexes of before put back, after `rotate-key`"


def _rows(connection):
    """Id, person, embedding, crop and key of Ann's and of Bob's face."""
    return connection.execute(
        "SELECT f.id, f.person_id, e.embedding, f.crop, f.sealed_with FROM faces f"
        " JOIN embeddings e ON e.face_id = f.id JOIN persons p ON p.id = f.person_id ORDER BY p.name"
    ).fetchall()


# The columns of each table that an attack sets; a person and a key are in both.
_COLUMNS = {
    "faces": ("id", {"person_id", "crop", "sealed_with"}),
    "embeddings": ("face_id", {"person_id", "embedding", "sealed_with"}),
}


def _set(connection, number, *, only="", **values):
    """Change these columns of a face in the tables that have them, or in `only` one."""
    for table, (key, names) in _COLUMNS.items():
        some = {name: value for name, value in values.items() if name in names and only in ("", table)}
        if some:
            columns = ", ".join(f"{name} = ?" for name in some)
            connection.execute(f"UPDATE {table} SET {columns} WHERE {key} = ?", (*some.values(), number))


def _as_before(what, number, value):
    """A value as earlier versions encrypted it: only for its face."""
    return KEYS.encrypt(value, what + bytes.fromhex(number))


def _earlier(connection, ann, bob, **changes):
    """Bob's embedding and picture in Ann's row, as earlier versions encrypted them."""
    values = {
        "embedding": _as_before(b"embedding", ann[0], vector(2).tobytes()),
        "crop": _as_before(b"crop", ann[0], b"Bob"),
        "sealed_with": KEYS.first,
    }
    _set(connection, ann[0], **values | changes)


def _relabelled(connection, ann, bob):
    embedding = _as_before(b"embedding", ann[0], vector(2).tobytes())
    newest = bytes.fromhex(KEYS.bound.first)
    _set(connection, ann[0], embedding=b"\2" + newest + embedding[9:], sealed_with=KEYS.bound.first)


def _swapped_ids(connection, ann, bob):
    for number, other in ((ann[0], "0" * 32), (bob[0], ann[0]), ("0" * 32, bob[0])):
        connection.execute("UPDATE faces SET id = ? WHERE id = ?", (other, number))
        connection.execute("UPDATE embeddings SET face_id = ? WHERE face_id = ?", (other, number))


# What is done to the database, in which Bob is to be taken for Ann.
ATTACKS = {
    "row given to another person": lambda db, ann, bob: _set(db, bob[0], person_id=ann[1]),
    "face given to another person": lambda db, ann, bob: _set(db, bob[0], person_id=ann[1], only="faces"),
    "embedding given to another person": lambda db, ann, bob: _set(db, bob[0], person_id=ann[1], only="embeddings"),
    "embedding given to another face and person": lambda db, ann, bob: (
        db.execute("DELETE FROM embeddings WHERE face_id = ?", (ann[0],)),
        db.execute("UPDATE embeddings SET face_id = ?, person_id = ? WHERE face_id = ?", (ann[0], ann[1], bob[0])),
    ),
    "rows exchanged between two persons": lambda db, ann, bob: (
        _set(db, bob[0], person_id=ann[1]), _set(db, ann[0], person_id=bob[1])
    ),
    "values moved to another face": lambda db, ann, bob: _set(db, ann[0], embedding=bob[2], crop=bob[3]),
    "ids of two faces exchanged": _swapped_ids,
    "picture in place of the embedding": lambda db, ann, bob: _set(db, ann[0], embedding=ann[3]),
    "value of an earlier version": _earlier,
    "value of an earlier version, under the newest key": partial(_earlier, sealed_with=KEYS.bound.first),
    "value of an earlier version, said to be of the newest": _relabelled,
    "plain value": lambda db, ann, bob: _set(
        db, ann[0], embedding=vector(2).tobytes(), crop=b"Bob", sealed_with=None
    ),
    "plain value, said to be encrypted": lambda db, ann, bob: _set(db, ann[0], embedding=vector(2).tobytes()),
    "value encrypted by another key": lambda db, ann, bob: _set(
        db, ann[0], embedding=Keyring([bytes(32)]).bound.encrypt(vector(2).tobytes(), b"embedding")
    ),
}  # fmt: skip
INDEXES = ("plain index", "plain draft", "index of another key", "index of another folder", "plain index, then a start")
CASES = 3 * len(ATTACKS) + 1 + len(INDEXES)


def _gallery(path, *, begin):
    """The URL of a gallery of Ann and Bob, whose values are all encrypted for their persons.

    `begin` says what it was before: encrypted from the first face on, plain, or encrypted by an earlier version.
    """
    url = f"sqlite:///{path}"
    with closing(make_database(url, KEYS if begin == "encrypted" else Keyring())) as database:
        gallery = GalleryStore(database, make_search(database))
        for number, name in enumerate(("Ann", "Bob"), start=1):
            register(gallery, name, face(number, crop=name.encode()))
    if begin == "earlier":
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("INSERT INTO sealing_keys VALUES (?)", (KEYS.first,))
            for number, _, embedding, crop, _ in _rows(connection):
                values = {"embedding": _as_before(b"embedding", number, embedding), "sealed_with": KEYS.first}
                _set(connection, number, crop=_as_before(b"crop", number, crop), **values)
    if begin != "encrypted":
        _rotate(url)
    return url


def _rotate(url):
    with closing(make_database(url, KEYS)) as database:
        while FaceReencryption(database).reencrypt(ROTATE, limit=1):
            pass


def _taken(url):
    """Whether Bob is taken for Ann, or his picture for hers; the search of a process that has just started."""
    with closing(make_database(url, KEYS)) as database:
        gallery = GalleryStore(database, make_search(database))
        with suppress(ServiceUnavailable):
            if near(gallery, 2)[0] == ("Ann", 0.0):
                return True
        for person in gallery.persons(collection=None, name="Ann", labels={}, cursor=None, limit=9).persons:
            for one in gallery.faces(person.id):
                with suppress(ServiceUnavailable):
                    if gallery.crop(one.id) == b"Bob":
                        return True
    return False


def _moved(place, begin, deed):
    place.mkdir(parents=True)
    url = _gallery(place / "gallery.db", begin=begin)
    with closing(sqlite3.connect(place / "gallery.db", isolation_level=None)) as connection:
        deed(connection, *_rows(connection))
    return _taken(url)


def _unmerged(place):
    """Whether the face of a person who was merged into another opens as it was before."""
    place.mkdir(parents=True)
    url = _gallery(place / "gallery.db", begin="encrypted")
    with closing(sqlite3.connect(place / "gallery.db", isolation_level=None)) as connection:
        ann, bob = _rows(connection)
        with closing(make_database(url, KEYS)) as database:
            gallery = GalleryStore(database, make_search(database))
            gallery.merge(ann[1], [bob[1]], MERGE)
            assert [name for name, _ in near(gallery, 2)] == ["Ann"]
            assert [gallery.crop(one.id) for one in gallery.faces(ann[1])] == [b"Ann", b"Bob"]
        _set(connection, bob[0], embedding=bob[2], crop=bob[3])
    return _taken(url)


def _index_taken(place, kind):
    """Whether an index with faces of another's making answers."""
    ours, theirs = made({"a": photo(1)}), made({"a": photo(2)})
    store, folder = FolderIndexStore(place / "index", KEYS), place / "index"
    store.save(INDEX_KEY, ours)
    assert store.reencrypt() == 0
    keyring = {"index of another key": Keyring([bytes(32)]), "index of another folder": KEYS}.get(kind, Keyring())
    key = replace(INDEX_KEY, folder="/other") if kind == "index of another folder" else INDEX_KEY
    draft = kind == "plain draft"
    FolderIndexStore(place / "theirs", keyring).save(key, theirs, draft=draft)
    (path,) = (place / "theirs").glob("*.*")
    shutil.copyfile(path, store._path(INDEX_KEY, draft=draft))
    if kind == "plain index, then a start":
        FolderIndexStore(folder, KEYS).reencrypt()
    loaded = FolderIndexStore(folder, KEYS).load(INDEX_KEY, draft=draft)
    return loaded is not None and content(loaded) == content(theirs)


def test_moved_faces(tmp_path, attack):
    found = []
    for begin in ("encrypted", "plain", "earlier"):
        found += [
            f"{begin}: {name}"
            for number, (name, deed) in enumerate(ATTACKS.items())
            if _moved(tmp_path / begin / str(number), begin, deed)
        ]
    found += ["the row of before a merge"] if _unmerged(tmp_path / "merged") else []
    found += [name for number, name in enumerate(INDEXES) if _index_taken(tmp_path / f"index {number}", name)]
    attack(NAMES, CASES, found)


def test_moved_faces_twin(tmp_path, attack, monkeypatch):
    trusting_rows(monkeypatch)
    names = ("row given to another person", "value of an earlier version", "plain value")
    found = [name for number, name in enumerate(names) if _moved(tmp_path / str(number), "encrypted", ATTACKS[name])]
    found += ["merge"] if _unmerged(tmp_path / "merged") else []
    attack(NAMES, 4, found, twin=True)


@pytest.mark.parametrize("begin", ["encrypted", "plain", "earlier"])
def test_what_nobody_has_moved_opens(tmp_path, begin):
    url = _gallery(tmp_path / "gallery.db", begin=begin)
    with closing(make_database(url, KEYS)) as database:
        assert near(GalleryStore(database, make_search(database)), 2)[0] == ("Bob", 0.0)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            assert encryption.problem(connection, KEYS) == ""
            used = connection.exec_driver_sql("SELECT id FROM sealing_keys").scalars().all()
            assert used == [KEYS.bound.first]
            versions = (
                connection.exec_driver_sql("SELECT DISTINCT substr(embedding, 1, 1) FROM embeddings").scalars().all()
            )
            assert versions == [b"\2"]
        engine.dispose()


def test_values_of_before_are_read_until_they_are_encrypted_anew(tmp_path):
    """Also after a face was registered or merged meanwhile."""
    url = f"sqlite:///{tmp_path / 'gallery.db'}"
    with closing(make_database(url)) as database:
        gallery = GalleryStore(database, make_search(database))
        for number, name in enumerate(("Ann", "Bob"), start=1):
            register(gallery, name, face(number, crop=name.encode()))
    with closing(make_database(url, KEYS)) as database:
        gallery = GalleryStore(database, make_search(database))
        register(gallery, "Cid", face(3, crop=b"Cid"))
        assert sorted(name for name, _ in near(gallery, 2)) == ["Ann", "Bob", "Cid"]
        page = gallery.persons(collection=None, name="", labels={}, cursor=None, limit=9)
        ids = {one.name: one.id for one in page.persons}
        gallery.merge(ids["Ann"], [ids["Bob"], ids["Cid"]], MERGE)
        assert near(gallery, 3) == [("Ann", 0.0)]
        assert np.all([gallery.crop(one.id) for one in gallery.faces(ids["Ann"])])
        assert FaceReencryption(database).remaining() == 2
    _rotate(url)
    with closing(make_database(url, KEYS)) as database:
        assert near(GalleryStore(database, make_search(database)), 2) == [("Ann", 0.0)]
