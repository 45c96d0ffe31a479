"""Faces that are kept without being compared."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Give faces and embeddings a column for it; all that are there are compared."""
    for table in ("faces", "embeddings"):
        op.add_column(table, sa.Column("set_aside", sa.Boolean, nullable=False, server_default=sa.false()))
