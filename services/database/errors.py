"""Translates the errors of the drivers into errors of the service."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from core.exceptions import ServiceUnavailable, StorageFull

# SQLITE_FULL; PostgreSQL's disk_full.
_FULL = ("SQLITE_FULL", "53100")

# SQLITE_READONLY and its extended codes; PostgreSQL's read_only_sql_transaction.
_READ_ONLY = ("SQLITE_READONLY", "25006")


class ReadOnlyDatabase(ServiceUnavailable):
    """The database can be read, but not written."""

    default_message = "The database is read-only."


@contextmanager
def errors() -> Iterator[None]:
    """Raise the drivers' errors as errors of the service, except IntegrityError."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except sa.exc.DataError as error:
        # A defect of the service. The database's text may quote a client's data; the traceback names the statement.
        raise ValueError(f"the database rejects a value: {_code_of(error)}") from None
    except sa.exc.ProgrammingError as error:
        raise ServiceUnavailable("The database lacks a table, or its user lacks a permission.") from error
    except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error, psycopg.OperationalError, OSError) as error:
        code = _code_of(error)
        if code in _FULL:
            raise StorageFull from error
        if code.startswith(_READ_ONLY):
            raise ReadOnlyDatabase from error
        raise ServiceUnavailable("The database does not answer.") from error


def _code_of(error: Exception) -> str:
    """SQLite's name of the error, or the SQLSTATE."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or ""
