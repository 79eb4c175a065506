"""Tests of the fair queue: callers take turns at a few places, and are rejected only if they would wait too long."""

import asyncio
import heapq
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privateshare.errors import TooManyRequests
from privateshare.platform.operating.fair_queue import CLIENT_TIMEOUT_SECONDS, MAX_RETRY_SECONDS, FairQueue, Turn


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def served(queue: FairQueue, turns: list[tuple[str, Turn]]) -> list[str]:
    """The names in the order in which they get a place, when each leaves it at once; `turns` are names with turns."""
    order, left = [], dict(turns)
    while ready := [name for name, turn in left.items() if turn.done()]:
        for name in ready:
            left.pop(name)
            order.append(name)
            queue.leave(name[0])
    return order


async def test_one_caller_is_served_in_order() -> None:
    """First come, first served."""
    queue = FairQueue(1)
    turns = [(f"a{number}", queue.join("a")) for number in range(5)]
    assert served(queue, turns) == ["a0", "a1", "a2", "a3", "a4"]
    assert queue.waiting == 0


async def test_callers_take_turns() -> None:
    """A caller with one request does not wait for all requests of a caller with many."""
    queue = FairQueue(1)
    names = ["a0", "a1", "a2", "a3", "b0", "b1", "c0"]
    turns = [(name, queue.join(name[0])) for name in names]
    assert served(queue, turns) == ["a0", "a1", "b0", "c0", "a2", "b1", "a3"]


async def test_no_caller_has_all_places() -> None:
    """Half of the places stay free for the next callers."""
    queue = FairQueue(4)
    many = [queue.join("a") for _ in range(10)]
    assert [turn.done() for turn in many] == [True, True] + [False] * 8
    assert queue.join("b").done()
    queue.leave("b")
    assert [turn.done() for turn in many] == [True, True] + [False] * 8
    queue.leave("a")
    assert many[2].done()


async def test_a_returning_request_goes_first() -> None:
    """A request that gave up its place for a while is served before the other requests of its caller."""
    queue = FairQueue(1)
    first, second = queue.join("a"), queue.join("a")
    queue.leave("a")
    assert second.done()
    third, back = queue.join("a"), queue.join("a", again=True)
    queue.leave("a")
    assert (first.done(), back.done(), third.done()) == (True, True, False)


async def test_cancelled_requests_take_no_place() -> None:
    """A request may be cancelled while it waits or right after it got a place."""
    queue = FairQueue(1)
    _, gone, cancelled, last = (queue.join("a") for _ in range(4))
    queue.withdraw("a", gone)
    cancelled.cancel()
    queue.leave("a")
    assert last.done()
    just = queue.join("a")
    queue.leave("a")
    assert just.done()
    queue.withdraw("a", just)
    queue.withdraw("a", cancelled)
    assert queue.join("b").done()
    assert queue.waiting == 0


async def test_many_cancellations_at_once_are_cheap() -> None:
    """A client that disconnects with 10,000 requests in the queue does not keep the platform busy."""
    queue = FairQueue(1)
    turns = [queue.join("a") for _ in range(10_000)]
    began = time.process_time()
    for turn in reversed(turns):
        queue.withdraw("a", turn)
        await asyncio.sleep(0)
    assert time.process_time() - began < 5
    assert queue.waiting == 0


def join_until_refused(queue: FairQueue, caller: str, at_most: int) -> TooManyRequests | None:
    """Join until the queue rejects, and return the reason; None if it never does."""
    try:
        for _ in range(at_most):
            queue.join(caller)
    except TooManyRequests as error:
        return error
    return None


async def test_a_queue_that_is_served_in_time_rejects_nobody() -> None:
    """At 100 requests a second, about 6,000 are served in a minute. Others learn when there will be room."""
    queue, clock = FairQueue(1, clock=(clock := Clock())), clock
    for _ in range(1_000):
        queue.join("a")
    for _ in range(990):
        clock.now += 0.01
        queue.leave("a")
    assert join_until_refused(queue, "a", 5_900 - queue.waiting) is None
    refusal = join_until_refused(queue, "a", 200)
    assert refusal is not None
    assert 5_950 < queue.waiting < 6_050
    assert 29 <= float(refusal.retry_after or 0) <= 32
    assert queue.join("b") is not None
    assert queue.refused == 1


async def test_nobody_is_told_to_wait_for_longer_than_five_minutes() -> None:
    """However many were refused before, and at whatever time: the difference of two times has a rounding error."""
    clock = Clock(1_000.1)
    queue, told = FairQueue(1, max_waiting=10, clock=clock), []
    for _ in range(5_000):
        clock.now += 0.01
        refusal = join_until_refused(queue, "a", 20)
        assert refusal is not None
        told.append(refusal.retry_after or 0.0)
    assert max(told) == MAX_RETRY_SECONDS


async def test_the_rate_is_that_of_the_callers_own_queue() -> None:
    """A caller that shares the places with another is served half as fast and rejected at half the length."""
    queue, clock = FairQueue(1, clock=(clock := Clock())), clock
    for _ in range(1000):
        queue.join("a")
        queue.join("b")
    turn = "a"
    for _ in range(1_900):
        clock.now += 0.01
        queue.leave(turn)
        turn = "b" if turn == "a" else "a"
    assert join_until_refused(queue, "a", 3_000) is not None
    assert 2_900 < queue.waiting < 3_200


