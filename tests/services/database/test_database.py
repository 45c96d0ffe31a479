"""Migrations, and what the databases themselves have to promise."""

import socket
import threading
import traceback
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from core.exceptions import ServiceUnavailable
from services.database.choice import make_database
from services.gallery.store.pgvector_search import PgVectorSearch
from services.gallery.store.store import GalleryStore
from tests.postgresql import in_files, running
from tests.services.gallery.store.test_store import FORGET, face, near, register

TOAST_BYTES = 1996  # of a piece in which PostgreSQL keeps what is long; a slice at its beginning is not in two
STEPS = ("VACUUM FULL", "VACUUM FULL pg_statistic", "CHECKPOINT", "WAL")


def test_a_purge_says_what_the_user_is_not_permitted(make_store, database_url):
    make_store()
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        with closing(make_database(database_url)) as database:
            assert database.purge() == {"WAL": "done"}
        return
    user = f"user_{url.database}"
    owner = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with owner.connect() as connection:
        for statement in (f"CREATE ROLE {user} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"):
            connection.execute(sa.text(statement))
    database = make_database(url.set(username=user).render_as_string(hide_password=False))
    assert database.purge() == dict.fromkeys(STEPS, "this user lacks the permission")
    with database.reading() as connection:
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "5s"
    database.close()


def test_workers_that_start_at_once_migrate_once(database_url):
    databases = [make_database(database_url) for _ in range(4)]
    failures = []

    def start(database):
        try:
            database.upgrade()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for database in databases:
        database.close()
    assert failures == []


@pytest.fixture
def silent():
    """The port of a server that accepts, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("place", ["127.0.0.1:1", "name.invalid", "127.0.0.1:{silent}", "sqlite"])
def test_a_database_that_does_not_answer_is_unavailable_soon_to_all_who_ask_at_once(place, silent, tmp_path):
    url = f"sqlite:///{tmp_path}" if place == "sqlite" else f"postgresql://nobody@{place.format(silent=silent)}/nothing"
    database = make_database(url)
    said = []

    def ask():
        try:
            with database.reading() as connection:
                connection.execute(sa.select(1))
        except Exception as error:
            said.append(type(error))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)  # one after the other they would need 300
    database.close()
    assert said == [ServiceUnavailable] * 60


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_value_that_the_database_cannot_hold_is_not_an_absence_of_the_database(database_url):
    with closing(make_database(database_url)) as database:
        secret = sa.select(sa.cast(sa.literal("secret"), sa.Integer))
        with pytest.raises(ValueError, match="22P02") as raised, database.reading() as connection:
            connection.execute(secret)
        assert "secret" not in "".join(traceback.format_exception(raised.value))
        with pytest.raises(ServiceUnavailable, match="lacks"), database.reading() as connection:
            connection.execute(sa.text("SELECT * FROM nothing"))


def test_a_purge_leaves_no_byte_of_the_forgotten_in_any_file_of_postgresql():
    rng = np.random.default_rng(0)
    with running() as server, closing(make_database(server.url)) as database:
        gallery = GalleryStore(database, PgVectorSearch(database))
        canaries, forgotten = {}, []
        for number in range(51):
            embedding, crop = rng.normal(size=128).astype("<f4"), rng.bytes(20_000)
            person, _ = register(gallery, f"{number}", replace(face(embedding=embedding), crop=crop))
            unit = (embedding / np.linalg.norm(embedding.astype(np.float64))).astype("<f2")  # as the index keeps it
            for kind, content in (("face", embedding.tobytes()), ("index", unit.tobytes()), ("crop", crop)):
                starts = range(0, len(content) - 63, 2 * TOAST_BYTES if kind == "crop" else 64)
                canaries |= {content[start : start + 64]: f"{kind} {number}" for start in starts}
            forgotten.append(person.id)
        assert gallery.index_waiting(limit=51) == 51
        kept = forgotten.pop()
        with database.reading() as connection:
            connection.exec_driver_sql("ANALYZE")
        names = set(canaries.values())
        assert in_files(server.folder, canaries) == names  # the search finds them
        for person_id in forgotten:
            gallery.forget(FORGET, person_id=person_id)
        assert in_files(server.folder, canaries) == names  # out of reach, not gone
        assert gallery._database.purge() == dict.fromkeys(STEPS, "done")
        assert in_files(server.folder, canaries) == {"face 50", "index 50", "crop 50"}
        assert near(gallery, 1, metric="cosine")[0][0] == "50"
        assert gallery.person(kept).faces == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_writer_waits_for_another_of_its_process_but_not_for_ever(database_url, monkeypatch):
    monkeypatch.setattr("services.database.database.budget_left_s", lambda _: 0.1)
    database = make_database(database_url)
    database.upgrade()
    with database.writing(), pytest.raises(ServiceUnavailable), database.writing():
        pass
    with database.writing() as connection:
        connection.execute(sa.select(1))
    database.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bytes_that_a_reader_keeps_in_the_log_written_ahead_are_not_said_to_be_gone(
    database_url, tmp_path, monkeypatch, make_store
):
    monkeypatch.setattr("services.database.sqlite._SAFE_WAL", (3, 0, 0))  # as if this SQLite were newer
    monkeypatch.setattr("services.database.sqlite.budget_left_s", lambda: 0.1)
    embedding = np.random.default_rng(0).normal(size=128).astype("<f4")
    gallery = make_store()
    ann, bob, cid = (register(gallery, name, face(embedding=embedding))[0] for name in ("Ann", "Bob", "Cid"))

    def is_in_a_file():
        return any(embedding.tobytes()[:64] in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    with closing(make_database(database_url)) as other:
        with other.reading():
            assert gallery.forget(FORGET, person_id=ann.id).bytes_gone is False
            assert gallery.forget(FORGET, person_id=bob.id).bytes_gone is False
            assert gallery._database.purge() == {"WAL": "still read by another connection: run this command again"}
            assert is_in_a_file()
        assert gallery.forget(FORGET, person_id=cid.id).bytes_gone is True
        assert not is_in_a_file()
        assert gallery._database.purge() == {"WAL": "done"}
        assert (tmp_path / "gallery.db-wal").stat().st_size == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_bytes_of_the_forgotten_are_in_no_file(gallery, tmp_path):
    rng = np.random.default_rng(0)
    canaries = {}
    for number in range(50):
        embedding = rng.normal(size=128).astype("<f4")
        crop = rng.bytes(5000)
        person, _ = register(gallery, f"{number}", replace(face(embedding=embedding), crop=crop))
        canaries[person.id] = (embedding.tobytes(), crop[1000:1040])
    near(gallery, 1)

    def left(pieces):
        files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
        return [piece for piece in pieces if any(piece in content for content in files)]

    for number, (person_id, pieces) in enumerate(canaries.items()):
        assert len(left([pieces[0][:64], pieces[1]])) == 2  # the search would find them
        if number % 2:
            gallery.forget(FORGET, person_id=person_id)
        else:
            (kept,) = gallery.faces(person_id)
            gallery.forget(FORGET, face_id=kept.id)
        assert left([pieces[0][at : at + 16] for at in range(0, 512, 16)] + [pieces[1]]) == []
