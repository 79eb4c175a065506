"""The CPU time of a refresh by oidc-provider, a well-known server in JavaScript, to compare it with ours.

It does the same work: it checks a JWT by which the client authenticates itself (PS512), signs an access token (PS512),
and replaces the refresh token. It keeps its tokens in memory, where ours are in a database and durable. npm installs
it for the measurement.
"""

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2
import psutil
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from privateshare.protocol import jwt

PACKAGE = "oidc-provider@9"
SCRIPT = Path(__file__).with_suffix(".mjs")
CALLS, RUNS = 60, 5
WARM_UP_RUNS = 25  # Its engine goes on to optimize for more than a thousand requests.
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 300
INSTALL_SECONDS = 300


@dataclass
class Peer:
    """A running oidc-provider with the refresh token of its only client."""

    process: psutil.Process
    address: str
    issuer: str
    refresh_token: str
    key: RSAPrivateKey

    def assertion(self) -> str:
        """Sign a JWT that authenticates the client once."""
        now = int(time.time())
        claims = {"iss": "app", "sub": "app", "aud": self.issuer, "jti": uuid4().hex}
        return jwt.sign(self.key, claims | {"iat": now, "exp": now + ASSERTION_SECONDS})

    def refresh(self, http: httpx2.Client, assertion: str) -> None:
        """Replace the refresh token."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        response = http.post(f"{self.address}/token", data=form)
        assert response.is_success, response.text
        self.refresh_token = response.json()["refresh_token"]

    def cpu_seconds(self) -> float:
        """Return the CPU time that it has used so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


def measure_peer(rsa: float) -> None:
    """Print the CPU time of a refresh by oidc-provider, or why there is none. `rsa` is R in milliseconds."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        print("oidc-provider was not measured: there is no npm")
        return
    with tempfile.TemporaryDirectory() as folder:
        install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", folder, PACKAGE]
        try:
            subprocess.run(install, check=True, timeout=INSTALL_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"oidc-provider was not measured: npm cannot install it ({type(error).__name__})")
            return
        with _running(Path(folder)) as peer, httpx2.Client() as http:
            spent = statistics.median(_milliseconds(peer, http))
    print(f"{'refresh, oidc-provider':26} {spent:6.2f} ms CPU {spent / rsa:6.1f} R  its store is in memory", flush=True)


@contextmanager
def _running(folder: Path) -> Iterator[Peer]:
    key = generate_private_key(65537, 2048)
    script = shutil.copy(SCRIPT, folder)  # Node looks for packages beside the script.
    command = ["node", str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdin is not None
            assert started.stdout is not None
            started.stdin.write(json.dumps(jwt.key_set_entry(key.public_key(), "app")))
            started.stdin.close()
            told = next(json.loads(line) for line in started.stdout if line.startswith("{"))
            yield Peer(psutil.Process(started.pid), key=key, **told)
        finally:
            started.kill()


def _milliseconds(peer: Peer, http: httpx2.Client) -> Iterator[float]:
    for run in range(WARM_UP_RUNS + RUNS):
        assertions = [peer.assertion() for _ in range(CALLS)]
        used = peer.cpu_seconds()
        for assertion in assertions:
            peer.refresh(http, assertion)
        if run >= WARM_UP_RUNS:
            yield (peer.cpu_seconds() - used) * 1000 / CALLS
