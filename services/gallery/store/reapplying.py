"""Deletes again what a restored backup brought back."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import sqlalchemy as sa

from services.audit.events import Event, moment
from services.audit.store import event_of, record_all
from services.database import schema
from services.database.database import Database, Erasure
from services.database.forget_log import Forget
from services.database.schema import events, faces, persons
from services.gallery.store import writes

_ACTION = "forget"
_FORGOTTEN_AT = "forgotten_at"  # in the details of an event: the time of the deletion that it repeats

_AT_ONCE = 500  # parameters of a statement


def reapply(database: Database, forgets: Sequence[Forget]) -> int:
    """Delete what these deletions deleted, as far as it is there again; returns the number of events.

    A deletion that the audit trail has was in the backup. What is there all the same was imported later, and stays.
    Each deleted person has an event, and each other face. A call that is interrupted may be repeated.

    Raises:
        ServiceUnavailable, StorageFull: what was deleted before stays so.
    """
    return sum(_reapply(database, forget) for forget in _that_came_back(database, forgets))


def _that_came_back(database: Database, forgets: Sequence[Forget]) -> list[Forget]:
    with database.reading() as connection:
        people = _that_exist(connection, persons.c.id, {one.person_id for one in forgets if one.person_id is not None})
        there = _that_exist(connection, faces.c.id, {face for one in forgets for face in one.face_ids})
        candidates = [one for one in forgets if one.person_id in people or not there.isdisjoint(one.face_ids)]
        return [one for one in candidates if not _is_recorded(connection, one)]


def _that_exist(connection: sa.Connection, column: sa.Column[UUID], ids: set[UUID]) -> set[UUID]:
    every, found = sorted(ids), set[UUID]()
    for start in range(0, len(every), _AT_ONCE):
        found |= set(connection.scalars(sa.select(column).where(column.in_(every[start : start + _AT_ONCE]))))
    return found


def _is_recorded(connection: sa.Connection, forget: Forget) -> bool:
    """Whether the audit trail has the deletion, or one that repeats it."""
    select = sa.select(events).where(events.c.action == _ACTION)
    if forget.person_id is not None:
        select = select.where(events.c.person_id == str(forget.person_id))
    else:
        select = select.where(events.c.face_id.in_(list(map(str, forget.face_ids))))
    found = (event_of(row).event for row in connection.execute(select))
    return any(event.at == forget.at or event.details.get(_FORGOTTEN_AT) == moment(forget.at) for event in found)


def _reapply(database: Database, forget: Forget) -> int:
    with database.erasing() as erasure:
        now = schema.now()
        of_person = faces.c.person_id == forget.person_id  # which no face is, where there is none
        deleted = writes.forget_faces(erasure.connection, of_person | faces.c.id.in_(forget.face_ids))
        gone = _without_persons(erasure, forget, set(deleted.values()))
        erasure.forgets.append(forget.model_copy(update={"at": now}))
        event = Event(
            action=_ACTION, outcome="done", at=now, details={"reason": "restore", _FORGOTTEN_AT: moment(forget.at)}
        )
        recorded = [replace(event, person_id=str(person)) for person in gone]
        recorded += [
            replace(event, person_id=str(person), face_id=str(face))
            for face, person in deleted.items()
            if person not in gone
        ]
        record_all(erasure.connection, recorded)
        return len(recorded)


def _without_persons(erasure: Erasure, forget: Forget, owners: set[UUID]) -> list[UUID]:
    """Delete the person of the deletion, and persons whose faces it had after a merge; returns their ids."""
    if forget.person_id is None:
        return []
    merged = sorted(owners - {forget.person_id})
    return [person for person in (forget.person_id, *merged) if writes.forget_without_faces(erasure.connection, person)]
