"""Every deletion is in the log before it is done, and is done again where a backup brought somebody back."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.exceptions import FaceNotFound, PersonNotFound, ServiceUnavailable
from services.database.choice import make_database
from services.database.forget_log import ForgetLog
from services.database.schema import faces, persons
from services.gallery.store.choice import make_search
from services.gallery.store.reapplying import reapply
from services.gallery.store.store import GalleryStore
from tests.conftest import PROJECT
from tests.services.conftest import ALSO_ENCRYPTED, events_in
from tests.services.gallery.store.test_store import FORGET, everybody, face, register

pytestmark = ALSO_ENCRYPTED


@pytest.fixture
def log(gallery, tmp_path):
    """The log of `gallery`."""
    log = ForgetLog(tmp_path / "forgets.log")
    gallery._database.note_forgets = log.append
    return log


def back_up(gallery):
    """What is in the gallery now, for `put_back`."""
    return everybody(gallery)


def put_back(gallery, backup):
    """Register again, with the same ids, who is gone; as a backup does, but without the events of before."""
    for person, theirs in backup:
        gallery.restore(person, theirs, FORGET)


def ids(*several):
    return {UUID(one.id) for one in several}


def test_each_way_to_delete_is_logged_with_the_time_of_its_event(gallery, log, audit):
    ann, (first, second) = register(gallery, "Ann", face(1), face(2))
    bob, (his,) = register(gallery, "Bob", face(3))
    cid, (old,) = register(gallery, "Cid", face(4), retain_until=datetime.now(UTC) - timedelta(days=1))
    dan, (staff,) = register(gallery, "Dan", face(5), collection="staff")
    gallery.forget(FORGET, face_id=first.id)
    gallery.forget(FORGET, person_id=ann.id)
    gallery.forget(FORGET, face_id=his.id, last_with_person=True)
    gallery.expire(datetime.now(UTC), FORGET, limit=10)
    gallery.remove_collection("staff", FORGET, with_persons=True)
    logged = [(one.person_id, set(one.face_ids)) for one in log.read()]
    assert logged == [
        (None, ids(first)),
        (UUID(ann.id), ids(second)),
        (UUID(bob.id), ids(his)),
        (UUID(cid.id), ids(old)),
        (UUID(dan.id), ids(staff)),
    ]
    times = [one.event.at for one in events_in(audit, "forget") if one.event.person_id]
    assert [one.at for one in log.read()] == times


def test_a_deletion_that_cannot_be_logged_is_not_done(gallery, log):
    ann, (first,) = register(gallery, "Ann")
    log.path.mkdir()
    for who in ({"person_id": ann.id}, {"face_id": first.id}):
        with pytest.raises(ServiceUnavailable, match="Nothing was deleted"):
            gallery.forget(FORGET, **who)
    assert gallery.face(first.id) == first
    log.path.rmdir()
    gallery.forget(FORGET, person_id=ann.id)
    assert len(log.read()) == 1


def test_a_refused_deletion_is_not_logged(gallery, log):
    with pytest.raises(PersonNotFound):
        gallery.forget(FORGET, person_id="00000000-0000-4000-8000-000000000000")
    assert log.read() == []


def test_who_was_forgotten_is_forgotten_again_with_events(gallery, log, audit):
    ann, _ = register(gallery, "Ann", face(1), face(2))
    bob, (first, second) = register(gallery, "Bob", face(3), face(4))
    backup = back_up(gallery)
    gallery.forget(FORGET, person_id=ann.id)
    gallery.forget(FORGET, face_id=first.id)
    forgets = log.read()
    fresh = _as_of_a_backup(gallery, backup)
    assert reapply(fresh._database, forgets) == 2
    with pytest.raises(PersonNotFound):
        fresh.person(ann.id)
    assert [one.id for one in fresh.faces(bob.id)] == [second.id]
    assert reapply(fresh._database, forgets) == 0
    again = [one.event for one in events_in(audit, "forget") if one.event.details.get("reason") == "restore"]
    assert [(one.person_id, one.face_id) for one in again] == [(ann.id, ""), (bob.id, first.id)]


def _as_of_a_backup(gallery, backup):
    """The gallery as a backup would leave it: with those persons, and without the events of their deletion."""
    with gallery._database.writing() as connection:
        for table in (faces, persons):
            connection.execute(sa.delete(table))
        _without_events(connection)
    put_back(gallery, backup)
    return gallery


def _without_events(connection):
    """Remove all events, as their owner can: the database itself refuses."""
    if connection.dialect.name == "sqlite":
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            if "event" in name:
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    else:
        connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER USER")
    connection.exec_driver_sql("DELETE FROM events")


def test_faces_that_a_merge_moved_before_they_were_forgotten_do_not_come_back(gallery, log):
    ann, _ = register(gallery, "Ann", face(1))
    anna, _ = register(gallery, "Anna", face(2))
    eve, (hers,) = register(gallery, "Eve", face(3))
    backup = back_up(gallery)
    gallery.merge(ann.id, [anna.id], FORGET)
    gallery.forget(FORGET, person_id=ann.id)
    fresh = _as_of_a_backup(gallery, backup)
    assert reapply(fresh._database, log.read()) == 2
    assert [person.name for person, _ in everybody(fresh)] == ["Eve"]
    assert fresh.face(hers.id).person_id == eve.id


def test_who_was_imported_after_the_deletion_stays(gallery, log):
    ann, _ = register(gallery, "Ann")
    export = back_up(gallery)
    gallery.forget(FORGET, person_id=ann.id)
    put_back(gallery, export)
    assert reapply(gallery._database, log.read()) == 0
    assert gallery.person(ann.id).name == "Ann"


def test_who_was_imported_after_the_deletion_was_reapplied_stays(gallery, log):
    ann, _ = register(gallery, "Ann")
    export = back_up(gallery)
    gallery.forget(FORGET, person_id=ann.id)
    fresh = _as_of_a_backup(gallery, export)
    assert reapply(fresh._database, log.read()) == 1
    put_back(fresh, export)
    assert reapply(fresh._database, log.read()) == 0
    assert fresh.person(ann.id).name == "Ann"


PROGRAM = """
import os, signal, sys
from pathlib import Path
from core.encryption import Keyring
from services.audit.events import Event
from services.database.choice import make_database
from services.database.forget_log import ForgetLog
from services.database.schema import faces, persons
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore

