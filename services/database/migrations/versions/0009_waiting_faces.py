"""In PostgreSQL a new face waits for its index, and the indexes are searched sooner.

To put a face into an index takes longer than the rest of a registration, and longer still into one that finds the same
with fewer candidates (`ef_construction`). So faces wait for it behind the answer, in an index that is made at once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# As when the first version made them.
_INDEXED_DIMENSIONS = (128, 160, 512)


def upgrade() -> None:
    """Build the indexes anew: of 100,000 x 512 two minutes where maintenance_work_mem holds the index."""
    op.add_column("faces", sa.Column("waits_for_index", sa.Boolean, nullable=False, server_default=sa.false()))
    # In words that both databases know.
    op.execute("CREATE INDEX ix_faces_waiting ON faces (collection, space) WHERE waits_for_index")
    if op.get_context().dialect.name == "postgresql":
        _rebuild(" WITH (ef_construction = 128)", " AND NOT waits_for_index")


def downgrade() -> None:
    """As they were."""
    if op.get_context().dialect.name == "postgresql":
        _rebuild("", "")
    op.drop_index("ix_faces_waiting", "faces")
    op.drop_column("faces", "waits_for_index")


def _rebuild(options: str, condition: str) -> None:
    for dimension in _INDEXED_DIMENSIONS:
        op.execute(f"DROP INDEX ix_faces_direction_{dimension}")
        op.execute(
            f"CREATE INDEX ix_faces_direction_{dimension} ON faces"
            f" USING hnsw ((l2_normalize(embedding)::halfvec({dimension})) halfvec_ip_ops){options}"
            f" WHERE dimension = {dimension}{condition}"
        )
