"""The hits of rate limits, and the misses that lock a person."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    moment = sa.DateTime(timezone=True) if on_postgresql else sa.String()
    op.create_table(
        "hits",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
    )
    op.create_index("ix_hits_expires_at", "hits", ["expires_at"])
    op.create_table(
        "misses",
        sa.Column("person_id", sa.Uuid(), sa.ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("locked_until", moment),
    )


def downgrade() -> None:
    """Remove the tables: whoever is limited or locked is so no more."""
    op.drop_table("misses")
    op.drop_table("hits")
