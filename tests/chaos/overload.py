"""Four times as many calls as a platform can answer: it refuses what would wait, and recovers by itself.

First it is measured how many calls are answered in a second, by callers who wait for each answer. Then calls are sent
four times as often, whatever becomes of those before.

What is promised holds on any machine. How fast it is depends on what else runs there, so before it is measured which
share of the processor other programs leave. With half of it, everything may take twice as long.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.chaos.requests import Call, Client
from tests.flow.many_files import add_files
from tests.flow.people import People

FACTOR = 4
OVERLOAD_SECONDS = 60.0
CAPACITY_SECONDS = 8.0
WARM_UP_SECONDS = 2.0
CALIBRATION_SECONDS = 1.0
AT_ONCE = 24  # Calls that are made at the same time to measure the capacity.
ADMITTED_SECONDS = 2.0
RECOVERY_SECONDS = 10.0
PROBE_SECONDS = 0.5  # An answer within this time shows that the overload is over.
STEP_SECONDS = 0.01
PROBES = 10  # So many in a row.
MAX_RETRY_SECONDS = 300
REFUSED = 429
SMALL = 4 * 1024


@dataclass
class Overload:
    """What was found. Times are in seconds; `capacity` and `offered` are calls a second.

    `free_share` is the share of the processor that other programs leave.
    """

    free_share: float = 1.0
    capacity: float = 0.0
    offered: float = 0.0
    admitted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    retry_after: list[int] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    recovered_after: float = 0.0
    own_delay: float = 0.0  # The longest time that the load itself waited for a processor: no figure is more exact.

    def violations(self) -> list[str]:
        """Return which promises were broken that do not depend on how fast the machine is."""
        found = []
        if not self.refused:
            found.append("an overloaded platform refuses nothing")
        if not all(1 <= retry <= MAX_RETRY_SECONDS for retry in self.retry_after):
            found.append(f"Retry-After is {min(self.retry_after)} to {max(self.retry_after)} s")
        return found if self.own_delay > ADMITTED_SECONDS else found + self._other_answers()

    def slowness(self) -> list[str]:
        """Return what was slower than promised, on the share of the processor that there was."""
        admitted, found = quantile(self.admitted, 0.99), []
        if admitted > ADMITTED_SECONDS / self.free_share:
            found.append(f"the p99 of admitted calls is {admitted:.1f} s of {ADMITTED_SECONDS / self.free_share:.1f}")
        if self.recovered_after > RECOVERY_SECONDS / self.free_share:
            found.append(f"it recovers after {self.recovered_after:.0f} s")
        return found + self._other_answers() if self.own_delay > ADMITTED_SECONDS else found

    def _other_answers(self) -> list[str]:
        """Return which answers are neither a result nor a refusal. A load that stood still itself causes some."""
        others = {status: number for status, number in self.statuses.items() if status not in ("200", str(REFUSED))}
        return [f"an overloaded platform answers {number} times with {one}" for one, number in others.items()]

    def lines(self) -> list[str]:
        """Return the figures, one a line."""
        share = len(self.refused) / max(1, len(self.refused) + len(self.admitted))
        return [
            f"processor           {self.free_share:8.0%} left by other programs",
            f"capacity            {self.capacity:8.0f} calls a second",
            f"offered             {self.offered:8.0f} calls a second, for {OVERLOAD_SECONDS:.0f} s",
            f"admitted            {len(self.admitted) / OVERLOAD_SECONDS:8.0f} calls a second",
            f"  p50               {quantile(self.admitted, 0.5):8.2f} s",
            f"  p99               {quantile(self.admitted, 0.99):8.2f} s   (goal: < {ADMITTED_SECONDS:.0f})",
            f"refused with 429    {share:8.0%}",
            f"  p50               {quantile(self.refused, 0.5):8.2f} s",
            f"  Retry-After       {_median(self.retry_after):8.0f} s, at most {max(self.retry_after, default=0)}",
            f"recovered after     {self.recovered_after:8.1f} s   (goal: < {RECOVERY_SECONDS:.0f})",
            f"own delay           {self.own_delay:8.1f} s   (the figures are not more exact)",
            f"statuses            {dict(self.statuses)}",
        ]


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value that this part of the values does not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def _median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


async def calls_of_an_app(people: People) -> list[Call]:
    """Make an app and a person who shares with it, and return the calls that it repeats."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    await add_files(people.platform, await people.library_of(tokens), 1, SMALL)
    body = {"agent": {"sdk": {"name": "js", "version": "16.1.5", "meta": {}}}, "sourceFetch": False}
    session = wire.post("permission-access/trigger", access_token=tokens.access, body=body).json()["session"]["key"]
    listed = wire.get(f"permission-access/query/{session}", access_token=tokens.access).json()["fileList"]
    name = next(entry["name"] for entry in listed if "_D1000" in entry["name"])
    headers = {"authorization": f"Bearer {wire.jwt(access_token=tokens.access)}", "accept": "application/octet-stream"}
    paths = ("permission-access/accounts", f"permission-access/query/{session}/{name}")
    return [Call(wire.url(path), headers) for path in paths]


