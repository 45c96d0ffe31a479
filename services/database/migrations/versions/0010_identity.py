"""One person per visible name and collection; names, times and spaces that responses and searches can carry."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.database.schema import identity_key, sorting_key

revision = "0010"
down_revision = "0009"

_AT_ONCE = 1000  # persons in one statement

_PLAIN = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_persons = sa.table(
    "persons",
    *(sa.column(name, sa.Uuid()) for name in ("id",)),
    *(sa.column(name, sa.Text()) for name in ("collection", "name", "folded", "identity", "registered_at")),
    sa.column("retain_until", postgresql.TIMESTAMP(timezone=True)),
)


def upgrade() -> None:
    """Add `identity`; write `folded` anew; index the persons of a space, and bound PostgreSQL's times."""
    connection = op.get_bind()
    op.add_column("persons", sa.Column("identity", _PLAIN, nullable=False, server_default=""))
    _write_names(connection)
    _keep_twins_apart(connection)
    op.create_index("uq_persons_collection_identity", "persons", ["collection", "identity"], unique=True)
    op.drop_index("ix_faces_collection_space", "faces")
    op.create_index("ix_faces_collection_space", "faces", ["collection", "space", "person_id"])
    if connection.dialect.name == "postgresql":
        _bound_times(connection)


def _write_names(connection: sa.Connection) -> None:
    """The keys of every name. A name that shows nothing is nobody else's: its person keeps an identity apart."""
    change = sa.update(_persons).where(_persons.c.id == sa.bindparam("number"))
    next_ones = sa.select(_persons.c.id, _persons.c.name).order_by(_persons.c.id).limit(_AT_ONCE)
    rows = connection.execute(next_ones).all()
    while rows:
        keys = [
            {"number": row.id, "folded": sorting_key(row.name), "identity": identity_key(row.name) or f"\n{row.id}"}
            for row in rows
        ]
        connection.execute(change, keys)
        rows = connection.execute(next_ones.where(_persons.c.id > rows[-1].id)).all()


def _keep_twins_apart(connection: sa.Connection) -> None:
    """Of several persons with one identity, the first keeps it, and the others get their id behind it."""
    place = sa.func.row_number().over(
        partition_by=(_persons.c.collection, _persons.c.identity), order_by=(_persons.c.registered_at, _persons.c.id)
    )
    placed = sa.select(_persons.c.id, _persons.c.identity, place.label("place")).subquery()
    twins = connection.execute(sa.select(placed.c.id, placed.c.identity).where(placed.c.place > 1)).all()
    if twins:
        change = sa.update(_persons).where(_persons.c.id == sa.bindparam("number"))
        connection.execute(change, [{"number": row.id, "identity": f"{row.identity}\n{row.id}"} for row in twins])


def _bound_times(connection: sa.Connection) -> None:
    """Times beyond what Python can read made their persons unreadable."""
    for is_beyond, bound in (
        (sa.text("retain_until >= '10000-01-01 00:00:00+00'"), datetime.max),
        (sa.text("retain_until < '0001-01-01 00:00:00+00'"), datetime.min),
    ):
        connection.execute(sa.update(_persons).where(is_beyond).values(retain_until=bound.replace(tzinfo=UTC)))
