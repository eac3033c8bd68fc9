"""Alembic's environment: it works on the connection that ``store.upgrade`` hands over, never on one of its own."""

from alembic import context

from workbadge.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
