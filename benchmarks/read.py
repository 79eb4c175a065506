"""A benchmark of `read_all_files`, in comparison with the limits of the machine.

A local server sends prepared files, so that only the client is measured. Each case runs in a separate process, so that
its peak memory can be measured. The output for each case is: files and megabytes per second, the time to the first
file, peak memory, and the ratio to the limit of this machine, which is measured in the same run. The limit for small
files is two RSA-2048 private-key operations for each (signing the request, opening the envelope) on all cores. The
limit for large files is AES-256-CBC on one core.

    python benchmarks/read.py            all cases
    python benchmarks/read.py 2000x4K    one case
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from privateshare import PrivateShare, UserAccessToken
from privateshare.protocol import jwt
from privateshare.protocol.envelope import EnvelopeReader, encode_metadata, encrypt_stream
from privateshare.sdk.tokens import Token

KILOBYTE, MEGABYTE = 1024, 1024 * 1024
PIECE = 256 * KILOBYTE
TOKEN = UserAccessToken(
    Token("access", time.time() + 86_400), Token("refresh", time.time() + 86_400), "user", "consent"
)


@dataclass(frozen=True)
class Case:
    """A number of files of the same size. With `in_loop` an app takes them one by one, without a folder."""

    name: str
    files: int
    size: int
    in_loop: bool = False

    @property
    def is_small(self) -> bool:
        """Whether the RSA operations are the limit."""
        return self.size < MEGABYTE


CASES = [
    Case("2000x4K", 2000, 4 * KILOBYTE),
    Case("10000x4K", 10_000, 4 * KILOBYTE),
    Case("20x50M", 20, 50 * MEGABYTE),
    Case("20x50M-loop", 20, 50 * MEGABYTE, in_loop=True),
    Case("1x2G", 1, 2048 * MEGABYTE),
]


def prepare(folder: Path, case: Case, key: RSAPrivateKey) -> None:
    """Writes one envelope of the case's size, its header, and the file list that names it many times."""
    seed = os.urandom(min(case.size, PIECE))
    pieces = -(-case.size // len(seed))
    digest = sha256()
    for _ in range(pieces):
        digest.update(seed)
    header = {
        "metadata": {"mimetype": "application/octet-stream"},
        "size": pieces * len(seed),
        "sha256": digest.hexdigest(),
    }
    (folder / "header").write_text(encode_metadata(header))
    with (folder / "envelope").open("wb") as file:
        for chunk in encrypt_stream((seed for _ in range(pieces)), key.public_key()):
            file.write(chunk)
    entries = [{"name": f"file-{number}", "updatedDate": 1} for number in range(case.files)]
    (folder / "list").write_text(json.dumps({"status": {"state": "completed"}, "fileList": entries}))


def serve(folder: Path) -> None:
    """Run a minimal server, which only looks at the path of requests."""
    import asyncio

    from granian.constants import Interfaces
    from granian.server.embed import Server

    header = (folder / "header").read_text()
    listed = (folder / "list").read_bytes()
    envelope = folder / "envelope"
    small = envelope.read_bytes() if envelope.stat().st_size < MEGABYTE else None
    headers = [("x-metadata", header), ("content-length", str(envelope.stat().st_size))]

    async def app(scope: Any, protocol: Any) -> None:
        if not scope.path.rsplit("/", 1)[1].startswith("file-"):
            protocol.response_bytes(200, [("content-type", "application/json")], listed)
        elif small is not None:
            protocol.response_bytes(200, headers, small)
        else:
            protocol.response_file(200, headers, str(envelope))

    server = Server(app, port=int((folder / "port").read_text()), interface=Interfaces.RSGI, log_enabled=False)
    asyncio.run(server.serve())


def read(folder: Path, case: Case) -> None:
    """Run the client, and print the results as JSON."""
    app = PrivateShare(
        "app",
        contract_id="contract",
        private_key=(folder / "key.pem").read_text(),
        base_url=f"http://127.0.0.1:{(folder / 'port').read_text()}/v1.7/",
    )
    first: list[float] = []
    began = time.perf_counter()

    def note(_: object) -> None:
        if not first:
            first.append(time.perf_counter() - began)

    if case.in_loop:
        reading = app.read_all_files("session", TOKEN)
        for file in reading:
            note(file)
            del file
        result = reading.result()
    else:
        into = None if case.is_small else folder / "out"
        result = app.read_all_files("session", TOKEN, into=into, on_file_data=note).result()
    took = time.perf_counter() - began
    assert (result.files, result.errors) == (case.files, []), result.errors[:1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KILOBYTE
    print(json.dumps({"seconds": took, "first": first[0], "peak": peak, "bytes": result.size}))


def free_port() -> int:
    """Return a free port."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rsa_limit(key: RSAPrivateKey) -> float:
    """Measure for how many files per second all cores can do the RSA operations."""
    sealed = b"".join(encrypt_stream([b"x"], key.public_key()))
    claims = jwt.request_claims("app_contract", nonce="n" * 32, timestamp=0)

    def both(count: int) -> None:
        for _ in range(count):
            jwt.sign(key, claims)
            EnvelopeReader(key).update(sealed)

    cores = os.cpu_count() or 1
    each = 1500
    both(50)
    with ThreadPoolExecutor(cores) as pool:
        began = time.perf_counter()
        list(pool.map(both, [each] * cores))
        return cores * each / (time.perf_counter() - began)


def aes_limit() -> float:
    """Measure how many megabytes per second one core decrypts with AES-256-CBC."""
    data, count = bytes(PIECE), 1600
    opener = Cipher(AES256(bytes(32)), CBC(bytes(16))).decryptor()
    began = time.perf_counter()
    for _ in range(count):
        opener.update(data)
    return count * PIECE / MEGABYTE / (time.perf_counter() - began)


def measure(case: Case, key: RSAPrivateKey) -> None:
    """Prints a case's line."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "key.pem").write_text(jwt.private_pem(key))
        (folder / "port").write_text(str(free_port()))
        prepare(folder, case, key)
        server = subprocess.Popen([sys.executable, __file__, "--serve", name])
        try:
            wait_for(folder)
            command = [sys.executable, __file__, "--read", name, case.name]
            figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        finally:
            server.kill()
            server.wait()
    files, megabytes = case.files / figures["seconds"], figures["bytes"] / MEGABYTE / figures["seconds"]
    if case.is_small:
        limit = rsa_limit(key)
        ratio = f"{files / limit:6.1%} of the RSA limit ({limit:.0f} files/s)"
    else:
        limit = aes_limit()
        ratio = f"{megabytes / limit:6.1%} of AES-CBC ({limit:.0f} MB/s)"
    print(
        f"{case.name:>11}: {files:8.1f} files/s {megabytes:8.1f} MB/s  first file {figures['first']:6.3f} s  "
        f"peak {figures['peak']:6.1f} MB  {ratio}",
        flush=True,
    )


def wait_for(folder: Path) -> None:
    """Wait until the server listens."""
    import socket

    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", int((folder / "port").read_text()))).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


def main(arguments: list[str]) -> None:
    """Run all cases, or the one that is named."""
    if arguments[:1] == ["--serve"]:
        serve(Path(arguments[1]))
    elif arguments[:1] == ["--read"]:
        read(Path(arguments[1]), next(case for case in CASES if case.name == arguments[2]))
    else:
        key = generate_private_key(65537, 2048)
        for case in CASES:
            if not arguments or case.name in arguments:
                measure(case, key)


if __name__ == "__main__":
    threading.stack_size(512 * KILOBYTE)
    main(sys.argv[1:])
