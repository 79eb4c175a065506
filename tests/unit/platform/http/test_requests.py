"""Tests of the limits on the body of a request."""

import asyncio
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from privateshare.platform.http import requests
from privateshare.platform.http.requests import BodyLimit, body_stream


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
