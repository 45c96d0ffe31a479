"""Selects SQLite or PostgreSQL by the database URL."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from core.encryption import Keyring
from services.database.database import Database
from services.database.postgresql import PostgresqlDatabase
from services.database.sqlite import SqliteDatabase

_KINDS: dict[str, type[SqliteDatabase | PostgresqlDatabase]] = {
    "sqlite": SqliteDatabase,
    "postgresql": PostgresqlDatabase,
    "postgres": PostgresqlDatabase,
}


def make_database(url: str, keyring: Keyring | None = None) -> Database:
    """The database at this URL; the first use connects to it.

    Raises:
        ValueError: the URL is not one of PostgreSQL or SQLite. The message does not quote it.
    """
    try:
        parts = make_url(url)
        kind = _KINDS[parts.get_backend_name()]
        is_valid = "@" not in (parts.host or "")  # otherwise the host begins with the end of a password
    except (ArgumentError, KeyError, ValueError):
        is_valid = False
    if not is_valid:
        raise ValueError(
            "the URL is not valid. Example: postgresql://user:password@host:5432/name, with %40 for @ in the password"
        )
    return kind(parts, keyring or Keyring())
