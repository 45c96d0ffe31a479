"""Migrations, and what the databases themselves have to promise."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.exceptions import ServiceUnavailable
from services.stores.sql.database import Database
from services.stores.sql.schema import metadata
from tests.services.stores.test_gallery import FORGET, face, near, register


@pytest.mark.filterwarnings("ignore:Did not recognize type 'vector'")
def test_the_migrations_make_the_schema_and_take_it_back_with_data_in_it(database_url, make_store):
    gallery = make_store()
    register(gallery, "Ann")
    database = Database(database_url)
    with database.reading() as connection:
        changes = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [change for change in changes if not (change[0] == "remove_index" and "cosine" in change[1].name)] == []
    database.upgrade()
    assert near(gallery, 1) == [("Ann", 0.0)]
    database.downgrade("base")
    with database.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    database.upgrade()
    register(make_store(), "Bob")
    database.close()


def test_a_purge_says_what_the_user_is_not_permitted(make_store, database_url):
    make_store()
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        assert Database(database_url).purge() == {}
        return
    user = f"user_{url.database}"
    owner = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with owner.connect() as connection:
        for statement in (f"CREATE ROLE {user} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}"):
            connection.execute(sa.text(statement))
    database = Database(url.set(username=user).render_as_string(hide_password=False))
    assert database.purge() == {"VACUUM": False, "CHECKPOINT": False, "pg_switch_wal": False}
    with database.reading() as connection:
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "5s"
    database.close()


def test_workers_that_start_at_once_migrate_once(database_url):
    databases = [Database(database_url) for _ in range(4)]
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


def test_a_database_that_does_not_answer_is_unavailable_soon(tmp_path):
    for url in ("postgresql://nobody@127.0.0.1:1/nothing", f"sqlite:///{tmp_path}"):
        database = Database(url)
        started = time.monotonic()
        with pytest.raises(ServiceUnavailable), database.reading() as connection:
            connection.execute(sa.select(1))
        assert time.monotonic() - started < 30  # rather than for ever
        database.close()


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
