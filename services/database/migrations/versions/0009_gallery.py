"""The whole schema. Galleries that earlier versions brought to revision 0009, step by step, have the same."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = None

Type = sa.types.TypeEngine[Any]

# The dimensions of the models, as far as pgvector can index them: 4096 is too many.
_INDEXED_DIMENSIONS = (128, 160, 512)

_REFUSAL = "what is recorded stays as it is"

# A column is listed here that no statement may change; `seal_id` may be set, once.
_KEPT = ("id", "at", "action", "outcome", "request_id", "key_id", "collection", "person_id", "face_id", "details")

_CHANGES_MORE_THAN_THE_SEAL = " OR ".join(
    ("OLD.seal_id IS NOT NULL", "NEW.seal_id IS NULL", *(f"NEW.{name} {{differs}} OLD.{name}" for name in _KEPT))
)

# An event begins without a seal, and gets the last one, once.
_ON_SQLITE = {
    "events_are_kept": "BEFORE DELETE ON events",
    "events_are_not_changed": f"BEFORE UPDATE ON events WHEN {_CHANGES_MORE_THAN_THE_SEAL.format(differs='IS NOT')}",
    # What INSERT OR REPLACE takes away is no DELETE to a trigger.
    "events_are_not_replaced": "BEFORE INSERT ON events WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id)",
    "seals_are_kept": "BEFORE DELETE ON seals",
    "seals_are_not_changed": "BEFORE UPDATE ON seals",
    "seals_are_not_replaced": "BEFORE INSERT ON seals WHEN EXISTS (SELECT 1 FROM seals WHERE id = NEW.id)",
    "events_begin_unsealed": "BEFORE INSERT ON events WHEN NEW.seal_id IS NOT NULL",
    "events_get_last_seal": "BEFORE UPDATE OF seal_id ON events WHEN NEW.seal_id IS NOT (SELECT MAX(id) FROM seals)",
}

_ON_POSTGRESQL = {
    "events_are_kept": "BEFORE DELETE OR TRUNCATE ON events EXECUTE FUNCTION refuse_change()",
    "events_are_not_changed": "BEFORE UPDATE ON events FOR EACH ROW WHEN"
    f" ({_CHANGES_MORE_THAN_THE_SEAL.format(differs='IS DISTINCT FROM')}) EXECUTE FUNCTION refuse_change()",
    "seals_are_kept": "BEFORE DELETE OR UPDATE OR TRUNCATE ON seals EXECUTE FUNCTION refuse_change()",
    "events_begin_unsealed": "BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.seal_id IS NOT NULL)"
    " EXECUTE FUNCTION refuse_change()",
    "events_get_last_seal": "BEFORE UPDATE OF seal_id ON events FOR EACH ROW EXECUTE FUNCTION refuse_other_seals()",
}


def upgrade() -> None:
    """Make the tables, their indexes, and what keeps the events from being changed."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    if on_postgresql:
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    json = postgresql.JSONB() if on_postgresql else sa.JSON()
    number = sa.BigInteger() if on_postgresql else sa.Integer()
    moment = sa.DateTime(timezone=True) if on_postgresql else sa.String()
    _make_gallery(json, moment, number)
    _make_trail(json, moment, number)
    _make_access(json, moment)
    if on_postgresql:
        _make_searchable()
    _keep_events(on_postgresql=on_postgresql)


