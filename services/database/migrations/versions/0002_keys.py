"""The API keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    moment = sa.DateTime(timezone=True) if on_postgresql else sa.String()
    json = postgresql.JSONB() if on_postgresql else sa.JSON()
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


def downgrade() -> None:
    """Remove the table: without any key the service is open."""
    op.drop_table("keys")
