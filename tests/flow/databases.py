"""Data folders whose database is made and migrated already, for platforms that tests start.

PostgreSQL needs a second of CPU to make a database, and the platform half a second to migrate it. So this is done once,
and each new platform starts on a copy. The copies do not flush to the disk: they survive crashes of their processes,
which tests cause, and need not survive a crash of the machine.
"""

import asyncio
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from privateshare.platform.db.migrate import upgrade
from privateshare.platform.embedded.postgres import EmbeddedPostgres
from tests.flow.command_line import FORKS

UNFLUSHED = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
_kept: list[TemporaryDirectory[str]] = []


def copy_database(data: Path) -> None:
    """Give a data folder that does not exist yet an empty database of this version."""
    postgres = data / "postgres"
    postgres.mkdir(parents=True, mode=0o700)
    shutil.copystat(_made().parent, postgres)
    subprocess.run(["cp", "--archive", _made(), postgres], check=True)


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
