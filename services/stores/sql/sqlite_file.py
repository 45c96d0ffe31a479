"""SQLite's file: its connections, the turn of its one writer, and a copy of it."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import sqlalchemy as sa

_TIMEOUT_S = 5  # for a lock or a connection; then the database counts as unavailable
_LOOK_S = 0.001  # how often it is looked whether the writer of another process has ended

# Below it, a write-ahead log with several connections can lose a committed write (sqlite.org/wal.html, section 11).
_SAFE_WAL = (3, 51, 3)


def engine(url: sa.URL) -> sa.Engine:
    """SQLAlchemy's engine; a transaction with the execution option `writes` is the only one of its kind."""
    made = sa.create_engine(url, connect_args={"timeout": _TIMEOUT_S}, pool_timeout=_TIMEOUT_S, hide_parameters=True)
    sa.event.listen(made, "connect", _prepare)
    sa.event.listen(made, "begin", _begin)
    return made


def make(path: Path) -> None:
    """A file that nobody else can read; SQLite gives its journal the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def is_wiped(original: sa.Engine) -> bool:
    """Move all that is in the log that SQLite writes ahead into the file, and cut the log to nothing.

    False if others go on reading what was there before, for which it waits: then the log still holds it. Where there is
    no such log it is true, for what a transaction deletes is overwritten in the file before it ends.
    """
    with original.connect() as connection:
        driver: Any = connection.connection.driver_connection  # SQLAlchemy would begin a transaction, and be a reader
        is_busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy


@contextmanager
def copy_of(original: sa.Engine) -> Iterator[sa.Connection]:
    """A connection to a copy of the database as it is now.

    It lies beside the original, without a name, and is gone with the block or the process. Who read the original itself
    for as long as an export takes would keep its writers waiting.
    """
    path = Path(original.url.database or "")
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    with closing(sqlite3.connect(name, isolation_level=None, check_same_thread=False)) as copy:
        os.unlink(name)
        copy.execute("PRAGMA journal_mode=OFF")  # another one would look for the name
        with original.begin() as connection:
            source: Any = connection.connection.driver_connection
            source.backup(copy)
        opened = sa.create_engine("sqlite://", creator=lambda: copy, poolclass=sa.StaticPool, hide_parameters=True)
        with opened.connect() as connection:
            yield connection


def _prepare(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions of its own
    journal = "WAL" if sqlite3.sqlite_version_info >= _SAFE_WAL else "DELETE"
    for pragma in (f"journal_mode={journal}", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1")  # now, and not when a statement first reads
        return
    # SQLite itself looks for its turn ten times a second in the end, and may never find it where other processes write
    # without a pause.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout=0")
    try:
        _begin_writing(driver)
    finally:
        driver.execute(f"PRAGMA busy_timeout={_TIMEOUT_S * 1000}")


def _begin_writing(driver: sqlite3.Connection) -> None:
    end = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            # At once: a reader that became a writer later could find another one faster, and would have to start anew.
            driver.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > end:
                raise
        time.sleep(_LOOK_S)
