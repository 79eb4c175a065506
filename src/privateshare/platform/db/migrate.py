"""Migration of a database to the tables of this version, with alembic; the job queue's tables have their own script."""

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
_ADVISORY_LOCK = 0x70736D  # Processes that start at the same time migrate one after the other.


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate a database to a revision, if it is not there yet. Safe to run from several processes at once.

    Raises:
        ConfigurationError: The database has a revision that this version of PrivateShare does not know.
    """
    with _connection(database_url) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config = _config(connection)
        _check_known(connection, ScriptDirectory.from_config(config))
        if not inspect(connection).has_table("procrastinate_jobs"):
            connection.exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
        command.upgrade(config, revision)


def new_revision(database_url: str, message: str) -> None:
    """Write a migration from a migrated database to the tables in the code. For developers."""
    with _connection(database_url) as connection:
        number = len(list((MIGRATIONS / "versions").glob("*.py"))) + 1
        command.revision(_config(connection), message, autogenerate=True, rev_id=f"{number:04}")


def check(database_url: str) -> None:
    """Check that no migration is missing: raise CommandError if a migrated database differs from the tables in code."""
    with _connection(database_url) as connection:
        command.check(_config(connection))


def _check_known(connection: Connection, scripts: ScriptDirectory) -> None:
    """Raise ConfigurationError for a database with an unknown revision, before anything in it is changed."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigurationError(
            f"the database has a revision that this version of PrivateShare does not know ({revision})",
            hint="Start the version of PrivateShare that last used this database, or a newer one",
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
