"""DeepFace's tables, written by DeepFace's own clients of SQLite and PostgreSQL."""

import json
import sqlite3

import numpy as np
import pytest
from deepface.modules.database.postgres import PostgresClient
from deepface.modules.database.sqlite import SqliteClient

from services.audit.events import Event
from services.deepface.interface import EmbeddingSpace
from services.gallery.imports.foreign import UnreadableDatabase
from services.models.catalogue import catalogue
from tests.services.gallery.imports.importing import faces, kill_after, names

FORGET = Event(action="forget", outcome="done")
ABOUT = {"normalization": "base", "expand_percentage": 0, "person_from": "folder", "allows_uuids": False}
DLIB = EmbeddingSpace(model="Dlib", alignment="eyes", detection="deepface", normalization="base", expand_percentage=0)


def record(img_name, number=1, model="Dlib", **changes):
    """A face as `deepface.register` hands it to its client."""
    generator = np.random.default_rng(number)
    values = {
        "img_name": img_name, "model_name": model, "detector_backend": "opencv",
        "face": generator.random((110, 90, 3)), "aligned": True, "l2_normalized": False,
        "embedding": generator.normal(size=catalogue.find("Dlib" if model == "Unknown" else model).dim).tolist(),
    }  # fmt: skip
    return values | changes


@pytest.fixture(params=["sqlite", "postgresql"])
def deepface(request, tmp_path):
    """Where a database of DeepFace is, and how its client is opened."""
    if request.param == "sqlite":
        return str(tmp_path / "deepface.db"), SqliteClient
    return request.getfixturevalue("owner_url"), PostgresClient


@pytest.fixture
def insert(deepface):
    def insert(*records):
        where, client = deepface
        opened = client(where)
        try:
            assert opened.insert_embeddings(list(records)) == len(records)
        finally:
            opened.close()

    return insert


@pytest.fixture
def take(register, sources, deepface):
    def take(collection="default", *, dry_run=False, **changes):
        with sources.deepface(deepface[0], **ABOUT | changes) as entries:
            return register(entries, collection, dry_run=dry_run)

    return take


def test_embeddings_are_taken_over_exactly(take, store, insert):
    one, two = record("/data/people/Alice/1.jpg", 1), record("/data/people/Alice/2.jpg", 2)
    insert(one, two, record("Bob/1.jpg", 3))
    assert take(dry_run=True) == (3, 0, {})
    assert names(store) == {}
    assert take() == (3, 0, {})
    assert take() == (0, 3, {})
    assert names(store) == {"Alice": 2, "Bob": 1}
    (near,) = store.nearest(
        np.array(one["embedding"]), space=DLIB, collection="default", metric="cosine", k=1
    )  # fmt: skip
    assert (near.person.name, near.distance) == ("Alice", pytest.approx(0, abs=1e-6))
    face = store.face(near.face_id)
    assert (face.photo, face.detector, face.area.w, face.area.h) == ("/data/people/Alice/1.jpg", "opencv", 90, 110)
    assert face.weights == {DLIB: "unknown: imported from DeepFace"}


def test_other_ways_of_embedding_get_spaces_of_their_own(take, store, insert):
    insert(
        record("Alice/1.jpg", 1),
        record("Alice/1.jpg", 2, aligned=False),
        record("Alice/1.jpg", 3, l2_normalized=True),
        record("Alice/1.jpg", 4, model="Facenet512"),
    )
    assert take(expand_percentage=10) == (4, 0, {})
    spaces = {space for face in faces(store, "Alice") for space in face.weights}
    assert {(space.model, space.alignment, space.normalization) for space in spaces} == {
        ("Dlib", "eyes", "base"), ("Dlib", "none", "base"), ("Dlib", "eyes", "base_l2"), ("Facenet512", "eyes", "base"),
    }  # fmt: skip
    assert {(space.detection, space.expand_percentage) for space in spaces} == {("deepface", 10)}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("folder", {"Alice": 1, "Bob": 1, "Carol": 1}),
        ("stem", {"1": 2, "2": 1, "Dave": 1}),
        ("name", {"/x/Alice/1.jpg": 1, "C:\\x\\Bob\\1.jpg": 1, "https://host/Carol/2.jpg": 1, "Dave.jpg": 1}),
    ],
)
def test_the_person_is_a_part_of_the_name(take, store, insert, part, expected):
    images = ["/x/Alice/1.jpg", "C:\\x\\Bob\\1.jpg", "https://host/Carol/2.jpg", "Dave.jpg"]
    insert(*(record(name, number) for number, name in enumerate(images)))
    refused = {"row 4: Dave.jpg": "no_person"} if part == "folder" else {}
    assert take(person_from=part) == (4 - len(refused), 0, refused)
    assert names(store) == expected


