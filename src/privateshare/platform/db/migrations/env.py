"""What alembic runs: our tables, on the connection that `migrate` hands over."""

from alembic import context

from privateshare.platform.db.tables import Base


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Return whether a table is ours. The job queue migrates its own tables."""
    return kind != "table" or name in Base.metadata.tables


context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata, include_name=_ours)
with context.begin_transaction():
    context.run_migrations()
