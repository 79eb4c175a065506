"""Four times as many calls as a platform can answer: it refuses what would wait too long, and recovers by itself."""

import asyncio
import time
from collections import Counter

import httpx2

from tests.chaos.load import Actor, Counts
from tests.chaos.world import World
from tests.flow.sessions import QUERY, TRIGGER
from tests.flow.wire import Wire

DELAY_SECONDS = 4.0  # Of the store. An app has four places in each of two processes, so it gets two answers a second.
CALLS_A_SECOND = 8
OVERLOAD_SECONDS = 75  # Requests are refused once it is known, after a minute, that they would wait for longer.
RECOVERY_SECONDS = 10.0
CALL_TIMEOUT_SECONDS = 90.0
REFUSED = 429


async def overload(world: World, actor: Actor, counts: Counts) -> list[str]:
    """Read files far too often, with a slow store. Return which promises were broken."""
    wire, living = actor.reading, actor.living()
    if not living:
        return []
    access = living[0].tokens.access
    session = wire.post(TRIGGER, access_token=access, body={}).json()["session"]["key"]
    name = await asyncio.to_thread(_file_name, wire, access, session)
    path = f"{QUERY}/{session}/{name}"
    statuses: Counter[int] = Counter()
    problems: list[str] = []
    world.store.delay_seconds = DELAY_SECONDS
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=CALL_TIMEOUT_SECONDS, limits=limits) as http:

        async def call() -> None:
            token = await asyncio.to_thread(wire.jwt, access_token=access)
            try:
                answer = await http.get(wire.url(path), headers={"Authorization": f"Bearer {token}"})
            except httpx2.TransportError:
                statuses[0] += 1
                return
            statuses[answer.status_code] += 1
            if answer.status_code == REFUSED and int(answer.headers.get("retry-after", 0)) < 1:
                problems.append("a call is refused without Retry-After")

        async with asyncio.TaskGroup() as calls:
            began = time.monotonic()
            sent = 0
            while time.monotonic() - began < OVERLOAD_SECONDS:
                due = int((time.monotonic() - began) * CALLS_A_SECOND)
                for _ in range(due - sent):
                    calls.create_task(call())
                sent = due
                await asyncio.sleep(0.05)
            world.store.delay_seconds = 0.0
            ended = time.monotonic()
            while (await asyncio.to_thread(wire.get, path, access_token=access)).status_code != 200:
                if time.monotonic() - ended > RECOVERY_SECONDS:
                    problems.append("it does not recover within 10 seconds")
                    break
                await asyncio.sleep(0.2)
    counts.done |= {f"answers with {status} while overloaded": number for status, number in statuses.items()}
    if not statuses[REFUSED]:
        problems.append("an overloaded platform refuses nothing")
    unexpected = set(statuses) - {200, REFUSED}
    return problems + [f"an overloaded platform answers {statuses[one]} times with {one}" for one in unexpected]


def _file_name(wire: Wire, access: str, session: str) -> str:
    while True:
        listed = wire.get(f"{QUERY}/{session}", access_token=access).json()
        if listed["status"]["state"] not in ("running", "pending"):
            return str(next(entry["name"] for entry in listed["fileList"] if entry["name"] != "accounts.json"))
        time.sleep(0.2)
