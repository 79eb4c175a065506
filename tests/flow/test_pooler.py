"""Tests of a platform whose requests reach PostgreSQL through pgbouncer in transaction mode."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import People
from tests.flow.proxies import UNPACKED, program
from tests.flow.served import free_port, serving
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.patience import wait_for

# With fewer connections than the platform has, each transaction is soon on another one than the last.
CONFIGURATION = """
[databases]
privateshare = host={host} dbname=privateshare user=privateshare
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
ignore_startup_parameters = extra_float_digits
"""


@contextmanager
def pgbouncer(folder: Path, database_url: str) -> Iterator[str]:
    """Run pgbouncer before a database, and give the URL of the database through it."""
    port = free_port()
    host = unquote(parse_qs(urlsplit(database_url).query)["host"][0])
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(host=host, port=port))
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    libraries = ":".join(str(path) for path in (UNPACKED / "lib").glob("*-linux-*"))
    command = [program("pgbouncer"), "-q", *user, str(configuration)]
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: process.poll() is not None or _is_listening(port))
            assert process.poll() is None, "pgbouncer ended"
            yield f"postgresql://privateshare@127.0.0.1:{port}/privateshare"
        finally:
            process.terminate()


@pytest.fixture
async def people(short_path: Path, tmp_path: Path) -> AsyncIterator[People]:
    """Provide people of a platform behind pgbouncer."""
    async with EmbeddedPostgres(short_path / "postgres") as url:
        os.chmod(short_path, 0o755)
        with pgbouncer(short_path, url) as pooled:
            environment = {"DATABASE_URL": url, "PRIVATESHARE_DATABASE_POOLER_URL": pooled}
            with serving(tmp_path / "data", environment=environment) as served:
                settings = Settings.model_validate(
                    {"data": served.data, "database_url": url, "database_pooler_url": pooled}
                )
                async with operator_platform(settings) as platform:
                    yield People(platform, served.origin)


async def test_everything_works_through_a_pooler(people: People) -> None:
    """A person shares, an app reads files at once and again, and a later session fetches again."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    listed = wait_until_over(wire, tokens, session)
    names = [entry["name"] for entry in listed["fileList"]]
    for _ in range(8):  # A statement is prepared on the fifth use at the latest, where that is allowed.
        read = await asyncio.gather(
            *(asyncio.to_thread(wire.get, f"{QUERY}/{session}/{name}", access_token=tokens.access) for name in names)
        )
        assert {answer.status_code for answer in read} == {200}
    again = triggered(wire, tokens)
    assert [entry["name"] for entry in wait_until_over(wire, tokens, again)["fileList"]] == names


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True
