"""Events that only their batch's seal can take in."""

from alembic import op

revision = "0006"
down_revision = "0005"

# An event begins without a seal, and gets the last one, once: 0003 refuses a second.
_ON_SQLITE = {
    "events_begin_unsealed": "BEFORE INSERT ON events WHEN NEW.seal_id IS NOT NULL",
    "events_get_last_seal": "BEFORE UPDATE OF seal_id ON events WHEN NEW.seal_id IS NOT (SELECT MAX(id) FROM seals)",
}

_ON_POSTGRESQL = {
    "events_begin_unsealed": "BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.seal_id IS NOT NULL)"
    " EXECUTE FUNCTION refuse_change()",
    "events_get_last_seal": "BEFORE UPDATE OF seal_id ON events FOR EACH ROW EXECUTE FUNCTION refuse_other_seals()",
}


def upgrade() -> None:
    """Refuse events of a batch that is over, or that there is none of."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_other_seals() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.seal_id IS DISTINCT FROM (SELECT MAX(id) FROM seals) THEN"
            " RAISE EXCEPTION 'what is recorded stays as it is'; END IF; RETURN NEW; END $$"
        )
        for name, what in _ON_POSTGRESQL.items():
            op.execute(f"CREATE TRIGGER {name} {what}")
    else:
        for name, when in _ON_SQLITE.items():
            op.execute(
                f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, 'what is recorded stays as it is'); END"
            )


def downgrade() -> None:
    """Let an event name any batch."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP TRIGGER events_begin_unsealed ON events")
        op.execute("DROP FUNCTION refuse_other_seals() CASCADE")
    else:
        for name in _ON_SQLITE:
            op.execute(f"DROP TRIGGER {name}")
