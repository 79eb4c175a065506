"""The transport of the asyncio client."""

import threading
from functools import partial
from time import monotonic

import httpx2

from privateshare.sdk.concurrency.on_asyncio import body_pieces, run_work, running_loop
from privateshare.sdk.http._async.connections import keep_deadlines
from privateshare.sdk.http.call_log import log_outcome
from privateshare.sdk.http.deadlines import use_deadline
from privateshare.sdk.http.requests import BodyReceiver, Request, Response
from privateshare.sdk.http.response_bodies import FIRST_UNSUCCESSFUL_STATUS, body_of, check_not_encoded
from privateshare.sdk.http.transport import (
    HTTP_ERRORS,
    PIECE_BYTES,
    deadline_of,
    is_one_piece,
    network_error,
    new_http_client,
    receive_whole,
    sent_headers,
    with_lower_names,
)


class AsyncConnections:
    """The connections of several transports. They are opened anew after they were closed, and on another event loop."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: httpx2.AsyncClient | None = self._open()
        self._loop: object = None

    def client(self) -> httpx2.AsyncClient:
        """Return the HTTP client that holds the connections."""
        with self._lock:
            loop = running_loop()
            if self._client is None or self._loop not in (None, loop):  # Those of an earlier loop cannot be used.
                self._client = self._open()
            self._loop = loop
            return self._client

    async def close(self) -> None:
        """Close all connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _open(self) -> httpx2.AsyncClient:
        client = new_http_client(httpx2.AsyncClient, self._timeout)
        keep_deadlines(client)
        return client


class AsyncHttpxTransport:
    """Sends requests with httpx2. Files are decrypted by `run_work`.

    Once `abandoned` is set, threads that wait for a response raise Abandoned.
    """

    def __init__(self, timeout: float, connections: AsyncConnections | None = None) -> None:
        self.abandoned: threading.Event = threading.Event()
        self._timeout = timeout
        self._connections = connections or AsyncConnections(timeout)

    def twin(self) -> "AsyncHttpxTransport":
        """Return another transport with the same connections, which is not abandoned together with this one."""
        return AsyncHttpxTransport(self._timeout, self._connections)

    async def send(self, request: Request) -> Response:
        """Send a request and return its response. Give the body of a successful one to the request's receiver.

        Raises:
            NetworkError: No response arrived.
            InvalidAnswer: The response is too large or badly encoded. The receiver's own errors pass through too.
        """
        began = monotonic()
        try:
            response = await self._exchange(request)
        except BaseException as error:
            log_outcome(request, began, error)
            raise
        log_outcome(request, began, response)
        return response

    async def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        await self._connections.close()

    async def _exchange(self, request: Request) -> Response:
        try:
            with use_deadline(deadline_of(request, self._timeout, self.abandoned)) as deadline:
                client = self._connections.client()
                body = body_pieces(request.body()) if callable(request.body) else request.body
                headers = sent_headers(request)
                call = client.build_request(request.method, request.url, headers=headers, content=body)
                response = await client.send(call, stream=True)
                deadline.has_headers = True
                try:
                    return await self._receive(request, response)
                finally:
                    await response.aclose()
        except HTTP_ERRORS as error:
            raise network_error(request, f"{type(error).__name__} {error}") from error

    async def _receive(self, request: Request, response: httpx2.Response) -> Response:
        status, headers = response.status_code, with_lower_names(response.headers.items())
        if request.receiver is None or status >= FIRST_UNSUCCESSFUL_STATUS:
            body = body_of(status, headers, request.limit)
            async for piece in response.aiter_raw(PIECE_BYTES):
                body.write(piece)
                if not body.wants_more:
                    break
            return Response(status, headers, body.finish())
        check_not_encoded(headers)
        await self._receive_file(request.receiver, headers, response)
        return Response(status, headers)

    async def _receive_file(self, receiver: BodyReceiver, headers: dict[str, str], response: httpx2.Response) -> None:
        if is_one_piece(headers):
            whole = b"".join([piece async for piece in response.aiter_raw()])
            await run_work(partial(receive_whole, receiver, headers, whole))
            return
        await run_work(partial(receiver.begin, headers))
        async for piece in response.aiter_raw(PIECE_BYTES):
            await run_work(partial(receiver.write, piece))
        await run_work(receiver.finish)
