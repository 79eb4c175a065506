"""Tests of the journal of erasures in folders."""

from pathlib import Path
from uuid import uuid4

import pytest

from privateshare.platform.keystore.journal import Ended, ErasureJournal, JournalEntry, Journals
from privateshare.platform.keystore.local import LocalKeys
from privateshare.platform.keystore.store import KeyMissing, KeyStoreUnavailable

LIBRARY, OTHER = uuid4(), uuid4()
ENTRIES = [
    JournalEntry(Ended.KEY, str(LIBRARY)),
    JournalEntry(Ended.CONSENT, str(uuid4())),
    JournalEntry(Ended.CONTRACT, "Ab-_1.ü/.."),
]


def test_entries_are_read_as_they_were_recorded(tmp_path: Path) -> None:
    """Whatever an id contains, and however often it is recorded."""
    journal = ErasureJournal(tmp_path.as_uri())
    journal.record(ENTRIES)
    journal.record(ENTRIES)
    assert sorted(ErasureJournal(f"{tmp_path.as_uri()}/").entries()) == sorted(ENTRIES)


def test_a_replay_is_wanted_until_it_is_done(tmp_path: Path) -> None:
    """The mark is on disk, so another process finds it."""
    journal = ErasureJournal(tmp_path.as_uri())
    assert not journal.is_replay_wanted()
    journal.ask_for_replay()
    assert ErasureJournal(tmp_path.as_uri()).is_replay_wanted()
    journal.replayed()
    assert not journal.is_replay_wanted()


def test_an_erasure_destroys_the_saved_key_too(tmp_path: Path) -> None:
    """It is recorded in both places, and only the key that was erased is gone from the backups."""
    keys = LocalKeys(tmp_path / "backups" / "keys")
    places = [(tmp_path / name).as_uri() for name in ("keys", "backups")]
    journals = Journals(places, lambda: None, keys)
    journals.record(ENTRIES[1:])  # Nothing is saved yet.
    keys.claim("a database")
    for name in (LIBRARY, OTHER):
        keys.create(name, bytes(range(32)))
    journals.record(ENTRIES)
    assert all(set(ErasureJournal(place).entries()) == set(ENTRIES) for place in places)
    with pytest.raises(KeyMissing):
        keys.read(LIBRARY)
    assert keys.read(OTHER) == bytes(range(32))


def test_nothing_is_recorded_in_a_store_of_another_database(tmp_path: Path) -> None:
    """An unmounted disk stays empty, and what is to be recorded stays listed."""

    def refuse() -> None:
        raise KeyStoreUnavailable("it is not ours")

    with pytest.raises(KeyStoreUnavailable):
        Journals([(tmp_path / "keys").as_uri()], refuse).record(ENTRIES)
    assert not (tmp_path / "keys").exists()
