"""PostgreSQL connections with bounded waits, whatever happens to the server and the network."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from typing_extensions import override

from core.encryption import Keyring
from core.timeouts import DATABASE_S, budget_left_s, database_wait, database_work
from services.database.database import Database
from services.database.errors import ReadOnlyDatabase, errors
from services.database.schema import metadata

_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtext(:name))")
_PORT = 5432

_NOT_PERMITTED = "42501"  # PostgreSQL's insufficient_privilege
_DONE = "done"
_REFUSED = "this user lacks the permission"
_KEPT = "old segments are kept for a replica or the archive"
# A switch fills the rest of the segment with zeros. It does nothing if nothing was written since the last switch, hence
# the message before it.
_SWITCH = "SELECT pg_logical_emit_message(false, 'purge', ''), pg_switch_wal()"
_CURRENT = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())"
_SEGMENTS = "SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' ORDER BY name"

# A result of 1 MB that goes through a temporary file on the database's disk, whose room nothing else tells every user.
_SPILL_SOON = "SELECT set_config('work_mem', '64kB', true), set_config('temp_tablespaces', '', true)"
_SPILL = "SELECT count(*) FROM unnest(array_fill(repeat('x', 8000), ARRAY[128]))"

ANSWER_S = round(DATABASE_S)  # for a statement, and for a server that stops answering

# Bounds of three waits that follow one another: for a place in the pool, for a check of an idle connection, and for a
# new connection. A request that waited before has less time.
SLOT_S = 2
_SIGN_OF_LIFE_S = 1
_ADDRESS_S = 2  # libpq's minimum
_CONNECTION_S = 3  # includes looking up the name and trying all its addresses

_Result = TypeVar("_Result")


class Connection(psycopg.Connection[Any]):
    """A connection that closes with OperationalError if an answer takes longer than `patience_s` seconds.

    It also closes when the request may wait no longer. None means unlimited.
    """

    patience_s: float | None = ANSWER_S

    @override
    def wait(self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None) -> _Result:
        if timeout is None and self.patience_s is not None:
            timeout = budget_left_s(self.patience_s)
        try:
            with database_work():
                return super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            # The answer may still come, but nobody would read it.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


class PostgresqlDatabase(Database):
    """A database on a server with pgvector, which reads the embeddings; the pool survives restarts of the server."""

    seals_embeddings = False
    _SIZE = "SELECT pg_database_size(current_database())"

    def __init__(self, url: sa.URL, keyring: Keyring) -> None:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={
                "connect_timeout": _ADDRESS_S,
                # A commit that was acknowledged is on disk, even if the server or the user is configured otherwise.
                # Times come in UTC: the last hours of the year 9999 are in the year 10000 east of it.
                "options": f"-c statement_timeout={ANSWER_S}s -c synchronous_commit=on -c TimeZone=UTC",
            },
            pool_pre_ping=True,
            pool_timeout=SLOT_S,
            hide_parameters=True,  # an error may reach the log, but values must not
        )
        sa.event.listen(engine, "do_connect", _connect)
        sa.event.listen(engine, "checkin", _while_idle)
        sa.event.listen(engine, "checkout", _in_use)
        super().__init__(url, engine, keyring)

    @override
    def take_turn(self, connection: sa.Connection, name: str) -> None:
        connection.execute(_LOCK, {"name": name})

    @override
    def keep_room(self, largest: int) -> None:
        pass  # the disk is the server's

    @override
    def purge(self) -> dict[str, str]:
        self._ensure_current()
        with errors(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()  # so that no other caller gets a connection without a timeout
            be_patient(connection)
            connection.exec_driver_sql("SET statement_timeout = 0")
            return _purge(connection)

    @override
    def _place(self) -> str:
        url = self.url
        return f"PostgreSQL, {url.database} at {url.host or 'the local socket'}:{url.port or _PORT}"

    @override
    def _of_one_moment(self) -> AbstractContextManager[sa.Connection]:
        return self._engine.execution_options(isolation_level="REPEATABLE READ").begin()

    @override
    @contextmanager
    def _alone_of_all(self) -> Iterator[None]:
        with self._begun() as connection:
            with database_wait():
                self.take_turn(connection, "gallery change")
            yield

    @override
    def _require_answer(self) -> None:
        with self._connected():
            pass

    @override
    def _try_to_write(self) -> None:
        # A new connection: one that is open may write for longer than new ones, if the setting was changed meanwhile.
        pool = self._engine.pool.recreate()
        try:
            with errors(), database_wait(), closing(pool.connect()) as connection:
                driver: Any = connection.driver_connection
                if driver.execute("SHOW transaction_read_only").fetchone() == ("on",):
                    raise ReadOnlyDatabase
                driver.execute(_SPILL_SOON)
                with suppress(psycopg.errors.ConfigurationLimitExceeded):  # temp_file_limit is less
                    driver.execute(_SPILL)
        finally:
            pool.dispose()

    @override
    def _is_read_only(self, connection: sa.Connection) -> bool:
        driver: Any = connection.connection.dbapi_connection
        return bool(driver.info.parameter_status("default_transaction_read_only") == "on")  # since PostgreSQL 14

    @override
    def _prepare_upgrade(self, connection: sa.Connection) -> None:
        be_patient(connection)  # building an index of many faces takes long
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        self.take_turn(connection, "gallery schema")


def be_patient(connection: sa.Connection) -> None:
    """Wait for the server's answers without a limit, until the connection is back in the pool."""
    driver: Any = connection.connection.dbapi_connection
    driver.patience_s = None


