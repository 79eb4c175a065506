"""Brings a database to the tables of this version: ours by alembic, the job queue's by its own script."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, inspect, make_url, text

from privateshare.errors import ConfigurationError

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x70736D  # two processes that start together migrate one after the other


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate to a version; do nothing if it is there. Safe to run from several processes at once.

    Raises:
        ConfigurationError: The database is of a version that this one does not know.
    """
    with _connection(database_url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = _config(connection)
        _check_known(connection, ScriptDirectory.from_config(config))
        if not inspect(connection).has_table("procrastinate_jobs"):
            connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
        command.upgrade(config, revision)


def new_revision(database_url: str, message: str) -> None:
    """Writes the migration from a migrated database to the tables as the code describes them: for developers."""
    with _connection(database_url) as connection:
        number = len(list((MIGRATIONS / "versions").glob("*.py"))) + 1
        command.revision(_config(connection), message, autogenerate=True, rev_id=f"{number:04}")


def check(database_url: str) -> None:
    """Raises CommandError if a migrated database is not what the code's tables describe: a migration is missing."""
    with _connection(database_url) as connection:
        command.check(_config(connection))


def _check_known(connection: Connection, scripts: ScriptDirectory) -> None:
    """Refuse a database of another version, before anything in it is touched."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigurationError(
            f"the database is of a version that this one does not know (revision {revision})",
            hint="Start the version of PrivateShare that it was last used with, or a newer one",
        )


@contextmanager
def _connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
