"""A database as it is without the program: its tables, and what is in them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

SEALING_KEY = "a6482fd7462c8d42"  # the id of GALLERY_KEY
SEALED = b"\x01" + bytes.fromhex(SEALING_KEY)

# Since then faces are encrypted for their persons, by a key of its own.
BOUND_KEY = "c9b3ee82daf89c81"
_BOUND = b"\x02" + bytes.fromhex(BOUND_KEY)

# What is another one each time: hashes, ids and moments.
_HASH = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{12}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")

# What depends on when the program's threads get their turn: the seals, and the order of what was asked for at once.
_BY_CHANCE = {"id", "seal_id", "last_used_on"}
_NO_LONGER_WRITTEN = {"name", "person_id"}  # of the answers to requests with an Idempotency-Key

# What an ALTER TABLE has added stands elsewhere in a table's own statement, so its columns are asked for.
_OF_SQLITE = (
    """
    SELECT type, name, sql FROM sqlite_master
    WHERE type <> 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1, 2
    """,
    """
    SELECT 'column', of.name || '.' || one.name, one.type,
        CASE WHEN one."notnull" THEN 'NOT NULL' END, 'DEFAULT ' || one.dflt_value,
        CASE WHEN one.pk THEN 'PRIMARY KEY' END,
        CASE WHEN one.pk AND of.sql LIKE '%AUTOINCREMENT%' THEN 'AUTOINCREMENT' END
    FROM sqlite_master AS of, pragma_table_xinfo(of.name) AS one
    WHERE of.type = 'table' AND of.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 2
    """,
    """
    SELECT 'foreign key', of.name || '.' || one."from", one."table" || '.' || one."to" || ' ' || one.on_delete
    FROM sqlite_master AS of, pragma_foreign_key_list(of.name) AS one WHERE of.type = 'table' ORDER BY 2
    """,
    """
    SELECT 'unique', of.name, group_concat(part.name)
    FROM sqlite_master AS of, pragma_index_list(of.name) AS one, pragma_index_info(one.name) AS part
    WHERE of.type = 'table' AND one.origin = 'u' GROUP BY of.name, one.name ORDER BY 2, 3
    """,
)

# Without the owner's table and pgvector's own.
_OF_POSTGRESQL = (
    """
    SELECT 'table', relname, array_to_string(reloptions, ', ') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'face_embeddings' ORDER BY 2
    """,
    """
    SELECT 'column', attrelid::regclass::text || '.' || attname, concat_ws(
        ' ', format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'NOT NULL' END,
        'DEFAULT ' || pg_get_expr(adbin, adrelid), 'COLLATE ' || NULLIF(collname, 'default'))
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'face_embeddings'
        AND attnum > 0 AND NOT attisdropped
    ORDER BY attrelid::regclass::text COLLATE "C", attname COLLATE "C"
    """,
    """
    SELECT 'constraint', conname, conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0
        AND conrelid IS DISTINCT FROM to_regclass('face_embeddings') ORDER BY conname COLLATE "C"
    """,
    """
    SELECT 'index', indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'face_embeddings' ORDER BY indexname COLLATE "C"
    """,
    """
    SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal ORDER BY tgname COLLATE "C"
    """,
    "SELECT 'function', proname, prosrc FROM pg_proc WHERE proname LIKE 'refuse%' ORDER BY proname COLLATE \"C\"",
)


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A transaction of the database at a URL, beside the program."""
    made = sa.make_url(url)
    if made.get_backend_name() == "postgresql":
        made = made.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(made, poolclass=sa.NullPool)
    with engine.begin() as connection:
        yield connection


def schema_of(url: str) -> list[str]:
    """The tables, columns, indexes, triggers and constraints of the database at a URL, and its revision."""
    with connected(url) as connection:
        queries = _OF_SQLITE if connection.dialect.name == "sqlite" else _OF_POSTGRESQL
        rows = [row for query in queries for row in connection.execute(sa.text(query))]
        revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return [f"revision {revision}", *(" ".join(" ".join(map(str, filter(None, row))).split()) for row in rows)]


def content_of(url: str) -> dict[str, list[str]]:
    """Each row of each table but the seals and the owner's, without what is another one each time."""
    with connected(url) as connection:
        names = set(sa.inspect(connection).get_table_names()) - {"seals", "face_embeddings"}
        return {
            name: sorted(map(_said, connection.execute(sa.text(f'SELECT * FROM "{name}"')).mappings()))
            for name in names
        }


def _said(row: sa.RowMapping) -> str:
    left_out = _BY_CHANCE | (_NO_LONGER_WRITTEN if {"key", "request"} <= row.keys() else set())
    return repr([(name, _shape(value)) for name, value in sorted(row.items()) if name not in left_out])


def _shape(value: Any) -> Any:
    match value:
        case bytes() if value.startswith((SEALED, _BOUND)):
            return "sealed", len(value)
        case str() if value in (SEALING_KEY, BOUND_KEY):
            return "key"
        case None | bytes() | bool() | float():
            return value
        case datetime():
            return "moment"
        case dict() | list():
            return _shape(json.dumps(value, sort_keys=True))
    return _MOMENT.sub("moment", _HASH.sub("hash", str(value)))
