"""The audit trail in a SQL database."""

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
    """What is stored is nothing that was ever written there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The number of the last batch (0: none), how many events wait to be sealed, and how many are in a batch that does
    not exist."""

    last: int
    unsealed: int
    astray: int


# Whoever owns the database may have put an event into a batch that does not exist.
_HAS_A_SEAL = sa.exists().where(seals.c.id == events.c.seal_id)


class AuditStore:
    """Keeps the events and their seals, for several threads and processes.

    No event is ever changed or removed: the database itself refuses. Every method may raise ServiceUnavailable, those
    that write also StorageFull.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, events: Sequence[Event]) -> None:
        """Append events that come with no change of the gallery."""
        with self._database.writing() as connection:
            record_all(connection, events)

    def sealed(
        self, *, action: str | None, person_id: str | None, after: tuple[int, int], limit: int
    ) -> list[RecordedEvent]:
        """Events of batches that exist, by batch and id, those later than this batch and id; raises Unreadable.

        Nothing is ever added before the last.
        """
        place = sa.tuple_(events.c.seal_id, events.c.id)
        select = sa.select(events).where(_HAS_A_SEAL, place > sa.tuple_(*after))
        select = select.order_by(events.c.seal_id, events.c.id).limit(limit)
        if action is not None:
            select = select.where(events.c.action == action)
        if person_id is not None:
            select = select.where(events.c.person_id == str(as_id(person_id)))  # of which there is none if it is no id
        with self._database.reading() as connection, _readable():
            return [event_of(row) for row in connection.execute(select)]

    def seal(self, *, limit: int) -> int:
        """Seal the first `limit` events that are not, as one batch; returns how many there were, without any no batch.

        Of all callers in all processes one seals at a time, and nobody else waits for it.
        """
        if self._database.is_missing:
            return 0
        # Whatever can be seen: of PostgreSQL's transactions one with smaller ids may be the later to commit.
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

    def standing(self) -> Standing:
        """How far the chain is."""
        last = sa.select(sa.func.coalesce(sa.func.max(seals.c.id), 0)).scalar_subquery()
        count = sa.select(sa.func.count()).select_from(events)
        select = sa.select(
            last.label("last"),
            count.where(events.c.seal_id.is_(None)).scalar_subquery().label("unsealed"),
            count.where(events.c.seal_id.is_not(None), ~_HAS_A_SEAL).scalar_subquery().label("astray"),
        )
        with self._database.reading() as connection:
            row = connection.execute(select).one()
            return Standing(last=row.last, unsealed=row.unsealed, astray=row.astray)

    def batch_numbers(self, *, after: int | None, until: int, limit: int) -> list[int]:
        """The numbers of batches that are there, in order: above `after` if given, and at most `until`."""
        select = sa.select(seals.c.id).where(seals.c.id <= until).order_by(seals.c.id).limit(limit)
        if after is not None:
            select = select.where(seals.c.id > after)
        with self._database.reading() as connection:
            return list(connection.scalars(select))

    def batches(self, first: int, last: int) -> list[Batch]:
        """The batches of these numbers and between; raises Unreadable."""
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
    """SQLite keeps in a column whatever somebody puts there."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise Unreadable from error


def record(connection: sa.Connection, event: Event, at: datetime, **known: str) -> RecordedEvent:
    """Append the event of a change at this moment, with what the transaction has `known` to add to it."""
    values = asdict(event) | {"details": dict(event.details), "at": at} | known
    number = connection.execute(_INSERT_EVENT, values).scalar_one()
    return RecordedEvent(id=number, event=Event(**values))


def record_all(connection: sa.Connection, several: Sequence[Event]) -> None:
    """Append events that are known in full."""
    if several:
        connection.execute(sa.insert(events), [asdict(event) for event in several])


def event_of(row: Any) -> RecordedEvent:
    """A row of `events`."""
    said = {column.name: getattr(row, column.name) for column in events.c if column.name not in ("id", "seal_id")}
    return RecordedEvent(id=row.id, event=Event(**said), batch=row.seal_id)