def test_names_that_deepface_made_up_are_refused_unless_asked_for(take, store, insert):
    made_up = "9f0c2f6e-5d51-4c0a-b29e-0a2f4b8f8a11"
    insert(record(made_up))
    for part in ("folder", "stem", "name"):
        assert take(person_from=part) == (0, 0, {f"row 1: {made_up}": "uuid_name"})
    assert take(allows_uuids=True) == (1, 0, {})
    assert names(store) == {made_up: 1}


def test_rows_that_cannot_be_compared_are_refused(take, store, insert):
    zeros, infinite = [0.0] * 128, [1e300] * 128
    insert(
        record("A/1.jpg", 1, model="Unknown"),
        record("A/2.jpg", 2, detector_backend="unknown"),
        record("A/3.jpg", 3, embedding=[1.0] * 127),
        record("A/4.jpg", 4, embedding=zeros),
        record("A/5.jpg", 5, embedding=infinite),
        record("A\x1b[2J/6.jpg", 6),
        record("A/7.jpg", 7, l2_normalized=True),
    )
    refused = {
        "row 1: A/1.jpg": "unknown_model", "row 2: A/2.jpg": "unknown_detector",
        "row 7: A/7.jpg": "l2_normalized",
        "row 3: A/3.jpg": "invalid_embedding", "row 4: A/4.jpg": "invalid_embedding",
        "row 5: A/5.jpg": "invalid_embedding", "row 6: A\x1b[2J/6.jpg": "validation_error (name)",
    }  # fmt: skip
    assert take(normalization="Facenet") == (0, 0, refused)
    assert names(store) == {}


@pytest.mark.parametrize(
    ("column", "value", "outcome"),
    [
        ("img_name", 7, (1, 0, {})),
        ("img_name", "x" * 1_000_000, (0, 0, {f"row 1: {'x' * 1_000_000}": "validation_error (name)"})),
        ("embedding", "text", (0, 0, {"row 1: A/1.jpg": "invalid_embedding"})),
        ("embedding", b"12345", (0, 0, {"row 1: A/1.jpg": "invalid_embedding"})),
        ("embedding", np.full(128, np.nan).tobytes(), (0, 0, {"row 1: A/1.jpg": "invalid_embedding"})),
        ("face_shape", "[" * 100_000, (1, 0, {})),
        ("face_shape", "[-1, 1e300, 3]", (1, 0, {})),
        ("face_shape", "{}", (1, 0, {})),
        ("model_name", b"Dlib", (0, 0, {"row 1: A/1.jpg": "unknown_model"})),
        ("model_name", 1.5, (0, 0, {"row 1: A/1.jpg": "unknown_model"})),
        ("aligned", "no", (1, 0, {})),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_with_other_types_is_no_error(register, sources, tmp_path, column, value, outcome):
    client = SqliteClient(str(tmp_path / "deepface.db"))
    client.insert_embeddings([record("A/1.jpg")])
    client.conn.execute(f"UPDATE embeddings SET {column} = ?", (value,))
    client.conn.commit()
    client.close()
    with sources.deepface(str(tmp_path / "deepface.db"), **ABOUT | {"person_from": "name"}) as entries:
        assert register(entries) == outcome


def test_a_face_that_was_deleted_does_not_come_back(take, store, insert):
    insert(record("Alice/1.jpg"))
    assert take() == (1, 0, {})
    store.forget(FORGET, person_id=store.named("Alice", within="default").id)
    assert take() == (0, 0, {"row 1: Alice/1.jpg": "conflict"})


def test_an_import_that_was_killed_resumes(take, store, insert, deepface, tmp_path):
    insert(*(record(f"p{number}/1.jpg", number) for number in range(20)))
    kill_after(7, tmp_path, "deepface", deepface[0], json.dumps(ABOUT))
    enrolled, known, refused = take()
    assert (enrolled + known, refused) == (20, {})
    assert known >= 7
    assert names(store) == {f"p{number}": 1 for number in range(20)}


def test_a_database_of_something_else_is_said_on_one_line(sources, tmp_path, owner_url):
    text = tmp_path / "text.db"
    text.write_text("hello " * 1000)
    sqlite3.connect(tmp_path / "empty.db").close()
    for where, said in (
        (text, "is no database"),
        (tmp_path / "gone.db", "does not answer"),
        (tmp_path / "empty.db", "lacks the tables of DeepFace"),
        (owner_url, "lacks the tables of DeepFace"),
    ):
        with pytest.raises(UnreadableDatabase, match=said), sources.deepface(str(where), **ABOUT):
            pass
    assert not (tmp_path / "gone.db").exists()


def test_the_file_is_not_changed(take, insert, deepface, tmp_path):
    insert(record("Alice/1.jpg"))
    before = {file: file.read_bytes() for file in tmp_path.glob("deepface.db*")}
    assert take() == (1, 0, {})
    assert {file: file.read_bytes() for file in tmp_path.glob("deepface.db*")} == before
