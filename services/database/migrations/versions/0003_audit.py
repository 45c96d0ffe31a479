"""Seals, and events that the database itself lets nobody change."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# A column is listed here that no statement may change; `seal_id` may be set, once.
_KEPT = ("id", "at", "action", "outcome", "request_id", "key_id", "collection", "person_id", "face_id", "details")

_CHANGES_MORE_THAN_THE_SEAL = " OR ".join(
    ("OLD.seal_id IS NOT NULL", "NEW.seal_id IS NULL", *(f"NEW.{name} {{differs}} OLD.{name}" for name in _KEPT))
)

_ON_SQLITE = {
    "events_are_kept": "BEFORE DELETE ON events",
    "events_are_not_changed": f"BEFORE UPDATE ON events WHEN {_CHANGES_MORE_THAN_THE_SEAL.format(differs='IS NOT')}",
    # What INSERT OR REPLACE takes away is no DELETE to a trigger.
    "events_are_not_replaced": "BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)",
    "seals_are_kept": "BEFORE DELETE ON seals",
    "seals_are_not_changed": "BEFORE UPDATE ON seals",
    "seals_are_not_replaced": "BEFORE INSERT ON seals WHEN EXISTS (SELECT 1 FROM seals WHERE id = NEW.id)",
}

_ON_POSTGRESQL = {
    "events_are_kept": "BEFORE DELETE OR TRUNCATE ON events",
    "events_are_not_changed": "BEFORE UPDATE ON events FOR EACH ROW WHEN"
    f" ({_CHANGES_MORE_THAN_THE_SEAL.format(differs='IS DISTINCT FROM')})",
    "seals_are_kept": "BEFORE DELETE OR UPDATE OR TRUNCATE ON seals",
}


def upgrade() -> None:
    """Make the table of seals, and refuse changes."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    number = sa.BigInteger() if on_postgresql else sa.Integer()
    op.create_table(
        "seals",
        sa.Column("id", number, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True) if on_postgresql else sa.String(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.add_column("events", sa.Column("seal_id", number))
    op.create_index("ix_events_seal_id_id", "events", ["seal_id", "id"])
    op.create_index("ix_events_person_id", "events", ["person_id"])
    if on_postgresql:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'what is recorded stays as it is'; END $$"
        )
        for name, when in _ON_POSTGRESQL.items():
            op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION refuse_change()")
    else:
        for name, when in _ON_SQLITE.items():
            refusal = "SELECT RAISE(ABORT, 'what is recorded stays as it is')"
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN {refusal}; END")


def downgrade() -> None:
    """Let the events be changed again, and forget the seals."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change() CASCADE")
    else:
        for name in _ON_SQLITE:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_index("ix_events_person_id", "events")
    op.drop_index("ix_events_seal_id_id", "events")
    op.drop_column("events", "seal_id")
    op.drop_table("seals")
