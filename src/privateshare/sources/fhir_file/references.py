"""What a FHIR resource is referred to by: its type and id, and the server where that is known."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_LENGTH = 2048  # of a reference; longer ones are none
UNIQUE_LENGTH = 16  # of an id that is no count: no other server gives the same

_ADDRESS = re.compile(
    r"(?:(?P<base>https?://[^?#|]+?)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#|\s]+)(?:/_history/[^/?#|\s]+)?/?(?:[?#|].*)?"
)
_URN = re.compile(r"urn:(?:uuid|oid):(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a resource is referred to by.

    Attributes:
        type: The resource type; None if it is not said, as in `urn:uuid:…`.
        id: The id. That of a URN is in lower case.
        server: The server's address without scheme; None if it is not said.
    """

    type: str | None
    id: str
    server: str | None = None

    def may_be(self, other: "Reference") -> bool:
        """Whether the two may refer to one resource: nothing that both say differs."""
        if None in (self.type, other.type):
            return self.id.lower() == other.id.lower()
        if (self.type, self.id) != (other.type, other.id):
            return False
        return self.server == other.server or None in (self.server, other.server) or len(self.id) >= UNIQUE_LENGTH


def read_reference(text: object, server: str | None = None) -> Reference | None:
    """Read a reference as FHIR writes it.

    Args:
        text: Such as `Patient/1`, `https://a.example/fhir/Patient/1/_history/2`, `urn:uuid:…` or an id alone.
        server: Where relative ones lead to.

    Returns:
        None for what refers to nothing outside of its own resource.
    """
    if not isinstance(text, str) or not 0 < len(text := text.strip()) <= MAX_LENGTH or text.startswith("#"):
        return None
    text = text.removeprefix(".").removeprefix("/")
    if match := _URN.fullmatch(text):
        return Reference(None, match[1].lower())
    if match := _ADDRESS.fullmatch(text):
        return Reference(match["type"], match["id"], server_of(match["base"]) if match["base"] else server)
    return Reference(None, text, server)


def server_of(address: str) -> str | None:
    """Return the address of a server in the form that is compared; None if it is no address."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return None
    return f"{(parts.hostname or '')}{port}{parts.path.rstrip('/')}" if parts.hostname else None
