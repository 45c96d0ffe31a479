"""The misses in the gallery's database."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import override

from services.audit import store
from services.audit.events import Event
from services.database.database import Database
from services.database.schema import misses
from services.gallery.store import writes
from services.stores.misses_base import MissStore


class SqlMissStore(MissStore):
    """A row for each person who was missed since the last match."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def locked_until(self, person_id: str, at: datetime) -> datetime | None:
        with self._database.reading() as connection:
            return _locked_until(connection, UUID(person_id), at)

    @override
    def count(
        self, person_id: str, *, is_match: bool, at: datetime, most: int, until: datetime, event: Event
    ) -> datetime | None:
        with self._database.writing() as connection:
            number = UUID(writes.lock_person(connection, UUID(person_id)).id)
            locked_until = _locked_until(connection, number, at)
            if locked_until is not None:
                return locked_until
            is_persons = misses.c.person_id == number
            row = connection.execute(sa.select(misses).where(is_persons)).first()
            if is_match:
                connection.execute(sa.delete(misses).where(is_persons))
                return None
            times = 1 if row is None else row.times + 1
            values: dict[str, Any] = {"times": times, "locked_until": None}
            if times >= most:
                values = {"times": 0, "locked_until": until}
                store.record(connection, event, at, person_id=person_id)
            change = sa.insert(misses).values(person_id=number) if row is None else sa.update(misses).where(is_persons)
            connection.execute(change.values(**values))
            return None


def _locked_until(connection: sa.Connection, number: UUID, at: datetime) -> datetime | None:
    is_locked = (misses.c.person_id == number) & (misses.c.locked_until > at)
    found: datetime | None = connection.scalar(sa.select(misses.c.locked_until).where(is_locked))
    return found
