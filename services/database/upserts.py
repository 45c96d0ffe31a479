"""Inserts that handle an existing row with the same key, in the dialect of each database."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_into(dialect: str, table: sa.Table) -> Insert:
    """An insert that has `on_conflict_…`."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def insert_if_missing(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key exists; returns whether it was inserted."""
    statement = _insert_if_missing(connection.dialect.name, table)
    return connection.execute(statement, dict(values)).first() is not None


@cache  # SQLAlchemy takes longer to build the statement than a database to run it
def _insert_if_missing(dialect: str, table: sa.Table) -> sa.Executable:
    return insert_into(dialect, table).on_conflict_do_nothing().returning(*table.primary_key.columns)
