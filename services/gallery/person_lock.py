"""Locks a person after too many failed attempts to be recognized as that person."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core.exceptions import PersonLocked
from services.audit.events import Event
from services.audit.recorder import new_event
from services.audit.store import record
from services.database.database import Database
from services.database.schema import failed_attempts
from services.gallery.store import writes


class FailedAttempts:
    """Counts failed attempts per person for all processes; deleting a person deletes the count.

    There is one row for each person with failed attempts since the last match. Every method may raise
    ServiceUnavailable. Methods that write may also raise StorageFull.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def locked_until(self, person_id: str, at: datetime) -> datetime | None:
        """Until when the person is locked at that moment; None if the person is not locked."""
        with self._database.reading() as connection:
            return _locked_until(connection, UUID(person_id), at)

    def count(
        self, person_id: str, *, is_match: bool, at: datetime, most: int, until: datetime, event: Event
    ) -> datetime | None:
        """Count one attempt at that time; simultaneous attempts are counted one after the other.

        A match resets the count. The `most`th failed attempt in a row locks the person until `until`, records the event
        and resets the count. If the person is already locked, nothing is counted. Returns the end of a lock that
        already existed, otherwise None.

        Raises:
            PersonNotFound: the person was deleted meanwhile.
        """
        with self._database.writing() as connection:
            number = UUID(writes.lock_person(connection, UUID(person_id)).id)
            locked_until = _locked_until(connection, number, at)
            if locked_until is not None:
                return locked_until
            is_persons = failed_attempts.c.person_id == number
            row = connection.execute(sa.select(failed_attempts).where(is_persons)).first()
            if is_match:
                connection.execute(sa.delete(failed_attempts).where(is_persons))
                return None
            times = 1 if row is None else row.times + 1
            values: dict[str, Any] = {"times": times, "locked_until": None}
            if times >= most:
                values = {"times": 0, "locked_until": until}
                record(connection, event, at, person_id=person_id)
            change = (
                sa.insert(failed_attempts).values(person_id=number)
                if row is None
                else sa.update(failed_attempts).where(is_persons)
            )
            connection.execute(change.values(**values))
            return None


def _locked_until(connection: sa.Connection, number: UUID, at: datetime) -> datetime | None:
    is_locked = (failed_attempts.c.person_id == number) & (failed_attempts.c.locked_until > at)
    found: datetime | None = connection.scalar(sa.select(failed_attempts.c.locked_until).where(is_locked))
    return found


class PersonLock:
    """Locks a person for `lock_s` seconds after `most` consecutive failed attempts (0: never)."""

    def __init__(self, *, store: FailedAttempts, most: int, lock_s: float) -> None:
        self._store = store
        self._most = most
        self._lock_s = lock_s

    def require_open(self, person_id: str) -> None:
        """Return if the person is not locked; call it before comparing anything.

        Raises:
            PersonLocked, ServiceUnavailable.
        """
        if self._most:
            now = datetime.now(UTC)
            _refuse(self._store.locked_until(person_id, now), now)

    def count(self, person_id: str, *, is_match: bool) -> None:
        """Count a comparison; call it before anybody learns the result.

        `is_match` is by the model's own threshold, because the threshold of a request is the client's choice.

        Of simultaneous comparisons, only those that come before the lock get a result. So the limit is exact.

        Raises:
            PersonLocked: the person was locked meanwhile.
            PersonNotFound: the person was deleted meanwhile.
            ServiceUnavailable, StorageFull: the comparison was not counted.
        """
        if not self._most:
            return
        now = datetime.now(UTC)
        event = new_event("lock", misses=self._most, seconds=self._lock_s)
        until = now + timedelta(seconds=self._lock_s)
        _refuse(self._store.count(person_id, is_match=is_match, at=now, most=self._most, until=until, event=event), now)


def _refuse(locked_until: datetime | None, now: datetime) -> None:
    if locked_until is not None:
        raise PersonLocked(retry_after_s=max(1, math.ceil((locked_until - now).total_seconds())))
