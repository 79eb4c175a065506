"""The address at which people and apps reach the platform, and the names of this machine that a request may use.

The platform signs the address of its keys (`jku`, protocol 3.1) and sends people and apps to its own addresses. It must
not take its address from the Host header, which the sender of a request chooses.
"""

import re
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}
OWN_PATHS = frozenset(
    {"v1.5", "v1.6", "v1.7", "apps", "me", "cloud", "docs", "openapi.json", "healthz", "readyz", "metrics"}
)
MAX_PORT = 65535

_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_THIS_MACHINE = re.compile(
    r"(localhost|127(\.(0|[1-9][0-9]{0,2})){3}|\[::1\])(:([0-9]{1,5}))?", re.IGNORECASE | re.ASCII
)


def normal_address(text: str) -> str:
    """Normalize the platform's address as browsers do, without a slash at the end. Raises ValueError."""
    parts = urlsplit(text.strip())
    scheme, host, port = parts.scheme.lower(), _host_of(parts.netloc), _port_of(parts)
    if scheme not in DEFAULT_PORTS or not _HOST.fullmatch(host):
        raise ValueError("must be like https://share.example.org; write other letters than a to z in punycode (xn--…)")
    if "?" in text or "#" in text or "@" in parts.netloc:
        raise ValueError("must not have a user name, query or fragment")
    shown_port = "" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"
    return f"{scheme}://{host}{shown_port}{_normal_path(parts.path)}"


def _host_of(netloc: str) -> str:
    """Return the host of an address in lower case, with the brackets of an IPv6 address."""
    return re.sub(r":[0-9]*$", "", netloc.lower())


def _port_of(parts: SplitResult) -> int | None:
    """Return the port of an address, or None if it has none. Raises ValueError if the port is invalid."""
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError("the port must be a number from 1 to 65535") from error
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    return port


def _normal_path(path: str) -> str:
    segments = path.rstrip("/").split("/")[1:]
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError("the path may only have letters, digits and - . _ ~ between single slashes")
    if segments and segments[0] in OWN_PATHS:
        raise ValueError(f"the path must not begin with /{segments[0]}, which the platform uses itself")
    return "".join(f"/{segment}" for segment in segments)


def is_this_machine(host: str) -> bool:
    """Return whether a Host header names this machine, with or without a port."""
    match = _THIS_MACHINE.fullmatch(host)
    if match is None:
        return False
    numbers = [int(number) for number in match[1].split(".")] if match[2] else []
    return all(number <= 255 for number in numbers) and (match[5] is None or 0 < int(match[5]) <= MAX_PORT)
