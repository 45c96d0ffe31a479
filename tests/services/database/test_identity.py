"""The step to revision 0010, in which a visible name becomes one person's."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import alembic.command
import pytest
import sqlalchemy as sa
from alembic.config import Config

from services.database import migration
from services.database.choice import make_database
from services.database.sqlite import _make
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.conftest import PROJECT

NAMES = ["Ann", "Jos\u00e9", "Jose\u0301", "JOS\u00c9", "Jo\u200bs\u00e9", "\u3164", "\uffa0", "\ufdfa" * 30, "Bob"]


def upgrade_to(database, revision):
    config = Config()
    config.set_main_option("script_location", str(migration.MIGRATIONS))
    with database._changing() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)


@pytest.fixture
def before(database_url):
    """The URL of a gallery of revision 0009, in which each of NAMES is a person of its own, in this order."""
    if database_url.startswith("sqlite"):
        _make(Path(database_url.removeprefix("sqlite:///")))
    with closing(make_database(database_url)) as database:
        upgrade_to(database, "0009")
        with database._changing() as connection:
            on_sqlite = connection.dialect.name == "sqlite"
            connection.execute(
                sa.text("INSERT INTO collections (name, created_at) VALUES ('default', '2026-01-01T00:00:00Z')")
            )
            insert = "INSERT INTO persons (id, collection, name, folded, labels, metadata, registered_at, retain_until)"
            rows = [
                {
                    "id": number.hex if on_sqlite else number,
                    "name": name,
                    "at": f"2026-01-01T00:00:0{place}.000000+00:00",
                    "until": "2030-01-01T00:00:00.000000+00:00" if on_sqlite else "10000-01-01T00:00:00Z",
                }
                for place, (number, name) in enumerate((uuid4(), name) for name in NAMES)
            ]
            connection.execute(
                sa.text(f"{insert} VALUES (:id, 'default', :name, '', '{{}}', '{{}}', :at, :until)"), rows
            )
    return database_url


@pytest.fixture
def run(database_url):
    """Runs a statement beside the service, and gives its rows."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def run(statement):
        with engine.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    return run


def opened(database):
    return GalleryStore(database, make_search(database))


def assert_upgraded(store):
    (twins,) = store.twins()
    assert [person.name for person in twins] == [NAMES[1], *(one.name for one in twins[1:])]
    assert {person.name for person in twins} == set(NAMES[1:5])
    page = store.persons(collection=None, name="", labels={}, cursor=None, limit=100)
    assert sorted(person.name for person in page.persons) == sorted(NAMES)
    assert {person.problem for person in page.persons} == {None}
    assert [
        person.name for person in store.persons(collection=None, name="JOS", labels={}, cursor=None, limit=9).persons
    ]


def test_twins_are_kept_apart_and_what_shows_nothing_is_nobody_elses(before, run):
    with closing(make_database(before)) as database:
        database.upgrade()
        assert_upgraded(opened(database))
    keys = dict(run("SELECT name, identity FROM persons"))
    assert (keys["Ann"], keys["Jos\u00e9"], keys["Bob"]) == ("ann", "jos\u00e9", "bob")
    assert len(keys["\ufdfa" * 30]) == 64
    assert {keys[name].partition("\n")[0] for name in NAMES[2:5]} == {"jos\u00e9"}
    assert [keys[name].partition("\n")[0] for name in NAMES[5:7]] == ["", ""]
    assert len(set(keys.values())) == len(NAMES)
    assert {len(folded) <= 400 for (folded,) in run("SELECT folded FROM persons")} == {True}


@pytest.mark.parametrize("step", ["ADD COLUMN identity", "UPDATE persons", "row_number", "CREATE UNIQUE", "DROP INDEX"])
def test_a_killed_upgrade_changes_nothing_and_the_next_one_is_whole(before, run, step):
    command = [sys.executable, "-m", "tests.services.database.upgrading_process", before, step]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.kill()
    assert run("SELECT version_num FROM alembic_version") == [("0009",)]
    with closing(make_database(before)) as database:
        assert_upgraded(opened(database))


def test_workers_that_start_together_upgrade_once(before):
    databases = [make_database(before) for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        for store in pool.map(opened, databases):
            assert_upgraded(store)
    for database in databases:
        database.close()
