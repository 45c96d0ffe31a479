"""The gallery in a SQLite file: connections, one writer at a time, and snapshots."""

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any, BinaryIO

import sqlalchemy as sa
from typing_extensions import override

from core.encryption import Keyring
from core.exceptions import ServiceUnavailable, StorageFull
from core.timeouts import budget_left_s, database_wait
from services.database.copies import copy_into, copy_of, unnamed
from services.database.database import Database, Erasure, within_time
from services.database.errors import ReadOnlyDatabase, errors
from services.database.exchange import former_of
from services.database.replacement import FileWatch
from services.database.reserve import MIN_BYTES, Reserve
from services.database.schema import faces

logger = logging.getLogger(__name__)

_LOOK_S = 0.001  # seconds between two tries for a lock that another process holds

# With less than this on its disk, the next change of the database may fail.
_MIN_FREE_BYTES = 1_000_000

_LARGEST = sa.select(sa.func.max(sa.func.length(faces.c.crop)))  # in bytes; SQLite does not read the pictures for it

# What is noted of a connection when it is opened.
_IS_WRITABLE, _FILE = "is writable", "file"

_REPLACED = "The database was replaced by another one. Nothing was changed. Retry."

# Below it, a write-ahead log with several connections can lose a committed write (sqlite.org/wal.html, section 11).
_SAFE_WAL = (3, 51, 3)


