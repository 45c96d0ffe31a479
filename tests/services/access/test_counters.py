"""What limits count, on both databases."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from core.exceptions import PersonNotFound
from services.access import counters as module
from services.access.counters import DatabaseStorage
from services.audit.events import Event
from services.database.choice import make_database
from services.database.schema import failed_attempts, rate_counters
from services.gallery.person_lock import FailedAttempts
from tests.services.conftest import events_in
from tests.services.gallery.store.test_store import FORGET, face, register

MOST = 5
LOCK = Event(action="lock", outcome="done", key_id="k")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(seconds=30)


@pytest.fixture
def databases(database_url):
    """Two connections to one, as two processes have them."""
    both = [make_database(database_url) for _ in range(2)]
    yield both
    for database in both:
        database.close()


@pytest.fixture
def storages(databases):
    return [DatabaseStorage(database=database) for database in databases]


def in_parallel(*work):
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def rows(database, table):
    with database.reading() as connection:
        return list(connection.execute(sa.select(table)))


class TestHits:
    def test_of_a_key_are_counted_for_all_processes_until_the_window_ends(self, storages):
        here, there = storages
        before = time.time()
        assert [here.incr("a", 60), there.incr("a", 60), here.incr("a", 60, 3), here.incr("b", 60)] == [1, 2, 5, 1]
        assert (there.get("a"), there.get("b"), there.get("c")) == (5, 1, 0)
        assert before + 59 < there.get_expiry("a") <= time.time() + 60
        assert here.incr("short", 1) == 1
        while here.get("short"):
            time.sleep(0.05)
        assert here.get_expiry("short") <= time.time()
        assert here.incr("short", 60) == 1

    def test_that_come_at_once_are_all_counted(self, storages):
        counted = []

        def hit(storage):
            counted.extend(storage.incr("a", 60) for _ in range(5))

        in_parallel(*[lambda one=one: hit(one) for one in storages * 4])
        assert sorted(counted) == list(range(1, 41))

    def test_that_are_over_are_removed(self, storages, databases, monkeypatch):
        storages[0].incr("over", 0)
        storages[0].incr("open", 60)
        monkeypatch.setattr(module, "_CLEAN_S", 0)
        storages[1].incr("other", 60)
        assert {row.key for row in rows(databases[0], rate_counters)} == {"open", "other"}

    def test_are_cleared_and_reset(self, storages):
        here, there = storages
        for key in "abc":
            here.incr(key, 60)
        here.clear("a")
        assert (there.get("a"), there.get("b"), there.reset(), there.get("b"), here.check()) == (0, 1, 2, 0, True)

    def test_of_a_database_that_is_away_say_so(self):
        assert DatabaseStorage(database=make_database("postgresql://nobody@127.0.0.1:1/nothing")).check() is False


class TestMisses:
    @pytest.fixture
    def person(self, gallery):
        return register(gallery, "Ann")[0].id

    @pytest.fixture
    def stores(self, databases):
        return [FailedAttempts(database) for database in databases]

    @staticmethod
    def count(store, person, *, is_match=False, at=NOW):
        until = at + timedelta(seconds=30)
        return store.count(person, is_match=is_match, at=at, most=MOST, until=until, event=LOCK)

    def test_in_a_row_lock_the_person_for_all_processes_with_one_event(self, stores, person, audit):
        here, there = stores
        assert [self.count(here, person) for _ in range(MOST)] == [None] * MOST
        assert (there.locked_until(person, NOW), there.locked_until(person, LATER)) == (LATER, None)
        for is_match in (False, True):
            assert self.count(there, person, is_match=is_match) == LATER
        assert here.locked_until(person, NOW) == LATER
        (event,) = events_in(audit, "lock")
        assert (event.event.person_id, event.event.key_id) == (person, "k")

    def test_begin_anew_after_a_match_and_after_the_lock(self, stores, person):
        here, there = stores
        for _ in range(3):
            assert [self.count(here, person) for _ in range(MOST - 1)] == [None] * (MOST - 1)
            assert self.count(there, person, is_match=True) is None
        for _ in range(MOST):
            self.count(here, person)
        assert [self.count(there, person, at=LATER) for _ in range(MOST - 1)] == [None] * (MOST - 1)
        assert here.locked_until(person, LATER) is None
        self.count(there, person, at=LATER)
        assert here.locked_until(person, LATER) == LATER + timedelta(seconds=30)

    def test_that_come_at_once_are_counted_exactly(self, stores, person, audit):
        answers = []
        in_parallel(*[lambda one=one: answers.append(self.count(one, person)) for one in stores * 8])
        assert (answers.count(None), answers.count(LATER)) == (MOST, 16 - MOST)
        assert len(events_in(audit, "lock")) == 1

    def test_are_forgotten_with_the_person_and_merged_away(self, stores, databases, person, gallery):
        other = register(gallery, "Bob", face(2))[0].id
        for one in (person, other):
            self.count(stores[0], one)
        gallery.merge(person, [other], FORGET)
        assert [str(row.person_id) for row in rows(databases[0], failed_attempts)] == [person]
        gallery.forget(FORGET, person_id=person)
        assert rows(databases[0], failed_attempts) == []
        with pytest.raises(PersonNotFound):
            self.count(stores[0], person)
