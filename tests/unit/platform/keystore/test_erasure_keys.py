"""Tests of erasure keys on a disk that is unmounted while a key is created or destroyed."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from privateshare.platform.keystore.erasure_keys import ErasureKeys
from privateshare.platform.keystore.journal import Ended, ErasureJournal, JournalEntry, Journals
from privateshare.platform.keystore.local import LocalKeys
from privateshare.platform.keystore.store import KeyStoreUnavailable

OWNER = "this database"
KEPT = uuid4()


class UnmountedMeanwhile(LocalKeys):
    """A folder that is replaced by an empty one after the check that it belongs to the database."""

    def create(self, name: UUID, key: bytes) -> None:
        self.unmount()
        super().create(name, key)

    def destroy(self, name: UUID) -> None:
        self.unmount()
        super().destroy(name)

    def unmount(self) -> None:
        self._folder.rename(self._folder.with_name("disk"))
        self._folder.mkdir(mode=0o700)


@pytest.fixture
def keys(tmp_path: Path) -> ErasureKeys:
    """Provide keys on a disk that is unmounted by the next change."""
    folder = tmp_path / "keys"
    mounted = LocalKeys(folder)
    mounted.claim(OWNER)
    mounted.create(KEPT, bytes(range(32)))
    return ErasureKeys(UnmountedMeanwhile(folder), OWNER)


async def test_a_key_on_an_unmounted_disk_does_not_count_as_created(keys: ErasureKeys) -> None:
    """The library would be unreadable when the disk is back."""
    with pytest.raises(KeyStoreUnavailable):
        await keys.create(uuid4())


async def test_a_key_on_an_unmounted_disk_does_not_count_as_destroyed(keys: ErasureKeys, tmp_path: Path) -> None:
    """It is there again when the disk is back, so its destruction stays listed."""
    with pytest.raises(KeyStoreUnavailable):
        await keys.destroy([KEPT])
    assert LocalKeys(tmp_path / "disk").read(KEPT) == bytes(range(32))


def test_an_entry_on_an_unmounted_disk_does_not_count_as_recorded(tmp_path: Path) -> None:
    """The journal would lack it when the disk is back, so it stays listed."""
    store = LocalKeys(tmp_path / "keys")
    store.claim(OWNER)
    checks: list[Callable[[], None]] = [
        lambda: None,
        ErasureKeys(LocalKeys(tmp_path / "another"), OWNER).require_store_now,
    ]
    entry = JournalEntry(Ended.CONSENT, str(uuid4()))
    with pytest.raises(KeyStoreUnavailable):
        Journals([(tmp_path / "keys").as_uri()], lambda: checks.pop(0)()).record([entry])
    assert list(ErasureJournal((tmp_path / "keys").as_uri()).entries()) == [entry]  # Recording it again is harmless.