def _make_gallery(json: Type, moment: Type, number: Type) -> None:
    op.create_table(
        "collections",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("created_at", moment, nullable=False),
    )
    folded = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("collection", sa.String(100), sa.ForeignKey("collections.name"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("folded", folded, nullable=False, server_default=""),
        sa.Column("labels", json, nullable=False),
        sa.Column("metadata", json, nullable=False),
        sa.Column("registered_at", moment, nullable=False),
        sa.Column("retain_until", moment),
        sa.UniqueConstraint("collection", "name"),
    )
    op.create_index("ix_persons_retain_until", "persons", ["retain_until"])
    op.create_index("ix_persons_folded_id", "persons", ["folded", "id"])
    op.create_table("sealing_keys", sa.Column("id", sa.String(16), primary_key=True))
    op.create_table(
        "faces",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("person_id", sa.Uuid(), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("collection", sa.String(100), sa.ForeignKey("collections.name"), nullable=False),
        sa.Column("space", sa.String(200), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("detector", sa.String(50), nullable=False),
        sa.Column("weights", sa.String(200), nullable=False),
        sa.Column("area", json, nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("quality", json, nullable=False),
        sa.Column("liveness", sa.Float()),
        sa.Column("crop", sa.LargeBinary()),
        sa.Column("registered_at", moment, nullable=False),
        sa.Column("sealed_with", sa.String(16), sa.ForeignKey("sealing_keys.id")),
        sa.Column("waits_for_index", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_faces_person_id", "faces", ["person_id"])
    op.create_index("ix_faces_collection_space", "faces", ["collection", "space"])
    op.create_index("ix_faces_sealed_with", "faces", ["sealed_with"])
    # In words that both databases know.
    op.execute("CREATE INDEX ix_faces_waiting ON faces (collection, space) WHERE waits_for_index")
    op.create_table(
        "changes",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "answers",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("face_id", sa.Uuid()),
        sa.Column("person_id", sa.Uuid()),
        sa.Column("name", sa.String(200)),
        sa.Column("expires_at", moment),
    )
    op.create_index("ix_answers_face_id", "answers", ["face_id"])
    op.create_index("ix_answers_expires_at", "answers", ["expires_at"])


def _make_trail(json: Type, moment: Type, number: Type) -> None:
    op.create_table(
        "events",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("at", moment, nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("outcome", sa.String(50), nullable=False),
        sa.Column("request_id", sa.String(200), nullable=False),
        sa.Column("key_id", sa.String(100), nullable=False),
        sa.Column("collection", sa.String(100), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("face_id", sa.String(36), nullable=False),
        sa.Column("details", json, nullable=False),
        sa.Column("seal_id", number),
        sqlite_autoincrement=True,
    )
    for columns in (["action"], ["person_id"], ["seal_id", "id"]):
        op.create_index(f"ix_events_{'_'.join(columns)}", "events", columns)
    op.create_table(
        "seals",
        sa.Column("id", number, primary_key=True, autoincrement=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _make_access(json: Type, moment: Type) -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(20), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("scopes", json, nullable=False),
        sa.Column("collection", sa.String(100)),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("revoked_at", moment),
        sa.Column("last_used_on", sa.Date()),
    )
    op.create_table(
        "hits",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
    )
    op.create_index("ix_hits_expires_at", "hits", ["expires_at"])
    op.create_table(
        "misses",
        sa.Column("person_id", sa.Uuid(), sa.ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("locked_until", moment),
    )


def _make_searchable() -> None:
    """Have pgvector keep the embeddings in the rows of their faces, and index their directions in half precision.

    A page holds two rows of 4080 bytes; what is larger, 4096 numbers or a crop, lies in a table apart (TOAST). A face
    waits for its index behind the answer, so that the index may be built with many candidates and searched with few.
    """
    op.execute("ALTER TABLE faces SET (toast_tuple_target = 4080)")
    op.execute("ALTER TABLE faces ALTER COLUMN embedding TYPE vector USING NULL")
    for dimension in _INDEXED_DIMENSIONS:
        op.execute(
            f"CREATE INDEX ix_faces_direction_{dimension} ON faces"
            f" USING hnsw ((l2_normalize(embedding)::halfvec({dimension})) halfvec_ip_ops) WITH (ef_construction = 128)"
            f" WHERE dimension = {dimension} AND NOT waits_for_index"
        )


def _keep_events(*, on_postgresql: bool) -> None:
    """Let the database itself refuse to change or remove events and seals."""
    if not on_postgresql:
        for name, when in _ON_SQLITE.items():
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END")
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE FUNCTION refuse_other_seals() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.seal_id IS DISTINCT FROM (SELECT MAX(id) FROM seals) THEN"
        " RAISE EXCEPTION 'what is recorded stays as it is'; END IF; RETURN NEW; END $$"
    )
    for name, what in _ON_POSTGRESQL.items():
        op.execute(f"CREATE TRIGGER {name} {what}")
