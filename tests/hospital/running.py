"""A hospital for a test: started, told what to do, stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.patience import GIVE_UP_SECONDS

CLIENT_ID, CLIENT_SECRET = "privateshare", "hospital-secret"


@dataclass
class Hospital:
    """A running hospital. `fhir` and `oauth` are its addresses."""

    fhir: str
    oauth: str
    version: str
    process: "subprocess.Popen[str]"

    def do(self, command: str, **said: Any) -> Any:
        """Has it do something, see `__main__.obey`; what it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": command} | said) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def settings(self, id_: int, name: str = "City Hospital", **more: Any) -> dict[str, Any]:
        """What an operator writes to connect it."""
        fixed = {"id": id_, "name": name, "base_url": self.fhir, "version": self.version}
        return fixed | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} | more


@contextmanager
def hospital(version: str) -> Iterator[Hospital]:
    """A hospital that speaks `stu3`, `r4` or `r5`."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.hospital", version],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        addresses = json.loads(process.stdout.readline())
        yield Hospital(**addresses, version=version, process=process)
    finally:
        process.stdin.close()
        process.wait(GIVE_UP_SECONDS)
