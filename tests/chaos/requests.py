"""A client of HTTP/1.1 that needs little time for a request, so that it can offer more than a platform can answer."""

import asyncio
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 90.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """A GET request that may be repeated."""

    url: str
    headers: dict[str, str] = field(repr=False)

    def encoded(self) -> bytes:
        """Return the bytes of the request."""
        parts = urlsplit(self.url)
        lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of a response, and its Retry-After or 0."""

    status: int
    retry_after: int


class Client:
    """Sends requests over connections that it keeps, as many as there are requests at the same time."""

    def __init__(self) -> None:
        self._idle: list[_Connection] = []

    async def send(self, call: Call) -> Answer:
        """Send a request, and return its answer. Raises OSError or TimeoutError."""
        while self._idle and self._idle[-1].is_closed:
            self._idle.pop()
        connection = self._idle.pop() if self._idle else await self._connect(call)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await connection.ask(call.encoded())
        except OSError:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close the connections."""
        for connection in self._idle:
            connection.close()

    async def _connect(self, call: Call) -> "_Connection":
        parts = urlsplit(call.url)
        assert parts.hostname is not None
        assert parts.port is not None
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, parts.hostname, parts.port)
        return connection


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self.is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request, and return a future of its answer."""
        self._received, self._answer = b"", asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        length = _LENGTH.search(head)
        if _CHUNKED.search(head) is not None:
            is_complete = body.endswith(b"0\r\n\r\n")
        else:
            is_complete = length is not None and len(body) >= int(length[1])
        if is_complete:
            retry_after = _RETRY_AFTER.search(head)
            self._answer.set_result(Answer(int(head[9:12]), int(retry_after[1]) if retry_after else 0))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the connection ended"))

    def close(self) -> None:
        self._transport.close()
