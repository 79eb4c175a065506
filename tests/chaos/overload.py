"""Four times as many calls as a platform can answer: it refuses what would wait, and recovers by itself.

First it is measured how many calls are answered in a second, by callers who wait for each answer. Then calls are sent
four times as often, whatever becomes of those before.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

FACTOR = 4
OVERLOAD_SECONDS = 60.0
CAPACITY_SECONDS = 8.0
WARM_UP_SECONDS = 2.0
AT_ONCE = 24  # Calls that are made at the same time to measure the capacity.
CALL_TIMEOUT_SECONDS = 90.0
ADMITTED_SECONDS = 2.0
RECOVERY_SECONDS = 10.0
PROBE_SECONDS = 0.5  # An answer within this time shows that the overload is over.
PROBES = 10  # So many in a row.
MAX_RETRY_SECONDS = 300
REFUSED = 429


@dataclass(frozen=True)
class Call:
    """A GET request that may be repeated."""

    url: str
    headers: dict[str, str] = field(repr=False)


@dataclass
class Overload:
    """What was found. Times are in seconds; `capacity` and `offered` are calls a second."""

    capacity: float = 0.0
    offered: float = 0.0
    admitted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    retry_after: list[int] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    recovered_after: float = 0.0

    def problems(self) -> list[str]:
        """Return which promises were broken."""
        found = []
        if not self.refused:
            found.append("an overloaded platform refuses nothing")
        if quantile(self.admitted, 0.99) > ADMITTED_SECONDS:
            found.append(f"the p99 of admitted calls is {quantile(self.admitted, 0.99):.1f} s")
        if not all(1 <= retry <= MAX_RETRY_SECONDS for retry in self.retry_after):
            found.append(f"Retry-After is {min(self.retry_after)} to {max(self.retry_after)} s")
        if self.recovered_after > RECOVERY_SECONDS:
            found.append(f"it recovers after {self.recovered_after:.0f} s")
        others = {status: number for status, number in self.statuses.items() if status not in ("200", str(REFUSED))}
        return found + [f"an overloaded platform answers {number} times with {one}" for one, number in others.items()]

    def lines(self) -> list[str]:
        """Return the figures, one a line."""
        share = len(self.refused) / max(1, len(self.refused) + len(self.admitted))
        return [
            f"capacity            {self.capacity:8.0f} calls a second",
            f"offered             {self.offered:8.0f} calls a second, for {OVERLOAD_SECONDS:.0f} s",
            f"admitted            {len(self.admitted) / OVERLOAD_SECONDS:8.0f} calls a second",
            f"  p50               {quantile(self.admitted, 0.5):8.2f} s",
            f"  p99               {quantile(self.admitted, 0.99):8.2f} s   (goal: < {ADMITTED_SECONDS:.0f})",
            f"refused with 429    {share:8.0%}",
            f"  p50               {quantile(self.refused, 0.5):8.2f} s",
            f"  Retry-After       {_median(self.retry_after):8.0f} s, at most {max(self.retry_after, default=0)}",
            f"recovered after     {self.recovered_after:8.1f} s   (goal: < {RECOVERY_SECONDS:.0f})",
            f"statuses            {dict(self.statuses)}",
        ]


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value that this part of the values does not exceed; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def _median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


async def measure_overload(calls: Sequence[Call]) -> Overload:
    """Measure the capacity for these calls, send four times as many for a minute, and wait until it is over."""
    found = Overload()
    timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        await _answered_per_second(http, calls, WARM_UP_SECONDS)
        found.capacity = await _answered_per_second(http, calls, CAPACITY_SECONDS)
        ended = await _offer(http, calls, found)
        found.recovered_after = await _seconds_until_recovered(http, calls, ended)
    return found


async def _answered_per_second(http: aiohttp.ClientSession, calls: Sequence[Call], seconds: float) -> float:
    until, answered = time.monotonic() + seconds, 0

    async def repeat(number: int) -> None:
        nonlocal answered
        while time.monotonic() < until:
            status, _ = await _send(http, calls[number % len(calls)])
            assert status == 200, status
            answered, number = answered + 1, number + 1

    began = time.monotonic()
    await asyncio.gather(*map(repeat, range(AT_ONCE)))
    return answered / (time.monotonic() - began)


async def _offer(http: aiohttp.ClientSession, calls: Sequence[Call], found: Overload) -> float:
    """Send calls four times as fast as they can be answered. Return when the last was sent."""

    async def send(call: Call) -> None:
        sent_at = time.monotonic()
        try:
            status, retry_after = await _send(http, call)
        except (aiohttp.ClientError, TimeoutError) as error:
            found.statuses[type(error).__name__] += 1
            return
        found.statuses[str(status)] += 1
        if status == REFUSED:
            found.refused.append(time.monotonic() - sent_at)
            found.retry_after.append(retry_after)
        elif status == 200:
            found.admitted.append(time.monotonic() - sent_at)

    async with asyncio.TaskGroup() as sending:
        began, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < OVERLOAD_SECONDS:
            due = int(elapsed * FACTOR * found.capacity)
            for number in range(sent, due):
                sending.create_task(send(calls[number % len(calls)]))
            sent = due
            await asyncio.sleep(0.01)
        ended = time.monotonic()
        found.offered = sent / (ended - began)
    return ended


async def _seconds_until_recovered(http: aiohttp.ClientSession, calls: Sequence[Call], ended: float) -> float:
    """Return how long after the end of the overload it was that calls are answered at once again."""
    in_a_row = 0
    while in_a_row < PROBES and time.monotonic() - ended < 6 * RECOVERY_SECONDS:
        sent_at = time.monotonic()
        status, _ = await _send(http, calls[in_a_row % len(calls)])
        in_a_row = in_a_row + 1 if status == 200 and time.monotonic() - sent_at < PROBE_SECONDS else 0
        await asyncio.sleep(0.05)
    return time.monotonic() - ended


async def _send(http: aiohttp.ClientSession, call: Call) -> tuple[int, int]:
    """Send a request. Return its status, and Retry-After or 0."""
    async with http.get(call.url, headers=call.headers) as answer:
        await answer.read()
        return answer.status, int(answer.headers.get("retry-after", 0))
