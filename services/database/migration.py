"""The schema of the gallery's database, made or brought to its newest revision by Alembic."""

import threading
from pathlib import Path

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.exceptions import ServiceUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"

_alembic = threading.Lock()  # it keeps what it works on in globals, also for databases that are not the same


class UnknownSchema(ServiceUnavailable):
    """Raised when the database has a schema that this version of the service does not know."""


def newest_revision() -> str:
    """The revision that `upgrade` brings a database to."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def revision_of(connection: sa.Connection) -> str:
    """The revision of a database's schema; empty where there is none yet."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def upgrade(connection: sa.Connection) -> None:
    """Bring the schema to its newest revision, in the transaction of the connection.

    Raises:
        UnknownSchema: its revision is of a version before 0009, or of a later one than this.
    """
    scripts = ScriptDirectory(str(MIGRATIONS))
    revision = revision_of(connection)
    if revision and revision not in {one.revision for one in scripts.walk_revisions()}:
        raise UnknownSchema(
            f"The database has schema {revision}; this version of the service opens {newest_revision()}."
            " Use the version that wrote it."
        )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    with _alembic:
        alembic.command.upgrade(config, "head")
