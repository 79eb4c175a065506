"""What the environment says of the way to the platform: proxies, and who may vouch for it.

httpx2 reads the same variables by itself; here they are for libcurl, which else reads fewer, and others.
"""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.0/8", "::1")  # which no proxy leads to


@dataclass(frozen=True, slots=True)
class Proxy:
    """The address of a proxy ("" for none), and the hosts that are reached without it, as libcurl takes them."""

    address: str
    not_for: str


def proxy_to(url: str) -> Proxy:
    """The proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, and NO_PROXY; where none is set, the system's."""
    from urllib.request import getproxies

    known = getproxies()
    not_for = [host.strip() for host in known.get("no", "").split(",")]
    address = known.get(urlsplit(url).scheme) or known.get("all") or ""
    return Proxy("" if "*" in not_for else address, ",".join([*LOOPBACK, *not_for]))


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificates that are trusted: a file, or a folder of them; or also the `system`'s own."""

    file: str | None
    folder: str | None
    system: bool = False


def authorities() -> Authorities:
    """Those of SSL_CERT_FILE or else of SSL_CERT_DIR, and no others; where neither is set, the system's."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return Authorities(file, None)
    if folder := os.environ.get("SSL_CERT_DIR"):
        return Authorities(None, folder)
    import ssl

    paths = ssl.get_default_verify_paths()
    return Authorities(paths.cafile, paths.capath, system=True)
