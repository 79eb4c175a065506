"""Registering the platform as an OAuth client at a server, which some servers allow anybody (RFC 7591, Mastodon)."""

import re
from typing import Any

import httpx2

from privateshare.sources.contract import JsonObject, TryLater
from privateshare.sources.typed_servers import TypedServers, host_of, server_failures
from privateshare.sources.web import open_client, read_object, retry_after_seconds

MAX_CHARACTERS = 4096
_CREDENTIAL = re.compile(rf"[\x20-\x7e]{{1,{MAX_CHARACTERS}}}")  # RFC 6749, appendix A.1 and A.2.
MAX_RESPONSE_BYTES = 256 * 1024
MAX_RESPONSE_SECONDS = 15  # People wait for this response.


def post_registration(servers: TypedServers, address: str, **content: Any) -> JsonObject | None:
    """Send a registration, and return the response; None if the server did not accept it.

    Args:
        servers: Which servers may be reached.
        address: The address of the endpoint.
        content: The registration, as `data` for a form or `json`.

    Raises:
        Broken: The server cannot be reached.
        TryLater: It does not respond.
    """
    headers = {"accept": "application/json"}
    with (
        server_failures(host_of(address)),
        open_client(headers, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS, servers.reach) as client,
    ):
        response = client.post(address, **content)
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TryLater("the server is not available", retry_after_seconds(response))
    return read_object(response) if response.is_success else None


def is_credential(value: object) -> bool:
    """Return whether a value of a registration can be a client id or a secret."""
    return isinstance(value, str) and _CREDENTIAL.fullmatch(value) is not None
