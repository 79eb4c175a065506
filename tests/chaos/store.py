"""An S3 server in a process of its own, which can be killed, paused, and told to fail, to be slow or to break off."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.s3_server import BUCKETS, Faults
from tests.patience import wait_for
from tests.ports import free_port

ROOT = Path(__file__).parents[2]


class FaultyStore:
    """The server, and the folder in which it keeps the buckets `files` and `keys`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        assert self._process is not None
        return self._process.pid

    def environment(self) -> dict[str, str]:
        """Return the environment in which the platform finds this store."""
        access = {"ENDPOINT_URL": self.url, "ALLOW_HTTP": "true", "DEFAULT_REGION": "us-east-1"}
        access |= {"ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "secret"}
        return {f"AWS_{name}": value for name, value in access.items()}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve until the end of the block."""
        for name in ("files", "keys"):
            (self._folder / BUCKETS / name).mkdir(parents=True)
        self.have(Faults())
        self.start()
        try:
            yield
        finally:
            self.kill()

    def start(self) -> None:
        """Start the process, and wait until it answers."""
        command = [sys.executable, "-m", "tests.chaos.s3_server", str(self._port), str(self._folder)]
        self._process = process = subprocess.Popen(command, cwd=ROOT)
        wait_for(lambda: process.poll() is not None or self._is_listening())
        assert process.poll() is None, "the store ended"

    def kill(self) -> None:
        """Kill the process. What it has acknowledged stays in its folder."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def have(self, faults: Faults) -> None:
        """Have these faults from now on, in place of those before."""
        faults.write(self._folder)

    def _is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port)).close()
        except ConnectionError:
            return False
        return True
