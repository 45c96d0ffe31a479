"""Inserts that meet a row of the same key, which each database says in a dialect of its own."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_into(dialect: str, table: sa.Table) -> Insert:
    """An insert that knows `on_conflict_…`."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def insert_if_missing(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken; says whether it was inserted."""
    statement = _insert_if_missing(connection.dialect.name, table)
    return connection.execute(statement, dict(values)).first() is not None


@cache  # SQLAlchemy takes longer to make a statement than a database to carry it out
def _insert_if_missing(dialect: str, table: sa.Table) -> sa.Executable:
    return insert_into(dialect, table).on_conflict_do_nothing().returning(*table.primary_key.columns)
