"""The commands of docs/how-to/backup.md for PostgreSQL, run as they are written there on a real server."""

import os
import pwd
import re
import shutil
import subprocess
import threading
import time
from contextlib import closing

import psycopg
import pytest

from api.context import services_of
from services.database.choice import make_database
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.conftest import PROJECT
from tests.documents import blocks
from tests.postgresql import PostgreSQL, home_of_a_server, new_database, running
from tests.services.gallery.store.test_store import FORGET, face, register

PAGE = PROJECT / "docs" / "how-to" / "backup.md"
RECOVERED_S = 30


def block(first):
    """The text of the page's block that begins so."""
    (found,) = (one.text for one in blocks(PAGE) if one.text.startswith(first))
    return found


@pytest.fixture(scope="module")
def backups(tmp_path_factory):
    """The folder /backup of the page."""
    with home_of_a_server() as folder:
        folder.chmod(0o777)  # the server runs as another user
        (folder / "wal").mkdir()
        (folder / "wal").chmod(0o777)
        yield folder


def configured(text, backups):
    """The settings of a block, with the folder of the test in the place of /backup."""
    return dict(re.findall(r"^(\w+) = '?(.*?)'?$", text.replace("/backup", str(backups)), re.MULTILINE))


@pytest.fixture(scope="module")
def server(backups):
    with running(**configured(block("archive_mode"), backups)) as server:
        yield server


def run(text, backups, server, **variables):
    """Run a block of the page."""
    environment = {"PATH": f"{server.programs}:{os.environ['PATH']}"} | variables
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text.replace("/backup", str(backups))],
        env=environment, cwd=backups, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def program(make_app):
    """The service on a database, by its URL: all with one DATA_PATH, so one log of deletions."""

    def start(url):
        return make_app(database_url=url)

    return start


def gallery_of(app):
    return services_of(app).gallery.persons._store


def names(app):
    answer = app.test_client().get("/persons?limit=1000").get_json()
    return sorted(person["name"] for person in answer["persons"])


def command(app, *arguments):
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_dump_has_every_answered_row_and_who_was_forgotten_since_is_forgotten_again(server, backups, program):
    url = new_database(server.url)
    app = program(url)
    ann, _ = register(gallery_of(app), "Ann", face(1))
    answered = ["Ann"]
    is_over = threading.Event()

    def write():
        database = make_database(url)
        with closing(database):
            gallery = GalleryStore(database, make_search(database))
            while not is_over.is_set():
                register(gallery, name := f"w{len(answered)}", face(len(answered)))
                answered.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    while len(answered) < 5:
        time.sleep(0.01)
    expected = set(answered)
    run(block("pg_dump "), backups, server, DATABASE_URL=url)
    is_over.set()
    writer.join()
    gallery_of(app).forget(FORGET, person_id=ann.id)
    empty = new_database(server.url)
    run(block("pg_restore "), backups, server, EMPTY_DATABASE_URL=empty)
    restored = program(empty)
    assert expected <= set(names(restored))
    assert "1 persons and faces deleted again" in command(restored, "db", "reapply-forgets")
    assert expected - {"Ann"} <= set(names(restored))
    assert "Ann" not in names(restored)
    assert "0 persons and faces deleted again" in command(restored, "db", "reapply-forgets")
    services_of(restored).audit.log.flush(30)
    assert "0 not sealed yet" in command(restored, "audit", "verify")


def test_a_recovery_to_a_point_in_time_forgets_again_who_was_forgotten_since(server, backups, program):
    url = new_database(server.url)
    app = program(url)
    gallery = gallery_of(app)
    ann, _ = register(gallery, "Ann", face(1))
    register(gallery, "Bob", face(2))
    run(block("pg_basebackup "), backups, server, DATABASE_URL=url)
    register(gallery, "Cid", face(3))
    with psycopg.connect(url, autocommit=True) as connection:
        (moment,) = connection.execute("SELECT clock_timestamp()::text").fetchone()
    time.sleep(0.1)  # a transaction belongs to the time at which it is committed
    gallery.forget(FORGET, person_id=ann.id)
    register(gallery, "Dan", face(4))
    with psycopg.connect(server.url, autocommit=True) as connection:
        (segment,) = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
    end = time.monotonic() + RECOVERED_S
    while not (backups / "wal" / segment).exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    services_of(app).audit.log.flush(30)
    services_of(app).gallery.persons._store._database.close()
    with home_of_a_server() as home:
        # This server has its socket among its data.
        shutil.copytree(backups / "base", home / "data", ignore=shutil.ignore_patterns(".s.PGSQL.*"))
        settings = configured(block("restore_command"), backups)
        (home / "data" / "recovery.signal").touch()
        _own(home / "data")
        recovered = PostgreSQL(home, settings | {"recovery_target_time": moment})
        try:
            there = recovered.url.replace("/postgres?", f"/{url.rpartition('/')[2].partition('?')[0]}?")
            _wait_until_recovered(there)
            restored = program(there)
            assert names(restored) == ["Ann", "Bob", "Cid"]
            assert "1 persons and faces deleted again" in command(restored, "db", "reapply-forgets")
            assert names(restored) == ["Bob", "Cid"]
            services_of(restored).audit.log.flush(30)
            services_of(restored).gallery.persons._store._database.close()
        finally:
            recovered.stop()


def _own(folder):
    """Give the files to the user as whom a server runs that root starts."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("pgserver")
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)


def _wait_until_recovered(url):
    end = time.monotonic() + RECOVERED_S
    while True:
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                return
        assert time.monotonic() < end
        time.sleep(0.1)
