"""Events that are recorded behind the answers, and sealed."""

import logging
import threading
from datetime import UTC, datetime

import pytest

from core.exceptions import ServiceUnavailable
from core.logging import annotate, begin_request, end_request
from services.audit import recorder
from services.audit.events import Event
from services.audit.recorder import EventLog, new_event
from services.audit.store import AuditStore
from services.audit.trail import AuditService
from services.database.choice import make_database
from tests.services.conftest import events_in

EVENT = Event(action="identify", outcome="unknown")


class LameStore(AuditStore):
    """A store that a test stops and goes on with."""

    def __init__(self, database):
        super().__init__(database)
        self.goes = threading.Event()
        self.goes.set()
        self.is_away = False
        self.calls = 0

    def record(self, events):
        self.calls += 1
        self.goes.wait(30)
        if self.is_away:
            raise ServiceUnavailable("The database does not answer.")
        super().record(events)


@pytest.fixture
def database(tmp_path):
    database = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    yield database
    database.close()


@pytest.fixture
def store(database):
    return LameStore(database)


@pytest.fixture
def log(database, store):
    log = EventLog(store=store)
    database.after_writing = log.wake
    yield log
    store.goes.set()
    store.is_away = False
    assert log.flush(30)


def verified(store):
    wrong = []
    proof = AuditService(store=store).verify(expect=None, report=wrong.append)
    assert wrong == []
    return proof.events, proof.unsealed


def test_what_is_kept_is_recorded_and_sealed(log, store):
    log.keep(EVENT, EVENT)
    log.keep(EVENT)
    assert log.flush(30)
    assert verified(store) == (3, 0)


def test_what_is_recorded_elsewhere_in_the_process_is_sealed_as_well(log, store):
    store.record([EVENT])
    assert log.flush(30)
    assert verified(store) == (1, 0)


def test_what_a_process_left_that_was_killed_is_sealed_at_the_next_start(log, store, tmp_path):
    other = make_database(f"sqlite:///{tmp_path / 'gallery.db'}")
    AuditStore(other).record([EVENT] * 1001)
    other.close()
    assert verified(store) == (0, 1001)
    log.wake()
    assert log.flush(30)
    assert verified(store) == (1001, 0)


def test_what_can_wait_until_after_an_answer_is_done_in_parts_between_which_events_are_sealed(database, store):
    found = []

    def part():
        found.append(verified(store))
        if len(found) == 2:
            log.keep(EVENT)
        return len(found) < 4

    log = EventLog(store=store, afterwards=part)
    log.keep(EVENT)
    assert log.flush(30)
    assert found[:4] == [(1, 0), (1, 0), (2, 0), (2, 0)]


def test_a_log_that_has_nothing_to_do_has_no_thread(store):
    before = threading.active_count()
    EventLog(store=store)
    assert threading.active_count() == before


def test_a_store_that_hangs_keeps_nobody_waiting_and_what_is_too_much_is_counted(log, store, monkeypatch, caplog):
    monkeypatch.setattr(recorder, "_MAX_WAITING", 10)
    store.goes.clear()
    log.keep(EVENT)
    assert not log.flush(0.5)
    for _ in range(7):
        log.keep(EVENT, EVENT)
    with caplog.at_level(logging.ERROR):
        store.goes.set()
        assert log.flush(30)
    assert verified(store) == (10, 0)
    lost = [line.count for line in caplog.records if line.message == "audit events are lost: the database is too slow"]
    assert lost == [5]


def test_what_a_store_cannot_take_waits_until_it_can(log, store, monkeypatch, caplog):
    monkeypatch.setattr(recorder, "_RETRY_S", 0.01)
    store.is_away = True
    log.keep(EVENT, EVENT)
    assert not log.flush(0.5)
    assert store.calls > 1
    store.is_away = False
    assert log.flush(30)
    assert verified(store) == (2, 0)
    assert (2, "service_unavailable") in [
        (line.count, line.reason) for line in caplog.records if line.levelno == logging.ERROR
    ]


def test_an_event_says_when_it_happened_not_when_it_was_recorded(log, store):
    store.goes.clear()
    before = datetime.now(UTC)
    log.keep(new_event("identify", "unknown"))
    after = datetime.now(UTC)
    assert not log.flush(0.5)
    store.goes.set()
    assert log.flush(30)
    (recorded,) = events_in(store)
    assert before <= recorded.event.at <= after


def test_an_event_says_which_request_and_key_it_belongs_to():
    assert (new_event("forget").request_id, new_event("forget").key_id) == ("", "")
    token = begin_request("r1")
    annotate(key_id="k1")
    event = new_event("register", collection="staff", model="Dlib")
    end_request(token)
    assert (event.request_id, event.key_id, event.outcome) == ("r1", "k1", "done")
    assert (event.collection, event.details) == ("staff", {"model": "Dlib"})