async def measure_overload(calls: Sequence[Call]) -> Overload:
    """Measure the capacity for these calls, send four times as many for a minute, and wait until it is over."""
    found = Overload(free_share=await asyncio.to_thread(free_share))
    with closing(Client()) as http:
        await _answered_per_second(http, calls, WARM_UP_SECONDS)
        found.capacity = await _answered_per_second(http, calls, CAPACITY_SECONDS)
        ended = await _offer(http, calls, found)
        found.recovered_after = await _seconds_until_recovered(http, calls, ended)
    return found


def free_share() -> float:
    """Measure which share of all cores a process on each of them gets, while the platform does nothing."""
    cores = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(cores, get_context("spawn")) as processes:
        list(processes.map(_share_of_core, [0.0] * cores))  # All of them have started then.
        return sum(processes.map(_share_of_core, [CALIBRATION_SECONDS] * cores)) / cores


def _share_of_core(seconds: float) -> float:
    """Compute for a while, and return for which part of it this process had a core."""
    began, used = time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - began) < seconds:
        pass
    return (time.process_time() - used) / elapsed if elapsed and seconds else 1.0


async def _answered_per_second(http: Client, calls: Sequence[Call], seconds: float) -> float:
    until, answered = time.monotonic() + seconds, 0

    async def repeat(number: int) -> None:
        nonlocal answered
        while time.monotonic() < until:
            answer = await http.send(calls[number % len(calls)])
            assert answer.status == 200, answer
            answered, number = answered + 1, number + 1

    began = time.monotonic()
    await asyncio.gather(*map(repeat, range(AT_ONCE)))
    return answered / (time.monotonic() - began)


async def _offer(http: Client, calls: Sequence[Call], found: Overload) -> float:
    """Send calls four times as fast as they can be answered. Return when the last was sent."""

    async def send(call: Call) -> None:
        sent_at = time.monotonic()
        try:
            answer = await http.send(call)
        except OSError as error:
            found.statuses[type(error).__name__] += 1
            return
        found.statuses[str(answer.status)] += 1
        if answer.status == REFUSED:
            found.refused.append(time.monotonic() - sent_at)
            found.retry_after.append(answer.retry_after)
        elif answer.status == 200:
            found.admitted.append(time.monotonic() - sent_at)

    async with asyncio.TaskGroup() as sending:
        began, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < OVERLOAD_SECONDS:
            due = int(elapsed * FACTOR * found.capacity)
            for number in range(sent, due):
                sending.create_task(send(calls[number % len(calls)]))
            sent = due
            woken_at = time.monotonic()
            await asyncio.sleep(STEP_SECONDS)
            found.own_delay = max(found.own_delay, time.monotonic() - woken_at - STEP_SECONDS)
        ended = time.monotonic()
        found.offered = sent / (ended - began)
    return ended


async def _seconds_until_recovered(http: Client, calls: Sequence[Call], ended: float) -> float:
    """Return how long after the end of the overload it was that calls are answered at once again."""
    in_a_row = 0
    while in_a_row < PROBES and time.monotonic() - ended < 6 * RECOVERY_SECONDS:
        sent_at = time.monotonic()
        answer = await http.send(calls[in_a_row % len(calls)])
        in_a_row = in_a_row + 1 if answer.status == 200 and time.monotonic() - sent_at < PROBE_SECONDS else 0
        await asyncio.sleep(0.05)
    return time.monotonic() - ended
