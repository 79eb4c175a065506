"""The example web apps, registered and run by the commands that examples/README.md shows."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from privateshare import UserAccessToken
from privateshare.protocol import jwt
from tests.flow.served import Served
from tests.flow.wire import Wire
from tests.patience import GIVE_UP_SECONDS
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "examples/README.md").read_text("utf-8"), re.DOTALL)
REGISTER, EXPORT, RUN = BLOCKS
APPS = ("fastapi_app", "flask_app", "django_app")
ID = re.compile(r"\b[A-Za-z0-9]{32}\b")


@dataclass(frozen=True)
class Registered:
    """An application with a contract, as the commands made it; its key is in `folder`."""

    origin: str
    folder: Path
    application_id: str
    contract_id: str

    @property
    def base_url(self) -> str:
        """The platform's API."""
        return f"{self.origin}/v1.7/"

    @property
    def private_key(self) -> str:
        """The contract's key."""
        return (self.folder / "genrefy.pem").read_text()


@dataclass(frozen=True)
class RunningApp:
    """An app that answers, and what it keeps and logs."""

    address: str
    folder: Path
    log: Path

    @property
    def store(self) -> Path:
        """The file of people's tokens."""
        return self.folder / "tokens.json"

    @property
    def tokens(self) -> dict[str, UserAccessToken]:
        """People's tokens as the app keeps them now, by person; the latest person is the last."""
        kept = json.loads(self.store.read_text()) if self.store.exists() else {}
        return {person: UserAccessToken.from_json(text) for person, text in kept.items()}


def register(served: Served, folder: Path) -> Registered:
    """Does what the document says under "Register the app"."""
    create_app, create_contract = REGISTER.replace("\\\n", "").splitlines()
    environment = os.environ | {"PRIVATESHARE_DATA": str(served.data)} | on_path()
    application_id = the_id(shell(create_app, folder, environment))
    told = shell(create_contract.replace("APPLICATION_ID", application_id), folder, environment)
    return Registered(served.origin, folder, application_id, the_id(told))


def with_contract(wire: Wire, folder: Path) -> Registered:
    """Return a contract that a test has made already."""
    (folder / "genrefy.pem").write_text(jwt.private_pem(wire.key))
    return Registered(wire.origin, folder, wire.application_id, wire.contract_id)


def shell(command: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Return what a command prints."""
    done = subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def the_id(told: str) -> str:
    """Return the first identifier in what a command printed."""
    found = ID.search(told)
    assert found is not None, told
    return found[0]


def on_path() -> dict[str, str]:
    """Return the programs of this environment, and the examples, from any folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}


def command_of(app: str) -> str:
    """Return the command that runs an app."""
    return next(line for line in str(RUN).splitlines() if f"examples.{app}." in line)


@contextmanager
def running(app: str, registered: Registered, folder: Path, **environment: str) -> Iterator[RunningApp]:
    """Does what the document says under "Run it", on a port of its own."""
    port = free_port()
    export = EXPORT.replace("=APPLICATION_ID", f"={registered.application_id}")
    export = export.replace("=CONTRACT_ID", f"={registered.contract_id}")
    export = export.replace("=genrefy.pem", f"={registered.folder / 'genrefy.pem'}")
    command = f"{export}\nexec {command_of(app)} --port {port}"
    address = f"http://127.0.0.1:{port}"
    told = {"PRIVATESHARE_BASE_URL": registered.base_url, "APP_ADDRESS": address}
    told["GRANIAN_WORKERS_KILL_TIMEOUT"] = "5"  # A worker that is stopped while it starts may miss the signal.
    log = folder / f"{app}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["sh", "-ec", command],
            cwd=folder,
            env=os.environ | on_path() | told | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(address, process, log)
        yield RunningApp(address, folder, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(GIVE_UP_SECONDS)


def wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Returns once something answers at an address."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, log.read_text()
        try:
            httpx2.get(address, timeout=10)
            return
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise AssertionError(f"the app is not ready: {log.read_text()}")
