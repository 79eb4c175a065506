# Generated from `sdk/http/_async/connections.py` by `make sync-client`. Do not edit.
"""Connections of the blocking client: all reads and writes of an exchange share one deadline."""

import ssl
from collections.abc import Iterable
from time import monotonic
from typing import Any

import httpcore2
import httpx2

from privateshare.sdk.concurrency.on_threads import SECONDS_BETWEEN_CHECKS
from privateshare.sdk.http.deadlines import DEADLINE, SILENT, SLOW, WRITE_BYTES


def keep_deadlines(client: httpx2.Client) -> None:
    """Make the connections that a client opens keep the deadline of the exchange that uses them.

    httpx2 has no option for the connections that it uses, so this sets private attributes.
    tests/unit/sdk/test_hostile_platform.py shows that deadlines hold.
    """
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            transport._pool._network_backend = DeadlineBackend(transport._pool._network_backend)


class DeadlineBackend(httpcore2.NetworkBackend):
    """Opens connections that keep the deadline of the exchange that uses them."""

    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore2.NetworkStream):
    """A connection that keeps the deadline of the exchange that uses it."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        limit = DEADLINE.get()
        silent_until = monotonic() + (limit.left if timeout is None else timeout)
        while True:
            limit.check_wanted()
            began = monotonic()
            longest = min(SECONDS_BETWEEN_CHECKS, limit.left, silent_until - began)
            if longest <= 0:
                raise httpcore2.ReadTimeout(SILENT if limit.left > 0 else SLOW)
            try:
                data = self._inner.read(max_bytes, longest)
            except httpcore2.ReadTimeout:
                limit.received(began, 0)
                continue
            limit.received(began, len(data))
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        limit = DEADLINE.get()
        view = memoryview(buffer)
        for start in range(0, len(view), WRITE_BYTES):
            began, piece = monotonic(), view[start : start + WRITE_BYTES]
            if limit.left <= 0:
                raise httpcore2.WriteTimeout(SLOW)
            self._inner.write(bytes(piece), min(limit.left, timeout or limit.left))
            limit.sent(began, len(piece))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
