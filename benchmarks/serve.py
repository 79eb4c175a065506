"""A benchmark of the platform: the CPU time of the server for each call, and how fast an app reads and pushes files.

The server's CPU time is that of its whole process tree, including PostgreSQL. It is shown in milliseconds and in R: one
RSA-2048 private-key operation on this machine, measured in the same run. The calls are sent one after the other on one
connection, with JWTs that were signed before.

    python -m benchmarks.serve            everything
    python -m benchmarks.serve calls      the calls
    python -m benchmarks.serve reading    read_all_files and push_data of the SDK
    python -m benchmarks.serve cores      the calls that one core answers, and two
    python -m benchmarks.serve polls      thousands of requests that wait for a change
    python -m benchmarks.serve signing    what signing in threads costs and gains
    python -m benchmarks.serve peer       a refresh by oidc-provider, if there is npm
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psutil
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from tests.flow.many_files import add_files
from tests.flow.people import People
from tests.flow.sdk_client import client_of
from tests.flow.served import Served, serving_as_people_do
from tests.flow.wire import Tokens, Wire

from benchmarks.cores import measure_cores, measure_signing
from benchmarks.limits import file_limit
from benchmarks.peer import measure_peer
from benchmarks.polls import measure_polls
from privateshare import AccountRef, PushDescriptor, SessionOptions, UserAccessToken
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt

RUNS, CALLS = 5, 60
LIST_FILES, MANY_FILES, PUSHES, PUSHES_AT_ONCE = 150, 2000, 300, 8
SMALL, LARGE = 4 * 1024, 246 * 1024
HUGE_FILES, HUGE = 4, 50_000_000  # They are stored in parts of about 5 MB.
GOALS = {
    "refresh token": 3.0,
    "pre-authorize": 3.0,
    "trigger, nothing to fetch": 3.0,
    "read a file of 4 KB": 2.5,
    "read a file of 246 KB": 3.5,
    "read 246 KB as our SDK does": 3.5,  # It takes files as they are stored, compressed with zstd.
    f"list {LIST_FILES} files": 3.0,
    "accounts": 2.0,
}


@dataclass
class Person:
    """An app and a person who consented, on one platform."""

    wire: Wire
    tokens: Tokens
    session: str
    zstd_session: str
    names: dict[str, str]


def rsa_milliseconds(key: RSAPrivateKey) -> float:
    """Return the time of one RSA-2048 private-key operation, with its padding and the encoding of a JWT."""
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        for _ in range(CALLS):
            jwt.sign(key, {"client_id": "x"})
        times.append((time.process_time() - began) * 1000 / CALLS)
    return statistics.median(times)


def cpu_seconds(served: Served) -> float:
    """Return the CPU time that the server and all its processes have used so far."""
    server = psutil.Process(served.process.pid)
    total = 0.0
    for process in [server, *server.children(recursive=True)]:
        try:
            used = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += used.user + used.system
    return total


async def make_person(people: People) -> Person:
    """Make a person with files of both sizes, and a session that fetches nothing."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    library_id = await people.library_of(tokens)
    await add_files(people.platform, library_id, LIST_FILES - 1, SMALL)
    await add_files(people.platform, library_id, 1, LARGE, first=LIST_FILES)
    body = {"agent": {"sdk": {"name": "js", "version": "16.1.5", "meta": {}}}, "sourceFetch": False}
    session, zstd_session = (
        wire.post("permission-access/trigger", access_token=tokens.access, body=body | more).json()["session"]["key"]
        for more in ({}, {"accept": {"compression": "zstd"}})
    )
    listed = wire.get(f"permission-access/query/{session}", access_token=tokens.access).json()["fileList"]
    small, large = ("_D100001_", f"_D{1000 + LIST_FILES // 12}{LIST_FILES % 12 + 1:02}_")
    names = {
        size: next(entry["name"] for entry in listed if month in entry["name"])
        for size, month in (("small", small), ("large", large))
    }
    return Person(wire, tokens, session, zstd_session, names)


def calls_of(person: Person) -> Iterator[tuple[str, Callable[[], httpx2.Request]]]:
    """Yield the name of each call, and what makes a request of it."""
    wire, access = person.wire, person.tokens.access
    http, query = wire.http, f"permission-access/query/{person.session}"

    def request(method: str, path: str, body: object = None, **claims: str) -> httpx2.Request:
        headers = {"authorization": f"Bearer {wire.jwt(**dict[str, Any](claims))}"}
        return http.build_request(method, wire.url(path), headers=headers, json=body)

    agent = {"sdk": {"name": "js", "version": "16.1.5", "meta": {}}}
    nothing = {"agent": agent, "sourceFetch": False}
    asked = {
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
        "redirect_uri": "https://app.example/return?kept=1",
        "response_mode": "query",
        "response_type": "code",
        "state": "s",
    }
    refreshing = {"refresh_token": person.tokens.refresh, "grant_type": "refresh_token"}
    yield "refresh token", lambda: request("POST", "oauth/token", **refreshing)
    yield "pre-authorize", lambda: request("POST", "oauth/authorize", {"agent": agent}, **asked)
    yield f"list {LIST_FILES} files", lambda: request("GET", query, access_token=access)
    yield "read a file of 4 KB", lambda: request("GET", f"{query}/{person.names['small']}", access_token=access)
    yield "read a file of 246 KB", lambda: request("GET", f"{query}/{person.names['large']}", access_token=access)
    zstd = f"permission-access/query/{person.zstd_session}/{person.names['large']}"
    yield "read 246 KB as our SDK does", lambda: request("GET", zstd, access_token=access)
    yield "accounts", lambda: request("GET", "permission-access/accounts", access_token=access)
    yield (
        "trigger, nothing to fetch",
        lambda: request("POST", "permission-access/trigger", nothing, access_token=access),
    )
    yield "healthz", lambda: http.build_request("GET", f"{wire.origin}/healthz")


