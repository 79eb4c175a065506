"""The mark in a blob store that says which database its files belong to.

Without it, an empty folder of a disk that is not mounted, or a wrong bucket, would look like a store that has lost all
files. A platform that keeps its files in the data folder needs no mark: database and files are there or not together.
"""

import re
from dataclasses import dataclass

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put
from privateshare.platform.blobs.store_errors import STORE_ERRORS, BlobStoreUnavailable, describe_store_error

OWNER_BLOB = "platform/database"
PROBE_BLOB = "probe/readiness"

_NAME = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class BlobOwnership:
    """The store of a platform's files, and the name of its database; no name if the store is in the data folder."""

    store: BlobStore
    owner: str | None

    def require(self) -> None:
        """Check that the store belongs to this database. Blocks. Raises BlobStoreUnavailable."""
        if self.owner is not None and self._read_owner() != self.owner:
            raise BlobStoreUnavailable("the blob store is missing, or does not belong to this database")

    def probe(self) -> None:
        """Check that the store can be written to and belongs to this database. Blocks. Raises BlobStoreUnavailable."""
        try:
            put(self.store, PROBE_BLOB, [b"written"])
        except STORE_ERRORS as error:
            raise BlobStoreUnavailable(describe_store_error(error)) from error
        self.require()

    def claim(self) -> None:
        """Record that the store belongs to this database. Blocks. Raises BlobStoreUnavailable."""
        if self.owner is None:
            return
        try:
            put(self.store, OWNER_BLOB, [self.owner.encode()])
        except STORE_ERRORS as error:
            raise BlobStoreUnavailable(describe_store_error(error)) from error

    def check_at_start(self, *, is_new: bool) -> None:
        """Claim the store for a new database, or check that it belongs to this one, and try to write. Blocks.

        Raises ConfigurationError that says what is wrong with the store.
        """
        try:
            found = self._read_owner()
            if found is None and is_new:
                self.claim()
            elif self.owner is not None and found != self.owner:
                raise _wrong_store(found)
            self.probe()
        except BlobStoreUnavailable as error:
            raise ConfigurationError(f"cannot use the blob store: {error.message}", hint=error.hint) from error

    def _read_owner(self) -> str | None:
        if self.owner is None:
            return None
        try:
            found = b"".join(self.store.read(OWNER_BLOB)).decode(errors="replace")
        except BlobNotFound:
            return None
        except STORE_ERRORS as error:
            raise BlobStoreUnavailable(describe_store_error(error)) from error
        if not _NAME.fullmatch(found):  # Some server answers every request with a page.
            raise BlobStoreUnavailable(f"{OWNER_BLOB} does not hold the name of a database: check the endpoint")
        return found


def _wrong_store(found: str | None) -> ConfigurationError:
    if found is None:
        return ConfigurationError(
            "the blob store does not hold the files of this database; nothing was changed",
            hint="Mount or restore it, or check BLOB_URL. If all files are lost: privateshare check --claim-store",
        )
    return ConfigurationError(
        "the blob store belongs to another database; nothing was changed",
        hint="Set BLOB_URL to a folder or bucket that no other database uses",
    )
