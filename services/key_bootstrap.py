"""Builds the key service, also where the server has not yet forked and must not load the frameworks."""

from core.config import Settings
from services.keys import KeyService
from services.stores.sql.database import Database
from services.stores.sql.keys import SqlKeyStore


def open_database(settings: Settings) -> Database:
    """The database of these settings; the first use connects to it."""
    return Database(settings.database_url or f"sqlite:///{settings.data_path / 'gallery.db'}")


def build_keys(settings: Settings, database: Database) -> KeyService:
    """The keys of the settings and of the database."""
    return KeyService(store=SqlKeyStore(database), secrets_of_setting=settings.api_keys, required=settings.require_auth)


def has_no_key(settings: Settings) -> bool:
    """Whether neither the settings nor the database hold any key.

    Raises:
        ServiceUnavailable: the database does not answer.
    """
    database = open_database(settings)
    try:
        return build_keys(settings, database).has_none()
    finally:
        database.close()
