"""Which key has sealed a face, and which keys there are."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of keys, and have faces name theirs."""
    op.create_table("sealing_keys", sa.Column("id", sa.String(16), primary_key=True))
    # In words that both databases know: Alembic would add the reference to SQLite's table by a statement of its own.
    op.execute(
        "ALTER TABLE faces ADD COLUMN sealed_with VARCHAR(16)"
        " CONSTRAINT fk_faces_sealed_with REFERENCES sealing_keys (id)"
    )
    op.create_index("ix_faces_sealed_with", "faces", ["sealed_with"])


def downgrade() -> None:
    """Forget the keys; raises RuntimeError where faces are sealed, for nobody could open them any more."""
    if op.get_bind().execute(sa.text("SELECT 1 FROM faces WHERE sealed_with IS NOT NULL LIMIT 1")).first():
        raise RuntimeError("the gallery is encrypted")
    op.drop_index("ix_faces_sealed_with", "faces")
    op.drop_column("faces", "sealed_with")
    op.drop_table("sealing_keys")
