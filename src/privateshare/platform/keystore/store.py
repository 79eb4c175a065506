"""Where erasure keys are kept: one interface, in a local folder or in an object store.

A key that must be destroyed cannot live in PostgreSQL: what a transaction deletes stays in the pages of its tables and
in the write-ahead log until something else is written there. In a key store a key is written once, never changed and
never copied, and it is overwritten before it is deleted.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol
from uuid import UUID

from privateshare.errors import PrivateShareError

KEY_BYTES = 32
OWNER = "database"  # the name of the entry that says which database the keys belong to


class KeyMissing(Exception):
    """The store has no key of this name, or what it has is damaged."""


class KeyStoreAway(PrivateShareError):
    """The store cannot be used now: it is not reachable, not mounted, full, or refuses access."""

    code = "KeyStoreAway"
    hint = "Look at the store of the erasure keys, and at PRIVATESHARE_KEY_URL"


class NotDestroyed(KeyStoreAway):
    """What was erased is deleted, and its key is not destroyed yet."""

    hint = "The platform tries again every ten minutes; to try now, do the same once more"


class CopiesRemain(KeyStoreAway):
    """The store keeps older versions of what is overwritten or deleted, so a key cannot be destroyed there."""


class KeyStore(Protocol):
    """Keys by name, which is the id of what they are for.

    All methods block, so call them on a worker thread, and raise KeyStoreAway.
    """

    def create(self, name: UUID, key: bytes) -> None:
        """Returns when the key is durable under a name that was never used before."""

    def read(self, name: UUID) -> bytes:
        """The key of this name. Raises KeyMissing."""

    def destroy(self, name: UUID) -> None:
        """Returns when the key can be read no more, and never again. One that is not there is no error."""

    def names_between(self, start: datetime, end: datetime) -> Iterator[UUID]:
        """The names of the keys that were created in this time, by the store's clock."""

    def owner(self) -> str | None:
        """Which database the keys belong to; None if nobody has claimed the store yet."""

    def claim(self, owner: str) -> None:
        """Makes the store that of one database, durably."""


def read_name(text: str) -> UUID | None:
    """The name of a key, as a store lists it; None for an entry that is something else."""
    try:
        name = UUID(text)
    except ValueError:
        return None
    return name if str(name) == text else None
