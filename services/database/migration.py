"""Creates the schema of the gallery's database, or upgrades it to the newest revision, with Alembic."""

import threading
from pathlib import Path

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.exceptions import ServiceUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"

_alembic = threading.Lock()  # Alembic keeps its state in globals, even for different databases


class UnknownSchema(ServiceUnavailable):
    """The database has a schema that this version of the service does not know."""


class OtherSchema(ServiceUnavailable):
    """The database does not have the newest schema, and AUTO_MIGRATE=false keeps the service from upgrading it."""


def newest_revision() -> str:
    """The revision to which `upgrade` brings a database."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def revision_of(connection: sa.Connection) -> str:
    """The revision of the database's schema; empty before there is one."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def require_newest(revision: str) -> None:
    """Return if this is the newest revision.

    Raises:
        OtherSchema: it is not. The message says what to do.
    """
    if not revision:
        raise OtherSchema("The database has no schema yet, and AUTO_MIGRATE=false. Run: face-service db upgrade")
    if revision != newest_revision():
        if is_known(revision):
            raise OtherSchema(
                f"The database has schema {revision}; this version needs {newest_revision()}, and AUTO_MIGRATE=false."
                " Run: face-service db upgrade"
            )
        raise OtherSchema(_unknown(revision))


def is_known(revision: str) -> bool:
    """Whether `upgrade` can begin with this revision."""
    return revision in {one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def _unknown(revision: str) -> str:
    return (
        f"The database has schema {revision}; this version of the service supports {newest_revision()}."
        " Use the version that wrote it."
    )


def upgrade(connection: sa.Connection) -> None:
    """Upgrade the schema to its newest revision, in the transaction of the connection.

    Raises:
        UnknownSchema: its revision is older than 0009, or newer than this version of the service.
    """
    revision = revision_of(connection)
    if revision and not is_known(revision):
        raise UnknownSchema(_unknown(revision))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    with _alembic:
        alembic.command.upgrade(config, "head")
