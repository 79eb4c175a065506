"""Migration of a database to the tables of this version, with alembic; the job queue's tables have their own script."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import ProgrammingError

from privateshare.errors import ConfigurationError

MIGRATIONS = Path(__file__).with_name("migrations")
MAX_SHOWN_TABLES = 5
# List the tables in the schema that new tables would go to, without those of extensions such as PostGIS.
_OWN_TABLES = text("""
SELECT relname::text
  FROM pg_class
 WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
""")
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


def check_is_ours(database_url: str, *, must_be_current: bool = False) -> None:
    """Check that a database is empty or of PrivateShare, and of no newer version than this one. Changes nothing.

    Args:
        database_url: The database.
        must_be_current: Also refuse a database of an older version, because another process uses it.

    Raises:
        ConfigurationError: The database is of another product or of another version.
    """
    with _connection(database_url) as connection:
        scripts = ScriptDirectory.from_config(_config(connection))
        _check_known(connection, scripts)
        revision = MigrationContext.configure(connection).get_current_revision()
        if must_be_current and revision != scripts.get_current_head():
            raise ConfigurationError(
                "the platform that runs on this database is of another version of PrivateShare",
                hint="Use the command of that version, or restart the platform with this one",
            )


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
    """Raise ConfigurationError for a database of another product or an unknown revision, before it is changed."""
    try:
        revision = MigrationContext.configure(connection).get_current_revision()
    except (ProgrammingError, CommandError) as error:  # The table of revisions has other columns, or several rows.
        raise _foreign_database(["alembic_version"]) from error
    foreign = sorted(connection.scalars(_OWN_TABLES)) if revision is None else []
    if foreign:
        raise _foreign_database(foreign)
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise ConfigurationError(
            f"the database has a revision that this version of PrivateShare does not know ({revision})",
            hint="Start the version of PrivateShare that last used this database, or a newer one",
        )


def _foreign_database(tables: Sequence[str]) -> ConfigurationError:
    shown = ", ".join(tables[:MAX_SHOWN_TABLES]) + (", …" if len(tables) > MAX_SHOWN_TABLES else "")
    return ConfigurationError(
        f"the database is of another product (it has the tables {shown}); nothing was changed",
        hint="Set DATABASE_URL to an empty database",
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
