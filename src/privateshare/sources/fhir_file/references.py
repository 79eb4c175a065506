"""References to FHIR resources: type, id, and the server if it is known."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_REFERENCE_CHARACTERS = 2048
UNIQUE_ID_CHARACTERS = 16  # Ids of this length are random, and not used by another server.

_ADDRESS = re.compile(
    r"(?:(?P<base>https?://[^?#|]+?)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#|\s]+)(?:/_history/[^/?#|\s]+)?/?(?:[?#|].*)?"
)
_URN = re.compile(r"urn:(?:uuid|oid):(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a resource.

    Attributes:
        type: The resource type; None if it is unknown, as in `urn:uuid:…`.
        id: The id. The id of a URN is in lower case.
        server: The server's address without its scheme; None if it is unknown.
    """

    type: str | None
    id: str
    server: str | None = None

    def may_be(self, other: "Reference") -> bool:
        """Return whether the two may refer to the same resource, because no known part differs."""
        if None in (self.type, other.type):
            return self.id.lower() == other.id.lower()
        if (self.type, self.id) != (other.type, other.id):
            return False
        if self.server == other.server or None in (self.server, other.server):
            return True
        return len(self.id) >= UNIQUE_ID_CHARACTERS


def read_reference(text: object, server: str | None = None) -> Reference | None:
    """Parse a FHIR reference.

    Args:
        text: A text such as `Patient/1`, `https://a.example/fhir/Patient/1/_history/2`, `urn:uuid:…` or only an id.
        server: The server of relative references.

    Returns:
        The reference, or None if it refers to a part of its own resource or is invalid.
    """
    if not isinstance(text, str):
        return None
    text = text.strip()
    if not 0 < len(text) <= MAX_REFERENCE_CHARACTERS or text.startswith("#"):
        return None
    text = text.removeprefix(".").removeprefix("/")
    if match := _URN.fullmatch(text):
        return Reference(None, match[1].lower())
    if match := _ADDRESS.fullmatch(text):
        return Reference(match["type"], match["id"], server_of(match["base"]) if match["base"] else server)
    return Reference(None, text, server)


def server_of(address: str) -> str | None:
    """Normalize the address of a server for comparison; None if it is invalid."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return None
    return f"{(parts.hostname or '')}{port}{parts.path.rstrip('/')}" if parts.hostname else None