class SqliteDatabase(Database):
    """A file that the first use creates, readable only by its owner."""

    seals_embeddings = True
    _SIZE = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"

    def __init__(self, url: sa.URL, keyring: Keyring) -> None:
        # As many connections as there are threads; only one of them has the execution option `writes` at a time.
        engine = sa.create_engine(url, max_overflow=-1, hide_parameters=True)
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "connect", self._note_whether_writable)
        sa.event.listen(engine, "begin", _begin)
        super().__init__(url, engine, keyring)
        self._path = Path(url.database or "")
        self._writing = threading.Lock()
        self._watch = FileWatch(self._path)
        self._reserve = Reserve(Path(f"{self._path}.reserve"))
        self._has_reserve = False
        self._replaced = 0  # how often
        self._version_connection: Any = None  # commits through it would not change its number
        self._version_of = -1

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._path

    @property
    @override
    def is_missing(self) -> bool:
        return not self._path.exists()

    @contextmanager
    def copied(self, folder: Path) -> Iterator[BinaryIO]:
        """An unnamed file in the folder: a copy of the database as it is now.

        Writers wait for the copy, not for what the block does with it. They wait in no other way than for a snapshot.

        Raises:
            ServiceUnavailable: the database does not answer.
            StorageFull: the disk of the folder is full.
        """
        self._ensure_current()
        descriptor, name = mkstemp(dir=folder, prefix=f".{self._path.name}.")
        with open(descriptor, "rb") as file:
            with errors(), unnamed(name) as copy:
                copy_into(copy, self._engine)
            yield file

    @override
    @contextmanager
    def erasing(self) -> Iterator[Erasure]:
        self._ensure_current()
        with errors(), self._reserve.released(), super().erasing() as erasure:
            yield erasure
        with suppress(ServiceUnavailable, StorageFull), errors():  # the transaction is already committed
            erasure.is_complete = _is_wiped(self._engine)

    @override
    def take_turn(self, connection: sa.Connection, name: str) -> None:
        pass  # only one transaction writes at a time anyway

    @override
    def purge(self) -> dict[str, str]:
        self._ensure_current()
        with errors():  # deleting already overwrites the file; only the write-ahead log may still hold deleted data
            return {
                "WAL": "done" if _is_wiped(self._engine) else "still read by another connection: run this command again"
            }

    def data_version(self) -> tuple[int, int]:
        """How often the database was replaced, and SQLite's number for its content, which changes with each commit.

        Only one thread at a time may call this.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        self._ensure_current()
        with errors(), database_wait():
            if self._version_of != self._replaced:
                pooled = self._engine.raw_connection()
                self._version_connection, self._version_of = pooled.driver_connection, self._replaced
                pooled.detach()
            _limit_waits(self._version_connection)
            return self._replaced, int(self._version_connection.execute("PRAGMA data_version").fetchone()[0])

    @override
    def upgrade(self) -> None:
        if self.url.database:
            with errors():
                _make(self._path)
        super().upgrade()

    @override
    def _ensure_current(self) -> None:
        with errors():
            was_replaced = self._watch.was_replaced()
        if was_replaced:
            logger.warning("the database was replaced by another one, and is opened anew")
            self._engine.dispose()
            self._is_current = False
            self._replaced += 1
        super()._ensure_current()
        if not self._watch.has_seen_any:  # it was created just now
            self._watch.was_replaced()
        if not self._has_reserve:
            self._has_reserve = True
            if not self._reserve.bytes:
                with errors(), self._begun() as connection:
                    largest = connection.scalar(_LARGEST) or 0
                self.keep_room(largest)

    @override
    def keep_room(self, largest: int) -> None:
        # Its pages are in the journal; others that change with it are in the minimum.
        self._reserve.keep(MIN_BYTES + largest)

    def _note_whether_writable(self, _: Any, record: Any) -> None:
        record.info[_IS_WRITABLE] = _is_writable(self._path)
        record.info[_FILE] = _identity(self._path)

    @override
    def _place(self) -> str:
        return f"SQLite, {self.url.database}"

    @override
    def _of_one_moment(self) -> AbstractContextManager[sa.Connection]:
        return copy_of(self._engine)

    @override
    def _alone_of_all(self) -> AbstractContextManager[None]:
        return _locked(Path(f"{self._path}.lock"))

    @override
    def _require_answer(self) -> None:
        pass  # a file is never unavailable for long

    @override
    def _try_to_write(self) -> None:
        if not _is_writable(self._path) or not _is_writable(self._path.parent):  # the journal is made there
            raise ReadOnlyDatabase
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES:
            raise StorageFull
        with within_time(self._writing), errors(), self._begun(writes=True) as connection:
            # It changes a page in memory, whose former content goes into the journal; then all is taken back.
            connection.exec_driver_sql("PRAGMA user_version = 0")
            connection.rollback()
        self._reserve.keep()  # it may be missing since the disk was full

    @override
    def _is_read_only(self, connection: sa.Connection) -> bool:
        return not connection.info[_IS_WRITABLE]

    @override
    def _prepare_upgrade(self, connection: sa.Connection) -> None:
        pass  # only one transaction writes at a time anyway

    @override
    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        # Threads queue for the one writer here. SQLite itself only polls for a lock, so a thread may never get it.
        with within_time(self._writing), super()._changing() as connection:
            if connection.info[_FILE] != _identity(self._path):  # while this waited for its turn
                raise ServiceUnavailable(_REPLACED)
            yield connection


def _make(path: Path) -> None:
    """Create a file that only its owner can read; SQLite gives its journal the same permissions.

    Raises ServiceUnavailable if there is only the former file of a restore: an empty one would hide it.
    """
    if not path.exists() and former_of(path).exists():
        raise ServiceUnavailable("A restore was interrupted. Run it again: face-service restore FILE")
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=True)


def _limit_waits(connection: sqlite3.Connection) -> None:
    """Limit how long SQLite waits for a lock to the time that the request has left."""
    connection.execute(f"PRAGMA busy_timeout={round(budget_left_s() * 1000)}")


def _is_wiped(original: sa.Engine) -> bool:
    """Move the write-ahead log into the file, and truncate the log; returns whether that succeeded.

    False if other connections keep reading older data: then the log still holds it. Without a write-ahead log it is
    true, because a transaction overwrites deleted data in the file before it ends.
    """
    with original.connect() as connection:
        # With SQLAlchemy, it would be a reader in a transaction.
        driver: Any = connection.connection.driver_connection
        _limit_waits(driver)
        is_busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A block that only one thread of all processes can enter at a time. Raises TimeoutError.

    It is left if its process ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with database_wait():
            _wait_until(lambda: _is_locked(descriptor))
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_until(is_done: Callable[[], bool]) -> None:
    end = time.monotonic() + budget_left_s()
    while not is_done():
        if time.monotonic() > end:
            raise TimeoutError("another process holds the lock for too long")
        time.sleep(_LOOK_S)


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    _limit_waits(connection)
    journal = "WAL" if sqlite3.sqlite_version_info >= _SAFE_WAL else "DELETE"
    for pragma in (f"journal_mode={journal}", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if connection.get_execution_options().get("writes"):
        # SQLite itself finally polls for its turn ten times a second. It may never get the turn if other processes
        # write without a pause.
        driver.execute("PRAGMA busy_timeout=0")
        _wait_until(lambda: _is_writing(driver))
        _limit_waits(driver)  # the commit waits for readers
    else:
        _limit_waits(driver)
        driver.execute("BEGIN")
        # Begin reading now, not with the first statement that reads.
        driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()


def _is_writing(driver: sqlite3.Connection) -> bool:
    try:
        # Immediately: a reader that becomes a writer later may lose to a faster one, and would have to restart.
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_BUSY":
            raise
        return False
    return True
