"""A backup that is put back while workers have the database open."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from core.exceptions import ServiceUnavailable
from services.audit.events import Event
from services.database import database, replacement
from services.database.choice import make_database
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.services.gallery.store.test_store import face, near, register

FORGET = Event(action="forget", outcome="forgotten")


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch):
    monkeypatch.setattr(replacement, "_LOOK_S", 0.0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gallery.db"


@pytest.fixture
def opened(path):
    """Opens the gallery, as each worker has it; in another file where one is given."""
    databases = []

    def open_one(file=path):
        databases.append(make_database(f"sqlite:///{file}"))
        return GalleryStore(databases[-1], make_search(databases[-1]))

    yield open_one
    for one in databases:
        one.close()


def move(backup, path):
    os.replace(backup, path)


def copy(backup, path):
    shutil.copyfile(backup, path)


BACK = pytest.mark.parametrize("put_back", [move, copy])


def names(gallery):
    """Those who are listed, and those who are found."""
    page = gallery.persons(collection=None, name="", labels={}, cursor=None, limit=50)
    return sorted(person.name for person in page.persons), sorted(name for name, _ in near(gallery, 1, k=50))


def both(*expected):
    return list(expected), list(expected)


@BACK
def test_who_is_in_a_backup_is_found_again_and_who_is_not_is_not(path, tmp_path, opened, put_back):
    one, other = opened(), opened()
    register(one, "Ann", face(1))
    shutil.copyfile(path, tmp_path / "backup")
    ann = one.persons(collection=None, name="Ann", labels={}, cursor=None, limit=1).persons[0]
    register(one, "Bob", face(2))
    one.forget(FORGET, person_id=ann.id)
    for gallery in (one, other):
        assert names(gallery) == both("Bob")
    put_back(tmp_path / "backup", path)
    for gallery in (one, other):
        assert names(gallery) == both("Ann")
    register(other, "Cid", face(3))
    for gallery in (one, other):
        assert names(gallery) == both("Ann", "Cid")
    with closing(sqlite3.connect(path)) as connection:  # it was written into the file that is there
        assert connection.execute("SELECT count(*) FROM persons").fetchone() == (2,)


@BACK
@pytest.mark.parametrize("count", [1, 2, 5])
def test_another_gallery_takes_the_place_of_the_first_with_fewer_as_many_or_more_changes(
    path, tmp_path, opened, put_back, count
):
    gallery, foreign = opened(), opened(tmp_path / "other.db")
    for name in ("Ann", "Bob"):
        register(gallery, name, face(1))
    for number in range(count):
        register(foreign, f"p{number}", face(1))
    foreign._database.close()
    assert names(gallery) == both("Ann", "Bob")
    put_back(tmp_path / "other.db", path)
    assert names(gallery) == both(*(f"p{number}" for number in range(count)))


def test_a_copy_of_the_same_number_of_writes_is_noticed(path, tmp_path, opened):
    """SQLite itself tells contents apart by this number."""
    gallery, foreign = opened(), opened(tmp_path / "other.db")
    register(gallery, "Ann", face(1))
    register(foreign, "Bob", face(1))
    foreign._database.close()
    counters = []
    for file in (path, tmp_path / "other.db"):
        with file.open("rb") as content:
            counters.append(content.read(28)[24:])
    assert counters[0] == counters[1]
    assert names(gallery) == both("Ann")
    copy(tmp_path / "other.db", path)
    assert names(gallery) == both("Bob")


def test_a_copy_that_is_not_complete_is_waited_for(path, tmp_path, opened):
    gallery = opened()
    for number in range(40):
        register(gallery, f"p{number}", face(number))
    shutil.copyfile(path, tmp_path / "backup")
    register(gallery, "Ann", face(1))
    content = (tmp_path / "backup").read_bytes()
    with path.open("r+b") as file:
        file.truncate(0)
        with pytest.raises(ServiceUnavailable, match="is missing"):
            gallery.ping()
        file.write(content[: len(content) // 2 // 4096 * 4096])
        file.flush()
        with pytest.raises(ServiceUnavailable):
            gallery.ping()
        file.write(content[len(content) // 2 // 4096 * 4096 :])
    assert "Ann" not in names(gallery)[0]
    assert len(names(gallery)[1]) == 40


def test_a_file_that_is_gone_is_not_made_anew_and_is_used_when_it_is_back(path, tmp_path, opened):
    gallery = opened()
    register(gallery, "Ann", face(1))
    shutil.copyfile(path, tmp_path / "backup")
    path.unlink()
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match=r"^The database file is missing\. Restore it, "):
            names(gallery)
    assert not path.exists()
    move(tmp_path / "backup", path)
    assert names(gallery) == both("Ann")


def test_a_backup_of_another_version_is_refused_in_one_line(path, tmp_path, opened):
    gallery = opened()
    register(gallery, "Ann", face(1))
    shutil.copyfile(path, tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup", isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    move(tmp_path / "backup", path)
    with pytest.raises(
        ServiceUnavailable, match=r"^The database has schema 9999; this version of the service supports"
    ):
        gallery.ping()


def test_changes_of_others_are_no_replacement(path, opened, monkeypatch):
    one, other = opened(), opened()
    register(one, "Ann", face(1))
    assert names(other) == both("Ann")
    noticed = []
    real = replacement.FileWatch.was_replaced
    monkeypatch.setattr(replacement.FileWatch, "was_replaced", lambda watch: noticed.append(real(watch)) or noticed[-1])
    for number in range(20):
        register(one, f"p{number}", face(1))
        assert len(names(other)[1]) == number + 2
    assert len(noticed) > 40
    assert not any(noticed)


def test_an_unchanged_file_costs_a_look_at_its_status_only(path, opened, monkeypatch):
    monkeypatch.setattr(replacement, "_LOOK_S", 1.0)
    gallery = opened()
    register(gallery, "Ann", face(1))
    names(gallery)
    connected = []
    real = sqlite3.connect
    monkeypatch.setattr(replacement.sqlite3, "connect", lambda *a, **k: connected.append(a) or real(*a, **k))
    for _ in range(50):
        names(gallery)
    assert len(connected) <= 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_that_is_restored_is_read_as_it_is(database_url, postgresql, monkeypatch):
    """Its sequences go backwards, and its schema may be one of before."""
    monkeypatch.setattr(database, "WRITABLE_S", 0.0)
    url = sa.make_url(database_url)
    server = sa.create_engine(
        sa.make_url(postgresql).set(drivername="postgresql+psycopg"),
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
    )

    def execute(*statements):
        with server.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    with closing(make_database(database_url)) as opened:
        gallery = GalleryStore(opened, make_search(opened))
        register(gallery, "Ann", face(1))
        opened.close()
        execute(f'CREATE DATABASE restored TEMPLATE "{url.database}"')
        register(gallery, "Bob", face(2))
        assert names(gallery) == both("Ann", "Bob")
        execute(
            f'DROP DATABASE "{url.database}" WITH (FORCE)',
            f'ALTER DATABASE restored RENAME TO "{url.database}"',
        )
        assert names(gallery) == both("Ann")
        register(gallery, "Cid", face(3))
        assert names(gallery) == both("Ann", "Cid")
        gallery.ping()
        with opened.writing() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(ServiceUnavailable, match=r"^The database has schema 9999; this version of "):
            gallery.ping()
