"""The addresses of servers that people type. Only public servers are reached: see `web.ServerReach`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from privateshare.protocol.addresses import is_web_address
from privateshare.sources.contract import Broken, TryLater
from privateshare.sources.web import ServerNotAllowed, ServerReach


@dataclass(frozen=True, slots=True)
class TypedServers:
    """Which servers people may name. Private ones, and those without TLS, are allowed for development only."""

    private: bool = False

    @property
    def reach(self) -> ServerReach:
        """What a client for such a server may connect to."""
        return ServerReach.ANY if self.private else ServerReach.PUBLIC

    def origin(self, typed: str) -> str:
        """Return the origin of a server, such as https://mastodon.social.

        People type its name, an address of a page there, or their own address, such as @ann@mastodon.social.

        Raises:
            Broken: It is none of these.
        """
        scheme, _, rest = typed.strip().rpartition("://")
        host = rest.partition("/")[0].rpartition("@")[2].lower().rstrip(".")
        address = f"{scheme.lower() or 'https'}://{host}"
        is_usual = is_web_address(address) and "." in host
        if not is_usual or (urlsplit(address).scheme != "https" and not self.private):
            raise not_an_address(typed)
        return address

    def address(self, typed: str) -> str:
        """Return the address of a service, with its path, such as https://dav.example.org/caldav/.

        Raises:
            Broken: It is none.
        """
        origin = self.origin(typed)
        _, _, rest = typed.strip().rpartition("://")
        path = rest.partition("/")[2].partition("?")[0].partition("#")[0]
        return f"{origin}/{path}"


@contextmanager
def server_failures(host: str) -> Iterator[None]:
    """Convert the errors of connections to a server that a person named.

    Raises:
        Broken: The server cannot be found, is not a public one, or has no valid certificate.
        TryLater: It does not respond.
    """
    try:
        yield
    except ServerNotAllowed as error:
        raise not_reachable(host) from error
    except httpx2.ConnectError as error:
        raise (not_trusted(host) if "certificate" in str(error).lower() else not_reachable(host)) from error
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise TryLater("the server does not respond") from error


def host_of(origin: str) -> str:
    """Return the host of an origin, and its port if it is not the usual one."""
    return urlsplit(origin).netloc


def not_an_address(typed: str) -> Broken:
    """Build the error for a text that is no address of a server."""
    shown = "".join(character for character in typed if character.isprintable())[:100]
    return Broken("“%(address)s” is not the address of a server. Type it as in example.org.", address=shown)


def not_reachable(server: str) -> Broken:
    """Build the error for a server that does not exist, or is not a public one."""
    return Broken("The server %(server)s cannot be found. Check its address.", server=server)


def not_trusted(server: str) -> Broken:
    """Build the error for a server without a valid certificate."""
    return Broken(
        "The server %(server)s has no valid certificate, so what you send could be read by others. Check its address, "
        "or tell those who run it.",
        server=server,
    )