def measure_calls(served: Served, person: Person, rsa: float) -> Mapping[str, float]:
    """Print a line for each call, and return the milliseconds of CPU time of each."""
    http, all_spent = person.wire.http, dict[str, float]()
    for name, make in calls_of(person):
        cpu, waited = [], []
        for run in range(RUNS + 1):  # The first run is not counted: it fills the caches.
            requests = [make() for _ in range(CALLS)]
            used, began = cpu_seconds(served), time.perf_counter()
            for request in requests:
                response = http.send(request)
                assert response.is_success, response.text
            if run:
                waited.append((time.perf_counter() - began) * 1000 / CALLS)
                cpu.append((cpu_seconds(served) - used) * 1000 / CALLS)
        spent = all_spent[name] = statistics.median(cpu)
        goal = f"goal {GOALS[name]} R" if name in GOALS else ""
        print(
            f"{name:27} {spent:6.2f} ms CPU {spent / rsa:6.1f} R {statistics.median(waited):7.2f} ms  {goal}",
            flush=True,
        )
    return all_spent


async def measure_reading(people: People) -> None:
    """Print how fast an app reads large files and many small ones with the SDK, and pushes many small ones."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    await add_files(people.platform, await people.library_of(tokens), HUGE_FILES, HUGE)
    await asyncio.to_thread(read_huge, wire, UserAccessToken.from_claims(tokens.claims))
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    await add_files(people.platform, await people.library_of(tokens), MANY_FILES, SMALL)
    token = UserAccessToken.from_claims(tokens.claims)
    await asyncio.to_thread(read_many, wire, token)
    writer = await people.contract(kind="write")
    pushing, _ = await people.user(writer, sources=())
    await asyncio.to_thread(push_many, writer, UserAccessToken.from_claims(pushing.claims))


def read_many(wire: Wire, token: UserAccessToken) -> None:
    """Read all files with the SDK."""
    with client_of(wire) as app:
        session = app.read_session(token, SessionOptions(source_fetch=False))
        began, first = time.perf_counter(), 0.0

        def note_first(_file: object) -> None:
            nonlocal first
            first = first or time.perf_counter() - began

        result = app.read_all_files(session, token, on_file_data=note_first).result()
        took = time.perf_counter() - began
    assert not result.errors
    print(f"read_all_files: {result.files} files, {result.files / took:.0f} files/s (goal 400), first {first:.2f} s")


def read_huge(wire: Wire, token: UserAccessToken) -> None:
    """Read large files with the SDK."""
    with client_of(wire) as app:
        session = app.read_session(token, SessionOptions(source_fetch=False))
        began = time.perf_counter()
        sizes = [file.size for file in app.read_all_files(session, token)]
        rate = sum(sizes) / 1e6 / (time.perf_counter() - began)
    limit = file_limit()
    print(
        f"read_all_files: {len(sizes)} files of up to {max(sizes) / 1e6:.0f} MB, {rate:.0f} MB/s, {rate / limit:.0%} "
        f"of what these cores can encrypt, send, decrypt, decompress and hash, {limit:.0f} MB/s (goal 60 %)"
    )


def durable_milliseconds(folder: Path) -> float:
    """Return the time in which a small file is durable under its name on this disk."""
    times = []
    for number in range(CALLS):
        began, path = time.perf_counter(), folder / str(number)
        descriptors = [os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), os.open(folder, os.O_RDONLY)]
        os.write(descriptors[0], bytes(SMALL))
        for descriptor in descriptors:
            os.fsync(descriptor)
            os.close(descriptor)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def push_many(wire: Wire, token: UserAccessToken) -> None:
    """Push many small files with the SDK, one after the other and several at once."""
    described = PushDescriptor(mime_type="text/plain", accounts=[AccountRef(account_id="a")])
    for at_once in (1, PUSHES_AT_ONCE):
        with client_of(wire) as app, ThreadPoolExecutor(at_once) as threads:
            push = partial(app.push_data, token, b"x" * SMALL, described)
            for pushed in [threads.submit(push) for _ in range(PUSHES_AT_ONCE)]:  # These open the connections.
                pushed.result()
            began = time.perf_counter()
            for pushed in [threads.submit(push) for _ in range(PUSHES)]:
                pushed.result()
            rate = PUSHES / (time.perf_counter() - began)
        print(f"push_data, {at_once} at once: {rate:.0f} files/s (goal 250)")
    with tempfile.TemporaryDirectory() as folder:
        print(f"this disk takes {durable_milliseconds(Path(folder)):.1f} ms until a file is durable under its name")


async def main(parts: list[str]) -> None:
    """Run the named parts on a platform of their own."""
    rsa = rsa_milliseconds(generate_private_key(65537, 2048))
    print(f"R, one RSA-2048 private-key operation: {rsa:.2f} ms")
    if {"calls", "reading"} & set(parts):
        await measure_platform(parts, rsa)
    if "peer" in parts:
        await asyncio.to_thread(measure_peer, rsa)
    if "cores" in parts:
        await measure_cores()
    if "polls" in parts:
        await measure_polls()
    if "signing" in parts:
        await measure_signing()


async def measure_platform(parts: list[str], rsa: float) -> None:
    """Measure calls, reading and pushing on one platform."""
    with tempfile.TemporaryDirectory() as name, serving_as_people_do(Path(name) / "data") as served:
        async with operator_platform(Settings(data=served.data, database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            if "calls" in parts:
                person = await make_person(people)
                await asyncio.to_thread(measure_calls, served, person, rsa)
            if "reading" in parts:
                await measure_reading(people)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["calls", "peer", "reading", "cores", "polls", "signing"]))
