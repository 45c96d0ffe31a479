"""The audit trail in the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.audit.events import GENESIS, Batch, Event, RecordedEvent, Seal, hash_of
from services.database import schema
from services.database.database import Database
from services.database.schema import as_id, events, seals

_INSERT_EVENT = sa.insert(events).returning(events.c.id)


class Unreadable(Exception):
    """A stored value is not one that the service wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStatus:
    """The state of the chain.

    `last` is the number of the last batch (0: none), `unsealed` counts events that wait to be sealed, and `astray`
    counts events in a batch that does not exist.
    """

    last: int
    unsealed: int
    astray: int


# An owner of the database may have put an event into a batch that does not exist.
_HAS_A_SEAL = sa.exists().where(seals.c.id == events.c.seal_id)


class AuditStore:
    """Stores the events and their seals; safe for several threads and processes.

    Events are never changed or removed: the database itself refuses. Every method may raise ServiceUnavailable. Methods
    that write may also raise StorageFull.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, events: Sequence[Event]) -> None:
        """Append events that belong to no change of the gallery."""
        with self._database.writing() as connection:
            record_all(connection, events)

    def sealed(
        self, *, action: str | None, person_id: str | None, after: tuple[int, int], limit: int
    ) -> list[RecordedEvent]:
        """Events of existing batches, by batch and id, that come after this batch and id; raises Unreadable.

        New events always come after the last one.
        """
        place = sa.tuple_(events.c.seal_id, events.c.id)
        select = sa.select(events).where(_HAS_A_SEAL, place > sa.tuple_(*after))
        select = select.order_by(events.c.seal_id, events.c.id).limit(limit)
        if action is not None:
            select = select.where(events.c.action == action)
        if person_id is not None:
            select = select.where(events.c.person_id == str(as_id(person_id)))  # an invalid id matches no event
        with self._database.reading() as connection, _readable():
            return [event_of(row) for row in connection.execute(select)]

    def seal(self, *, limit: int) -> int:
        """Seal the first `limit` unsealed events as one batch, and return their number.

        Without unsealed events it makes no batch. Only one caller of all processes seals at a time. No other writer
        waits for it.
        """
        if self._database.is_missing:
            return 0
        # Seal what is visible: in PostgreSQL, a transaction with smaller ids may commit later.
        unsealed = sa.select(events).where(events.c.seal_id.is_(None)).order_by(events.c.id)
        with self._database.reading() as connection:
            if connection.execute(unsealed.limit(1)).first() is None:
                return 0
        with self._database.writing() as connection:
            self._database.take_turn(connection, "audit seal")
            batch = [event_of(row) for row in connection.execute(unsealed.limit(limit))]
            if batch:
                last = connection.execute(sa.select(seals).order_by(seals.c.id.desc()).limit(1)).first()
                number, previous = (1, GENESIS) if last is None else (last.id + 1, last.hash)
                now = schema.now()
                digest = hash_of(number, now, previous, batch)
                connection.execute(sa.insert(seals).values(id=number, at=now, previous=previous, hash=digest))
                of_batch = events.c.id.in_([one.id for one in batch])
                connection.execute(sa.update(events).where(of_batch).values(seal_id=number))
            return len(batch)

    def standing(self) -> ChainStatus:
        """The current state of the chain."""
        last = sa.select(sa.func.coalesce(sa.func.max(seals.c.id), 0)).scalar_subquery()
        count = sa.select(sa.func.count()).select_from(events)
        select = sa.select(
            last.label("last"),
            count.where(events.c.seal_id.is_(None)).scalar_subquery().label("unsealed"),
            count.where(events.c.seal_id.is_not(None), ~_HAS_A_SEAL).scalar_subquery().label("astray"),
        )
        with self._database.reading() as connection:
            row = connection.execute(select).one()
            return ChainStatus(last=row.last, unsealed=row.unsealed, astray=row.astray)

    def unsealed(self) -> int:
        """The number of events that wait to be sealed; unlike `standing`, without a look at the sealed ones."""
        count = sa.select(sa.func.count()).select_from(events).where(events.c.seal_id.is_(None))
        with self._database.reading() as connection:
            return connection.scalar(count) or 0

    def batch_numbers(self, *, after: int | None, until: int, limit: int) -> list[int]:
        """The numbers of existing batches, in order: above `after` if given, and at most `until`."""
        select = sa.select(seals.c.id).where(seals.c.id <= until).order_by(seals.c.id).limit(limit)
        if after is not None:
            select = select.where(seals.c.id > after)
        with self._database.reading() as connection:
            return list(connection.scalars(select))

    def batches(self, first: int, last: int) -> list[Batch]:
        """The batches from `first` to `last`; raises Unreadable."""
        some = sa.select(seals).where(seals.c.id.between(first, last)).order_by(seals.c.id)
        theirs = sa.select(events).where(events.c.seal_id.between(first, last)).order_by(events.c.seal_id, events.c.id)
        with self._database.reading() as connection, _readable():
            found = {
                row.id: Batch(seal=Seal(number=row.id, at=row.at, previous=row.previous, hash=row.hash), events=[])
                for row in connection.execute(some)
            }
            for row in connection.execute(theirs):
                if row.seal_id in found:
                    found[row.seal_id].events.append(event_of(row))
        return list(found.values())


@contextmanager
def _readable() -> Iterator[None]:
    """SQLite accepts values of any type in a column, so that foreign values may not be readable."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise Unreadable from error


def record(connection: sa.Connection, event: Event, at: datetime, **known: str) -> RecordedEvent:
    """Append the event of a change at this time, with the fields that the transaction adds in `known`."""
    values = asdict(event) | {"details": dict(event.details), "at": at} | known
    number = connection.execute(_INSERT_EVENT, values).scalar_one()
    return RecordedEvent(id=number, event=Event(**values))


def record_all(connection: sa.Connection, several: Sequence[Event]) -> None:
    """Append complete events."""
    if several:
        connection.execute(sa.insert(events), [asdict(event) for event in several])


def event_of(row: Any) -> RecordedEvent:
    """The event of a row of `events`."""
    said = {column.name: getattr(row, column.name) for column in events.c if column.name not in ("id", "seal_id")}
    return RecordedEvent(id=row.id, event=Event(**said), batch=row.seal_id)
