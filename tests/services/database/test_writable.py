"""Whether the database can be written, as `/ready` asks: it tries, every few seconds at most, and changes nothing."""

import os
import shutil
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest
import sqlalchemy as sa

from api.context import services_of
from core.exceptions import ServiceUnavailable, StorageFull
from services.database import database
from services.database.choice import make_database
from services.database.errors import ReadOnlyDatabase
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.conftest import assert_error
from tests.disks import filled, small_disk
from tests.postgresql import home_of_a_server, new_database, running
from tests.services.gallery.store.test_store import FORGET, face, near, register

USER = 10001

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a file away from another user")


@pytest.fixture
def asked_each_time(monkeypatch):
    monkeypatch.setattr(database, "WRITABLE_S", 0.0)


@pytest.fixture
def folder():
    """A folder of that user, who cannot enter those of the tests."""
    folder = Path(mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    os.chown(folder, USER, -1)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def as_user():
    """Files are opened as another user than root, who may write everything."""
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def opened(url):
    with closing(make_database(url)) as opened:
        yield GalleryStore(opened, make_search(opened))


@needs_root
@pytest.mark.parametrize("taken", ["file", "folder"])
def test_a_read_only_database_is_said_so_and_is_used_again_when_it_is_not(folder, taken, asked_each_time):
    path = folder / "gallery.db"
    with opened(f"sqlite:///{path}") as gallery:
        with as_user():
            register(gallery, "Ann", face(1))
            gallery.ping()
        path.chmod(0o644)
        os.chown(path if taken == "file" else folder, 0, -1)
        gallery._database._engine.dispose()  # as where a thread opens its first connection
        with as_user():
            for _ in range(2):
                with pytest.raises(ReadOnlyDatabase, match=r"^The database is read-only\.$"):
                    gallery.ping()
            with pytest.raises(ServiceUnavailable, match=r"^The database is read-only\.$"):
                register(gallery, "Bob", face(2))
            assert near(gallery, 1) == [("Ann", 0.0)]
        os.chown(path if taken == "file" else folder, USER, -1)
        with as_user():
            register(gallery, "Bob", face(2))  # although a connection was opened meanwhile
            gallery.ping()


def test_a_full_disk_is_said_and_a_freed_one_is_used_again(tmp_path, asked_each_time):
    with small_disk(tmp_path / "disk", 8) as folder, opened(f"sqlite:///{folder / 'gallery.db'}") as gallery:
        register(gallery, "Ann", face(1))
        gallery.ping()
        with filled(folder):
            for _ in range(2):
                with pytest.raises(StorageFull):
                    gallery.ping()
            assert near(gallery, 1) == [("Ann", 0.0)]
        gallery.ping()
        register(gallery, "Bob", face(2))


def test_a_full_disk_of_postgresql_is_said_and_a_freed_one_is_used_again(asked_each_time):
    with (
        home_of_a_server() as home,
        small_disk(home / "disk", 80) as disk,
        running(disk) as server,
        opened(new_database(server.url)) as gallery,
    ):
        ann, _ = register(gallery, "Ann", face(1))
        gallery.ping()
        with filled(disk):
            for _ in range(2):
                with pytest.raises(StorageFull):
                    gallery.ping()
            with pytest.raises(StorageFull):
                register(gallery, "Bob", face(2, crop=os.urandom(1_000_000)))
            assert near(gallery, 1) == [("Ann", 0.0)]
            gallery.forget(FORGET, person_id=ann.id)  # the page of the last event has room for another
            assert near(gallery, 1) == []
        gallery.ping()
        register(gallery, "Bob", face(2))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_limit_for_temporary_files_is_not_a_full_disk(database_url, asked_each_time):
    name = sa.make_url(database_url).database
    engine = sa.create_engine(database_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET temp_file_limit = 0')
    with opened(database_url) as gallery:
        gallery.ping()
        register(gallery, "Ann", face(1))
        gallery.ping()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_that_is_set_read_only_is_said_so_and_used_again_when_it_is_not(database_url, asked_each_time):
    name = sa.make_url(database_url).database
    engine = sa.create_engine(database_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")

    def to(value):
        with engine.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')

    with opened(database_url) as gallery:
        register(gallery, "Ann", face(1))
        gallery.ping()
        to("on")
        for _ in range(2):
            with pytest.raises(ReadOnlyDatabase, match=r"^The database is read-only\.$"):
                gallery.ping()
        with pytest.raises(ServiceUnavailable, match=r"^The database is read-only\.$"):
            register(gallery, "Bob", face(2))
        assert near(gallery, 1) == [("Ann", 0.0)]
        to("off")
        register(gallery, "Bob", face(2))
        gallery.ping()


def test_it_is_tried_every_few_seconds_at_most_and_not_after_a_change(database_url, tmp_path, monkeypatch):
    with opened(database_url) as gallery:
        tries = []
        real = gallery._database._try_to_write
        monkeypatch.setattr(gallery._database, "_try_to_write", lambda: tries.append(1) or real())
        for _ in range(50):
            gallery.ping()
        assert len(tries) <= 1
        register(gallery, "Ann", face(1))
        gallery._database._tried_at = 0.0
        before = (tmp_path / "gallery.db").stat() if database_url.startswith("sqlite") else None
        for _ in range(50):
            gallery.ping()
        assert 1 <= len(tries) <= 2
        if before is not None:
            after = (tmp_path / "gallery.db").stat()
            assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


def test_ready_is_503_with_the_reason_which_is_logged_once_and_doctor_says_it(app, client, monkeypatch, caplog):
    store = services_of(app).gallery.persons._store
    register(store, "Ann", face(1))
    readiness = services_of(app).health.readiness
    readiness.start()
    assert readiness.wait(60)
    monkeypatch.setattr(database, "WRITABLE_S", 0.0)

    def refuse():
        raise ReadOnlyDatabase

    with monkeypatch.context() as patch:
        patch.setattr(store._database, "_try_to_write", refuse)
        for _ in range(3):
            assert_error(client.get("/ready"), 503, "service_unavailable")
        assert "WRONG database" in app.test_cli_runner().invoke(args=["doctor"]).output
    assert client.get("/ready").status_code == 200
    said = [record for record in caplog.records if record.message == "store"]
    assert [(one.levelname, one.state, one.reason) for one in said] == [
        ("WARNING", "unavailable", "The database is read-only."), ("INFO", "ready", "")
    ]  # fmt: skip
