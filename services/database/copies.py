"""Copies of a SQLite database as of one moment, in files without names."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import sqlalchemy as sa


@contextmanager
def copy_of(original: sa.Engine) -> Iterator[sa.Connection]:
    """A connection to a copy of the database as it is now.

    The copy is an unnamed file beside the original. It is deleted with the block or the process. Reading the original
    itself for a whole export would keep its writers waiting.
    """
    path = Path(original.url.database or "")
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    with unnamed(name) as copy:
        copy_into(copy, original)
        opened = sa.create_engine("sqlite://", creator=lambda: copy, poolclass=sa.StaticPool, hide_parameters=True)
        with opened.connect() as connection:
            yield connection


@contextmanager
def unnamed(name: str) -> Iterator[sqlite3.Connection]:
    """A connection to an empty file, which loses its name."""
    with closing(sqlite3.connect(name, isolation_level=None, check_same_thread=False)) as connection:
        os.unlink(name)
        # Another journal mode would need the file's name. The original stays locked until the copy is on disk, unless
        # that is left to whoever uses the copy.
        connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        yield connection


def copy_into(copy: sqlite3.Connection, original: sa.Engine) -> None:
    """Copy the database as of one moment.

    In one step: a copy in several steps begins anew with each write of others. `VACUUM INTO` would keep the original
    locked for longer, because it builds the indexes of all tables anew.
    """
    with original.begin() as connection:
        source: Any = connection.connection.driver_connection
        source.backup(copy)
