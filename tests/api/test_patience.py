"""A database that does not answer: every request that needs it hears so in about five seconds, however it waited."""

import fcntl
import sqlite3
import threading
import time
from contextlib import closing, contextmanager

from tests.api.v1.test_gallery import UNKNOWN, register, text
from tests.conftest import KEY
from tests.pictures import ALICE, BOB
from tests.postgresql import running

MAX_S = 8  # about 5, and what a busy machine adds; two waits one after the other would be 10


def ask_all_at_once(app, *requests, headers=None):
    """The status and the seconds of each."""
    said = []

    def ask(method, path, body):
        started = time.monotonic()
        response = app.test_client().open(path, method=method, json=body, headers=headers)
        said.append((path, response.status_code, time.monotonic() - started))

    threads = [threading.Thread(target=ask, args=request, daemon=True) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(said) == len(requests)
    return said


REJECTED = ("POST", "/register", {"img": text(BOB), "name": "Bob", "on_duplicate": "reject"})
REQUESTS = (
    ("GET", "/persons", None),
    ("POST", "/identify", {"img": text(ALICE)}),
    ("POST", "/identify", {"img": text(BOB)}),
    ("POST", "/register", {"img": text(BOB), "name": "Bob"}),
    REJECTED,
    REJECTED,
    ("POST", "/forget", {"id": UNKNOWN}),
)


def assert_all_are_told_in_time(said):
    assert {status for _, status, _ in said} == {503}, said
    assert max(seconds for *_, seconds in said) < MAX_S, said


@contextmanager
def locked(settings):
    """Another program keeps SQLite's file to itself."""
    with closing(sqlite3.connect(settings.data_path / "gallery.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_a_file_that_another_keeps_to_itself_is_waited_for_once_by_a_service_that_has_just_started(
    make_app, app, settings
):
    register(app.test_client(), ALICE, "Alice")
    with locked(settings):
        assert_all_are_told_in_time(ask_all_at_once(make_app(), *REQUESTS))


def test_a_file_that_another_keeps_to_itself_is_waited_for_once_by_a_service_that_knows_its_keys(make_app, settings):
    app = make_app(api_keys=(KEY,))
    headers = {"X-API-Key": KEY}
    register(app.test_client(), ALICE, "Alice", headers=headers)
    with locked(settings):
        assert_all_are_told_in_time(ask_all_at_once(app, *REQUESTS, headers=headers))
    assert ask_all_at_once(app, REJECTED, headers=headers)[0][1] == 409  # as it judges again


def test_who_looks_for_duplicates_waits_for_another_process_not_for_ever(app, settings):
    register(app.test_client(), ALICE, "Alice")
    with (settings.data_path / "gallery.db.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert_all_are_told_in_time(ask_all_at_once(app, REJECTED, REJECTED, REJECTED))
    assert ask_all_at_once(app, REJECTED)[0][1] == 409  # as it judges again


def test_a_server_that_has_fallen_silent_is_waited_for_once(make_app):
    with running() as server:
        app = make_app(database_url=server.url, api_keys=(KEY,))
        headers = {"X-API-Key": KEY}
        register(app.test_client(), ALICE, "Alice", headers=headers)
        with server.frozen():
            assert_all_are_told_in_time(ask_all_at_once(app, *REQUESTS, headers=headers))
