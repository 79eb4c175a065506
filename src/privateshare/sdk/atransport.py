"""HTTP under the asyncio client: an adapter has two methods, `send` and `close`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

from privateshare.sdk.bodies import FIRST_REFUSAL, body_of, check_not_encoded
from privateshare.sdk.deadlines import keeping
from privateshare.sdk.flow import Request, Response, Sink
from privateshare.sdk.transport import PIECE_BYTES, deadline_of, lower, network_error, opened, sent_headers
from privateshare.sdk.uploads import Pieces
from privateshare.sdk.workers import on_worker

if TYPE_CHECKING:
    import httpx2

LENGTH_DIGITS = 18


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

        from privateshare.sdk.aconnections import keep_deadlines

        self._errors = (httpx2.RequestError, httpx2.InvalidURL)
        self._timeout = timeout
        self._client = opened(httpx2.AsyncClient, timeout)
        keep_deadlines(self._client)

    async def send(self, request: Request) -> Response:
        """Send a request and return its answer."""
        try:
            with keeping(deadline_of(request, self._timeout)) as limit:
                body = _pieces(request.body()) if callable(request.body) else request.body
                headers = sent_headers(request)
                call = self._client.build_request(request.method, request.url, headers=headers, content=body)
                answer = await self._client.send(call, stream=True)
                limit.has_headers = True
                try:
                    return await self._received(request, answer)
                finally:
                    await answer.aclose()
        except self._errors as error:
            raise network_error(request, f"{type(error).__name__} {error}") from error

    async def _received(self, request: Request, answer: "httpx2.Response") -> Response:
        status, headers = answer.status_code, lower(answer.headers.items())
        if request.sink is None or status >= FIRST_REFUSAL:
            body = body_of(status, headers, request.limit)
            async for piece in answer.aiter_raw(PIECE_BYTES):
                body.write(piece)
                if not body.wants_more:
                    break
            return Response(status, headers, body.finish())
        check_not_encoded(headers)
        if _is_small(headers):
            whole = b"".join([piece async for piece in answer.aiter_raw()])
            await on_worker(partial(take_whole, request.sink, headers, whole))
        else:
            await feed(request.sink, headers, answer.aiter_raw(PIECE_BYTES))
        return Response(status, headers)

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
    """Whether a body is best taken in one piece. In chunks it may have any length, whatever `content-length` says."""
    length = headers.get("content-length", "")
    is_told = length.isascii() and length.isdigit() and "transfer-encoding" not in headers
    return is_told and len(length) <= LENGTH_DIGITS and int(length) <= PIECE_BYTES


async def _pieces(pieces: Pieces) -> AsyncIterator[bytes]:
    if isinstance(pieces, AsyncIterator):
        async for piece in pieces:
            yield piece
        return
    while (piece := await asyncio.to_thread(partial(next, pieces, None))) is not None:
        yield piece
