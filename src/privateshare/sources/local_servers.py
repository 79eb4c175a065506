"""Sources at a server of this machine in place of the provider's, for people who write or test one.

Only addresses of this machine are accepted: the operator's client id and secret, and the tokens, go to that server.
Servers that people type are not concerned. Those are checked as always (`typed_servers.py`).
"""

from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from privateshare.errors import ConfigurationError
from privateshare.protocol.addresses import is_web_address
from privateshare.sources.contract import SignInSource, Source
from privateshare.sources.web import LOOPBACK


@runtime_checkable
class MovableSource(SignInSource, Protocol):
    """A source whose provider has fixed servers, for which another one can stand."""

    def at(self, address: str) -> "MovableSource":
        """Return the same source with one server in place of all of the provider's. Raises ConfigurationError."""


def moved(source: Source, address: str) -> MovableSource:
    """Return a source with a server of this machine in place of its provider's.

    Args:
        source: The source.
        address: The origin of the server, such as http://127.0.0.1:8000.

    Raises:
        ConfigurationError: The address is not one of this machine, or the source has no fixed servers.
    """
    origin = address.rstrip("/")
    if not is_web_address(origin) or urlsplit(origin).hostname not in LOOPBACK or urlsplit(origin).path:
        raise ConfigurationError(
            "a source is tried only at a server of this machine, since the client secret is sent there",
            hint="Give an address such as http://127.0.0.1:8000, without a path",
        )
    if not isinstance(source, MovableSource):
        raise ConfigurationError(
            "the server of this source is no fixed one of a provider, or it does not use OAuth",
            hint="If people type its address, type that of your server, and set private_addresses = true in the "
            "settings of the source. If it is in the settings, change it there",
        )
    return source.at(origin)
