"""Several persons made one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.exceptions import Conflict
from services.database.schema import faces, persons
from services.gallery.store import writes
from services.gallery.store.rows import person_in
from services.gallery.store.values import Limit, Person


def merge(connection: sa.Connection, number: UUID, others: Sequence[UUID], limit: Limit | None) -> None:
    """As `GalleryStore.merge`, of others that are not the person; the event is the caller's."""
    collection = person_in(connection, number).collection
    everyone = sorted({number, *others})  # in one order, so that two merges cannot wait for each other
    locked = {one: writes.lock_person(connection, one, collection) for one in everyone}
    into, *merged = (locked[one] for one in (number, *others))
    values: dict[str, Any] = {
        "labels": _union([one.labels for one in (into, *merged)]),
        "metadata": _union([one.metadata for one in (into, *merged)]),
        "retain_until": _limit_of([into, *merged]) if limit is None else limit.retain_until,
    }
    moved = faces.c.person_id.in_(others)
    writes.note_changes(connection, moved)
    connection.execute(sa.update(faces).where(moved).values(person_id=number))
    connection.execute(sa.delete(persons).where(persons.c.id.in_(others)))
    connection.execute(sa.update(persons).where(persons.c.id == number).values(**values))


def _union(several: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of what several have the first one's."""
    return {name: value for one in reversed(several) for name, value in one.items()}


def _limit_of(several: Sequence[Person]) -> Any:
    first, *others = {one.retain_until for one in several}
    if others:
        raise Conflict("The persons are kept until different times: say with retain_until which is to hold.")
    return first
