"""Requests to a WebDAV server (RFC 4918), with a user name and a password."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx2
from lxml import etree

from privateshare.sources.contract import Broken, JsonObject, NeedsLogin, TryLater
from privateshare.sources.typed_servers import TypedServers, host_of, not_reachable, not_trusted
from privateshare.sources.web import (
    MAX_RESPONSE_BYTES,
    MAX_RESPONSE_SECONDS,
    ResponseLimitExceeded,
    ServerNotAllowed,
    open_client,
    retry_after_seconds,
)

DAV, CALDAV, CARDDAV = "DAV:", "urn:ietf:params:xml:ns:caldav", "urn:ietf:params:xml:ns:carddav"
MULTI_STATUS = 207
REDIRECTS = (301, 302, 307, 308)
MAX_REDIRECTS = 3
UNAVAILABLE = (429, 502, 503, 504)
FORBIDDEN = (401, 403)


class NotDav(Exception):
    """The server does not answer as a WebDAV server does."""


class NoFile(Exception):
    """The server does not provide a file, or it is larger than is read."""


@dataclass(frozen=True, slots=True)
class DavResource:
    """What a server says of one address: the properties that it has. `server` is the host that said it."""

    address: str
    server: str
    properties: etree._Element = field(repr=False)

    def text(self, space: str, name: str) -> str:
        """Return the text of a property; empty if there is none."""
        found = self.properties.find(f".//{{{space}}}{name}")
        return (found.text or "").strip() if found is not None else ""

    def whole_text(self, space: str, name: str) -> str | None:
        """Return the text of a property as it is; None if there is none."""
        found = self.properties.find(f".//{{{space}}}{name}")
        return found.text if found is not None else None

    def address_in(self, space: str, name: str) -> str | None:
        """Return the address that a property holds; None if there is none. Raises NotDav if it is not an address."""
        found = self.properties.find(f".//{{{space}}}{name}/{{{DAV}}}href")
        return joined(self.address, found.text) if found is not None and found.text else None

    def has(self, space: str, name: str) -> bool:
        """Return whether there is such a property or type."""
        return self.properties.find(f".//{{{space}}}{name}") is not None


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
        """Ask for properties of an address, and of what it contains.

        Raises:
            NotDav: The server does not answer with properties.
            NeedsLogin, TryLater, Broken: See `_send`.
        """
        wanted = "".join(f'<x:{name} xmlns:x="{space}"/>' for space, name in names)
        body = f'<?xml version="1.0"?><d:propfind xmlns:d="{DAV}"><d:prop>{wanted}</d:prop></d:propfind>'
        return self._resources("PROPFIND", address, body, depth)

    def report(self, address: str, body: str) -> list[DavResource]:
        """Send a report. Raises what `find` raises."""
        return self._resources("REPORT", address, body, 1)

    def _resources(self, method: str, address: str, body: str, depth: int) -> list[DavResource]:
        for _ in range(MAX_REDIRECTS):
            response = self._send(method, address, body, depth)
            if response.status_code not in REDIRECTS:
                break
            address = self._checked(joined(address, response.headers.get("location", "")))
        if response.status_code != MULTI_STATUS:
            raise NotDav
        return list(_parsed(response.content, address))

    def _send(self, method: str, address: str, body: str, depth: int) -> httpx2.Response:
        """Send a request.

        Raises:
            NeedsLogin: The server does not accept the user name or the password.
            TryLater: It does not respond.
            Broken: It cannot be found, or has no valid certificate.
        """
        self._checked(address)
        headers = {"depth": str(depth), "content-type": "application/xml; charset=utf-8"}
        with self._failures():
            response = self._http.request(method, address, content=body.encode(), headers=headers)
        if response.status_code in FORBIDDEN:
            raise NeedsLogin("the server does not accept the user name or the password")
        _check_available(response)
        return response

    def read(self, address: str) -> Iterator[bytes]:
        """Yield the content of a file. The password is not sent to the target of a redirect.

        Raises:
            NoFile: The server does not provide it, or it is too large.
            NeedsLogin, TryLater, Broken: See `_send`.
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


def joined(base: str, address: str) -> str:
    """Return the address that a server names, which may be relative. Raises NotDav if it is none."""
    try:
        found = urljoin(base, address.strip())
        urlsplit(found)
    except ValueError as error:
        raise NotDav from error
    return found


def _parsed(content: bytes, base: str) -> Iterator[DavResource]:
    """Yield the resources of a response. Raises NotDav."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise NotDav from error
    if root.tag != f"{{{DAV}}}multistatus" or root.getroottree().docinfo.internalDTD is not None:
        raise NotDav
    for entry in root.findall(f"{{{DAV}}}response"):
        address = entry.findtext(f"{{{DAV}}}href") or ""
        for found in entry.findall(f"{{{DAV}}}propstat"):
            if " 200" in (found.findtext(f"{{{DAV}}}status") or " 200"):
                properties = found.find(f"{{{DAV}}}prop")
                if properties is not None:
                    yield DavResource(joined(base, address), host_of(base), properties)


def named(resources: Sequence[DavResource], space: str, name: str) -> str | None:
    """Return the first address in a property of some resources; None if there is none."""
    return next((found for one in resources if (found := one.address_in(space, name)) is not None), None)
