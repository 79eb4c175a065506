"""What differs between asyncio and threads, and what must not differ between the clients."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from privateshare import ConfigurationError
from privateshare.sdk.concurrency import Abandoned, on_asyncio, on_threads
from privateshare.testing import InMemoryPlatform
from tests.patience import GIVE_UP_SECONDS


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        for number in range(20):
            running.lend("playhistory", [{"entityid": str(number)}])
        yield running


def test_several_threads_can_share_a_reading(platform: InMemoryPlatform) -> None:
    """Each file goes to one of them, and all loops end."""
    with platform.client() as client:
        asked = client.get_authorize_url("http://127.0.0.1/return")
        returned = client.read_return(platform.consent(asked.url))
        token = client.exchange_code_for_token(returned.code, asked.code_verifier)
        with client.read_all_files(asked.session, token) as reading, ThreadPoolExecutor(3) as threads:
            lists = list(threads.map(lambda _: [file.name for file in reading], range(3), timeout=GIVE_UP_SECONDS))
    names = [name for names in lists for name in names]
    assert len(names) == len(set(names)) == 20


def test_a_signal_wakes_every_waiting_thread() -> None:
    """Even a thread that checked before the signal and waits after it."""
    signal = on_threads.Signal()
    seen = signal.count
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(signal.wait_beyond, seen, 2 * GIVE_UP_SECONDS) for _ in range(3)]
        signal.set()
        for future in waiting:
            future.result(GIVE_UP_SECONDS)
    signal.wait_beyond(seen)
    signal.wait_beyond(signal.count, 0.01)


async def test_a_signal_wakes_every_waiting_task() -> None:
    """Any thread may set it."""
    signal = on_asyncio.Signal()
    waiting = [asyncio.create_task(signal.wait_beyond(signal.count)) for _ in range(3)]
    await asyncio.sleep(0)
    threading.Thread(target=signal.set).start()
    await asyncio.wait_for(asyncio.gather(*waiting), GIVE_UP_SECONDS)
    await signal.wait_beyond(signal.count, 0.01)


async def test_uninterrupted_work_continues_when_its_caller_is_cancelled() -> None:
    """It can still be awaited."""
    work, may_end, ended = on_asyncio.UninterruptedWork(), asyncio.Event(), False

    async def act() -> None:
        nonlocal ended
        await may_end.wait()
        ended = True

    caller = asyncio.create_task(work.run(act))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()
    await work.wait()
    assert ended


def test_a_pause_ends_when_its_result_is_not_needed() -> None:
    """On threads. A task would be cancelled."""
    abandoned = threading.Event()
    on_threads.pause(0.01, abandoned)
    abandoned.set()
    with pytest.raises(Abandoned):
        on_threads.pause(60, abandoned)


async def test_an_async_iterator_needs_the_asyncio_client() -> None:
    """The blocking client says so."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    assert [piece async for piece in on_asyncio.body_pieces(pieces())] == [b"x"]
    with pytest.raises(ConfigurationError, match="AsyncPrivateShare"):
        on_threads.body_pieces(pieces())
