"""The gallery copied into a table of the owner's, as deploy/face_embeddings.sql makes it, on a real PostgreSQL."""

from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from pgvector import Vector
from psycopg import sql

from core.exceptions import ServiceUnavailable
from schemas.common import EmbeddingOptions
from services.database.choice import make_database
from services.faces.options import Defaults
from services.gallery import table_copy
from services.gallery.owner_table import OwnerRow, OwnerTable, Replaced
from services.gallery.table_copy import FaceSource, TableCopyService
from tests.services.gallery.owner_database import asked, labels, make_table, matches
from tests.services.gallery.store.test_store import FORGET, OTHER, REGISTER, SPACE, face, near, register, vector

DLIB = EmbeddingOptions(model_name="Dlib", alignment="eyes", detection="deepface")
ROW = OwnerRow(
    id=str(uuid4()), person_id="1", label="Ann", embedding=vector(1), metadata={}, created_at=datetime.now(UTC)
)


@pytest.fixture
def recorded():
    """The events that copying leaves."""
    return []


@pytest.fixture
def copy(database_url, settings, owner_url, recorded):
    """Copies the gallery into the owner's table."""
    database = make_database(database_url)
    service = TableCopyService(
        source=FaceSource(database),
        record=recorded.append,
        open_table=OwnerTable,
        defaults=Defaults.of(settings),
        url=owner_url,
    )

    def copy(*, url="", table="face_embeddings", collection="default", options=DLIB):
        return service.copy(url=url, table=table, collection=collection, options=options)

    yield copy
    database.close()


def write(url, rows=(ROW,), table="face_embeddings", dimension=128):
    return OwnerTable(url, table).replace(rows, mark={"source": "gallery"}, dimension=dimension)


def new_role(url, *, login=True):
    """A role that nobody else has; the server lets everybody in who is on the machine."""
    name = f"role_{uuid4().hex}"
    asked(url, f"CREATE ROLE {name} {'LOGIN' if login else ''}")
    return name


def url_of(url, role):
    return url.replace("postgres:@", f"{role}@", 1)


def test_the_owners_function_finds_who_the_gallery_finds(gallery, copy, owner_url):
    make_table(owner_url)
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(40, 15, 128)).astype(np.float32)  # more faces than a page has
    for number, some in enumerate(embeddings):
        register(gallery, f"{number:03}", *(face(embedding=embedding) for embedding in some))
    assert copy() == Replaced(written=600, unchanged=0, removed=0)
    for probe in embeddings[:20, 3] + rng.normal(size=(20, 128)) / 2:
        (ours,) = gallery.nearest(probe, space=SPACE, collection="default", metric="cosine", k=1)
        label, distance = matches(owner_url, probe)[0]
        assert label == ours.person.name
        assert distance == pytest.approx(ours.distance, abs=1e-5)
        distances = [distance for _, distance in matches(owner_url, probe, 500)]
        assert len(distances) == 500
        assert distances == sorted(distances)


def test_the_owners_function_reads_the_index(owner_url):
    make_table(owner_url)
    write(owner_url)
    with psycopg.connect(owner_url) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        connection.execute("SELECT * FROM match_faces(%s)", [Vector(vector(1)).to_text()])
        scans = "SELECT idx_scan, seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'face_embeddings'"
        assert connection.execute(scans).fetchone() == (1, 0)


