"""Locks a person whom somebody tries to be recognized as."""

import math
from datetime import UTC, datetime, timedelta

from core.exceptions import PersonLocked
from services.audit.recorder import new_event
from services.stores.misses_base import MissStore


class PersonLock:
    """After `most` misses in a row (0: never) nobody can be recognized as the person for `lock_s` seconds."""

    def __init__(self, *, store: MissStore, most: int, lock_s: float) -> None:
        self._store = store
        self._most = most
        self._lock_s = lock_s

    def require_open(self, person_id: str) -> None:
        """Return if the person is not locked; to be called before anything is compared.

        Raises:
            PersonLocked, ServiceUnavailable.
        """
        if self._most:
            now = datetime.now(UTC)
            _refuse(self._store.locked_until(person_id, now), now)

    def count(self, person_id: str, *, is_match: bool) -> None:
        """Count a comparison; to be called before anybody learns what came out.

        Of many that compare at once only those are told that come before the lock, so that it is exact.

        Raises:
            PersonLocked: the person was locked meanwhile.
            PersonNotFound: the person was forgotten meanwhile.
            ServiceUnavailable, StorageFull: it is not counted.
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
