"""The interface of key stores, which hold erasure keys in a local folder or in an object store.

A key that must be destroyed cannot be stored in PostgreSQL: deleted rows stay in the pages of their table and in the
write-ahead log until they are overwritten. In a key store a key is written once, never changed and never copied, and
it is overwritten before it is deleted.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol
from uuid import UUID

from privateshare.errors import PrivateShareError

KEY_BYTES = 32
OWNER_ENTRY = "database"


class KeyMissing(Exception):
    """The store has no key of this name, or the key is damaged."""


class KeyStoreUnavailable(PrivateShareError):
    """The store is not available: it is not reachable, not mounted, full, or refuses access."""

    code = "KeyStoreUnavailable"
    hint = "Check the store of the erasure keys, and PRIVATESHARE_KEY_URL"


class NotDestroyed(KeyStoreUnavailable):
    """The data was deleted, but its erasure key could not be destroyed yet."""

    hint = "The platform retries every ten minutes; to retry now, repeat the same request or command"


class CopiesRemain(KeyStoreUnavailable):
    """The store keeps older versions of overwritten or deleted objects, so a key cannot be destroyed there."""


class KeyStore(Protocol):
    """A map of names to keys. A key's name is the id of the library or account that it belongs to.

    All methods block, so call them on a worker thread. All of them may raise KeyStoreUnavailable.
    """

    def create(self, name: UUID, key: bytes) -> None:
        """Store a key under a name that was never used before. The key is durable when this returns."""

    def read(self, name: UUID) -> bytes:
        """Return the key of this name. Raises KeyMissing."""

    def destroy(self, name: UUID) -> None:
        """Destroy a key. When this returns it can never be read again; a key that does not exist is ignored."""

    def names_between(self, start: datetime, end: datetime) -> Iterator[UUID]:
        """List the names of the keys that were created between two times of the store's clock."""

    def owner(self) -> str | None:
        """Return the name of the database that the keys belong to, or None if no database has claimed the store yet."""

    def claim(self, owner: str) -> None:
        """Record durably that the store belongs to a database."""


def read_name(text: str) -> UUID | None:
    """Parse the name of a key as a store lists it. Return None for an entry that is no key."""
    try:
        name = UUID(text)
    except ValueError:
        return None
    return name if str(name) == text else None
