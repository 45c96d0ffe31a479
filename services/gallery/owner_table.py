"""A customer's table in PostgreSQL with pgvector, as `deploy/face_embeddings.sql` creates it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from core.exceptions import ServiceUnavailable, StorageFull
from services.database.schema import text_of_vector


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRow:
    """A face in the customer's table; `embedding` is float32 of shape (dimension,)."""

    id: str
    person_id: str
    label: str
    embedding: npt.NDArray[np.float32]
    metadata: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """How many rows were inserted or changed, how many were unchanged, and how many were removed."""

    written: int
    unchanged: int
    removed: int


_TIMEOUT_S = 5  # for a connection or a lock

_FULL = "53100"  # PostgreSQL's disk_full

_UNREACHABLE = "The table's database does not answer, or refuses this user."
_NO_TABLE = "The table does not exist. Create it with deploy/face_embeddings.sql."

# Messages for PostgreSQL's error codes; its own texts may quote rows.
_SAID = {
    "42P01": _NO_TABLE,  # undefined_table
    "3F000": _NO_TABLE,  # invalid_schema_name
    "42703": "The table lacks columns. Create it with deploy/face_embeddings.sql.",  # undefined_column
    "42P10": "The table's id is not a primary key.",  # invalid_column_reference
    "42501": "The user may not change every row of the table. Use the table's owner.",  # insufficient_privilege
    "55P03": "Another process is changing the table. Retry later.",  # lock_not_available
}

# Every row must be visible, or deleted faces could stay. With row_security off, hidden rows raise an error.
_PREPARE = f"""
SET LOCAL row_security = off;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '{_TIMEOUT_S}s';
SELECT pg_advisory_xact_lock(hashtext('gallery copy'))
"""

# pgvector stores the dimension where other types store their length; -1 means any.
_DIMENSION = """
SELECT atttypmod FROM pg_attribute WHERE attrelid = 'pg_temp.gallery_rows_given'::regclass AND attname = 'embedding'
"""

_GIVE = """
CREATE TEMPORARY TABLE gallery_rows_given ON COMMIT DROP AS
SELECT id, person_id, label, embedding, metadata, created_at FROM {table} WITH NO DATA
"""

_COPY = "COPY pg_temp.gallery_rows_given (id, person_id, label, embedding, metadata, created_at) FROM STDIN"

# Equal rows stay unchanged, because every new version of a row is indexed again.
_WRITE = """
INSERT INTO {table} AS kept (id, person_id, label, embedding, metadata, created_at)
SELECT id, person_id, label, embedding, metadata, created_at FROM pg_temp.gallery_rows_given ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    person_id = excluded.person_id, label = excluded.label, embedding = excluded.embedding,
    metadata = excluded.metadata, created_at = excluded.created_at
WHERE (kept.person_id, kept.label, kept.embedding, kept.metadata, kept.created_at)
    IS DISTINCT FROM (excluded.person_id, excluded.label, excluded.embedding, excluded.metadata, excluded.created_at)
"""

_REMOVE = """
DELETE FROM {table} AS kept
WHERE metadata @> {mark} AND NOT EXISTS (SELECT FROM pg_temp.gallery_rows_given AS given WHERE given.id = kept.id)
"""


class OwnerTable:
    """Writes a customer's table at a URL, which may hold other rows too.

    The name is `NAME` or `SCHEMA.NAME`. It is case-sensitive.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._table = sql.Identifier(*name.split(".", 1))

    def replace(self, rows: Iterable[OwnerRow], *, mark: Mapping[str, Any], dimension: int) -> Replaced:
        """Replace the rows that have `mark` in their metadata with `rows`, in one transaction; other rows stay.

        Raises:
            ServiceUnavailable: the table does not exist, has another dimension, or may not be changed by the user; or
                its database does not answer. Nothing was changed.
            StorageFull: the disk is full. Nothing was changed.
            Others: errors from iterating `rows`. Nothing was changed.
        """
        with _refusals(), psycopg.connect(**_arguments(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(_PREPARE)
            if cursor.execute("SELECT FROM pg_extension WHERE extname = 'vector'").fetchone() is None:
                raise ServiceUnavailable("The table's database lacks pgvector. Run: CREATE EXTENSION vector")
            cursor.execute(sql.SQL(_GIVE).format(table=self._table))
            _require_dimension(cursor, dimension)
            with cursor.copy(_COPY) as copy:
                for row in rows:
                    copy.write_row(_fields(row))
            given = cursor.rowcount
            cursor.execute("ANALYZE pg_temp.gallery_rows_given")
            written = cursor.execute(sql.SQL(_WRITE).format(table=self._table)).rowcount
            # Without parameters: psycopg would read percent signs in a table's name as placeholders.
            remove = sql.SQL(_REMOVE).format(table=self._table, mark=sql.Literal(json.dumps(mark)))
            removed = cursor.execute(remove).rowcount
        return Replaced(written=written, unchanged=given - written, removed=removed)


def _arguments(url: str) -> dict[str, Any]:
    """psycopg's arguments for a URL in SQLAlchemy's format."""
    try:
        parts = make_url(url)
    except ArgumentError:
        raise ServiceUnavailable("The URL of the table's database must be postgresql://….") from None
    if parts.get_backend_name() not in ("postgresql", "postgres"):
        raise ServiceUnavailable("The table must be in PostgreSQL. Use a URL postgresql://….")
    named = parts.translate_connect_args(username="user", database="dbname")
    return {"connect_timeout": _TIMEOUT_S, **named, **parts.query}


def _require_dimension(cursor: psycopg.Cursor[Any], dimension: int) -> None:
    row = cursor.execute(_DIMENSION).fetchone()
    assert row is not None, "the table was made with this column"
    if row[0] not in (dimension, -1):
        raise ServiceUnavailable(
            f"The table takes embeddings of {row[0]} numbers; those of the model have {dimension}."
        )


def _fields(row: OwnerRow) -> list[Any]:
    return [row.id, row.person_id, row.label, text_of_vector(row.embedding), json.dumps(row.metadata), row.created_at]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate == _FULL:
            raise StorageFull from error
        if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
            raise ServiceUnavailable(_UNREACHABLE) from error
        said = f"PostgreSQL refuses the rows with error {error.sqlstate}."
        raise ServiceUnavailable(_SAID.get(error.sqlstate or "", said)) from error
