"""Tests of the limits on the body of a request."""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from privateshare.platform.http import requests
from privateshare.platform.http.requests import BodyLimit, DiscardRest, body_stream


async def arrived(pieces: list[bytes], *, ends: bool, streamed: bool = False) -> bytes:
    """Return the body as the app receives it. An endless body keeps the app waiting."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    for number, piece in enumerate(pieces, start=1):
        incoming.put_nowait({"type": "http.request", "body": piece, "more_body": not ends or number < len(pieces)})
    body = bytearray()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        async for piece in body_stream(request) if streamed else request.stream():
            body.extend(piece)

    async def send(_message: Any) -> None:
        raise AssertionError("nothing is to be sent")

    await BodyLimit(app)({"type": "http", "state": {}}, incoming.get, send)
    return bytes(body)


async def test_an_endless_body_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is 408, however little was received. A stream to disk may take longer."""
    monkeypatch.setattr(requests, "MAX_BODY_SECONDS", 0.05)
    for pieces in ([], [b"x"], [b"x"] * 10):
        with pytest.raises(HTTPException) as refused:
            await arrived(pieces, ends=False)
        assert refused.value.status_code == 408
    waiting = asyncio.create_task(arrived([b"x"], ends=False, streamed=True))
    done, _ = await asyncio.wait({waiting}, timeout=0.2)
    assert not done
    waiting.cancel()


async def test_a_complete_request_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A held or streamed response watches for the end of the connection for as long as it takes."""
    monkeypatch.setattr(requests, "MAX_BODY_SECONDS", 0.05)
    listening = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, send
        assert (await receive())["type"] == "http.request"
        listening.set()
        assert (await receive())["type"] == "http.disconnect"

    incoming: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    calling = asyncio.create_task(BodyLimit(app)({"type": "http"}, incoming.get, app))  # type: ignore[arg-type]
    await listening.wait()
    done, _ = await asyncio.wait({calling}, timeout=0.2)
    assert not done
    incoming.put_nowait({"type": "http.disconnect"})
    await calling


async def test_a_body_is_accepted_whole_or_rejected_for_its_size() -> None:
    """A body of exactly the limit is accepted."""
    half = b"x" * (requests.MAX_BODY_BYTES // 2)
    assert await arrived([half, half], ends=True) == half * 2
    with pytest.raises(HTTPException) as refused:
        await arrived([half, half, b"x"], ends=True)
    assert refused.value.status_code == 413


async def rest_of(headers: list[tuple[bytes, bytes]], pieces: list[bytes], *, read: int = 0, ends: bool = True) -> int:
    """Return how many pieces of a body were left after the app had read some of them and answered."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    for number, piece in enumerate(pieces, start=1):
        incoming.put_nowait({"type": "http.request", "body": piece, "more_body": not ends or number < len(pieces)})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(read):
            await receive()

    async def send(_message: Any) -> None:
        raise AssertionError("nothing is to be sent")

    await DiscardRest(app)({"type": "http", "headers": headers}, incoming.get, send)
    return incoming.qsize()


CHUNKED = [(b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize("headers", [CHUNKED, [(b"content-length", b"3")]])
@pytest.mark.parametrize("read", range(4))
async def test_the_rest_of_a_body_is_discarded(headers: list[tuple[bytes, bytes]], read: int) -> None:
    """However much of it the app has read, the client can send all of it."""
    assert await rest_of(headers, [b"x"] * 3, read=read) == 0


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")], [*CHUNKED, (b"expect", b"100-continue")]])
async def test_no_body_is_awaited_that_a_client_does_not_send(headers: list[tuple[bytes, bytes]]) -> None:
    """A client that asks first whether to send its body is not told to."""
    assert await rest_of(headers, [b"x"]) == 1


async def test_only_a_part_of_a_large_or_slow_body_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client cannot keep a connection that way, neither with many bytes nor with few."""
    monkeypatch.setattr(requests, "MAX_DISCARDED_BYTES", 20)
    assert await rest_of(CHUNKED, [b"x" * 10] * 5, ends=False) == 3
    monkeypatch.setattr(requests, "MAX_DISCARDING_SECONDS", 0.01)
    assert await rest_of(CHUNKED, [b"x"], ends=False) == 0