def test_a_copy_is_recorded_and_nothing_is_copied_where_that_fails(gallery, copy, owner_url, recorded, monkeypatch):
    make_table(owner_url)
    register(gallery, "Ann", face(1))
    assert copy().written == 1
    (event,) = recorded
    said = {"faces": 1, "model": "Dlib", "table": "face_embeddings"}
    assert (event.action, event.outcome, event.collection, event.details) == ("copy", "done", "default", said)
    register(gallery, "Bob", face(2))
    monkeypatch.setattr(table_copy, "new_event", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        copy()
    assert labels(owner_url) == ["Ann"]


def test_embeddings_that_no_index_takes_are_found_as_well(gallery, copy, owner_url):
    make_table(owner_url, 4096)
    register(gallery, "Ann", face(1, 1, space=OTHER))
    register(gallery, "Bob", face(1, 2, space=OTHER))
    vgg_face = EmbeddingOptions(model_name="VGG-Face", alignment="eyes", detection="deepface")
    assert copy(options=vgg_face).written == 2
    assert [label for label, _ in matches(owner_url, vector(1, 2.1, space=OTHER))] == ["Bob", "Ann"]


def test_a_row_has_what_is_known_of_person_and_face(gallery, copy, owner_url):
    make_table(owner_url)
    until = datetime(2040, 1, 1, tzinfo=UTC)
    person, (kept,) = register(
        gallery, "Zoë", face(1, 2, liveness=0.75, crop=b"png"),
        labels={"team": "blue"}, metadata={"n": [1, None, "\\ \t"]}, retain_until=until,
    )  # fmt: skip
    copy()
    (row,) = asked(
        owner_url, "SELECT id::text, person_id, label, embedding::text, metadata, created_at FROM face_embeddings"
    )
    assert row[:3] == (kept.id, person.id, "Zoë")
    assert np.array_equal(Vector.from_text(row[3]).to_numpy(), vector(1, 2))
    assert row[4] == {
        "source": "gallery", "collection": "default", "space": asdict(SPACE),
        "labels": {"team": "blue"}, "metadata": {"n": [1, None, "\\ \t"]}, "retain_until": until.isoformat(),
        "detector": "opencv", "weights": "w", "confidence": 0.9, "quality": {"sharpness": 12.5}, "liveness": 0.75,
    }  # fmt: skip
    assert row[5] == kept.registered_at


def test_a_second_copy_writes_what_has_changed_and_removes_what_was_forgotten(gallery, copy, owner_url):
    make_table(owner_url)
    people = {name: register(gallery, name, face(number), face(number, 1)) for number, name in enumerate("ABCDE", 1)}
    assert copy() == Replaced(written=10, unchanged=0, removed=0)
    before = dict(asked(owner_url, "SELECT id::text, xmin::text FROM face_embeddings"))
    assert copy() == Replaced(written=0, unchanged=10, removed=0)
    assert dict(asked(owner_url, "SELECT id::text, xmin::text FROM face_embeddings")) == before

    (ann, _), (bob, _), (_, cids), (dan, dans), (eve, _) = people.values()
    gallery.update(ann.id, {"name": "Anna"}, REGISTER)
    gallery.merge(bob.id, [eve.id], REGISTER)
    gallery.forget(FORGET, face_id=cids[0].id)
    gallery.forget(FORGET, person_id=dan.id)
    register(gallery, "F")
    assert copy() == Replaced(written=5, unchanged=3, removed=3)
    assert labels(owner_url) == ["Anna", "Anna", "B", "B", "B", "B", "C", "F"]
    of_bob = asked(owner_url, "SELECT count(*) FROM face_embeddings WHERE person_id = %s", bob.id)
    assert of_bob == [(4,)]
    assert matches(owner_url, vector(5, 1), 1) == [("B", pytest.approx(0, abs=1e-6))]
    assert not asked(owner_url, "SELECT FROM face_embeddings WHERE id = ANY(%s)", [face.id for face in dans])


def test_rows_that_are_not_of_this_copy_stay(gallery, copy, owner_url):
    make_table(owner_url)
    ann, _ = register(gallery, "Ann")
    register(gallery, "Bob", collection="others")
    register(gallery, "Cid", face(1, space=SPACE), face(1, space=OTHER))
    own = "INSERT INTO face_embeddings (person_id, label, embedding, metadata) VALUES ('x', 'own', %s, %s)"
    for metadata in ("{}", '{"source": "gallery"}', '{"source": "hr", "collection": "default"}', "[]"):
        asked(owner_url, own, Vector(vector(3)).to_text(), metadata)
    assert copy() == Replaced(written=2, unchanged=0, removed=0)
    assert copy(collection="others") == Replaced(written=1, unchanged=0, removed=0)
    assert copy(options=EmbeddingOptions(model_name="Facenet")) == Replaced(written=0, unchanged=0, removed=0)
    gallery.forget(FORGET, person_id=ann.id)
    gallery.remove_collection("others", FORGET, with_persons=True)
    assert copy() == Replaced(written=0, unchanged=1, removed=1)
    assert labels(owner_url) == ["Bob", "Cid", *["own"] * 4]
    assert copy(collection="others") == Replaced(written=0, unchanged=0, removed=1)
    assert near(gallery, 1) == [("Cid", 0.0)]


def test_a_copy_that_ends_early_has_changed_nothing(owner_url):
    make_table(owner_url)
    write(owner_url)

    def rows():
        yield OwnerRow(**asdict(ROW) | {"id": str(uuid4())})
        raise ServiceUnavailable("The database does not answer.")

    with pytest.raises(ServiceUnavailable, match=r"^The database does not answer.$"):
        write(owner_url, rows())
    assert asked(owner_url, "SELECT id::text FROM face_embeddings") == [(ROW.id,)]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE face_embeddings CASCADE", "The table does not exist"),
        ("DROP EXTENSION vector CASCADE", "lacks pgvector"),
        ("ALTER TABLE face_embeddings DROP COLUMN label", "lacks columns"),
        ("ALTER TABLE face_embeddings DROP CONSTRAINT face_embeddings_pkey", "not a primary key"),
        ("ALTER TABLE face_embeddings ADD CHECK (label <> 'Ann')", "with error 23514"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(owner_url, statement, said):
    make_table(owner_url)
    asked(owner_url, statement)
    with pytest.raises(ServiceUnavailable, match=said):
        write(owner_url)


def test_a_table_for_another_dimension_is_refused_even_if_there_is_nothing_to_copy(gallery, copy, owner_url):
    make_table(owner_url, 512)
    with pytest.raises(ServiceUnavailable, match="takes embeddings of 512 numbers; those of the model have 128"):
        copy()
    asked(owner_url, "DROP INDEX face_embeddings_cosine")
    asked(owner_url, "ALTER TABLE face_embeddings ALTER COLUMN embedding TYPE vector")
    assert copy().written == 0


@pytest.mark.parametrize(
    "url", ["", "sqlite:///gallery.db", "no url", "postgresql://nobody:secret@127.0.0.1:1/nothing"]
)
def test_a_database_that_is_none_or_does_not_answer_is_refused_without_its_url(url):
    with pytest.raises(ServiceUnavailable) as refused:
        write(url)
    assert "\n" not in refused.value.message
    assert "secret" not in refused.value.message


def test_a_user_from_whom_rows_might_be_hidden_is_refused(owner_url):
    make_table(owner_url)
    write(owner_url)
    role = new_role(owner_url)
    for granted in (None, "SELECT", "ALL"):
        if granted:
            asked(owner_url, f"GRANT {granted} ON face_embeddings TO {role}")
        with pytest.raises(ServiceUnavailable, match="may not change every row"):
            write(url_of(owner_url, role), rows=())
    assert labels(owner_url) == ["Ann"]


def test_two_copies_do_not_write_at_once(owner_url):
    make_table(owner_url)

    def rows():
        yield ROW
        with pytest.raises(ServiceUnavailable, match="Another process is changing the table"):
            write(owner_url)

    assert write(owner_url, rows()).written == 1


def test_another_role_finds_only_what_a_policy_shows_it(gallery, copy, owner_url):
    make_table(owner_url)
    register(gallery, "Ann")
    register(gallery, "Bob", collection="staff")
    copy()
    copy(collection="staff")
    role = new_role(owner_url, login=False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        matches(owner_url, vector(1), role=role)
    asked(owner_url, f"GRANT SELECT ON face_embeddings TO {role}")
    assert matches(owner_url, vector(1), role=role) == asked(owner_url, "SELECT FROM face_embeddings", role=role) == []
    asked(owner_url, f"CREATE POLICY p ON face_embeddings TO {role} USING (metadata ->> 'collection' = 'staff')")
    assert [label for label, _ in matches(owner_url, vector(1), role=role)] == ["Bob"]
    assert [label for label, _ in sorted(matches(owner_url, vector(1)))] == ["Ann", "Bob"]


@pytest.mark.parametrize(
    "name", ['face_embeddings"; DROP TABLE face_embeddings; --', "x'; DROP TABLE face_embeddings", "{}%s", "a.b.c", ""]
)
def test_the_name_of_a_table_is_never_sql(owner_url, name):
    make_table(owner_url)
    with pytest.raises(ServiceUnavailable):
        write(owner_url, table=name)
    if name:
        names = sql.Identifier(*name.split(".", 1))
        with psycopg.connect(owner_url) as connection:
            connection.execute("CREATE SCHEMA a")
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE face_embeddings INCLUDING ALL)").format(names))
        assert write(owner_url, table=name).written == 1
        assert write(owner_url, table=name, rows=()).removed == 0  # it has no mark
    assert labels(owner_url) == []
    assert write(owner_url, table="public.face_embeddings").written == 1
