"""The journal of erasures: what was erased or withdrawn, recorded outside of the database.

A backup of the database that is older than an erasure has the rows of the person again, and one that is older than a
withdrawal has the consent again. The journal says what must not come back. It is kept beside the erasure keys, and in
the backup place if the settings name one, and holds ids only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from privateshare.platform.blobs.opening import open_blobs
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put
from privateshare.platform.blobs.store_errors import STORE_ERRORS, describe_store_error
from privateshare.platform.keystore.store import KeyStore, KeyStoreUnavailable

FOLDER = "journal"
RECORDED = "erased/"
REPLAY_MARK = "replay/wanted"


def saved_keys_url(backups: str) -> str:
    """Return the URL of the key store in a backup place."""
    return f"{backups.rstrip('/')}/keys"


class Ended(StrEnum):
    """What an entry of the journal is about."""

    KEY = "key"  # A library or an account that was erased, by the name of its erasure key.
    CONSENT = "consent"  # A consent that was withdrawn or deleted.
    CONTRACT = "contract"  # A contract that the operator ended.


class JournalEntry(NamedTuple):
    """Something that ended for good, and its id."""

    kind: Ended
    id: str

    @property
    def blob(self) -> str:
        """Return the name under which the entry is stored."""
        return f"{RECORDED}{self.kind.value}/{self.id.encode().hex()}"

    @classmethod
    def parse(cls, blob: str) -> "JournalEntry":
        """Return the entry that is stored under a name. Raises ValueError for another name."""
        kind, _, name = blob.removeprefix(RECORDED).partition("/")
        return cls(Ended(kind), bytes.fromhex(name).decode())


class ErasureJournal:
    """The journal in one place. An entry is an empty blob, so recording it again changes nothing.

    All methods block, and raise KeyStoreUnavailable.
    """

    def __init__(self, place: str) -> None:
        """Name the place by its URL: that of the key store, or of the backups."""
        self._url = f"{place.rstrip('/')}/{FOLDER}"
        self._opened: BlobStore | None = None

    def record(self, entries: Iterable[JournalEntry]) -> None:
        """Record entries durably."""
        with _store_errors():
            for entry in entries:
                put(self._store, entry.blob, [b"\n"])

    def entries(self) -> Iterator[JournalEntry]:
        """Return all entries."""
        with _store_errors():
            for blob in self._store.keys(RECORDED):
                yield JournalEntry.parse(blob)

    def ask_for_replay(self) -> None:
        """Let the next start apply the journal to the database, because that comes from a backup."""
        with _store_errors():
            put(self._store, REPLAY_MARK, [b"\n"])

    def is_replay_wanted(self) -> bool:
        """Return whether the journal must be applied to the database before anything is served."""
        with _store_errors():
            try:
                return self._store.size(REPLAY_MARK) > 0
            except BlobNotFound:
                return False

    def replayed(self) -> None:
        """Record that the journal was applied to the database."""
        with _store_errors():
            self._store.delete([REPLAY_MARK])

    @property
    def _store(self) -> BlobStore:
        # It is opened when it is first used, since opening creates the folder: an unmounted disk must stay empty.
        if self._opened is None:
            self._opened = open_blobs(self._url)
        return self._opened


class Journals:
    """The journals of one platform: the one beside the erasure keys, and the one in the backup place, if there is one.

    `require_keys` checks that the key store belongs to this database, before anything is written there. `saved_keys`
    are those in the backup place: an erasure destroys them too, and does not wait for the next backup.
    """

    def __init__(
        self, places: Sequence[str], require_keys: Callable[[], None], saved_keys: KeyStore | None = None
    ) -> None:
        self._journals = [ErasureJournal(place) for place in places]
        self._require_keys, self._saved_keys = require_keys, saved_keys

    @property
    def main(self) -> ErasureJournal:
        """Return the journal beside the erasure keys."""
        return self._journals[0]

    def record(self, entries: Sequence[JournalEntry]) -> None:
        """Record entries in all places, and destroy saved keys that they name. Blocks. Raises KeyStoreUnavailable."""
        self._require_keys()
        for journal in self._journals:
            journal.record(entries)
        self._require_keys()  # A disk that was unmounted meanwhile does not have the entries.
        if self._saved_keys is not None and self._saved_keys.owner() is not None:  # Otherwise nothing is saved there.
            for entry in entries:
                if entry.kind is Ended.KEY:
                    self._saved_keys.destroy(UUID(entry.id))


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except STORE_ERRORS as error:
        reason = describe_store_error(error)
        raise KeyStoreUnavailable(f"the journal of erasures is not available: {reason}") from error
