"""Alembic calls this file to run migrations, on the connection that `Database` hands it."""

from alembic import context

from tonewatch.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
)
context.run_migrations()