def _connect(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> Connection:
    """A connection, or OperationalError in time.

    Looking up a name cannot be limited, so it runs in a thread that is left to end by itself.
    """
    made: Future[Connection] = Future()

    def connect() -> None:
        try:
            connection = Connection.connect(*arguments, **options)
        except Exception as error:
            if made.set_running_or_notify_cancel():
                made.set_exception(error)
        else:
            if made.set_running_or_notify_cancel():
                made.set_result(connection)
            else:
                connection.close()

    threading.Thread(target=connect, daemon=True, name="database connection").start()
    try:
        return made.result(budget_left_s(_CONNECTION_S))
    except TimeoutError:
        if made.cancel():
            raise psycopg.OperationalError("no connection in time") from None
        return made.result()


def _while_idle(connection: Any, _: Any) -> None:
    if connection is not None:  # the pool does not keep a broken connection
        connection.patience_s = _SIGN_OF_LIFE_S


def _in_use(connection: Any, _: Any, __: Any) -> None:
    connection.patience_s = ANSWER_S


def _purge(connection: sa.Connection) -> dict[str, str]:
    """As `Database.purge`, on a connection in AUTOCOMMIT without a timeout.

    A deleted row stays in four places: its page, the pages of the HNSW index, the samples of ANALYZE, and the
    write-ahead log. PostgreSQL renames old segments of the log instead of deleting them, with their content.
    """
    return {
        "VACUUM FULL": _executed(connection, f"VACUUM (FULL, ANALYZE) {', '.join(metadata.tables)}"),
        "VACUUM FULL pg_statistic": _executed(connection, "VACUUM FULL pg_statistic"),
        "CHECKPOINT": _executed(connection, "CHECKPOINT"),
        "WAL": _overwritten(connection),
    }


def _overwritten(connection: sa.Connection) -> str:
    """Overwrite every segment that holds older data, including segments renamed for future use."""
    try:
        last = connection.exec_driver_sql(_CURRENT).scalar_one()
        connection.exec_driver_sql(_SWITCH)
        connection.exec_driver_sql("CHECKPOINT")
        segments = connection.exec_driver_sql(_SEGMENTS).scalars().all()
        while connection.exec_driver_sql(_CURRENT).scalar_one() <= segments[-1]:
            connection.exec_driver_sql(_SWITCH)
    except sa.exc.ProgrammingError as error:
        return _refused(error)
    return _KEPT if segments[0] <= last else _DONE


def _executed(connection: sa.Connection, statement: str) -> str:
    warnings: list[Any] = []
    driver: Any = connection.connection.dbapi_connection
    driver.add_notice_handler(warnings.append)
    try:
        connection.exec_driver_sql(statement)
    except sa.exc.ProgrammingError as error:
        return _refused(error)
    finally:
        driver.remove_notice_handler(warnings.append)
    return _REFUSED if warnings else _DONE  # VACUUM skips tables of other owners with a warning


def _refused(error: sa.exc.ProgrammingError) -> str:
    if getattr(error.orig, "sqlstate", None) != _NOT_PERMITTED:
        raise error
    return _REFUSED
