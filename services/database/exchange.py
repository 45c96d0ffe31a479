"""Puts another file in the place of a SQLite database, while processes use it.

Nobody's acknowledged change is lost in between: as long as the former file is locked, nobody can change it. Whoever
waited for the lock sees that the file was replaced, and changes nothing (`SqliteDatabase`).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from core.exceptions import ServiceUnavailable
from core.files import put_in_place

_LOCK_S = 30.0  # more than any transaction takes; copying the database for a backup may take longer
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")

# Beside a database. They belong to its former file, but SQLite would apply them to the new one.
_COMPANIONS = ("-journal", "-wal", "-shm")


@contextmanager
def locked(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection to the database, which nobody else can change until the block ends.

    None if there is no database, or none that SQLite can read.

    Raises:
        ServiceUnavailable: others use the database for too long.
    """
    if not path.exists() or not path.stat().st_size:
        yield None
        return
    uri = f"file:{quote(str(path))}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection if _is_locked(connection) else None


def _is_locked(connection: sqlite3.Connection) -> bool:
    try:
        with suppress(sqlite3.OperationalError):  # others have it open
            # Without a write-ahead log it can be replaced in one step.
            connection.execute("PRAGMA busy_timeout=0")
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        connection.execute(f"PRAGMA busy_timeout={round(_LOCK_S * 1000)}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname.startswith(_BUSY):
            raise ServiceUnavailable(
                "The database is in use for too long. Nothing was changed. Retry later."
            ) from error
        return False
    return True


def former_of(path: Path) -> Path:
    """Where the database at `path` is while it is replaced, if others have it open with a write-ahead log."""
    return Path(f"{path}.former")


def replace(new: Path, path: Path, *, kept: Path | None) -> None:
    """Put the complete database `new` in the place of the one at `path`, in the block of `locked`.

    It is on disk when this returns. The former one gets the path `kept`, or is deleted. A crash leaves one of them.
    If others have it open with a write-ahead log, it may also leave none, and the former one at `former_of(path)`. Then
    nobody can use the database (`SqliteDatabase`), until this has put one in its place.

    Raises:
        OSError: the folder cannot be written.
    """
    former = former_of(path)
    companions = [companion for companion in _COMPANIONS if os.path.exists(f"{path}{companion}")]
    with suppress(FileNotFoundError):
        if companions:
            os.replace(path, former)  # until they are gone, nobody may open a database with this name
        elif kept is not None:
            os.link(path, kept)
    for companion in companions:
        os.replace(f"{path}{companion}", f"{former}{companion}")
    put_in_place(new, path, mode=0o600)
    for companion in (*_COMPANIONS, ""):
        with suppress(FileNotFoundError):
            if kept is None:
                Path(f"{former}{companion}").unlink()
            else:
                os.replace(f"{former}{companion}", f"{kept}{companion}")
