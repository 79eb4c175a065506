"""The paths of the API, the consent pages and the storage below a platform's origin, and a check of addresses.

Protocol 1.
"""

from urllib.parse import urlsplit

DEFAULT_PORT = 8790
DEFAULT_ORIGIN = f"http://127.0.0.1:{DEFAULT_PORT}"
API_PATH = "/v1.7/"
ONBOARD_PATH = "/apps/saas/"
STORAGE_PATH = "/cloud/v1/"


def is_web_address(text: str) -> bool:
    """Check that a text is an absolute http or https address with a host.

    A port must be between 1 and 65535. Addresses with a user name, spaces or control characters are rejected.
    """
    try:
        parts = urlsplit(text)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:  # The port is not a number or too large, or the host is not a valid IPv6 address.
        return False
    if parts.scheme not in {"http", "https"} or user is not None or port == 0:
        return False
    return any(character.isalnum() for character in host) and text.isprintable() and " " not in text
