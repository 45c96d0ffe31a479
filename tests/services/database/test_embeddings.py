"""The step to revision 0011, in which the embeddings of faces get a table of their own."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from core.encryption import Keyring
from services.database.choice import make_database
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.conftest import PROJECT
from tests.persisted.program import GALLERY_KEY, WRITTEN
from tests.services.database.test_identity import upgrade_to
from tests.services.gallery.store.test_store import everybody

STEPS = {
    "sqlite": ["INSERT INTO embeddings", "DROP TABLE faces_before"],
    "postgresql": ["INSERT INTO faces", "fk_embeddings_face_id"],
}
PATHS = [(backend, step) for backend, steps in STEPS.items() for step in steps]
EACH_BACKEND = pytest.mark.parametrize("database_url", STEPS, indirect=True)


@pytest.fixture
def before(database_url):
    """The URL of a gallery with encrypted faces, as revision 0010 has it."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        shutil.copy(WRITTEN / "sqlite-encrypted" / "data" / "gallery.db", Path(str(url.database)))
    else:
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            connection.execute((WRITTEN / "postgresql-encrypted" / "gallery.sql").read_bytes())
    with closing(make_database(database_url)) as database:
        upgrade_to(database, "0010")
    return database_url


@pytest.fixture
def run(database_url):
    """Runs a statement beside the service, and gives its rows."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def run(statement):
        with engine.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    return run


def rows_before(run):
    """Of each face, what stays in `faces`, and what goes into `embeddings`."""
    return run("SELECT id, person_id, crop, sealed_with, weights, space, dimension FROM faces ORDER BY id")


def assert_upgraded(url, run, rows):
    with closing(make_database(url, Keyring([bytes.fromhex(GALLERY_KEY)]))) as database:
        store = GalleryStore(database, make_search(database))
        whole = everybody(store)
        assert sum(len(faces) for _, faces in whole) == len(rows)
        for _, faces in whole:
            for one in faces:
                (embedding,) = one.face.embeddings
                assert one.face.crop == store.crop(one.id)
                near = store.nearest(
                    embedding.vector.astype(float),
                    space=embedding.space,
                    collection=store.face(one.id).collection,
                    metric="euclidean",
                    k=1,
                )
                assert [found.distance for found in near] == [0]
    joined = "FROM faces f JOIN embeddings e ON e.face_id = f.id ORDER BY f.id"
    seal = "e.sealed_with" if url.startswith("sqlite") else "f.sealed_with"
    assert run(f"SELECT f.id, e.person_id, crop, {seal}, weights, space, dimension {joined}") == rows
    assert run("SELECT count(*) FROM faces WHERE crop IS NULL AND sealed_with IS NOT NULL") == [(0,)]


@EACH_BACKEND
def test_each_face_keeps_its_embedding_and_its_picture(before, run):
    rows = rows_before(run)
    assert len(rows) == 9
    with closing(make_database(before)) as database:
        database.upgrade()
    assert_upgraded(before, run, rows)


@pytest.mark.parametrize(("database_url", "step"), PATHS, indirect=["database_url"])
def test_a_killed_upgrade_changes_nothing_and_the_next_one_is_whole(before, run, step):
    rows = rows_before(run)
    command = [sys.executable, "-m", "tests.services.database.upgrading_process", before, step]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.kill()
    assert rows_before(run) == rows
    assert_upgraded(before, run, rows)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_indexes_of_postgresql_are_not_built_again(before, run):
    files = "SELECT relfilenode FROM pg_class WHERE relname LIKE 'ix_%_direction_%' ORDER BY relname"
    known = run(files)
    with closing(make_database(before)) as database:
        database.upgrade()
    assert run(files) == known
