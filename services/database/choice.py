"""Selects SQLite or PostgreSQL by the database URL."""

from sqlalchemy.engine import make_url

from core.encryption import Keyring
from services.database.database import Database
from services.database.postgresql import PostgresqlDatabase
from services.database.sqlite import SqliteDatabase


def make_database(url: str, keyring: Keyring | None = None) -> Database:
    """The database at this URL; the first use connects to it."""
    parts = make_url(url)
    kind = SqliteDatabase if parts.get_backend_name() == "sqlite" else PostgresqlDatabase
    return kind(parts, keyring or Keyring())
