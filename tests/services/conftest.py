"""The gallery's two databases: a SQLite file, encrypted or not, and a real PostgreSQL with pgvector from a package."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.encryption import Keyring
from services.audit.events import RecordedEvent
from services.audit.store import AuditStore, event_of
from services.database.choice import make_database
from services.database.schema import events
from services.gallery.store.choice import make_search
from services.gallery.store.store import GalleryStore
from tests.postgresql import new_database, running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server's maintenance database."""
    with running() as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of its own, once on each backend."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gallery.db'}"
    url = sa.make_url(new_database(request.getfixturevalue("postgresql")))
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


@pytest.fixture
def owner_url(postgresql: str) -> str:
    """An empty PostgreSQL database of the owner's, as libpq writes its URL."""
    return new_database(postgresql)


# A mark of the modules that hold an encrypted SQLite to the contract as well.
ALSO_ENCRYPTED = pytest.mark.parametrize(
    ("database_url", "keyring"),
    [("sqlite", "plain"), ("postgresql", "plain"), ("sqlite", "encrypted")],
    indirect=True,
)


@pytest.fixture
def keyring(request: pytest.FixtureRequest) -> Keyring:
    """No key; `ALSO_ENCRYPTED` says where there is one."""
    return Keyring([bytes(32)] if getattr(request, "param", "plain") == "encrypted" else [])


@pytest.fixture
def make_store(database_url: str, keyring: Keyring) -> Iterator[Callable[[], GalleryStore]]:
    """Makes stores on the same database, as several workers have them."""
    databases = []

    def make() -> GalleryStore:
        database = make_database(database_url, keyring)
        databases.append(database)
        database.upgrade()
        search = make_search(database)
        return GalleryStore(database, search)

    yield make
    for database in databases:
        database.close()


@pytest.fixture
def make_audit(database_url: str, keyring: Keyring) -> Iterator[Callable[[], AuditStore]]:
    """Makes stores of the events in the same database, as several workers have them."""
    databases = []

    def make() -> AuditStore:
        databases.append(make_database(database_url, keyring))
        return AuditStore(databases[-1])

    yield make
    for database in databases:
        database.close()


@pytest.fixture
def audit(make_audit: Callable[[], AuditStore]) -> AuditStore:
    """A store of the events, in the database of `gallery`."""
    return make_audit()


@pytest.fixture
def gallery(make_store: Callable[[], GalleryStore]) -> GalleryStore:
    """A store on an empty database."""
    return make_store()


def events_in(audit: AuditStore, action: str | None = None) -> list[RecordedEvent]:
    """All events, or those of an action, by id; sealed or not."""
    with audit._database.reading() as connection:
        found = [event_of(row) for row in connection.execute(sa.select(events).order_by(events.c.id))]
    return [one for one in found if action in (None, one.event.action)]
