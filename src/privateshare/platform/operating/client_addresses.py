"""The addresses of clients: as whom they count, and as they appear in the log."""

from collections.abc import Hashable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from starlette.types import Scope

AddressForm = Literal["none", "short", "full"]
UNKNOWN = "unknown"
# One client usually controls all addresses of such a network, so they count as one client.
IPV6_CLIENT_BITS = 64
# The part of an address that the log shows: enough to find out where many requests come from, and not who it is.
REMEMBERED_ADDRESSES = 1000  # Most requests come from a few addresses.
SHORT_BITS = {4: 24, 6: 48}


def client_host(scope: Scope) -> str:
    """Return the address that a request came from, as the trusted proxies reported it."""
    return str(scope["client"][0]) if scope.get("client") else UNKNOWN


@lru_cache(REMEMBERED_ADDRESSES)
def client_network(host: str) -> Hashable:
    """Return as whom an address counts: an IPv4 address, or the network of an IPv6 address."""
    address = _parsed(host)
    return ip_network((address, IPV6_CLIENT_BITS), strict=False) if isinstance(address, IPv6Address) else address


@lru_cache(REMEMBERED_ADDRESSES)
def shown_address(host: str, form: AddressForm) -> str | None:
    """Return an address as the log shows it; None if it does not show addresses."""
    address = _parsed(host)
    if form == "none":
        return None
    if form == "full" or isinstance(address, str):
        return host
    return str(ip_network((address, SHORT_BITS[address.version]), strict=False))


def _parsed(host: str) -> IPv4Address | IPv6Address | str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
