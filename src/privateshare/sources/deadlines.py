"""Connections of an HTTP client that end at a moment, whatever the server sends until then.

The timeouts of the client begin anew with each byte that arrives. So a server that sends a header a byte at a time, or
interim responses (1xx) without end, would occupy a thread forever.
"""

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2


class ResponseDeadline:
    """The moment at which the current request of a client must have its response."""

    def __init__(self) -> None:
        self._at = 0.0

    def begin(self, seconds: float) -> None:
        """Begin a request that may take some seconds."""
        self._at = time.monotonic() + seconds

    def limited(self, timeout: float | None) -> float:
        """Return the timeout of one operation. Raises httpcore2.ReadTimeout if the moment has come."""
        remaining = self._at - time.monotonic()
        if remaining <= 0:
            raise httpcore2.ReadTimeout("the response takes too long")
        return remaining if timeout is None else min(timeout, remaining)


class DeadlineBackend(httpcore2.NetworkBackend):
    """Opens connections that end at the moment of a deadline."""

    def __init__(self, deadline: ResponseDeadline) -> None:
        self._inner, self._deadline = httpcore2.SyncBackend(), deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Open a connection."""
        timeout = self._deadline.limited(timeout)
        return _DeadlineStream(
            self._inner.connect_tcp(host, port, timeout, local_address, socket_options), self._deadline
        )


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, deadline: ResponseDeadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.limited(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.limited(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._deadline.limited(timeout))
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
