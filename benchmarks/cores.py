"""Benchmarks of several cores: the calls of one core and of two, and what signing in threads costs and gains.

The platform, its PostgreSQL and the load share the cores, as in `serve.py`.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.flow.many_files import add_files
from tests.flow.people import People
from tests.flow.served import Served, serving_as_people_do

from benchmarks.load import Call, calls_a_second, load_processes
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt

ROUNDS, ROUND_SECONDS = 5, 3.0
FILES, FILE_BYTES = 50, 4 * 1024
SIGNATURES, AT_ONCE = 400, 8


async def measure_cores() -> None:
    """Print how many calls one core answers, and how many two."""
    available = sorted(os.sched_getaffinity(0))[:2]
    rates = []
    for cores in (available[:1], available):
        with only_on(cores):
            rates.append(await _calls_a_second(len(cores)))
        print(f"{len(cores)} core(s): {rates[-1]:.0f} calls/s", flush=True)
    print(f"two cores against one: {rates[1] / rates[0]:.2f} times the calls (goal 1.8)")


@contextmanager
def only_on(cores: Sequence[int]) -> Iterator[None]:
    """Run this process, and those that it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _calls_a_second(processes: int) -> float:
    wanted = {"PRIVATESHARE_PROCESSES": str(processes), "PRIVATESHARE_SIGNED_CALLS_PER_MINUTE": "10000000"}
    with (
        tempfile.TemporaryDirectory() as name,
        serving_as_people_do(Path(name) / "data", environment=wanted) as served,
    ):
        calls, address = await _make_calls(served), urlsplit(served.origin)
        assert address.hostname
        assert address.port
        with load_processes() as load:
            one_round = partial(calls_a_second, load, address.hostname, address.port, calls, ROUND_SECONDS)
            # The first round is not counted: it starts the processes and fills the caches.
            return statistics.median([await asyncio.to_thread(one_round) for _ in range(ROUNDS + 1)][1:])


async def _make_calls(served: Served) -> list[Call]:
    """Make a person with files, and calls that list and read them."""
    async with operator_platform(Settings(data=served.data, database_pool_size=5)) as platform:
        people = People(platform, served.origin)
        wire = await people.contract()
        tokens, _ = await people.user(wire)
        await add_files(platform, await people.library_of(tokens), FILES, FILE_BYTES)
        body = {"sourceFetch": False}
        session = wire.post("permission-access/trigger", access_token=tokens.access, body=body).json()["session"]["key"]
        query = f"permission-access/query/{session}"
        listed = wire.get(query, access_token=tokens.access).json()["fileList"]
        paths = ["permission-access/accounts", query, *(f"{query}/{entry['name']}" for entry in listed[:2])]
        token = wire.jwt(access_token=tokens.access)  # A call that only reads may be sent again.
        return [Call(urlsplit(wire.url(path)).path, token) for path in paths]


async def measure_signing() -> None:
    """Print the time and CPU of a signature in the event loop, handed to a thread, and with several at once."""
    signer, claims = generate_private_key(65537, 2048), {"access_token": "x" * 43}

    async def in_loop() -> None:
        for _ in range(SIGNATURES):
            jwt.sign(signer, claims)

    async def in_threads(at_once: int) -> None:
        async def sign_some() -> None:
            for _ in range(SIGNATURES // at_once):
                await asyncio.to_thread(jwt.sign, signer, claims)

        await asyncio.gather(*(sign_some() for _ in range(at_once)))

    ways: Mapping[str, Callable[[], Awaitable[None]]] = {
        "in the event loop": in_loop,
        "in a thread": lambda: in_threads(1),
        f"in threads, {AT_ONCE} at once": lambda: in_threads(AT_ONCE),
    }
    for name, sign in ways.items():
        spent = []
        for _ in range(ROUNDS):
            began, used = time.perf_counter(), time.process_time()
            await sign()
            spent.append((time.process_time() - used, time.perf_counter() - began))
        cpu, took = (statistics.median(part) * 1000 / SIGNATURES for part in zip(*spent, strict=True))
        print(f"a signature {name:24} {cpu:.3f} ms CPU {took:.3f} ms", flush=True)
