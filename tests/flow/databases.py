"""Data folders whose database is made and migrated already, for platforms that tests start.

PostgreSQL needs a second of CPU to make a database, and the platform half a second to migrate it. So this is done once,
and each new platform starts on a copy. The copies do not flush to the disk: they survive crashes of their processes,
which tests cause, and need not survive a crash of the machine.
"""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

from privateshare.platform.db.migrate import upgrade
from privateshare.platform.embedded.postgres import DATABASE, EmbeddedPostgres
from tests.flow.command_line import FORKS

UNFLUSHED = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nwal_init_zero = off\nwal_recycle = off\n"
_kept: list[TemporaryDirectory[str]] = []


def copy_database(data: Path) -> None:
    """Give a data folder that does not exist yet an empty database of this version."""
    copy_cluster(data / "postgres")


def copy_cluster(postgres: Path) -> None:
    """Copy the cluster, with the migrated and otherwise empty database, to a folder that does not exist yet."""
    postgres.mkdir(parents=True, mode=0o700)
    shutil.copystat(_made().parent, postgres)
    subprocess.run(["cp", "--archive", _made(), postgres], check=True)


@asynccontextmanager
async def copied_postgres(postgres: Path) -> AsyncIterator[str]:
    """Run a PostgreSQL on a copy of the cluster in this folder, and provide the URL of its migrated database."""
    copy_cluster(postgres)
    async with EmbeddedPostgres(postgres) as url:
        yield url


async def new_database(url: str, *, migrated: bool) -> str:
    """Create one more database in the PostgreSQL of `copied_postgres`, and return its URL."""
    server, name = make_url(url), f"test_{uuid4().hex}"
    administration = server.set(database="postgres").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(administration, autocommit=True) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE if migrated else 'template0'}")
    return server.set(database=name).render_as_string(hide_password=False)


@cache
def _made() -> Path:
    """Make the cluster that is copied, in a process of its own: the caller's may run an event loop."""
    _kept.append(TemporaryDirectory(prefix="ps-"))
    folder = Path(_kept[0].name) / "postgres"
    making = FORKS.Process(target=_make, args=(folder,))
    making.start()
    making.join()
    assert making.exitcode == 0
    with (folder / "cluster" / "postgresql.conf").open("a") as settings:
        settings.write(UNFLUSHED)
    return folder / "cluster"


def _make(folder: Path) -> None:
    asyncio.run(_migrated(folder))


async def _migrated(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as url:
        await asyncio.to_thread(upgrade, url)
