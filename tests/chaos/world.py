"""Everything that runs: PostgreSQL, pgbouncer, S3, and the platform's processes; and what can be done to each."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg

from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from tests.chaos.faults import LONGEST_PAUSE_SECONDS, Fault, LinkFaults, StoreFaults, a_while, no_room, pause, slow
from tests.chaos.link import Link
from tests.chaos.store import FaultyStore
from tests.flow.poolers import start_pgbouncer
from tests.flow.proxies import UNPACKED
from tests.flow.served import Served, serving_as_people_do
from tests.ports import free_port
from tests.processes import send_signal

PROCESSES = "2"  # For requests; with them comes one for syncs.
REVIVAL_SECONDS = 10
CLOCK_JUMP_SECONDS = 100  # Clients' requests are accepted within five minutes of their time.
CLOCK_CACHE_SECONDS = 1


# `scripts/setup proxies` unpacks it: it gives a process another time.
FAKE_CLOCK = next((UNPACKED / "lib").glob("*/faketime/libfaketime.so.1"), None)


def _faked_clock(clock: Path) -> dict[str, str]:
    """Return the environment of processes whose clock a file sets."""
    if FAKE_CLOCK is None:
        return {}
    names = {"TIMESTAMP_FILE": str(clock), "CACHE_DURATION": str(CLOCK_CACHE_SECONDS), "DONT_FAKE_MONOTONIC": "1"}
    return {"LD_PRELOAD": str(FAKE_CLOCK)} | {f"FAKETIME_{name}": value for name, value in names.items()}


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
    link: Link | None = None
    done: list[str] = field(default_factory=list)

    @property
    def clock(self) -> Path:
        """Return the file with the seconds that the platform's clock is wrong by."""
        return self.folder / "clock"

    @property
    def origin(self) -> str:
        """Return the platform's address as apps and people reach it."""
        assert self.link is not None
        return self.link.origin

    @property
    def direct_origin(self) -> str:
        """Return the address of the platform itself."""
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
            await pause([chance.choice(victims).pid], chance)
        return "a process of the platform is paused"

    async def slow_process(self, chance: random.Random) -> str:
        """Let a process of the platform stand still most of the time."""
        victims = self.processes()
        if victims:
            pid = chance.choice(victims).pid
            await slow(lambda: [pid], chance)
        return "a process of the platform is slow"

    async def fill_disk(self, chance: random.Random) -> str:
        """Let the processes of the platform write only small files, as if their disk had no room."""
        with no_room(self.processes):
            await a_while(chance)
        return "the platform's disk is full"

    async def jump_clock(self, chance: random.Random) -> str:
        """Let the clock of the platform's processes jump, forward or back, and back to the right time."""
        if not FAKE_CLOCK:
            return "nothing is done to the clock, since libfaketime is not installed"
        self.clock.write_text(f"{chance.choice((-1, 1)) * chance.randint(1, CLOCK_JUMP_SECONDS):+d}")
        await asyncio.sleep(CLOCK_CACHE_SECONDS + chance.uniform(0.5, LONGEST_PAUSE_SECONDS))
        self.clock.write_text("+0")
        return "the platform's clock jumps"

    async def fill_disk_of_postgres(self, chance: random.Random) -> str:
        """Let PostgreSQL write only small files. It may end then, and is started again when there is room."""
        with no_room(self._processes_of_postgres):
            await a_while(chance)
        for _ in range(REVIVAL_SECONDS):
            with suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(self.database_url):
                    return "the disk of PostgreSQL is full"
            await asyncio.sleep(1)
        await self._restart_postgres()
        return "the disk of PostgreSQL is full, and it ends"

    async def drop_connections(self, _chance: random.Random) -> str:
        """End all connections to PostgreSQL."""
        others = "pid <> pg_backend_pid() AND datname IS NOT NULL"
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
        with suppress(psycopg.Error):
            async with await psycopg.AsyncConnection.connect(self.database_url, autocommit=True) as connection:
                await connection.execute(end)
        return "all connections to PostgreSQL end"

    async def kill_postgres(self, chance: random.Random) -> str:
        """Kill PostgreSQL, and start it again a moment later."""
        send_signal(self._postmaster(), signal.SIGKILL)
        await self.postgres.stop()
        await asyncio.sleep(chance.uniform(0, LONGEST_PAUSE_SECONDS))
        await self._restart_postgres()
        return "PostgreSQL is killed"

    async def _restart_postgres(self) -> None:
        await self.postgres.stop()
        self.postgres = EmbeddedPostgres(self.folder / "postgres", 200)
        await self.postgres.start()

    async def pause_postgres(self, chance: random.Random) -> str:
        """Pause PostgreSQL with all of its processes."""
        await pause([one.pid for one in self._processes_of_postgres()], chance)
        return "PostgreSQL is paused"

    async def slow_postgres(self, chance: random.Random) -> str:
        """Let PostgreSQL stand still most of the time."""
        await slow(lambda: [one.pid for one in self._processes_of_postgres()], chance)
        return "PostgreSQL is slow"

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
        await pause([self.pooler.pid], chance)
        return "pgbouncer is paused"

    async def slow_pooler(self, chance: random.Random) -> str:
        """Let pgbouncer stand still most of the time."""
        await slow(lambda: [self.pooler.pid], chance)
        return "pgbouncer is slow"

    def faults(self) -> list[Fault]:
        """Return everything that can be done to the parts."""
        assert self.link is not None
        return [
            self.kill_process,
            self.kill_process,
            self.pause_process,
            self.slow_process,
            self.fill_disk,
            self.jump_clock,
            self.kill_postgres,
            self.fill_disk_of_postgres,
            self.drop_connections,
            self.pause_postgres,
            self.slow_postgres,
            self.kill_pooler,
            self.pause_pooler,
            self.slow_pooler,
            *StoreFaults(self.store).all(),
            LinkFaults(self.link).cut,
        ]

    def _processes_of_postgres(self) -> list[psutil.Process]:
        with suppress(psutil.Error, OSError):
            postmaster = psutil.Process(self._postmaster())
            return [postmaster, *postmaster.children()]
        return []

    def _postmaster(self) -> int:
        return int((self.folder / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


@asynccontextmanager
async def running_world(folder: Path) -> AsyncIterator[World]:
    """Start everything, and stop it at the end."""
    store = FaultyStore(folder / "store")
    async with AsyncExitStack() as stack:
        stack.enter_context(store.serving())
        environment = store.environment()
        os.environ.update(environment)  # The checks at the end read the store too.
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
        world.clock.write_text("+0")
        environment |= _faked_clock(world.clock)
        try:
            world.served = await asyncio.to_thread(
                stack.enter_context, serving_as_people_do(folder / "data", environment=environment)
            )
            world.link = stack.enter_context(Link(int(world.direct_origin.rpartition(":")[2])).carrying())
            yield world
        finally:
            await _stop(stack, world)


async def _stop(stack: AsyncExitStack, world: World) -> None:
    await stack.aclose()
    world.pooler.kill()
    world.pooler.wait()
    await world.postgres.stop()
