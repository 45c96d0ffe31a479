"""Connections and transactions that SQLite and PostgreSQL have in common."""

import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import sqlalchemy as sa

from core.encryption import Keyring
from core.exceptions import ServiceError, ServiceUnavailable, StorageFull
from core.metrics.stages import transaction
from core.timeouts import DATABASE_S, budget_left_s, database_wait, is_budget_exhausted
from services.database import encryption, migration
from services.database.errors import ReadOnlyDatabase, errors
from services.database.forget_log import Forget

_UPGRADE_S = 30  # for another thread that upgrades the schema; a request waits no longer than for anything else

WRITABLE_S = 3.0  # how long an answer of `require_writable` holds


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """A description of the database without secrets, and the revision of its schema; empty before there is one."""

    place: str
    revision: str
    newest: str


@dataclass(slots=True)
class Erasure:
    """A transaction that deletes, with what it forgets; afterwards, whether the bytes are gone from every file."""

    connection: sa.Connection
    forgets: list[Forget] = field(default_factory=list)
    is_complete: bool = False


class Database(ABC):
    """The database at a URL; all threads share SQLAlchemy's connection pool.

    `keyring` encrypts and decrypts the encrypted columns of faces. Errors do not quote the parameters of a statement,
    because these are names, embeddings and face images. `note_forgets` is called before a deletion is committed; if it
    raises, nothing is deleted. Without `migrates`, only `upgrade` changes the schema.
    """

    seals_embeddings: ClassVar[bool]  # otherwise only face images are encrypted

    def __init__(self, url: sa.URL, engine: sa.Engine, keyring: Keyring) -> None:
        self.url = url
        self.keyring = keyring
        self.after_writing: Callable[[], object] = lambda: None
        self.note_forgets: Callable[[Sequence[Forget]], object] = lambda _: None
        self.migrates = True
        self._engine = engine
        self._is_current = False
        self._tried_at = -math.inf
        self._try_failed: ServiceError | None = None
        self._upgrading = threading.Lock()
        self._alone = threading.Lock()

    @property
    def is_missing(self) -> bool:
        """Whether the database does not exist yet; the first use creates it."""
        return False

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that changes nothing. The first one upgrades the schema.

        Raises:
            ServiceUnavailable: the database does not answer, or the encryption keys do not decrypt its data.
        """
        with transaction("read"):
            self._ensure_current()
            with errors(), self._begun() as connection:
                yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """As `reading`, with all data as of one moment; however long it takes, no other transaction waits for it.

        Raises:
            ServiceUnavailable, StorageFull.
        """
        self._ensure_current()
        with errors(), self._of_one_moment() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is committed and on disk when the block ends. Then `after_writing` is called.

        Raises:
            ServiceUnavailable, StorageFull: the transaction is rolled back.
        """
        with transaction("write"):
            self._ensure_current()
            with self._changing() as connection:
                yield connection
        self.after_writing()

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """A block that only one thread of all processes can enter at a time; it is left if its process ends.

        Raises:
            ServiceUnavailable: the database does not answer, or another thread stays in the block for too long.
        """
        self._ensure_current()
        # The lock first, so that waiting threads hold no connections.
        with within_time(self._alone), errors(), self._alone_of_all():
            yield

    @contextmanager
    def erasing(self) -> Iterator[Erasure]:
        """As `writing`; `is_complete` then says whether the deleted data is gone from every file."""
        with self.writing() as connection:
            erasure = Erasure(connection)
            yield erasure
            if erasure.forgets:
                self.note_forgets(erasure.forgets)

    @abstractmethod
    def keep_room(self, largest: int) -> None:
        """Reserve room on the disk to delete a face with a picture of this many bytes, where that needs room."""

    def require_writable(self) -> None:
        """Return if the database can be written. It is tried every WRITABLE_S seconds at most, and changes nothing.

        Raises:
            ServiceUnavailable: the database is read-only, or does not answer.
            StorageFull: its disk is full.
        """
        if time.monotonic() - self._tried_at >= WRITABLE_S:
            self._ensure_current()
            with errors(), self._begun() as connection:
                # Otherwise a backup of another version was put back, or another version has upgraded the schema.
                self._is_current = migration.revision_of(connection) == migration.newest_revision()
            self._ensure_current()
            try:
                self._try_to_write()
                self._try_failed = None
            except (ServiceUnavailable, StorageFull) as error:
                self._try_failed = error
                self._engine.dispose()  # connections that were opened meanwhile may stay read-only
            self._tried_at = time.monotonic()
        if self._try_failed is not None:
            raise type(self._try_failed)(self._try_failed.message)

    @abstractmethod
    def take_turn(self, connection: sa.Connection, name: str) -> None:
        """Run the rest of the transaction alone among all writing transactions that pass the same name."""

    @abstractmethod
    def purge(self) -> dict[str, str]:
        """Erase deleted data from every file of the database; returns the result of each step by its name.

        Raises:
            ServiceUnavailable: the database does not answer.
        """

    def key_problem(self) -> str:
        """Why the encryption keys do not decrypt the database; empty if they do. Upgrades the schema if it `migrates`.

        Raises:
            OtherSchema: it does not migrate, and the schema is not the newest.
            ServiceUnavailable, StorageFull: as `upgrade`.
        """
        if self.migrates:
            self.upgrade()
        else:
            migration.require_newest(self.status().revision)
        with errors(), self._begun() as connection:
            return encryption.problem(connection, self.keyring)

    def upgrade(self) -> None:
        """Upgrade the schema to its newest revision; a database with that revision stays as it is.

        Raises:
            UnknownSchema: this version of the service does not know the schema of the database.
            ServiceUnavailable, StorageFull: as `writing`.
        """
        with self._changing() as connection:
            self._prepare_upgrade(connection)
            migration.upgrade(connection)

    def status(self) -> DatabaseStatus:
        """Where the database is and which schema it has. Neither changes nor creates anything.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        revision = ""
        if not self.is_missing:
            with errors(), self._engine.begin() as connection:
                revision = migration.revision_of(connection)
        return DatabaseStatus(place=self._place(), revision=revision, newest=migration.newest_revision())

    def cause_of(self, error: ServiceUnavailable) -> str:
        """The host of the database and the cause of its error, for the log: without the password, on one line."""
        cause = getattr(error.__cause__, "orig", None) or error.__cause__ or error.message
        text = " ".join(str(cause).split())
        for secret in (self.url.password, self.url.query.get("password")):
            text = text.replace(secret, "***") if isinstance(secret, str) and secret else text
        return f"{self.url.host or self.url.get_backend_name()}: {text}"

    def size_bytes(self) -> int:
        """The size of the database in bytes.

        Raises:
            ServiceUnavailable: the database does not answer.
        """
        with self.reading() as connection:
            return int(connection.exec_driver_sql(self._SIZE).scalar_one())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    _SIZE: ClassVar[str]  # the statement that returns the size in bytes

    @abstractmethod
    def _place(self) -> str:
        """A description of the database without user, password and options, some of which are secret."""

    @abstractmethod
    def _of_one_moment(self) -> AbstractContextManager[sa.Connection]:
        """A connection whose reads are all as of one moment, and for which no other transaction waits."""

    @abstractmethod
    def _alone_of_all(self) -> AbstractContextManager[None]:
        """A block that only one process can enter at a time; this process admits one thread at a time."""

    @abstractmethod
    def _require_answer(self) -> None:
        """Raise immediately if the database is unavailable, so that no request waits for earlier ones."""

    @abstractmethod
    def _try_to_write(self) -> None:
        """As `require_writable`, now."""

    @abstractmethod
    def _is_read_only(self, connection: sa.Connection) -> bool:
        """Whether the connection was opened while the database was read-only, and so stays read-only.

        It is known without asking the database.
        """

    @abstractmethod
    def _prepare_upgrade(self, connection: sa.Connection) -> None:
        """Let one process at a time upgrade, for as long as that takes."""

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        try:
            with errors(), self._begun(writes=True) as connection:
                yield connection
        except ReadOnlyDatabase:
            self._engine.dispose()
            raise
        self._tried_at, self._try_failed = time.monotonic(), None

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
        """A transaction. Waiting for it to begin uses the database time budget; the transaction itself does not."""
        with self._connected(writes=writes) as connection:
            connection.execution_options(writes=writes)
            with database_wait():
                transaction = connection.begin()
            with transaction:
                yield connection

    @contextmanager
    def _connected(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        if is_budget_exhausted():
            raise ServiceUnavailable("The database does not answer.")
        with database_wait():
            connection = self._engine.connect()
            if writes and self._is_read_only(connection):
                connection.close()
                self._engine.dispose()
                connection = self._engine.connect()
        with connection:
            yield connection


@contextmanager
def within_time(lock: threading.Lock, timeout_s: float = DATABASE_S) -> Iterator[None]:
    """Hold the lock. Raises ServiceUnavailable in time, so that waiting threads do not time out one after the other."""
    with database_wait():
        is_mine = lock.acquire(timeout=budget_left_s(timeout_s))
    if not is_mine:
        raise ServiceUnavailable("The database does not answer.")
    try:
        yield
    finally:
        lock.release()
