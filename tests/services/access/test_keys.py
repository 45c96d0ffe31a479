"""The API keys, on a real SQLite database."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.pool import ThreadPool

import pytest
import sqlalchemy as sa

from core.exceptions import ServiceUnavailable, Unauthorized
from core.scopes import Scope
from services.access import keys
from services.access.key_store import KeyStore
from services.access.keys import ANYBODY, KeyService
from services.database.choice import make_database
from services.database.schema import events
from services.database.schema import keys as table
from tests.conftest import KEY


@pytest.fixture
def store(tmp_path):
    database = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    yield KeyStore(database)
    database.close()


@pytest.fixture
def make_service(store):
    def make(*secrets, required=False):
        return KeyService(store=store, secrets_of_setting=secrets, required=required)

    return make


@pytest.fixture
def now(monkeypatch):
    """Passes only when told."""

    class Clock:
        at = 1000.0

        def monotonic(self):
            return self.at

    clock = Clock()
    monkeypatch.setattr(keys, "time", clock)
    return clock


def test_a_key_opens_what_it_was_made_for_and_is_kept_as_a_hash_only(make_service, tmp_path):
    service = make_service()
    key, token = service.create("door", [Scope.FACES, Scope.FIND], collection="staff")
    assert re.fullmatch(r"fsk_[0-9a-f]{12}_[\w-]{43}", token)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    caller = make_service().caller(token)
    assert (caller.key_id, caller.scopes, caller.collection) == (key.id, {Scope.FACES, Scope.FIND}, "staff")
    assert key.id.encode() in written
    assert token.rpartition("_")[2].encode() not in written
    assert token[-43:].encode() not in written


def test_a_wrong_key_is_nobodys(make_service):
    service = make_service(KEY)
    key, token = service.create("door", Scope)
    other_token = service.create("gate", Scope)[1]
    wrong = [None, "", " ", KEY[:-1], KEY + "x", KEY.upper(), token[:-1], token + "x", token.removeprefix("fsk_") + "=",
             f"fsk_{key.id}_", f"fsk_{key.id}", f"fsk_{key.id}_{other_token[-43:]}", "fsk__", key.id, "é" * 40,
             "\udc80", key.secret_sha256.hex(), f"fsk_{key.id}_{key.secret_sha256.hex()}"]  # fmt: skip
    for one in wrong:
        with pytest.raises(Unauthorized):
            service.caller(one)
    assert service.caller(KEY).key_id == "env-1"
    assert service.caller(token).key_id == key.id


def test_without_any_key_it_is_anybody_and_a_revoked_one_does_not_open_the_service_again(make_service):
    service = make_service()
    assert (service.caller(None), service.has_none()) == (ANYBODY, True)
    key, _ = service.create("door", [Scope.FACES])
    assert service.revoke(key.id)
    after = make_service()
    with pytest.raises(Unauthorized):
        after.caller(None)
    assert after.has_none() is False
    assert service.revoke("nobody's") is False


def test_where_a_key_is_required_nobody_is_anybody(make_service):
    with pytest.raises(Unauthorized):
        make_service(required=True).caller(None)


def test_a_key_expires(make_service):
    past, future = (datetime.now(UTC) + timedelta(seconds=s) for s in (-1, 60))
    service = make_service()
    _, gone = service.create("x", Scope, expires_at=past)
    _, valid = service.create("x", Scope, expires_at=future)
    assert service.caller(valid).scopes == set(Scope)
    with pytest.raises(Unauthorized):
        service.caller(gone)


def test_a_scope_that_this_version_does_not_know_is_ignored_and_logged_once(make_service, store, caplog):
    token = make_service().create("door", [Scope.FACES])[1]
    with store._database.writing() as connection:
        connection.execute(sa.update(table).values(scopes=["dreams", "faces"]))
    for _ in range(2):
        assert make_service().caller(token).scopes == {Scope.FACES}
    assert [line.scope for line in caplog.records if "unknown scope" in line.message] == ["dreams"]


def test_another_process_knows_a_new_key_at_once(make_service):
    here, there = make_service(), make_service(required=True)
    for _ in range(20):
        with pytest.raises(Unauthorized):
            there.caller(f"fsk_{'0' * 12}_{'a' * 43}")  # reads the keys
        key, token = here.create("door", Scope)
        assert there.caller(token).key_id == key.id


def test_wrong_keys_at_once_share_a_query(make_service, store, monkeypatch):
    service = make_service(required=True)
    looks = []
    all_keys = store.all_keys
    monkeypatch.setattr(store, "all_keys", lambda: (looks.append(1), time.sleep(0.2), all_keys())[2])

    together = threading.Barrier(50)

    def is_refused(number):
        together.wait(60)
        with pytest.raises(Unauthorized):
            service.caller(f"fsk_{number:012}_{'a' * 43}")
        return True

    with ThreadPool(50) as pool:
        assert all(pool.map(is_refused, range(50), chunksize=1))
    assert len(looks) < 10


def test_another_process_learns_of_a_change_within_5_seconds(make_service, now):
    here, there = make_service(), make_service()
    assert there.caller(None) == ANYBODY
    key, token = here.create("door", Scope)
    now.at += 4.9
    assert there.caller(token).key_id == key.id
    here.revoke(key.id)
    now.at += 4.9
    with pytest.raises(Unauthorized):
        there.caller(token)


def test_another_process_learns_of_a_scope_within_5_seconds(make_service, now):
    here, there = make_service(), make_service()
    key, token = here.create("door", [Scope.GALLERY_READ])
    assert there.caller(token).scopes == {Scope.GALLERY_READ}
    assert here.grant(key.id, Scope.EMBEDDINGS)
    assert here.caller(token).scopes == {Scope.GALLERY_READ, Scope.EMBEDDINGS}
    now.at += 4.9
    assert there.caller(token).scopes == {Scope.GALLERY_READ, Scope.EMBEDDINGS}
    assert here.grant("nobody's", Scope.FIND) is False


def test_scopes_that_are_added_at_once_are_all_kept_with_those_that_nobody_knows(database_url):
    database = make_database(database_url)
    store = KeyStore(database)
    key, _ = KeyService(store=store, secrets_of_setting=(), required=False).create("door", [Scope.FACES])
    with database.writing() as connection:
        connection.execute(sa.update(table).values(scopes=["dreams", "faces"]))
    with ThreadPool(4) as pool:
        assert all(pool.map(lambda scope: store.grant(key.id, scope, datetime.now(UTC)), [*Scope, *Scope]))
    with database.reading() as connection:
        assert connection.scalar(sa.select(table.c.scopes)) == sorted([*Scope, "dreams"])
        added = sa.select(events.c.details).where(events.c.action == "grant_scope")
        found = [row["scope"] for row in connection.scalars(added)]
    assert sorted(found) == sorted(set(Scope) - {Scope.FACES})
    database.close()


def test_the_keys_are_looked_up_seldom_and_the_day_of_use_is_kept(make_service, store, now, monkeypatch):
    service = make_service()
    key, token = service.create("door", Scope)
    looks = []
    all_keys = store.all_keys
    monkeypatch.setattr(store, "all_keys", lambda: (looks.append(1), all_keys())[1])
    for _ in range(100):
        service.caller(token)
        now.at += 0.01
    assert len(looks) == 1
    now.at += 5
    service.caller(token)
    end = time.monotonic() + 10
    while not (kept := all_keys()[0]).last_used_on and time.monotonic() < end:  # behind the answer
        time.sleep(0.01)
    assert (kept.id, kept.last_used_on) == (key.id, datetime.now(UTC).date())


class AwayStore(KeyStore):
    """A database that may go away, be exchanged for an empty one, or let a writer wait."""

    def __init__(self, store):
        self._store, self.is_away, self.is_empty = store, False, False
        self.when_read = lambda: None
        self.may_write = threading.Event()
        self.may_write.set()

    def all_keys(self):
        if self.is_away:
            raise ServiceUnavailable("away")
        found = [] if self.is_empty else self._store.all_keys()
        self.when_read()
        return found

    def add(self, key):
        self._store.add(key)

    def revoke(self, key_id, at):
        return self._store.revoke(key_id, at)

    def note_use(self, key_ids, on):
        self.may_write.wait(30)
        self._store.note_use(key_ids, on)


@pytest.fixture
def away(store):
    store = AwayStore(store)
    yield store
    store.may_write.set()


class TestRevocation:
    """It is known within 5 seconds, whatever the database is busy with."""

    def test_does_not_wait_for_who_writes(self, away, now):
        here = KeyService(store=away, secrets_of_setting=(), required=False)
        there = KeyService(store=away, secrets_of_setting=(), required=False)
        key, token = here.create("door", Scope)
        assert there.caller(token)
        away.may_write.clear()
        now.at += 4
        started = time.monotonic()
        assert there.caller(token)  # and a look after which the use is kept, which has to wait
        assert time.monotonic() - started < 10
        here.revoke(key.id)
        now.at += 4.9
        with pytest.raises(Unauthorized):
            there.caller(token)

    def test_is_not_missed_by_a_look_that_was_slow(self, away, now):
        here = KeyService(store=away, secrets_of_setting=(), required=False)
        there = KeyService(store=away, secrets_of_setting=(), required=False)
        key, token = here.create("door", Scope)

        def revoked_meanwhile():
            away.when_read = lambda: None
            here.revoke(key.id)
            now.at += 4.9

        away.when_read = revoked_meanwhile
        with pytest.raises(Unauthorized):
            there.caller(token)

    def test_is_not_missed_where_every_look_is_slow(self, away, now):
        service = KeyService(store=away, secrets_of_setting=(), required=False)
        token = service.create("door", Scope)[1]

        def wait():
            now.at += 5

        away.when_read = wait
        with pytest.raises(ServiceUnavailable):
            service.caller(token)


class TestADatabaseThatIsAway:
    """Nobody gets in for that reason, and those of the setting do not notice."""

    def test_is_no_reason_to_let_anybody_in(self, away, now):
        away.is_away = True
        service = KeyService(store=away, secrets_of_setting=(), required=False)
        with pytest.raises(ServiceUnavailable):
            service.caller(None)
        away.is_away = False
        now.at += 20
        assert service.caller(None) == ANYBODY

    def test_does_not_close_what_was_open(self, away, now):
        service = KeyService(store=away, secrets_of_setting=(), required=False)
        assert service.caller(None) == ANYBODY
        away.is_away = True
        now.at += 20
        assert service.caller(None) == ANYBODY

    def test_does_not_open_what_was_closed_when_its_keys_vanish(self, away, now, caplog):
        service = KeyService(store=away, secrets_of_setting=(), required=False)
        token = service.create("door", Scope)[1]
        assert service.caller(token)
        away.is_empty = True
        for _ in range(3):
            now.at += 20
            for given in (None, "", token, "x"):
                with pytest.raises(ServiceUnavailable):
                    service.caller(given)
        assert [line.levelname for line in caplog.records if "THE API KEYS ARE MISSING" in line.message] == ["ERROR"]
        away.is_empty = False
        now.at += 20
        assert service.caller(token)
        with pytest.raises(Unauthorized):
            service.caller(None)

    def test_ends_the_trust_in_known_keys_within_5_seconds(self, away, now):
        service = KeyService(store=away, secrets_of_setting=(KEY,), required=False)
        token = service.create("door", Scope)[1]
        assert service.caller(token)
        away.is_away = True
        now.at += 4.9
        with pytest.raises(ServiceUnavailable):
            service.caller(token)
        assert service.caller(KEY).key_id == "env-1"
