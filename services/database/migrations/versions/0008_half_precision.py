"""PostgreSQL: indexes in half precision, and embeddings that lie in the rows of their faces.

The indexes are of the embeddings' directions, half as large and sooner searched. An embedding of 512 numbers used to
lie in a table apart (TOAST), where each has to be looked up. Rows may be half a page long now before PostgreSQL puts
what is largest there: 4096 numbers, or a crop.
"""

from alembic import op

revision = "0008"
down_revision = "0007"

# As when the first version made them.
_INDEXED_DIMENSIONS = (128, 160, 512)


def upgrade() -> None:
    """Rewrite the faces and build the indexes anew: of 100,000 x 512 about a minute where maintenance_work_mem holds
    the index."""
    _rebuild(
        "cosine", "direction", "SET (toast_tuple_target = 4080)", "l2_normalize(embedding)::halfvec", "halfvec_ip_ops"
    )


def downgrade() -> None:
    """As they were."""
    _rebuild("direction", "cosine", "RESET (toast_tuple_target)", "embedding::vector", "vector_cosine_ops")


def _rebuild(before: str, after: str, rows: str, indexed: str, operators: str) -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    for dimension in _INDEXED_DIMENSIONS:
        op.execute(f"DROP INDEX ix_faces_{before}_{dimension}")
    op.execute(f"ALTER TABLE faces {rows}")
    op.execute("ALTER TABLE faces ALTER COLUMN embedding TYPE vector USING (embedding::real[])::vector")
    for dimension in _INDEXED_DIMENSIONS:
        op.execute(
            f"CREATE INDEX ix_faces_{after}_{dimension} ON faces"
            f" USING hnsw (({indexed}({dimension})) {operators}) WHERE dimension = {dimension}"
        )
