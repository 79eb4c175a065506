"""Tests of rate limits that several processes share."""

import asyncio

import pytest

from privateshare.errors import TooManyRequests
from privateshare.platform.operating.limits import RateLimits
from privateshare.platform.operating.settings import Settings


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_700_000_040.0  # The beginning of a minute.

    def __call__(self) -> float:
        return self.now


class Shared:
    """The counts that processes share, and how often they were asked for."""

    def __init__(self) -> None:
        self.counts: dict[tuple[bytes, int], int] = {}
        self.calls = 0

    async def add(self, caller: bytes, minute: int, number: int) -> tuple[int, int]:
        """Add to a count, after other tasks had their turn."""
        self.calls += 1
        self.counts[caller, minute] = self.counts.get((caller, minute), 0) + number
        total = self.counts[caller, minute]
        await asyncio.sleep(0)
        return total, self.counts.get((caller, minute - 1), 0)


def limits(shared: Shared, clock: Clock, limit: int) -> RateLimits:
    settings = Settings(signed_calls_per_minute=limit, unsigned_calls_per_minute=limit)
    return RateLimits(settings, shared.add, b"secret", clock)


async def allowed(process: RateLimits, number: int, contract: str = "a") -> int:
    """Return how many of so many requests at once are allowed."""
    answers = await asyncio.gather(*(process.check_contract(contract) for _ in range(number)), return_exceptions=True)
    assert all(answer is None or isinstance(answer, TooManyRequests) for answer in answers)
    return answers.count(None)


@pytest.mark.parametrize("limit", [1, 5, 100])
async def test_a_small_limit_is_exact_in_all_processes_together(limit: int) -> None:
    """However the requests are spread, exactly the limit is allowed."""
    shared, clock = Shared(), Clock()
    processes = [limits(shared, clock, limit) for _ in range(3)]
    found = [await allowed(process, 1) for _ in range(limit) for process in processes]
    assert sum(found) == limit
    assert await allowed(processes[0], 1, "b") == 1


async def test_a_large_limit_costs_few_statements_and_is_nearly_exact() -> None:
    """Each further process may let through one percent more."""
    shared, clock = Shared(), Clock()
    processes = [limits(shared, clock, 10_000) for _ in range(3)]
    found = sum([await allowed(process, 50) for _ in range(300) for process in processes])
    assert 10_000 <= found <= 10_300
    assert shared.calls <= 103


async def test_requests_at_once_cannot_pass_the_limit_together() -> None:
    """They count before the shared count is known."""
    shared, clock = Shared(), Clock()
    assert await allowed(limits(shared, clock, 20), 100) == 20


async def test_the_minute_slides() -> None:
    """The requests of the minute before count in part, so twice the limit cannot pass around its end."""
    shared, clock = Shared(), Clock()
    process = limits(shared, clock, 100)
    clock.now += 59
    assert await allowed(process, 200) == 100
    clock.now += 1
    assert await allowed(process, 200) == 0
    clock.now += 30
    assert await allowed(process, 200) == 50
    clock.now += 120
    assert await allowed(process, 200) == 100


async def test_rejected_requests_do_not_count() -> None:
    """A caller that waits as long as requested is served, however often it was rejected before."""
    shared, clock = Shared(), Clock()
    process = limits(shared, clock, 10)
    clock.now += 20
    assert await allowed(process, 1000) == 10
    with pytest.raises(TooManyRequests) as refused:
        await process.check_contract("a")
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 60
    clock.now += refused.value.retry_after
    assert await allowed(process, 1) == 1


async def test_addresses_of_one_ipv6_network_count_together() -> None:
    """One client usually has all of them. An IPv4 address in the form of IPv6 counts as the IPv4 address."""
    process = limits(Shared(), Clock(), 2)
    for address in ("2001:db8::1", "2001:db8::2", "203.0.113.1", "::ffff:203.0.113.1", "2001:db8:0:1::1"):
        await process.check_address(address)
    for address, shown in (("2001:db8::3", "2001:db8::/48"), ("203.0.113.1", "203.0.113.0/24")):
        with pytest.raises(TooManyRequests) as refused:
            await process.check_address(address)
        assert shown in str(refused.value.detail)
        assert shown not in refused.value.message
