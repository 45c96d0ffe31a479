"""Collections, persons, faces, changes, events and answers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# The dimensions of the models, as far as pgvector can index them: 4096 is too many.
_INDEXED_DIMENSIONS = (128, 160, 512)


def upgrade() -> None:
    """Make the tables."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    if on_postgresql:
        op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    json = postgresql.JSONB() if on_postgresql else sa.JSON()
    number = sa.BigInteger() if on_postgresql else sa.Integer()
    moment = sa.DateTime(timezone=True) if on_postgresql else sa.String()
    op.create_table(
        "collections",
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("collection", sa.String(100), sa.ForeignKey("collections.name"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("labels", json, nullable=False),
        sa.Column("metadata", json, nullable=False),
        sa.Column("registered_at", moment, nullable=False),
        sa.Column("retain_until", moment),
        sa.UniqueConstraint("collection", "name"),
    )
    op.create_index("ix_persons_retain_until", "persons", ["retain_until"])
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
    )
    if on_postgresql:
        op.execute("ALTER TABLE faces ALTER COLUMN embedding TYPE vector USING NULL")
        for dimension in _INDEXED_DIMENSIONS:
            op.execute(
                f"CREATE INDEX ix_faces_cosine_{dimension} ON faces"
                f" USING hnsw ((embedding::vector({dimension})) vector_cosine_ops) WHERE dimension = {dimension}"
            )
    op.create_index("ix_faces_person_id", "faces", ["person_id"])
    op.create_index("ix_faces_collection_space", "faces", ["collection", "space"])
    op.create_table(
        "changes",
        sa.Column("id", number, primary_key=True, autoincrement=True),
        sa.Column("face_id", sa.Uuid(), nullable=False),
        sqlite_autoincrement=True,
    )
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
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_action", "events", ["action"])
    op.create_table(
        "answers",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("faces", json, nullable=False),
        sa.Column("at", moment, nullable=False),
    )


def downgrade() -> None:
    """Remove the tables and all that is in them."""
    for table in ("answers", "events", "changes", "faces", "persons", "collections"):
        op.drop_table(table)
