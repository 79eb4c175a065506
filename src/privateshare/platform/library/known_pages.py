"""The pages of an export that are in an account already, so that only the others are imported. ADR 77.

A newer export has most of the pages of the one before it, byte by byte. A page is known if each of its objects is
stored with exactly its content.
"""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from privateshare.platform.library.libraries import OpenAccount
from privateshare.sources.frames import EntryPage

FINGERPRINT_BYTES = 16


@dataclass(slots=True)
class KnownPages:
    """Tells the pages of one export that are known from those that must be imported.

    Attributes:
        account: The account that the export is imported into.
        owner: What the objects call their owner.
        known: The fingerprints of the pages whose objects are in the account, with their object types.
        compared: The object types of which all objects are needed, since what is missing may have been deleted.
        imported: The fingerprints of the pages of the export, with their object types.
        skipped: How many pages were not needed.
    """

    account: OpenAccount
    owner: str = field(repr=False)
    known: Mapping[bytes, int] = field(repr=False)
    compared: Collection[int]
    imported: dict[bytes, int] = field(default_factory=dict, repr=False)
    skipped: int = 0

    def fingerprint(self, page: bytes) -> bytes:
        """Return what identifies a page within the account, and nowhere else."""
        digest = hmac.new(self.account.key.value, b"page " + self.owner.encode() + b"\0", sha256)
        digest.update(page)
        return digest.digest()[:FINGERPRINT_BYTES]

    def skips(self, fingerprint: bytes) -> bool:
        """Return whether a page need not be imported, and note that it is a part of the export."""
        object_type = self.known.get(fingerprint)
        if object_type is None or object_type in self.compared:
            return False
        self.imported[fingerprint] = object_type
        self.skipped += 1
        return True

    def note(self, fingerprint: bytes, page: EntryPage) -> None:
        """Note that a page is imported, if it has objects of one type that are the same whatever else is there."""
        types = {object_type for object_type, _ in page.entries}
        is_plain = all(entry.provenance is None and not entry.is_deletion for _, entry in page.entries)
        if is_plain and len(types) == 1 and not types & set(self.compared):
            self.imported[fingerprint] = types.pop()
