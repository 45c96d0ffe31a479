"""Which database this is, and which schema it has."""

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.database.database import MIGRATIONS, Database
from services.gallery.store.values import StoreStatus

_POSTGRESQL_PORT = 5432


def status_of(database: Database) -> StoreStatus:
    """As `GalleryStore.status`."""
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""
    revision = ""
    if not database.is_missing:
        with database.untouched() as connection:
            revision = MigrationContext.configure(connection).get_current_revision() or ""
    return StoreStatus(place=_place(database), revision=revision, newest=newest)


def _place(database: Database) -> str:
    """Without user, password and options, of which some are secret."""
    url = database.url
    if database.is_sqlite:
        return f"SQLite, {url.database}"
    return f"PostgreSQL, {url.database} at {url.host or 'the local socket'}:{url.port or _POSTGRESQL_PORT}"
