"""Storages that count requests for the library `limits`."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar, cast

import sqlalchemy as sa
from limits.storage import MemoryStorage, Storage, storage_from_string
from typing_extensions import override

from core.exceptions import ServiceError
from services.database import schema
from services.database.database import Database
from services.database.schema import rate_counters
from services.database.upserts import insert_into

_CLEAN_S = 60.0  # how often a process deletes expired counters

logger = logging.getLogger(__name__)

T = TypeVar("T")

_REDIS_TIMEOUT_S = 1.0
_AWAY_S = 10.0  # how long a storage that failed is not used


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCounters:
    """The URI of a storage in the library, and the arguments that create it."""

    uri: str = "memory://"
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, storage: str, database: Database) -> Self:
        """The storage of RATE_LIMIT_STORAGE: `memory`, `database`, or the URL of a Redis server."""
        match storage:
            case "memory":
                return cls()
            case "database":
                shared: Storage = DatabaseStorage(database=database)
            case url:
                timeouts = {"socket_connect_timeout": _REDIS_TIMEOUT_S, "socket_timeout": _REDIS_TIMEOUT_S}
                shared = cast(Storage, storage_from_string(url, **timeouts))
        return cls(uri="steady://", options={"shared": shared})


class SteadyStorage(Storage):
    """Counts in `shared`, a storage that all processes use, and never raises.

    While `shared` is unavailable, it counts in this process's memory. Flask-Limiter's own fallback does not cover three
    cases: invalid keys, response headers, and two simultaneous requests that find the storage unavailable. It refuses
    the second of these requests.
    """

    STORAGE_SCHEME = ["steady"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, *, shared: Storage) -> None:
        super().__init__(uri, wrap_exceptions)
        self._shared = shared
        self._memory = MemoryStorage()
        self._is_away = False
        self._ask_at = 0.0  # by time.monotonic()

    @property
    @override
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return self._shared.base_exceptions

    @override
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._asked(lambda storage: storage.incr(key, expiry, amount))

    @override
    def get(self, key: str) -> int:
        return self._asked(lambda storage: storage.get(key))

    @override
    def get_expiry(self, key: str) -> float:
        return self._asked(lambda storage: storage.get_expiry(key))

    @override
    def check(self) -> bool:
        return True

    @override
    def reset(self) -> int | None:
        self._memory.reset()
        return self._asked(lambda storage: storage.reset())

    @override
    def clear(self, key: str) -> None:
        self._memory.clear(key)
        self._asked(lambda storage: storage.clear(key))

    def _asked(self, question: Callable[[Storage], T]) -> T:
        if time.monotonic() < self._ask_at:
            return question(self._memory)
        if self._is_away:
            self._ask_at = time.monotonic() + _AWAY_S  # one request checks whether it is back; the others need not wait
        try:
            answer = question(self._shared)
        except self._shared.base_exceptions as error:
            logger.warning(
                "the rate counters are unavailable: each process counts for itself",
                extra={"reason": type(error).__name__},
            )
            self._is_away, self._ask_at = True, time.monotonic() + _AWAY_S
            return question(self._memory)
        self._is_away, self._ask_at = False, 0.0
        return answer


class DatabaseStorage(Storage):
    """Counts in a database table that all processes share.

    Every method except `check` may raise ServiceUnavailable. Methods that write may also raise StorageFull.
    """

    def __init__(self, *, database: Database) -> None:
        super().__init__()
        self._database = database
        self._cleaning = threading.Lock()
        self._cleaned_at = time.monotonic()

    @property
    @override
    def base_exceptions(self) -> type[Exception]:
        return ServiceError

    @override
    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The number of requests in the key's window, including these.

        A window begins with its first request and lasts `expiry` seconds.
        """
        self._clean()
        now = schema.now()
        is_over = rate_counters.c.expires_at <= now
        with self._database.writing() as connection:
            new = insert_into(connection.dialect.name, rate_counters).values(
                key=key, times=amount, expires_at=now + timedelta(seconds=expiry)
            )
            counted = new.on_conflict_do_update(
                index_elements=[rate_counters.c.key],
                set_={
                    "times": sa.case((is_over, new.excluded.times), else_=rate_counters.c.times + new.excluded.times),
                    "expires_at": sa.case((is_over, new.excluded.expires_at), else_=rate_counters.c.expires_at),
                },
            )
            return int(connection.execute(counted.returning(rate_counters.c.times)).scalar_one())

    @override
    def get(self, key: str) -> int:
        row = self._row(key)
        return 0 if row is None else int(row.times)

    @override
    def get_expiry(self, key: str) -> float:
        row = self._row(key)
        return time.time() if row is None else float(row.expires_at.timestamp())

    @override
    def check(self) -> bool:
        try:
            with self._database.reading() as connection:
                return connection.scalar(sa.select(1)) == 1
        except ServiceError:
            return False

    @override
    def reset(self) -> int:
        with self._database.writing() as connection:
            return connection.execute(sa.delete(rate_counters)).rowcount

    @override
    def clear(self, key: str) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.delete(rate_counters).where(rate_counters.c.key == key))

    def _row(self, key: str) -> Any:
        with self._database.reading() as connection:
            is_open = (rate_counters.c.key == key) & (rate_counters.c.expires_at > datetime.now(UTC))
            return connection.execute(sa.select(rate_counters).where(is_open)).first()

    def _clean(self) -> None:
        with self._cleaning:
            if time.monotonic() - self._cleaned_at < _CLEAN_S:
                return
            self._cleaned_at = time.monotonic()
        # In a transaction of its own: otherwise the count would hold its row while it waits for the deletion.
        with self._database.writing() as connection:
            connection.execute(sa.delete(rate_counters).where(rate_counters.c.expires_at <= schema.now()))
