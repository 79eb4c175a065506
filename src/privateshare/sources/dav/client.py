"""Requests to a WebDAV server (RFC 4918), with a user name and a password."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from privateshare.sources.contract import Broken, JsonObject, NeedsLogin, TryLater
from privateshare.sources.dav.multistatus import (
    DAV,
    MAX_RESOURCES,
    PIECE_BYTES,
    DavResource,
    NotDav,
    joined,
    read_resources,
)
from privateshare.sources.typed_servers import TypedServers, host_of, not_reachable, not_trusted
from privateshare.sources.web import (
    MAX_RESPONSE_BYTES,
    MAX_RESPONSE_SECONDS,
    ResponseLimitExceeded,
    ServerNotAllowed,
    open_client,
    retry_after_seconds,
)

CALDAV, CARDDAV = "urn:ietf:params:xml:ns:caldav", "urn:ietf:params:xml:ns:carddav"
MULTI_STATUS = 207
REDIRECTS = (301, 302, 307, 308)
MAX_REDIRECTS = 3
MAX_RESOURCES_OF_ADDRESS = 100  # A response about one address may list others too.
UNAVAILABLE = (429, 502, 503, 504)
FORBIDDEN = (401, 403)


class NoFile(Exception):
    """The server does not provide a file, or it is larger than is read."""


class DavClient:
    """A client with the user name and password that a person typed. It is a context manager.

    A server may name addresses of other servers of the same provider. They are reached too if they are public, and by
    https: nobody but the server that the person chose can name them.
    """

    def __init__(
        self,
        servers: TypedServers,
        known: JsonObject,
        max_seconds: float = MAX_RESPONSE_SECONDS,
        max_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self._servers, self._host = servers, host_of(known["server"])
        self._http = open_client({}, max_bytes, max_seconds, servers.reach)
        self._http.auth = httpx2.BasicAuth(known["username"], known["password"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def find(self, address: str, depth: int, *names: tuple[str, str]) -> list[DavResource]:
        """Ask for properties of an address, and of what it contains. At most MAX_RESOURCES are returned.

        Raises:
            NotDav: The server does not answer with properties.
            NeedsLogin, TryLater, Broken: See `_sent`.
        """
        wanted = "".join(f'<x:{name} xmlns:x="{space}"/>' for space, name in names)
        body = f'<?xml version="1.0"?><d:propfind xmlns:d="{DAV}"><d:prop>{wanted}</d:prop></d:propfind>'
        return self._resources("PROPFIND", address, body, depth)

    def report(self, address: str, body: str) -> list[DavResource]:
        """Send a report. Raises what `find` raises."""
        return self._resources("REPORT", address, body, 1)

    def _resources(self, method: str, address: str, body: str, depth: int) -> list[DavResource]:
        for _ in range(MAX_REDIRECTS):
            with self._sent(method, address, body, depth) as response:
                if response.status_code == MULTI_STATUS:
                    pieces = response.iter_bytes(PIECE_BYTES)
                    return list(read_resources(pieces, address, MAX_RESOURCES if depth else MAX_RESOURCES_OF_ADDRESS))
                if response.status_code not in REDIRECTS:
                    raise NotDav
            address = self._checked(joined(address, response.headers.get("location", "")))
        raise NotDav

    @contextmanager
    def _sent(self, method: str, address: str, body: str, depth: int) -> Iterator[httpx2.Response]:
        """Send a request.

        Raises:
            NotDav: The response is too large.
            NeedsLogin: The server does not accept the user name or the password.
            TryLater: It does not respond.
            Broken: It cannot be found, or has no valid certificate.
        """
        self._checked(address)
        headers = {"depth": str(depth), "content-type": "application/xml; charset=utf-8"}
        with self._failures():
            try:
                with self._http.stream(method, address, content=body.encode(), headers=headers) as response:
                    if response.status_code in FORBIDDEN:
                        raise NeedsLogin("the server does not accept the user name or the password")
                    _check_available(response)
                    yield response
            except ResponseLimitExceeded as error:
                raise NotDav from error

    def read(self, address: str) -> Iterator[bytes]:
        """Yield the content of a file. The password is not sent to the target of a redirect.

        Raises:
            NoFile: The server does not provide it, or it is too large.
            NeedsLogin, TryLater, Broken: See `_sent`.
        """
        self._checked(address)
        with self._failures():
            try:
                with self._http.stream("GET", address) as response:
                    if response.status_code == httpx2.codes.UNAUTHORIZED:
                        raise NeedsLogin("the server does not accept the user name or the password")
                    _check_available(response)
                    if response.status_code != httpx2.codes.OK:
                        raise NoFile
                    yield from response.iter_bytes()
            except ResponseLimitExceeded as error:
                raise NoFile from error

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Convert the errors of connections."""
        try:
            yield
        except ServerNotAllowed as error:
            raise not_reachable(self._host) from error
        except httpx2.ConnectError as error:
            if "certificate" in str(error).lower():
                raise not_trusted(self._host) from error
            raise TryLater("the server does not respond") from error
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise TryLater("the server does not respond") from error

    def _checked(self, address: str) -> str:
        """Return the address if a password may be sent there. Raises Broken."""
        is_secure = urlsplit(address).scheme == "https" or self._servers.private
        if not is_secure or not urlsplit(address).hostname:
            raise Broken("%(server)s leads to an address without encryption. Tell those who run it.", server=self._host)
        return address


def _check_available(response: httpx2.Response) -> None:
    """Raise TryLater if a server is not available, or limits requests."""
    if response.status_code in UNAVAILABLE:
        limited = response.status_code == httpx2.codes.TOO_MANY_REQUESTS
        raise TryLater("the server is not available", retry_after_seconds(response), limited=limited)


def named(resources: Sequence[DavResource], space: str, name: str) -> str | None:
    """Return the first address in a property of some resources; None if there is none."""
    return next((found for one in resources if (found := one.address_in(space, name)) is not None), None)
