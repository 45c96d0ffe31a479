"""Connections and transactions of the gallery's database, as SQLite and PostgreSQL both have them."""

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import ServiceUnavailable, StorageFull
from core.timeouts import DATABASE_S, is_exhausted, left_s, waiting
from services.database import encryption, migration

_UPGRADE_S = 30  # for another thread that brings the schema up to date; in a request no longer than for anything else

# SQLITE_FULL; PostgreSQL's disk_full.
_FULL = ("SQLITE_FULL", "53100")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """Which database it is, in words without any secret; the revision of its schema, empty where there is none yet."""

    place: str
    revision: str
    newest: str


@dataclass(slots=True)
class Erasure:
    """A transaction that deletes; and once it is over, whether the bytes of that are in no file any more."""

    connection: sa.Connection
    is_complete: bool = False


class Database(ABC):
    """One database, by its URL; SQLAlchemy's pool of connections is shared by all threads.

    `keyring` seals and opens what of the faces is sealed. Errors do not quote the parameters of a statement, which are
    names, embeddings and crops.
    """

    seals_embeddings: ClassVar[bool]  # else only what is no embedding is sealed

    def __init__(self, url: sa.URL, engine: sa.Engine, keyring: Keyring) -> None:
        self.url = url
        self.keyring = keyring
        self.after_writing: Callable[[], object] = lambda: None
        self._engine = engine
        self._is_current = False
        self._upgrading = threading.Lock()
        self._alone = threading.Lock()

    @property
    def is_missing(self) -> bool:
        """Whether there is no database yet, which the first use makes."""
        return False

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that changes nothing. The first of all brings the schema up to date.

        Raises:
            ServiceUnavailable: the database does not answer, or the keys do not open what is in it.
        """
        self._ensure_current()
        with errors(), self._begun() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """As `reading`; all that is read in it is of one moment, and however long that takes nobody waits for it.

        Raises:
            ServiceUnavailable, StorageFull.
        """
        self._ensure_current()
        with errors(), self._of_one_moment() as connection:
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
        with within_time(self._alone), errors(), self._alone_of_all():  # one waits, the rest holds no connections
            yield

    @contextmanager
    def erasing(self) -> Iterator[Erasure]:
        """As `writing`; where what it deletes is then in no file any more, `is_complete` says so."""
        with self.writing() as connection:
            erasure = Erasure(connection)
            yield erasure

    @abstractmethod
    def take_turn(self, connection: sa.Connection, name: str) -> None:
        """Let one transaction at a time go on from here, of all that write and name the same."""

    @abstractmethod
    def purge(self) -> dict[str, str]:
        """Have what was deleted leave every file of the database: the names of the steps, and what came of each.

        Raises:
            ServiceUnavailable: the database does not answer.
        """

    def key_problem(self) -> str:
        """Why the keys do not open what is in the database; empty if they do. Brings the schema up to date.

        Raises:
            ServiceUnavailable, StorageFull: as `upgrade`.
        """
        self.upgrade()
        with errors(), self._begun() as connection:
            return encryption.problem(connection, self.keyring)

    def upgrade(self) -> None:
        """Bring the schema to its newest revision; a database that is there already is left as it is.

        Raises:
            UnknownSchema: this version of the service does not know its schema.
            ServiceUnavailable, StorageFull: as `writing`.
        """
        with self._changing() as connection:
            self._prepare_upgrade(connection)
            migration.upgrade(connection)

    def status(self) -> DatabaseStatus:
        """Where the database is and which schema it has; changes nothing, and makes nothing.

        Raises:
            ServiceUnavailable: it does not answer.
        """
        revision = ""
        if not self.is_missing:
            with errors(), self._engine.begin() as connection:
                revision = migration.revision_of(connection)
        return DatabaseStatus(place=self._place(), revision=revision, newest=migration.newest_revision())

    def size_bytes(self) -> int:
        """How much room the database takes.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        with self.reading() as connection:
            return int(connection.exec_driver_sql(self._SIZE).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    _SIZE: ClassVar[str]  # the statement that gives it in bytes

    @abstractmethod
    def _place(self) -> str:
        """Which database it is, without user, password and options, of which some are secret."""

    @abstractmethod
    def _of_one_moment(self) -> AbstractContextManager[sa.Connection]:
        """A connection on which all that is read is of one moment, and nobody waits for it."""

    @abstractmethod
    def _alone_of_all(self) -> AbstractContextManager[None]:
        """What only one process is in, and this one lets one thread at a time into."""

    @abstractmethod
    def _require_answer(self) -> None:
        """Raise at once where the database is away, so that nobody waits for those who asked before."""

    @abstractmethod
    def _prepare_upgrade(self, connection: sa.Connection) -> None:
        """Let one process at a time go on to upgrade, and it as long as that takes."""

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        with errors(), self._begun(writes=True) as connection:
            yield connection

    def _ensure_current(self) -> None:
        if self._is_current:
            return
        with errors():
            self._require_answer()
        with within_time(self._upgrading, _UPGRADE_S):
            if not self._is_current:
                if problem := self.key_problem():
                    raise ServiceUnavailable(problem)
                self._is_current = True

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


@contextmanager
def within_time(lock: threading.Lock, timeout_s: float = DATABASE_S) -> Iterator[None]:
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
def errors() -> Iterator[None]:
    """Raise the drivers' errors as the service's own, all but IntegrityError."""
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
