"""pgbouncer in transaction mode before a database, for tests."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.flow.proxies import UNPACKED, program
from tests.patience import wait_for
from tests.ports import free_port

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
    process, url = start_pgbouncer(folder, database_url, free_port())
    with process:
        try:
            yield url
        finally:
            process.terminate()


def start_pgbouncer(folder: Path, database_url: str, port: int) -> tuple["subprocess.Popen[bytes]", str]:
    """Start pgbouncer on a port before a database. Return its process, and the URL of the database through it."""
    host = unquote(parse_qs(urlsplit(database_url).query)["host"][0])
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(CONFIGURATION.format(host=host, port=port))
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    libraries = ":".join(str(path) for path in (UNPACKED / "lib").glob("*-linux-*"))
    command = [program("pgbouncer"), "-q", *user, str(configuration)]
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: process.poll() is not None or _is_listening(port))
    assert process.poll() is None, "pgbouncer ended"
    return process, f"postgresql://privateshare@127.0.0.1:{port}/privateshare"


def _is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionError:
        return False
    return True
