"""Requests to public addresses only, so that nobody can use the platform to reach servers of its own network.

The name in an address is resolved here, every address that it stands for must be public, and the connection is made to
exactly the address that was checked. So a name that is resolved differently a moment later changes nothing.
"""

import asyncio
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from privateshare.protocol.public_networks import is_public

TIMEOUT_SECONDS = 10
TOTAL_SECONDS = 20
DEFAULT_PORTS = {"https": 443, "http": 80}


class AddressNotAllowed(Exception):
    """The address is not public, or its name cannot be resolved. The text says which."""


async def resolve(host: str, port: int, *, private: bool) -> str:
    """Return an address that a host stands for. Raises AddressNotAllowed if one of its addresses is not public."""
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressNotAllowed(f"the name {host} cannot be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or (not private and not all(is_public(address) for address in addresses)):
        raise AddressNotAllowed(f"{host} is not a public address")
    return addresses[0]


async def post(url: str, headers: Mapping[str, str], body: bytes, *, private: bool) -> int:
    """Send a POST request, and return the status of the response. Redirects are not followed, no body is read.

    Args:
        url: Where to send it.
        headers: The headers.
        body: The body.
        private: Whether addresses that are not public, and plain http, are allowed.

    Raises:
        AddressNotAllowed: The address is not public.
        httpx2.HTTPError: No response arrived.
        TimeoutError: It took too long.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not private:
        raise AddressNotAllowed("the address does not begin with https")
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    async with asyncio.timeout(TOTAL_SECONDS):
        address = await resolve(host, port, private=private)
        target = httpx2.URL(url).copy_with(host=address)
        sent = {**headers, "host": parts.netloc, "accept-encoding": "identity"}
        client = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
        async with client:
            extensions = {"sni_hostname": host}  # The certificate must be for the name, and not for the address.
            request = client.build_request("POST", target, headers=sent, content=body, extensions=extensions)
            response = await client.send(request, stream=True)
            await response.aclose()
            return response.status_code
