"""The name of the photo that a face is from."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Give faces a column for it; those that are there have none."""
    op.add_column("faces", sa.Column("photo", sa.String(200)))
