"""What PostgreSQL has to be told so that the bytes of the forgotten are in no file of its data directory any more.

A deleted row stays in its page, in those of the HNSW index, in what ANALYZE sampled, and in the write-ahead log, whose
segments are renamed rather than removed once they are over, with all that they hold.
"""

from typing import Any

import sqlalchemy as sa

from services.database.schema import metadata

_NOT_PERMITTED = "42501"  # PostgreSQL's insufficient_privilege

_DONE = "done"
_REFUSED = "not permitted to this user"
_KEPT = "old segments are kept for a replica or the archive"

# A switch fills the rest of the segment with zeros, but does nothing where nothing was written since the last one.
_SWITCH = "SELECT pg_logical_emit_message(false, 'purge', ''), pg_switch_wal()"
_CURRENT = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())"
_SEGMENTS = "SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' ORDER BY name"


def purge(connection: sa.Connection) -> dict[str, str]:
    """As `GalleryStore.purge`, on a connection to PostgreSQL in AUTOCOMMIT without a timeout."""
    return {
        "VACUUM FULL": _executed(connection, f"VACUUM (FULL, ANALYZE) {', '.join(metadata.tables)}"),
        "VACUUM FULL pg_statistic": _executed(connection, "VACUUM FULL pg_statistic"),
        "CHECKPOINT": _executed(connection, "CHECKPOINT"),
        "WAL": _overwritten(connection),
    }


def _overwritten(connection: sa.Connection) -> str:
    """Have every segment written anew that holds something from before, be it under the name of a future one."""
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
    return _REFUSED if warnings else _DONE  # VACUUM leaves out the tables of others with a warning


def _refused(error: sa.exc.ProgrammingError) -> str:
    if getattr(error.orig, "sqlstate", None) != _NOT_PERMITTED:
        raise error
    return _REFUSED
