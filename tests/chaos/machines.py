"""A platform as on several machines: HAProxy, three servers for requests, two for syncs, PostgreSQL with a replica.

Each server has a data folder of its own, and shares nothing with the others but the database, the stores and the master
key. Commits wait for the replica, so it can take over when PostgreSQL is killed and nothing is lost.
"""

import asyncio
import os
import random
import signal
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import psycopg

from privateshare.platform.embedded.postgres import EmbeddedPostgres, database_url
from privateshare.platform.operating.settings import Settings
from tests.chaos.faults import Fault, LinkFaults, StoreFaults, a_while
from tests.chaos.link import Link
from tests.chaos.store import FaultyStore
from tests.flow.poolers import start_pgbouncer
from tests.flow.proxies import UNPACKED, program
from tests.flow.replicas import start_replica
from tests.flow.served import Served, serving
from tests.patience import wait_for
from tests.ports import free_port
from tests.processes import send_signal

SERVERS = ("api-1", "api-2", "api-3", "worker-1", "worker-2")
CONFIGURATION = """
defaults
    mode http
    timeout connect 2s
    timeout client 120s
    timeout server 120s
    retries 3
    option redispatch
    retry-on conn-failure empty-response
frontend all
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    balance roundrobin
    option httpchk GET /healthz
    default-server inter 500ms fall 1 rise 1 on-marked-down shutdown-sessions
{servers}
"""


