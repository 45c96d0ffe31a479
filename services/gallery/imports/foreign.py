"""Reads the database of another system, and never writes to it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from core.exceptions import CommandError

_CONNECT_S = 5
_NO_TABLE = "42P01"  # PostgreSQL's undefined_table
_NO_COLUMN = "42703"  # PostgreSQL's undefined_column

_READ_ONLY = {"connect_timeout": _CONNECT_S, "options": "-c default_transaction_read_only=on"}


class UnreadableDatabase(CommandError):
    """The database does not answer, or is not the system's. The message quotes neither its URL nor a row."""


class ForeignDatabase:
    """Another system's database; any thread may read it."""

    def __init__(self, engine: sa.Engine, system: str) -> None:
        self._engine = engine
        self._system = system

    def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """The rows of a SELECT; raises UnreadableDatabase."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(sa.text(statement), values).all()
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state in (_NO_TABLE, _NO_COLUMN) or "no such" in str(error.orig):
                raise UnreadableDatabase(f"The database lacks the tables of {self._system}.") from None
            raise UnreadableDatabase("The database does not answer, refuses this user, or is no database.") from None


@contextmanager
def reading(database: str, *, system: str, kinds: Sequence[str]) -> Iterator[ForeignDatabase]:
    """The database at a PostgreSQL URL, or in an SQLite file; closed when the block ends.

    Raises:
        UnreadableDatabase: the database is of none of these `kinds`, `sqlite` or `postgresql`.
    """
    engine = _sqlite(database) if "sqlite" in kinds and "://" not in database else _postgresql(database, kinds)
    try:
        yield ForeignDatabase(engine, system)
    finally:
        engine.dispose()


def _sqlite(file: str) -> sa.Engine:
    uri = f"{Path(file).resolve().as_uri()}?mode=ro"  # makes no file if there is none
    return sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, check_same_thread=False),
        poolclass=sa.QueuePool,
        isolation_level="AUTOCOMMIT",
    )


def _postgresql(database: str, kinds: Sequence[str]) -> sa.Engine:
    try:
        url = sa.make_url(database)
        is_valid = url.get_backend_name() in ("postgresql", "postgres") and "postgresql" in kinds
    except (ArgumentError, ValueError):
        is_valid = False
    if not is_valid:
        names = " or ".join({"sqlite": "an SQLite file", "postgresql": "a URL postgresql://…"}[kind] for kind in kinds)
        raise UnreadableDatabase(f"The database must be {names}.")
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=_READ_ONLY, isolation_level="AUTOCOMMIT"
    )
