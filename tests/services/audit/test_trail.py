"""The contract of the audit trail, on both databases: what is recorded stays, and whoever changes it is found out."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

import pytest
import sqlalchemy as sa

from core.exceptions import ServiceUnavailable
from schemas.audit import AuditQuery, VerificationsQuery
from services.audit.events import GENESIS, Event, moment
from services.audit.recorder import EventLog
from services.audit.store import record
from services.audit.trail import AuditService, UnreadableTrail
from services.audit.verifications import VerificationService
from services.database import schema
from services.database.choice import make_database
from tests.conftest import PROJECT
from tests.services.conftest import events_in
from tests.services.gallery.store.test_store import register

EVENT = Event(
    action="identify", outcome="match", request_id="r", key_id="k", collection="default",
    person_id="00000000-0000-4000-8000-000000000001", face_id="f", details={"distance": 0.25, "model": "Dlib"},
)  # fmt: skip

SAID = [name for name in Event.__dataclass_fields__ if name != "at"]

TABLES = ("events", "seals")
FUNCTIONS = ("refuse_change", "refuse_other_seals")


def forged(number, seal):
    """A statement that adds an event, 99 and on, to a batch."""
    columns = "at, action, outcome, request_id, key_id, collection, person_id, face_id, details"
    return f"INSERT INTO events (id, {columns}, seal_id) SELECT {number}, {columns}, {seal} FROM events WHERE id = 4"


# Every column that there is, and what somebody might do to it; event 4 is the first of batch 2 of three.
TAMPERINGS = [
    "UPDATE events SET id = id + 1000 WHERE id = 4",
    "UPDATE events SET at = (SELECT at FROM events WHERE id = 1) WHERE id = 4",
    *(
        f"UPDATE events SET {column} = 'x' WHERE id = 4"
        for column in ("action", "outcome", "request_id", "key_id", "collection", "person_id", "face_id")
    ),
    'UPDATE events SET details = \'{"distance": 0.26, "model": "Dlib"}\' WHERE id = 4',
    "UPDATE events SET details = '[]' WHERE id = 4",
    "UPDATE events SET seal_id = NULL WHERE id = 4",
    "UPDATE events SET seal_id = 3 - seal_id WHERE id IN (1, 4)",
    "DELETE FROM events WHERE id = 4",
    "DELETE FROM events WHERE seal_id = 2",
    "DELETE FROM seals WHERE id = 2",
    "DELETE FROM events WHERE seal_id = 2; DELETE FROM seals WHERE id = 2",
    forged(99, 2),
    "UPDATE seals SET at = (SELECT at FROM seals WHERE id = 1) WHERE id = 2",
    "UPDATE seals SET previous = hash WHERE id = 2",
    "UPDATE seals SET hash = previous WHERE id = 2",
    "UPDATE seals SET id = id + 10 WHERE id = 2",
    "UPDATE seals SET id = 0 WHERE id = 2; UPDATE seals SET id = 2 WHERE id = 1; UPDATE seals SET id = 1 WHERE id = 0",
    "UPDATE events SET seal_id = 5 - seal_id WHERE seal_id > 1",
]

# What only a database without types would keep.
SENSELESS = [
    "UPDATE events SET at = 'yesterday' WHERE id = 4",
    "UPDATE events SET at = 7 WHERE id = 4",
    "UPDATE events SET details = '{' WHERE id = 4",
    "UPDATE events SET details = 'Infinity' WHERE id = 4",
    "UPDATE events SET action = x'00ff' WHERE id = 4",
    "UPDATE seals SET at = 'yesterday' WHERE id = 2",
    "UPDATE seals SET hash = 7 WHERE id = 2",
]


@pytest.fixture
def service(audit):
    return AuditService(store=audit)


@pytest.fixture
def three_batches(gallery, audit):
    for _ in range(3):
        audit.record([replace(EVENT, at=datetime.now(UTC)) for _ in range(3)])
        assert audit.seal(limit=10) == 3


def verify(service, expect=None):
    wrong = []
    proof = service.verify(expect=expect, report=wrong.append)
    assert proof.is_whole == (wrong == [])
    return proof, wrong


def execute(database_url, *statements):
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in statements:
            for one in statement.split("; "):
                connection.exec_driver_sql(one)


def tamper(database_url, statement):
    """As whoever owns the database can."""
    if database_url.startswith("sqlite"):
        engine = sa.create_engine(database_url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            triggers = list(connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
        execute(database_url, *(f"DROP TRIGGER {name}" for name in triggers), statement)
    else:
        execute(database_url, *(f"DROP FUNCTION {name}() CASCADE" for name in FUNCTIONS), statement)


def put_back(database_url):
    """The rows as they were."""
    execute(database_url, *(f"DELETE FROM {name}; INSERT INTO {name} SELECT * FROM {name[0]}" for name in TABLES))


def exported(service):
    file = io.BytesIO()
    counts = service.export(file)
    return counts, [json.loads(line) for line in file.getvalue().splitlines()]


def test_an_untouched_chain_is_whole(service, three_batches, audit):
    proof, wrong = verify(service)
    assert (wrong, proof.events, proof.batches, proof.unsealed) == ([], 9, 3, 0)
    audit.record([EVENT])
    assert verify(service, expect=proof.last_hash)[0].unsealed == 1
    assert audit.seal(limit=10) == 1
    assert audit.seal(limit=10) == 0
    later, _ = verify(service, expect=proof.last_hash)
    assert later.has_expected
    assert later.batches == 4
    assert later.last_hash != proof.last_hash


def test_an_empty_chain_is_whole(gallery, service):
    proof, wrong = verify(service, expect=GENESIS)
    assert (wrong, proof.batches, proof.last_hash, proof.has_expected) == ([], 0, GENESIS, True)


def test_whatever_is_changed_is_noticed_and_its_batch_named(service, three_batches, database_url):
    tamper(database_url, "CREATE TABLE e AS SELECT * FROM events; CREATE TABLE s AS SELECT * FROM seals")
    for statement in TAMPERINGS:
        execute(database_url, statement)
        _, wrong = verify(service)
        assert any(line.startswith("batch 2: ") for line in wrong), (statement, wrong)
        put_back(database_url)
        assert verify(service)[1] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_never_recorded_is_noticed_and_ends_an_export(service, three_batches, database_url):
    tamper(database_url, "CREATE TABLE e AS SELECT * FROM events; CREATE TABLE s AS SELECT * FROM seals")
    unreadable = 0
    for statement in SENSELESS:
        execute(database_url, statement)
        _, wrong = verify(service)
        assert wrong, statement
        assert all(line.startswith(("batch 2: ", "batch 3: does not follow")) for line in wrong), (statement, wrong)
        if "cannot be read" in wrong[0]:
            unreadable += 1
            with pytest.raises(UnreadableTrail, match="Batch 2 cannot be read"):
                exported(service)
        put_back(database_url)
    assert unreadable >= 3


def test_a_seal_cut_off_leaves_its_events_astray(service, three_batches, database_url):
    tamper(database_url, "DELETE FROM seals WHERE id = 3")
    assert verify(service)[1] == ["3 events are in batches that do not exist"]


# What is in no batch that there is, and how many events that makes; the last two can be kept by SQLite only.
ASTRAY = [
    (forged(99, 0), 1),
    (forged(99, -1), 1),
    (forged(99, 4), 1),
    (f"{forged(99, 0)}; {forged(100, 1000)}", 2),
    ("UPDATE events SET seal_id = -1 WHERE seal_id IS NULL", 2),
    ("UPDATE events SET seal_id = 0 WHERE seal_id IS NULL", 2),
    (forged(99, 2.5), 1),
    (forged(99, "'x'"), 1),
]


def test_what_is_in_no_batch_is_noticed_and_neither_listed_nor_exported(service, three_batches, audit, database_url):
    audit.record([EVENT] * 2)
    tamper(database_url, "CREATE TABLE e AS SELECT * FROM events; CREATE TABLE s AS SELECT * FROM seals")
    for statement, count in ASTRAY if database_url.startswith("sqlite") else ASTRAY[:-2]:
        execute(database_url, statement)
        assert verify(service)[1] == [f"{count} events are in batches that do not exist"], statement
        assert [one.id for one in service.page(AuditQuery()).events] == [str(number) for number in range(1, 10)]
        assert exported(service)[0] == (9, 3)
        put_back(database_url)


def test_an_end_cut_off_clean_is_noticed_by_a_hash_that_was_noted_elsewhere(service, three_batches, database_url):
    noted = verify(service)[0].last_hash
    tamper(database_url, "DELETE FROM events WHERE seal_id = 3; DELETE FROM seals WHERE id = 3")
    proof, wrong = verify(service, expect=noted)
    assert (wrong, proof.has_expected) == ([], False)
    assert verify(service, expect=proof.last_hash)[0].has_expected


REFUSED = [
    "DELETE FROM events",
    "DELETE FROM seals",
    "UPDATE events SET outcome = 'x' WHERE id = 1",
    "UPDATE events SET outcome = 'x', seal_id = 1 WHERE id = 10",
    "UPDATE events SET seal_id = 2 WHERE id = 1",
    "UPDATE events SET seal_id = NULL WHERE id = 1",
    "UPDATE seals SET hash = previous",
    "UPDATE events SET seal_id = 2 WHERE id = 10",
    *(f"UPDATE events SET seal_id = {seal} WHERE seal_id IS NULL" for seal in (-1, 0, 4)),
    *(forged(99, seal) for seal in (-1, 0, 2, 3, 4)),
]


def test_the_database_itself_refuses_changes(service, three_batches, audit, database_url):
    audit.record([EVENT])
    if database_url.startswith("sqlite"):
        columns = "id, at, action, outcome, request_id, key_id, collection, person_id, face_id, details"
        tables = [("events", columns), ("seals", "id, at, previous, hash")]
        statements = [f"INSERT OR REPLACE INTO {t} ({c}) SELECT {c} FROM {t} WHERE id = 1" for t, c in tables]
    else:
        statements = ["TRUNCATE events", "TRUNCATE seals"]
    for statement in (*REFUSED, *statements):
        with pytest.raises(sa.exc.DBAPIError, match="stays as it is"):
            execute(database_url, statement)
    proof, wrong = verify(service)
    assert (wrong, proof.events, proof.unsealed) == ([], 9, 1)


def test_many_writers_and_several_sealers_make_one_chain(make_store, make_audit, service):
    galleries, sealers, failures = [make_store(), make_store()], [make_audit(), make_audit()], []
    done = threading.Event()

    def patiently(work):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(ServiceUnavailable):  # of a busy SQLite one writer may not get its turn within the time
                return work()
        return work()

    def write(client):
        for number in range(25):
            patiently(partial(register, galleries[number % 2], f"{client}-{number % 5}"))

    def seal(store):
        while not done.wait(0.02):
            patiently(partial(store.seal, limit=7))

    def run(work, argument):
        try:
            work(argument)
        except Exception as error:
            failures.append(repr(error))

    writers = [threading.Thread(target=run, args=(write, client)) for client in range(8)]
    sealing = [threading.Thread(target=run, args=(seal, store)) for store in sealers]
    for thread in (*writers, *sealing):
        thread.start()
    for thread in writers:
        thread.join(120)
    done.set()
    for thread in sealing:
        thread.join(30)
    while sealers[0].seal(limit=7):
        pass
    proof, wrong = verify(service)
    assert (failures, wrong, proof.events, proof.unsealed) == ([], [], 200, 0)
    assert proof.batches >= 200 / 7


def test_of_processes_that_are_killed_the_next_one_seals_what_they_recorded(audit, service, database_url):
    audit.record([])  # so that the schema is there
    command = [sys.executable, "-m", "tests.services.audit.audit_process", database_url, "20"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    processes = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [-signal.SIGKILL] * 2
    before, _ = verify(service)
    assert before.unsealed >= 2
    while audit.seal(limit=100):
        pass
    proof, wrong = verify(service)
    assert (wrong, proof.events, proof.unsealed) == ([], 84, 0)
    assert proof.batches > before.batches


def test_an_export_has_every_sealed_event_and_proves_itself(service, three_batches, audit):
    audit.record([EVENT])
    counts, lines = exported(service)
    assert counts == (9, 3)
    recorded = events_in(audit)
    for line, one in zip(lines, recorded[:9], strict=True):
        assert (line["id"], line["batch"], line["at"]) == (one.id, one.batch, moment(one.event.at))
        assert {name: line[name] for name in SAID} == {name: getattr(EVENT, name) for name in SAID}
    previous = GENESIS
    for number in (1, 2, 3):  # as the README says that it is computed
        batch = [line for line in lines if line["batch"] == number]
        head = {name: batch[0][name] for name in ("batch", "sealed_at", "previous")}
        rows = [{k: v for k, v in line.items() if k not in (*head, "hash")} for line in batch]
        digest = sha256()
        for value in (head, *rows):
            digest.update(json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n")
        assert head["previous"] == previous
        previous = batch[0]["hash"]
        assert digest.hexdigest() == previous
    assert previous == verify(service)[0].last_hash


def test_pages_are_in_the_order_of_sealing_and_may_be_narrowed(gallery, audit):
    ann, _ = register(gallery, "Ann")
    audit.record([EVENT, EVENT])
    audit.seal(limit=2)
    register(gallery, "Ann")
    audit.seal(limit=9)
    register(gallery, "Ann")  # which is not sealed

    def listed(**options):
        found = audit.sealed(**{"action": None, "person_id": None, "after": (0, 0), "limit": 9} | options)
        return [(one.batch, one.id) for one in found]

    assert listed() == [(1, 1), (1, 2), (2, 3), (2, 4)]
    assert listed(limit=2, after=(1, 1)) == [(1, 2), (2, 3)]
    assert listed(after=(2, 4)) == []
    assert listed(action="register") == listed(person_id=ann.id.upper()) == [(1, 1), (2, 4)]
    assert listed(action="register", person_id=EVENT.person_id) == listed(person_id="no id") == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_decision_that_is_recorded_by_a_transaction_which_ends_late_is_on_a_later_page(audit, database_url):
    said = {"model": "Dlib", "detector_backend": "skip", "similarity_metric": "cosine"}
    decision = replace(EVENT, action="verify", details=said | {"distance": 0.1, "threshold": 0.2, "verified": True})
    verifications = VerificationService(store=audit, log=EventLog(store=audit), enabled=True)
    with closing(make_database(database_url)) as slow:
        with slow.writing() as connection:
            first = record(connection, decision, schema.now())  # which takes the smaller id
            audit.record([decision])
            assert audit.seal(limit=10) == 1
            page = verifications.page(VerificationsQuery(limit=1))
            (second,) = page.verifications
            assert int(second.id) > first.id
        assert audit.seal(limit=10) == 1
    rest = verifications.page(VerificationsQuery(after=page.next_after))
    assert [one.id for one in rest.verifications] == [str(first.id)]