@dataclass
class Machines:
    """The parts of one platform that is spread over several machines."""

    folder: Path
    store: FaultyStore
    primary: EmbeddedPostgres
    replica: EmbeddedPostgres
    database_url: str
    pooler: "subprocess.Popen[bytes]"
    pooled_url: str
    environment: Mapping[str, str]
    link: Link
    balancer_port: int
    ports: Mapping[str, int]
    balancer: "subprocess.Popen[bytes] | None" = None
    running: dict[str, tuple[ExitStack, Served]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    failed_over: bool = False

    @property
    def origin(self) -> str:
        """Return the platform's address as apps and people reach it."""
        return self.link.origin

    def settings(self) -> Settings:
        """Return the settings of an operator's command: to the database itself."""
        return Settings.model_validate(
            {
                "data": self.folder / "operator",
                "database_url": self.database_url,
                "blob_url": self.environment["BLOB_URL"],
                "database_replica_url": self.environment["PRIVATESHARE_DATABASE_REPLICA_URL"],
                "key_url": self.environment["PRIVATESHARE_KEY_URL"],
                "master_key": self.environment["PRIVATESHARE_MASTER_KEY"],
                "database_pool_size": 10,
            }
        )

    async def start(self, name: str) -> None:
        """Start a server: one that runs syncs if its name says so."""
        workers = "2" if name.startswith("worker") else "0"
        environment = {**self.environment, "PRIVATESHARE_WORKERS": workers}
        stack = ExitStack()
        server = serving(self.folder / name, port=self.ports[name], environment=environment)
        self.running[name] = stack, await asyncio.to_thread(stack.enter_context, server)

    async def stop(self, name: str) -> None:
        """Stop a server in order, as for an upgrade."""
        stack, _ = self.running.pop(name)
        await asyncio.to_thread(stack.close)

    async def kill_server(self, chance: random.Random) -> str:
        """Kill a server, and start it again a moment later."""
        name = chance.choice(SERVERS)
        self.running[name][1].process.send_signal(signal.SIGKILL)
        await asyncio.sleep(chance.uniform(0, 3))
        await self.stop(name)
        await self.start(name)
        return f"{name.partition('-')[0]} is killed"

    async def restart_all(self, _chance: random.Random) -> str:
        """Restart one server after the other, as for an upgrade."""
        for name in SERVERS:
            await self.stop(name)
            await self.start(name)
        return "all servers are restarted, one after the other"

    async def fail_over(self, _chance: random.Random) -> str:
        """Kill PostgreSQL for good, and let the replica take over."""
        if self.failed_over:
            return "nothing is done, since the replica has taken over before"
        self.failed_over = True
        pid = int((self.folder / "primary" / "cluster" / "postmaster.pid").read_text().split()[0])
        send_signal(pid, signal.SIGKILL)
        await self.primary.stop()
        own = database_url(self.folder / "replica")
        async with await psycopg.AsyncConnection.connect(own, autocommit=True) as connection:
            await connection.execute("SELECT pg_promote()")
            await connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            await connection.execute("SELECT pg_reload_conf()")
        await self._restart_pooler()
        return "PostgreSQL is killed, and the replica takes over"

    async def kill_pooler(self, _chance: random.Random) -> str:
        """Kill pgbouncer, and start it again."""
        await self._restart_pooler()
        return "pgbouncer is killed"

    async def kill_balancer(self, chance: random.Random) -> str:
        """Kill HAProxy, and start it again a moment later."""
        self.stop_balancer()
        await a_while(chance)
        await self.start_balancer()
        return "HAProxy is killed"

    async def start_balancer(self) -> None:
        """Start HAProxy, and wait until it reaches a server."""
        self.balancer = balancer = _haproxy(self.folder, self.balancer_port, self.ports)
        address = f"http://127.0.0.1:{self.balancer_port}"
        await asyncio.to_thread(wait_for, lambda: balancer.poll() is not None or _answers(address))
        assert balancer.poll() is None, "HAProxy ended"

    def stop_balancer(self) -> None:
        """Kill HAProxy."""
        if self.balancer is not None:
            self.balancer.kill()
            self.balancer.wait()

    async def _restart_pooler(self) -> None:
        self.pooler.kill()
        self.pooler.wait()
        port = urlsplit(self.pooled_url).port
        assert port is not None
        now = database_url(self.folder / ("replica" if self.failed_over else "primary"))
        self.pooler, _ = await asyncio.to_thread(start_pgbouncer, self.folder, now, port)

    def faults(self) -> list[Fault]:
        """Return everything that can be done to the parts."""
        own = [
            self.kill_server,
            self.kill_server,
            self.restart_all,
            self.fail_over,
            self.kill_pooler,
            self.kill_balancer,
        ]
        return [*own, *StoreFaults(self.store).all(), LinkFaults(self.link).cut]


@asynccontextmanager
async def running_machines(folder: Path) -> AsyncIterator[Machines]:
    """Start everything, and stop it at the end."""
    store = FaultyStore(folder / "store")
    async with AsyncExitStack() as stack:
        stack.enter_context(store.serving())
        environment = store.environment()
        os.environ.update(environment)
        folder.chmod(0o755)
        primary = EmbeddedPostgres(folder / "primary", 300)
        own = await primary.start()
        stack.push_async_callback(primary.stop)
        replica = await start_replica(folder / "replica", folder / "primary", own, 300)
        stack.push_async_callback(replica.stop)
        await _let_commits_wait(own)
        hosts = ",".join(str(folder / name / "cluster") for name in ("primary", "replica"))
        url = f"postgresql:///privateshare?host={quote(hosts)}&user=privateshare&target_session_attrs=read-write"
        pooler, pooled = await asyncio.to_thread(start_pgbouncer, folder, own, free_port())
        ports, outer = {name: free_port() for name in SERVERS}, free_port()
        link = stack.enter_context(Link(outer).carrying())
        environment |= {
            "DATABASE_URL": url,
            "PRIVATESHARE_DATABASE_POOLER_URL": pooled,
            "PRIVATESHARE_DATABASE_REPLICA_URL": database_url(folder / "replica"),
            "BLOB_URL": "s3://files",
            "PRIVATESHARE_KEY_URL": "s3://keys",
            "PRIVATESHARE_MASTER_KEY": b64encode(os.urandom(32)).decode(),
            "PRIVATESHARE_ORIGIN": link.origin,
            "PRIVATESHARE_TRUSTED_PROXIES": "127.0.0.1",
        }
        machines = Machines(folder, store, primary, replica, url, pooler, pooled, environment, link, outer, ports)
        try:
            for name in SERVERS:
                await machines.start(name)
            await machines.start_balancer()
            yield machines
        finally:
            for name in list(machines.running):
                await machines.stop(name)
            machines.pooler.kill()
            machines.pooler.wait()
            machines.stop_balancer()


async def _let_commits_wait(primary: str) -> None:
    """Let each commit wait until the replica has it."""
    async with await psycopg.AsyncConnection.connect(primary, autocommit=True) as connection:
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await connection.execute("SELECT pg_reload_conf()")


def _haproxy(folder: Path, port: int, ports: Mapping[str, int]) -> "subprocess.Popen[bytes]":
    lines = [f"    server {name} 127.0.0.1:{number} check" for name, number in ports.items() if name.startswith("api")]
    configuration = folder / "haproxy.cfg"
    configuration.write_text(CONFIGURATION.format(port=port, servers="\n".join(lines)))
    libraries = ":".join(str(path) for path in (UNPACKED / "lib").glob("*-linux-*"))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    return subprocess.Popen([program("haproxy"), "-q", "-f", str(configuration)], env=environment)


def _answers(origin: str) -> bool:
    try:
        return httpx2.get(f"{origin}/healthz").status_code == 200
    except httpx2.TransportError:
        return False
