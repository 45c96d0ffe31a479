"""How Alembic reaches the database: through the connection, and in the transaction, of whoever asked for a change."""

from alembic import context

from services.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
