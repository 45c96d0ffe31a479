"""Connections and transactions of the gallery's database, and its schema brought up to date."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alembic.command
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from core.encryption import Keyring
from core.exceptions import ServiceUnavailable, StorageFull
from core.timeouts import DATABASE_S, is_exhausted, left_s, waiting
from services.database import encryption, postgresql, sqlite
from services.database.postgresql import purge

_POSTGRESQL_PORT = 5432

MIGRATIONS = Path(__file__).parent / "migrations"

_UPGRADE_S = 30  # for another thread that brings the schema up to date; in a request no longer than for anything else

# SQLITE_FULL; PostgreSQL's disk_full.
_FULL = ("SQLITE_FULL", "53100")

_alembic = threading.Lock()  # it keeps what it works on in globals, also for databases that are not the same


@dataclass(slots=True)
class Erasure:
    """A transaction that deletes; and once it is over, whether the bytes of that are in no file any more."""

    connection: sa.Connection
    is_complete: bool = False


class Database:
    """One database, by its URL; SQLAlchemy's pool of connections is shared by all threads.

    `keyring` seals and opens what of the faces is sealed. Errors do not quote the parameters of a statement, which are
    names, embeddings and crops.
    """

    def __init__(self, url: str, keyring: Keyring | None = None) -> None:
        self.url = make_url(url)
        self.keyring = keyring or Keyring()
        self._is_current = False
        self._upgrading = threading.Lock()
        self._alone = threading.Lock()
        self._writing = threading.Lock()
        self.after_writing: Callable[[], object] = lambda: None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._engine = sqlite.engine(self.url)
        else:
            self._engine = postgresql.engine(self.url)

    @property
    def is_missing(self) -> bool:
        """Whether there is no database yet: SQLite's file is made by the first use."""
        return self.is_sqlite and not Path(self.url.database or "").exists()

    @contextmanager
    def untouched(self) -> Iterator[sa.Connection]:
        """A connection to the database as it is, whatever its schema; it must not be missing.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        with _errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that changes nothing. The first of all brings the schema up to date.

        Raises:
            ServiceUnavailable: the database does not answer, or the keys do not open what is in it.
        """
        self._ensure_current()
        with _errors(), self._begun() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """As `reading`; all that is read in it is of one moment, and however long that takes nobody waits for it.

        Raises:
            ServiceUnavailable, StorageFull.
        """
        self._ensure_current()
        if self.is_sqlite:
            of_one_moment = sqlite.copy_of(self._engine)
        else:
            of_one_moment = self._engine.execution_options(isolation_level="REPEATABLE READ").begin()
        with _errors(), of_one_moment as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction; committed, and on the disk, when the block ends. Then `after_writing` is called.

        Raises:
            ServiceUnavailable, StorageFull: it is undone.
        """
        self._ensure_current()
        with self._changing() as connection:
            yield connection
        self.after_writing()

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """What only one thread of all processes is in; it ends with its owner.

        Raises:
            ServiceUnavailable: the database does not answer, or another one is in it for long.
        """
        self._ensure_current()
        with _within_time(self._alone), _errors():  # of this process one waits, the rest holds no connections
            if self.is_sqlite:
                with sqlite.locked(Path(f"{self.url.database}.lock")):
                    yield
            else:
                with self._begun() as connection:
                    with waiting():
                        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('gallery change'))"))
                    yield

    @contextmanager
    def erasing(self) -> Iterator[Erasure]:
        """As `writing`; what it deletes is then in no file of SQLite's, which `is_complete` says."""
        with self.writing() as connection:
            erasure = Erasure(connection)
            yield erasure
        if self.is_sqlite:
            with suppress(ServiceUnavailable, StorageFull), _errors():  # it is committed all the same
                erasure.is_complete = sqlite.is_wiped(self._engine)

    def key_problem(self) -> str:
        """Why the keys do not open what is in the database; empty if they do. Brings the schema up to date.

        Raises:
            ServiceUnavailable, StorageFull: as `upgrade`.
        """
        self.upgrade()
        with _errors(), self._begun() as connection:
            return encryption.problem(connection, self.keyring)

    def data_version(self) -> Callable[[], int]:
        """What gives SQLite's number for the content: another after each commit but those of its own connection.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        self._ensure_current()
        with _errors(), waiting():
            pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()

        def read() -> int:
            with _errors(), waiting():
                sqlite.limit_waits(connection)
                return int(connection.execute("PRAGMA data_version").fetchone()[0])

        return read

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema to a revision; a database that is there already is left as it is.

        Raises:
            ServiceUnavailable, StorageFull: as `writing`.
        """
        self._migrate(alembic.command.upgrade, revision)

    def downgrade(self, revision: str) -> None:
        """Take changes of the schema back, down to a revision; raises as `upgrade`."""
        self._migrate(alembic.command.downgrade, revision)

    def size_bytes(self) -> int:
        """How much room the database takes.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        of_sqlite = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        of_postgresql = "SELECT pg_database_size(current_database())"
        with self.reading() as connection:
            return int(connection.exec_driver_sql(of_sqlite if self.is_sqlite else of_postgresql).scalar_one())

    def purge(self) -> dict[str, str]:
        """As `GalleryStore.purge`.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        self._ensure_current()
        if self.is_sqlite:  # which overwrites at once; only of what it wrote ahead something may be left
            with _errors():
                return {"WAL": "done" if sqlite.is_wiped(self._engine) else "still read by others: call it again"}
        with _errors(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()  # so that nobody else gets a connection without a timeout
            postgresql.be_patient(connection)
            connection.exec_driver_sql("SET statement_timeout = 0")
            return purge(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _ensure_current(self) -> None:
        if self._is_current:
            return
        if not self.is_sqlite:
            with _errors(), self._connected():  # while it is away nobody waits for those who asked before
                pass
        with _within_time(self._upgrading, _UPGRADE_S):
            if not self._is_current:
                if problem := self.key_problem():
                    raise ServiceUnavailable(problem)
                self._is_current = True

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        # SQLite has one writer; who waits for it there looks now and then, and some may never find it free.
        turn = _within_time(self._writing) if self.is_sqlite else nullcontext()
        with turn, _errors(), self._begun(writes=True) as connection:
            yield connection

    @contextmanager
    def _begun(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        """A transaction. What it waits for to begin counts, not what it then does."""
        with self._connected() as connection:
            connection.execution_options(writes=writes)
            with waiting():
                transaction = connection.begin()
            with transaction:
                yield connection

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        if is_exhausted():
            raise ServiceUnavailable("The database does not answer.")
        with waiting():
            connection = self._engine.connect()
        with connection:
            yield connection

    def _migrate(self, command: Any, revision: str) -> None:
        if self.is_sqlite and self.url.database:
            with _errors():
                sqlite.make(Path(self.url.database))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self._changing() as connection:
            if not self.is_sqlite:  # of several workers that start at once one migrates
                postgresql.be_patient(connection)  # an index of many faces takes long
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('gallery schema'))"))
            config.attributes["connection"] = connection
            with _alembic:
                command(config, revision)


@contextmanager
def _within_time(lock: threading.Lock, timeout_s: float = DATABASE_S) -> Iterator[None]:
    """The lock; or ServiceUnavailable, where those who wait would otherwise time out one after the other."""
    with waiting():
        is_mine = lock.acquire(timeout=left_s(timeout_s))
    if not is_mine:
        raise ServiceUnavailable("The database does not answer.")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except sa.exc.DataError as error:
        # A defect of ours. What the database says may quote what somebody sent; the traceback names the statement.
        raise ValueError(f"the database cannot hold a value: {_code_of(error)}") from None
    except sa.exc.ProgrammingError as error:
        raise ServiceUnavailable("The database lacks a table, or its user a right.") from error
    except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error, OSError) as error:
        is_full = _code_of(error) in _FULL
        raise (StorageFull() if is_full else ServiceUnavailable("The database does not answer.")) from error


def _code_of(error: Exception) -> str:
    """SQLite's name of the error, or the SQLSTATE."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """Which database it is, in words without any secret; the revision of its schema, empty where there is none yet."""

    place: str
    revision: str
    newest: str


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
