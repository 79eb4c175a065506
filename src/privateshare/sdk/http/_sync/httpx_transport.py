# Generated from `sdk/http/_async/httpx_transport.py` by `make sync-client`. Do not edit.
"""The transport of the blocking client."""

import threading
from functools import partial
from time import monotonic

import httpx2

from privateshare.sdk.concurrency.on_threads import body_pieces, run_work, running_loop
from privateshare.sdk.http._sync.connections import keep_deadlines
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


class Connections:
    """The connections of several transports. They are opened anew after they were closed, and on another event loop."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = self._open()
        self._loop: object = None

    def client(self) -> httpx2.Client:
        """Return the HTTP client that holds the connections."""
        with self._lock:
            loop = running_loop()
            if self._client is None or self._loop not in (None, loop):  # Those of an earlier loop cannot be used.
                self._client = self._open()
            self._loop = loop
            return self._client

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _open(self) -> httpx2.Client:
        client = new_http_client(httpx2.Client, self._timeout)
        keep_deadlines(client)
        return client


class HttpxTransport:
    """Sends requests with httpx2. Files are decrypted by `run_work`.

    Once `abandoned` is set, threads that wait for a response raise Abandoned.
    """

    def __init__(self, timeout: float, connections: Connections | None = None) -> None:
        self.abandoned: threading.Event = threading.Event()
        self._timeout = timeout
        self._connections = connections or Connections(timeout)

    def twin(self) -> "HttpxTransport":
        """Return another transport with the same connections, which is not abandoned together with this one."""
        return HttpxTransport(self._timeout, self._connections)

    def send(self, request: Request) -> Response:
        """Send a request and return its response. Give the body of a successful one to the request's receiver.

        Raises:
            NetworkError: No response arrived.
            InvalidAnswer: The response is too large or badly encoded. The receiver's own errors pass through too.
        """
        began = monotonic()
        try:
            response = self._exchange(request)
        except BaseException as error:
            log_outcome(request, began, error)
            raise
        log_outcome(request, began, response)
        return response

    def close(self) -> None:
        """Close all connections. A later request opens new ones."""
        self._connections.close()

    def _exchange(self, request: Request) -> Response:
        try:
            with use_deadline(deadline_of(request, self._timeout, self.abandoned)) as deadline:
                client = self._connections.client()
                body = body_pieces(request.body()) if callable(request.body) else request.body
                headers = sent_headers(request)
                call = client.build_request(request.method, request.url, headers=headers, content=body)
                response = client.send(call, stream=True)
                deadline.has_headers = True
                try:
                    return self._receive(request, response)
                finally:
                    response.close()
        except HTTP_ERRORS as error:
            raise network_error(request, f"{type(error).__name__} {error}") from error

    def _receive(self, request: Request, response: httpx2.Response) -> Response:
        status, headers = response.status_code, with_lower_names(response.headers.items())
        if request.receiver is None or status >= FIRST_UNSUCCESSFUL_STATUS:
            body = body_of(status, headers, request.limit)
            for piece in response.iter_raw(PIECE_BYTES):
                body.write(piece)
                if not body.wants_more:
                    break
            return Response(status, headers, body.finish())
        check_not_encoded(headers)
        self._receive_file(request.receiver, headers, response)
        return Response(status, headers)

    def _receive_file(self, receiver: BodyReceiver, headers: dict[str, str], response: httpx2.Response) -> None:
        if is_one_piece(headers):
            whole = b"".join([piece for piece in response.iter_raw()])
            run_work(partial(receive_whole, receiver, headers, whole))
            return
        run_work(partial(receiver.begin, headers))
        for piece in response.iter_raw(PIECE_BYTES):
            run_work(partial(receiver.write, piece))
        run_work(receiver.finish)
