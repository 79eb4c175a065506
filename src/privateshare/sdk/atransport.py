"""HTTP under the asyncio client: an adapter has two methods, `send` and `close`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Protocol

from privateshare.sdk.flow import Request, Response, Sink
from privateshare.sdk.transport import PIECE_BYTES, lower, network_error, opened
from privateshare.sdk.uploads import Pieces
from privateshare.sdk.workers import on_worker


class AsyncTransport(Protocol):
    """Sends requests from one event loop."""

    async def send(self, request: Request) -> Response:
        """The answer, its body fed to the sink if it is a good one. Raises NetworkError, and what the sink raises."""

    async def close(self) -> None:
        """Ends all connections."""


class AsyncHttpxTransport:
    """httpx2, on asyncio; what a sink does with large bodies runs on a worker thread."""

    def __init__(self, timeout: float) -> None:
        import httpx2

        self._errors = (httpx2.RequestError, httpx2.InvalidURL)
        self._client = opened(httpx2.AsyncClient, timeout)

    async def send(self, request: Request) -> Response:
        """The answer."""
        try:
            body = _pieces(request.body()) if callable(request.body) else request.body
            call = self._client.build_request(request.method, request.url, headers=request.headers, content=body)
            answer = await self._client.send(call, stream=True)
            try:
                headers = lower(answer.headers.items())
                if request.sink is None or answer.status_code >= 300:
                    return Response(answer.status_code, headers, await answer.aread())
                if _is_small(headers):
                    body = b"".join([piece async for piece in answer.aiter_raw()])
                    await on_worker(partial(take_whole, request.sink, headers, body))
                else:
                    await feed(request.sink, headers, answer.aiter_raw(PIECE_BYTES))
                return Response(answer.status_code, headers)
            finally:
                await answer.aclose()
        except self._errors as error:
            raise network_error(request, f"{type(error).__name__} {error}") from error

    async def close(self) -> None:
        """Ends all connections."""
        await self._client.aclose()


async def feed(sink: Sink, headers: Mapping[str, str], pieces: AsyncIterator[bytes]) -> None:
    """Gives a body to a sink, piece by piece, on a worker thread."""
    await on_worker(partial(sink.begin, headers))
    async for piece in pieces:
        await on_worker(partial(sink.write, piece))
    await on_worker(sink.finish)


def take_whole(sink: Sink, headers: Mapping[str, str], body: bytes) -> None:
    """Gives a whole body to a sink."""
    sink.begin(headers)
    sink.write(body)
    sink.finish()


def _is_small(headers: Mapping[str, str]) -> bool:
    """Whether a body is best taken in one piece."""
    length = headers.get("content-length", "")
    return length.isascii() and length.isdigit() and int(length) <= PIECE_BYTES


async def _pieces(pieces: Pieces) -> AsyncIterator[bytes]:
    if isinstance(pieces, AsyncIterator):
        async for piece in pieces:
            yield piece
        return
    while (piece := await asyncio.to_thread(partial(next, pieces, None))) is not None:
        yield piece
