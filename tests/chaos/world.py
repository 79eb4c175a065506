"""Everything that runs: PostgreSQL, pgbouncer, S3, and the platform's processes; and what can be done to each."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psutil

from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from tests.chaos.store import FaultyStore
from tests.flow.poolers import start_pgbouncer
from tests.flow.served import Served, free_port, serving_as_people_do

Fault = Callable[[random.Random], Awaitable[str]]
PROCESSES = "2"  # For requests; with them comes one for syncs.
LONGEST_PAUSE_SECONDS = 4.0


@dataclass
class World:
    """The parts of one platform."""

    folder: Path
    store: FaultyStore
    postgres: EmbeddedPostgres
    database_url: str
    pooler: "subprocess.Popen[bytes]"
    pooled_url: str
    environment: Mapping[str, str]
    served: Served | None = None
    done: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Return the platform's address."""
        assert self.served is not None
        return self.served.origin

    def settings(self) -> Settings:
        """Return the settings of an operator's command: to the database itself."""
        return Settings.model_validate(
            {
                "data": self.folder / "data",
                "database_url": self.database_url,
                "blob_url": self.environment["BLOB_URL"],
                "key_url": self.environment["PRIVATESHARE_KEY_URL"],
                "database_pool_size": 10,
            }
        )

    def processes(self) -> list[psutil.Process]:
        """Return the platform's processes for requests and syncs, which the first one has started."""
        assert self.served is not None
        found = psutil.Process(self.served.process.pid).children(recursive=True)
        with suppress(psutil.Error):
            return [one for one in found if "forkserver" in "".join(one.cmdline()) and not one.children()]
        return []

    async def kill_process(self, chance: random.Random) -> str:
        """Kill a process of the platform."""
        victims = self.processes()
        if victims:
            with suppress(psutil.Error):
                chance.choice(victims).kill()
        return "a process of the platform is killed"

    async def pause_process(self, chance: random.Random) -> str:
        """Pause a process of the platform."""
        victims = self.processes()
        if victims:
            await _pause([chance.choice(victims).pid], chance)
        return "a process of the platform is paused"

    async def kill_postgres(self, chance: random.Random) -> str:
        """Kill PostgreSQL, and start it again a moment later."""
        os.kill(self._postmaster(), signal.SIGKILL)
        await self.postgres.stop()
        await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))
        self.postgres = EmbeddedPostgres(self.folder / "postgres", 200)
        await self.postgres.start()
        return "PostgreSQL is killed"

    async def pause_postgres(self, chance: random.Random) -> str:
        """Pause PostgreSQL with all of its processes."""
        postmaster = psutil.Process(self._postmaster())
        await _pause([postmaster.pid, *(one.pid for one in postmaster.children())], chance)
        return "PostgreSQL is paused"

    async def kill_pooler(self, chance: random.Random) -> str:
        """Kill pgbouncer, and start it again a moment later."""
        self.pooler.kill()
        self.pooler.wait()
        await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))
        port = urlsplit(self.pooled_url).port
        assert port is not None
        self.pooler, _ = await asyncio.to_thread(start_pgbouncer, self.folder, self.database_url, port)
        return "pgbouncer is killed"

    async def pause_pooler(self, chance: random.Random) -> str:
        """Pause pgbouncer."""
        await _pause([self.pooler.pid], chance)
        return "pgbouncer is paused"

    async def fail_store(self, chance: random.Random) -> str:
        """Let the store answer 500."""
        self.store.fails = True
        await asyncio.sleep(chance.uniform(0.5, LONGEST_PAUSE_SECONDS))
        self.store.fails = False
        return "the store answers 500"

    async def slow_store(self, chance: random.Random) -> str:
        """Let the store answer slowly."""
        self.store.delay_seconds = chance.uniform(0.1, 1.0)
        await asyncio.sleep(chance.uniform(0.5, LONGEST_PAUSE_SECONDS))
        self.store.delay_seconds = 0.0
        return "the store is slow"

    def faults(self) -> list[Fault]:
        """Return everything that can be done to the parts."""
        return [
            self.kill_process,
            self.kill_process,
            self.pause_process,
            self.kill_postgres,
            self.pause_postgres,
            self.kill_pooler,
            self.pause_pooler,
            self.fail_store,
            self.slow_store,
        ]

    def _postmaster(self) -> int:
        return int((self.folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


async def _pause(pids: list[int], chance: random.Random) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(chance.uniform(0.2, LONGEST_PAUSE_SECONDS))
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def running_world(folder: Path) -> AsyncIterator[World]:
    """Start everything, and stop it at the end."""
    store = FaultyStore()
    async with AsyncExitStack() as stack:
        stack.enter_context(store.serving())
        environment = store.environment()
        os.environ.update(environment)  # The checks at the end read the store too.
        client = boto3.client("s3")
        for name in ("files", "keys"):
            client.create_bucket(Bucket=name)
        postgres = EmbeddedPostgres(folder / "postgres", 200)
        url = await postgres.start()
        folder.chmod(0o755)
        pooler, pooled = await asyncio.to_thread(start_pgbouncer, folder, url, free_port())
        environment |= {
            "DATABASE_URL": url,
            "PRIVATESHARE_DATABASE_POOLER_URL": pooled,
            "BLOB_URL": "s3://files",
            "PRIVATESHARE_KEY_URL": "s3://keys",
            "PRIVATESHARE_PROCESSES": PROCESSES,
        }
        world = World(folder, store, postgres, url, pooler, pooled, environment)
        try:
            world.served = await asyncio.to_thread(
                stack.enter_context, serving_as_people_do(folder / "data", environment=environment)
            )
            yield world
        finally:
            store.fails, store.delay_seconds = False, 0.0
            await _stop(stack, world)


async def _stop(stack: AsyncExitStack, world: World) -> None:
    await stack.aclose()
    world.pooler.kill()
    world.pooler.wait()
    await world.postgres.stop()
