"""The paths of API, consent pages and storage below a platform's origin (protocol 1); and what an address is."""

from urllib.parse import urlsplit

DEFAULT_PORT = 8790
DEFAULT_ORIGIN = f"http://127.0.0.1:{DEFAULT_PORT}"
API_PATH = "/v1.7/"
LEGACY_API_PATH = "/v1.6/"
ONBOARD_PATH = "/apps/saas/"
STORAGE_PATH = "/cloud/v1/"


def is_web_address(text: str) -> bool:
    """Tell whether requests can be sent to an address, and links lead to it: http or https, with a host.

    A port must be one: 1 to 65535. User names, spaces and control characters have no place in an address.
    """
    try:
        parts = urlsplit(text)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:  # the port is no number or too large, or the host is no IPv6 address
        return False
    if parts.scheme not in {"http", "https"} or user is not None or port == 0:
        return False
    return any(character.isalnum() for character in host) and text.isprintable() and " " not in text
