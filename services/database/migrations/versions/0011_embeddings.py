"""One face, several embeddings: what a face is compared by moves into a table of its own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"

_INDEXED_DIMENSIONS = (128, 160, 512)


def upgrade() -> None:
    """Make `embeddings` of the columns of `faces` that depend on the embedding space."""
    if op.get_context().dialect.name == "postgresql":
        _rename_on_postgresql()
    else:
        _copy_on_sqlite()


def _rename_on_postgresql() -> None:
    """Keep the rows with the embeddings where they are: building pgvector's indexes anew takes ten minutes a million.

    The columns that move stay in the files until the rows are rewritten, as by `gallery purge`.
    """
    for statement in (
        "ALTER TABLE faces RENAME TO embeddings",
        "ALTER TABLE embeddings RENAME COLUMN id TO face_id",
        "ALTER TABLE embeddings ADD COLUMN place SMALLINT NOT NULL DEFAULT 0",
        *(
            f"ALTER INDEX ix_faces_{name} RENAME TO ix_embeddings_{name}"
            for name in ("collection_space", "waiting", *(f"direction_{number}" for number in _INDEXED_DIMENSIONS))
        ),
        "ALTER TABLE embeddings DROP CONSTRAINT pk_faces, DROP CONSTRAINT fk_faces_collection,"
        " DROP CONSTRAINT fk_faces_person_id",
        "DROP INDEX ix_faces_person_id, ix_faces_sealed_with",
        "ALTER TABLE embeddings ADD CONSTRAINT pk_embeddings PRIMARY KEY (face_id, space)",
    ):
        op.execute(statement)
    _make_faces()
    op.execute(
        "INSERT INTO faces"
        " (id, person_id, detector, area, confidence, quality, liveness, crop, registered_at, sealed_with)"
        " SELECT face_id, person_id, detector, area, confidence, quality, liveness, crop, registered_at, sealed_with"
        " FROM embeddings"
    )
    # Only pictures are encrypted here, so the keys moved with them.
    for name in ("detector", "area", "confidence", "quality", "liveness", "crop", "registered_at", "sealed_with"):
        op.drop_column("embeddings", name)
    op.add_column("embeddings", sa.Column("sealed_with", sa.String(16)))
    op.create_foreign_key("fk_embeddings_sealed_with", "embeddings", "sealing_keys", ["sealed_with"], ["id"])
    op.create_foreign_key("fk_embeddings_face_id", "embeddings", "faces", ["face_id"], ["id"], ondelete="CASCADE")
    op.execute("CREATE INDEX ix_embeddings_sealed_with ON embeddings (sealed_with) WHERE sealed_with IS NOT NULL")


def _copy_on_sqlite() -> None:
    """Make both tables anew: SQLite changes no primary key, and copies all rows for each column that it drops."""
    op.rename_table("faces", "faces_before")
    for name in ("person_id", "collection_space", "sealed_with", "waiting"):
        op.drop_index(f"ix_faces_{name}", "faces_before")
    _make_faces()
    op.create_table(
        "embeddings",
        sa.Column("face_id", sa.Uuid(), sa.ForeignKey("faces.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("space", sa.String(200), primary_key=True),
        sa.Column("place", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.String(100), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("weights", sa.String(200), nullable=False),
        sa.Column("sealed_with", sa.String(16), sa.ForeignKey("sealing_keys.id")),
        sa.Column("waits_for_index", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(
        "INSERT INTO faces"
        " (id, person_id, detector, area, confidence, quality, liveness, crop, registered_at, sealed_with)"
        " SELECT id, person_id, detector, area, confidence, quality, liveness, crop, registered_at,"
        " CASE WHEN crop IS NOT NULL THEN sealed_with END FROM faces_before"
    )
    op.execute(
        "INSERT INTO embeddings (face_id, space, person_id, collection, dimension, embedding, weights, sealed_with)"
        " SELECT id, space, person_id, collection, dimension, embedding, weights, sealed_with FROM faces_before"
    )
    op.drop_table("faces_before")
    op.create_index("ix_embeddings_collection_space", "embeddings", ["collection", "space", "person_id"])
    op.create_index("ix_embeddings_sealed_with", "embeddings", ["sealed_with"])
    op.execute("CREATE INDEX ix_embeddings_waiting ON embeddings (collection, space) WHERE waits_for_index")


def _make_faces() -> None:
    on_postgresql = op.get_context().dialect.name == "postgresql"
    json = postgresql.JSONB() if on_postgresql else sa.JSON()
    moment = sa.DateTime(timezone=True) if on_postgresql else sa.String()
    op.create_table(
        "faces",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("person_id", sa.Uuid(), sa.ForeignKey("persons.id"), nullable=False),
        sa.Column("detector", sa.String(50), nullable=False),
        sa.Column("area", json, nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("quality", json, nullable=False),
        sa.Column("liveness", sa.Float()),
        sa.Column("crop", sa.LargeBinary()),
        sa.Column("registered_at", moment, nullable=False),
        sa.Column("sealed_with", sa.String(16), sa.ForeignKey("sealing_keys.id")),
    )
    op.create_index("ix_faces_person_id", "faces", ["person_id"])
    op.execute("CREATE INDEX ix_faces_sealed_with ON faces (sealed_with) WHERE crop IS NOT NULL")
