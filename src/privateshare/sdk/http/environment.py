"""What the environment says about the network: proxies, and certificates that are trusted.

httpx2 reads the same variables itself. libcurl reads fewer and other ones, so the SDK reads them for it.
"""

import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies

LOOPBACK = ("localhost", "127.0.0.0/8", "::1")
"""Hosts that are never reached through a proxy."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """The address of a proxy ("" for none), and the hosts that are reached without it, in the syntax of libcurl."""

    address: str
    bypassed_hosts: str


def proxy_to(url: str) -> Proxy:
    """Return the proxy of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, and NO_PROXY. If none is set, use the system's."""
    known = getproxies()
    bypassed = [host.strip() for host in known.get("no", "").split(",")]
    address = known.get(urlsplit(url).scheme) or known.get("all") or ""
    return Proxy("" if "*" in bypassed else address, ",".join([*LOOPBACK, *bypassed]))


@dataclass(frozen=True, slots=True)
class TrustedCertificates:
    """The certificates that are trusted: a file, a folder of files, and the system's own if `system` is set."""

    file: str | None
    folder: str | None
    system: bool = False


def trusted_certificates() -> TrustedCertificates:
    """Return the certificates of SSL_CERT_FILE, or else of SSL_CERT_DIR. If neither is set, use the system's."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return TrustedCertificates(file, None)
    if folder := os.environ.get("SSL_CERT_DIR"):
        return TrustedCertificates(None, folder)
    paths = ssl.get_default_verify_paths()
    return TrustedCertificates(paths.cafile, paths.capath, system=True)
