"""A client that reads many files as the official Node client does (16.1.5), in a process of its own.

It signs for all files before it sends the first request, sends all at once, each over a connection of its own, and
tries each twice more if the answer is one of those that may pass, after a second, then two, or when it is told to. It
has a patience of 60 s for each answer.

    python -m tests.flow.node_client    a JSON object on standard input, what came of it as JSON on standard output
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from privateshare.protocol import jwt
from tests.flow.wire import nonce, unsealed
from tests.patience import GIVE_UP_SECONDS

RETRIED = {408, 413, 429, 500, 502, 503, 504}
RETRIES = 2


@dataclass(frozen=True)
class Task:
    """What is to be read, and as whom."""

    address: str  # of the session's files
    names: list[str]
    client_id: str
    access_token: str
    private_key: str


@dataclass
class Outcome:
    """How many files arrived, how long that took, and every answer or failure that was not a file, counted."""

    good: int = 0
    seconds: float = 0.0
    others: Counter[str] = field(default_factory=Counter)


class Client:
    """Reads the files of a task."""

    def __init__(self, task: Task, http: aiohttp.ClientSession) -> None:
        self._task, self._http, self.outcome = task, http, Outcome()
        self._key: RSAPrivateKey = jwt.load_private_key(task.private_key)

    async def read_all(self) -> None:
        """Reads all files at once."""
        signed = [self._bearer() for _ in self._task.names]
        began = time.monotonic()
        await asyncio.gather(*map(self._read, self._task.names, signed))
        self.outcome.seconds = time.monotonic() - began

    def _bearer(self) -> str:
        claims: dict[str, Any] = {"nonce": nonce(), "timestamp": time.time() * 1000}
        claims |= {"client_id": self._task.client_id, "access_token": self._task.access_token}
        return f"Bearer {jwt.sign(self._key, claims)}"

    async def _read(self, name: str, bearer: str) -> None:
        for tries in range(RETRIES + 1):
            wait = 2**tries + random.random() / 10
            headers = {"Authorization": bearer if tries == 0 else self._bearer(), "Accept": "application/octet-stream"}
            try:
                async with self._http.get(f"{self._task.address}/{name}", headers=headers) as answer:
                    data = await answer.read()
                if answer.status == 200:
                    assert unsealed(data, self._key)
                    self.outcome.good += 1
                    return
                self.outcome.others[str(answer.status)] += 1
                if answer.status not in RETRIED:
                    return
                wait = float(answer.headers.get("retry-after", wait))
            except (aiohttp.ClientError, TimeoutError) as error:
                self.outcome.others[repr(error)[:80]] += 1
            await asyncio.sleep(wait)


async def run(task: Task) -> Outcome:
    """Reads the files of a task, and tells what came of it."""
    patience = aiohttp.ClientTimeout(total=GIVE_UP_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=patience) as http:
        client = Client(task, http)
        await client.read_all()
        return client.outcome


if __name__ == "__main__":
    # Not `asdict`, which makes another Counter of the counts and counts them.
    print(json.dumps(vars(asyncio.run(run(Task(**json.load(sys.stdin)))))))