async def test_a_stalled_queue_rejects_soon() -> None:
    """If nothing is served, few more requests are queued, and requests that wait too long are rejected."""
    queue, clock = FairQueue(1, clock=(clock := Clock())), clock
    for _ in range(100):
        queue.join("a")
    clock.now = CLIENT_TIMEOUT_SECONDS
    with pytest.raises(TooManyRequests):
        queue.join("a")
    assert queue.join("b") is not None


@dataclass(order=True)
class Event:
    """Somebody comes, or a place is given back."""

    at: float
    number: int
    tries: int = field(default=0, compare=False)


async def simulate(clients: int, per_second: float, retries: int) -> tuple[int, float]:
    """Return how many of so many requests, all sent at once, are lost; and when the last was served.

    Each is sent again when it was told to, so many times. While they arrive, a thousand in a second, few are served.
    """
    queue, clock = FairQueue(1, clock=(clock := Clock())), clock
    coming = [Event(number / 1_000, number) for number in range(clients)]
    waiting: dict[Turn, tuple[Event, float]] = {}
    lost, done, free_at = 0, 0, 0.0
    storm = clients / 1_000

    def until_served() -> float:
        return clock.now + (20 if clock.now < storm else 1) / per_second

    while done + lost < clients:
        comes = coming[0].at if coming else float("inf")
        if waiting and free_at <= comes:  # The request that has the place is served.
            clock.now = max(clock.now, free_at)
            del waiting[next(turn for turn in waiting if turn.done())]
            done += 1
            free_at = until_served()
            queue.leave("a")
            continue
        event = heapq.heappop(coming)
        clock.now = event.at
        try:
            turn = queue.join("a")
        except TooManyRequests as error:
            if event.tries == retries:
                lost += 1
            else:
                again = clock.now + float(error.retry_after or 0)
                heapq.heappush(coming, Event(again, event.number, event.tries + 1))
            continue
        if not waiting:
            free_at = until_served()
        waiting[turn] = event, clock.now
    return lost, clock.now


BURST = 10_000


@pytest.mark.parametrize(
    ("clients", "per_second"), [(2_000, 100), (2_000, 40), (2_000, 10), (10_000, 100), (15_000, 100), (15_000, 40)]
)
async def test_retrying_clients_lose_nothing(clients: int, per_second: float) -> None:
    """Clients that retry twice when told to get all responses, and up to ten thousand at the platform's full speed.

    More than these arrive for longer than ten seconds, so they are an overload, in which retries are spread by the rate
    at which few were served meanwhile.
    """
    lost, last = await simulate(clients, per_second, retries=2)
    assert lost == 0
    slowdown = 1 if clients <= BURST else 2
    assert last < slowdown * (1.2 * clients / per_second + clients / 1_000 + 40)


@settings(deadline=None, max_examples=200)
@given(
    places=st.integers(1, 5),
    steps=st.lists(st.tuples(st.sampled_from("jlwc"), st.sampled_from("abc"), st.integers(0, 30)), max_size=120),
)
def test_places_are_never_lost_nor_given_twice(places: int, steps: list[tuple[str, str, int]]) -> None:
    """After any joining, leaving and cancelling every request had one place, and all places are free."""

    async def run() -> None:
        queue = FairQueue(places)
        holding: list[tuple[str, Turn]] = []
        waiting: list[tuple[str, Turn]] = []
        for step, caller, which in steps:
            if step == "j":
                waiting.append((caller, queue.join(caller, again=bool(which % 2))))
            elif step == "l" and holding:
                queue.leave(holding.pop(which % len(holding))[0])
            elif step == "w" and waiting:
                queue.withdraw(*waiting.pop(which % len(waiting)))
            elif step == "c" and waiting:
                who, turn = waiting.pop(which % len(waiting))
                turn.cancel()
                queue.withdraw(who, turn)
            holding += [entry for entry in waiting if entry[1].done()]
            waiting = [entry for entry in waiting if not entry[1].done()]
            assert len(holding) <= places
            assert max(Counter(who for who, _ in holding).values(), default=0) <= max(1, places // 2)
        while holding:
            queue.leave(holding.pop()[0])
            holding += [entry for entry in waiting if entry[1].done()]
            waiting = [entry for entry in waiting if not entry[1].done()]
        assert waiting == []
        assert queue.waiting == 0
        callers = [f"caller {number}" for number in range(places)]
        assert all(queue.join(caller).done() for caller in callers)

    asyncio.run(run())


async def test_the_longest_queue_gives_way() -> None:
    """If the queues are full, a caller with few requests replaces a request of the caller with the most."""
    queue = FairQueue(1, max_waiting=100)
    many = [queue.join("a") for _ in range(101)]
    few = queue.join("b")
    assert isinstance(many[-1].exception(), TooManyRequests)
    with pytest.raises(TooManyRequests):
        queue.join("a")
    queue.leave("a")
    queue.leave("a")
    assert few.done()
    assert queue.waiting == 98