url, encrypted, log, face = sys.argv[1:]
database = make_database(url, Keyring([bytes(32)] if encrypted == "yes" else []))

def append_and_die(forgets):
    ForgetLog(Path(log)).append(forgets)
    os.kill(os.getpid(), signal.SIGKILL)

database.note_forgets = append_and_die
GalleryStore(database, make_search(database)).forget(Event(action="forget", outcome="done"), face_id=face)
"""


def test_a_deletion_that_was_killed_between_log_and_commit_is_not_done_and_can_be_done(
    gallery, log, database_url, keyring
):
    ann, (first,) = register(gallery, "Ann")
    command = [sys.executable, "-c", PROGRAM, database_url, "yes" if keyring else "no", str(log.path), first.id]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)}
    killed = subprocess.run(command, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert gallery.face(first.id) == first
    assert [one.face_ids for one in log.read()] == [(UUID(first.id),)]
    gallery.forget(FORGET, person_id=ann.id)
    with pytest.raises(FaceNotFound):
        gallery.face(first.id)


def test_the_log_of_another_process_is_enough(database_url, keyring, gallery, log):
    other = make_database(database_url, keyring)
    other.note_forgets = log.append
    ann, _ = register(gallery, "Ann")
    GalleryStore(other, make_search(other)).forget(FORGET, person_id=ann.id)
    other.close()
    assert [one.person_id for one in log.read()] == [UUID(ann.id)]
