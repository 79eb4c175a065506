"""Tests of a backup place in a folder, without a database: damage is found, and what is whole is restored."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.backups.copying import BlobCopier, Copied, hash_blob
from privateshare.platform.backups.making import copy_keys, destroy_erased
from privateshare.platform.backups.place import (
    BLOBS,
    DATABASE,
    BackupPlace,
    SavedBlob,
    SnapshotManifest,
    existing_place,
)
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.blobs.store import put
from privateshare.platform.keys.wrapping import MasterKey, new_data_key
from privateshare.platform.keystore.journal import Ended, JournalEntry
from privateshare.platform.keystore.local import LocalKeys

MASTER = MasterKey(new_data_key())
MANIFEST = SnapshotManifest("20261129t190000z-5f3a", "a database", "2026-11-29T19:00:00+00:00", "ab" * 32)
KEYS = [f"library/{uuid4()}/files/{number}" for number in range(5)]


@pytest.fixture
def place(tmp_path: Path) -> BackupPlace:
    """Provide an empty place."""
    return BackupPlace((tmp_path / "place").as_uri())


@pytest.fixture
def live(tmp_path: Path) -> LocalBlobs:
    """Provide a store with some blobs."""
    store = LocalBlobs(tmp_path / "live")
    for number, key in enumerate(KEYS):
        put(store, key, [bytes([number]) * 1000])
    return store


def save(
    live: LocalBlobs, place: BackupPlace, known: dict[str, SavedBlob] | None = None
) -> tuple[list[SavedBlob], Copied]:
    done = Copied()
    copier = BlobCopier(live, place.store, target_prefix=BLOBS)
    return list(copier.save(KEYS, known or {}, done, lambda _: None)), done


def test_blobs_are_copied_once(live: LocalBlobs, place: BackupPlace, tmp_path: Path) -> None:
    """Not by the next backup, nor after one that was interrupted before its list was written."""
    saved, first = save(live, place)
    assert (first.blobs, first.new, first.new_size) == (5, 5, 5000)
    again, second = save(live, place, {blob.key: blob for blob in saved})
    assert (again, second.blobs, second.new) == (saved, 5, 0)
    after_interruption, third = save(live, place)
    assert (after_interruption, third.new) == (saved, 0)
    live.delete(KEYS[:1])
    another = BackupPlace((tmp_path / "another").as_uri())
    assert save(live, another)[1].missing == KEYS[:1]


def test_damaged_and_missing_blobs_are_told_and_the_others_restored(
    live: LocalBlobs, place: BackupPlace, tmp_path: Path
) -> None:
    """Each has its name in the result."""
    saved, _ = save(live, place)
    put(place.store, BLOBS + KEYS[0], [b"x" * 1000])
    place.store.delete([BLOBS + KEYS[1]])
    restored, done = LocalBlobs(tmp_path / "restored"), Copied()
    BlobCopier(place.store, restored, source_prefix=BLOBS).restore(saved, done, lambda _: None)
    assert (done.damaged, done.missing, done.blobs) == ([KEYS[0]], [KEYS[1]], 4)
    assert [hash_blob(restored, blob.key) for blob in saved[2:]] == [blob.sha256 for blob in saved[2:]]
    again = Copied()
    BlobCopier(place.store, restored, source_prefix=BLOBS).restore(saved[2:], again, lambda _: None)
    assert (again.blobs, again.new) == (3, 0)


def test_only_a_complete_snapshot_counts_and_only_the_master_key_opens_it(place: BackupPlace) -> None:
    """A manifest is of its name, so that an older one cannot be put in place of a newer one."""
    place.write_blob_list(MANIFEST, [SavedBlob(KEYS[0], 1000, "ab")])
    assert place.snapshots() == []
    with pytest.raises(ConfigurationError, match="no complete backup"):
        place.newest()
    place.finish(MANIFEST, MASTER)
    assert place.manifest(place.newest(), MASTER) == MANIFEST
    assert MANIFEST.data_key not in repr(MANIFEST)
    with pytest.raises(ConfigurationError, match="another master key"):
        place.manifest(MANIFEST.name, MasterKey(new_data_key()))
    assert place.manifest(MANIFEST.name, MasterKey(new_data_key(), [MASTER.current])) == MANIFEST
    put(place.store, "snapshots/later/manifest", place.store.read(f"snapshots/{MANIFEST.name}/manifest"))
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        place.manifest("later", MASTER)


def test_a_place_that_cannot_be_reached_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket without credentials has a sentence of its own, and so has an address of another kind."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with pytest.raises(ConfigurationError, match="cannot use the backup place: the store cannot be reached"):
        BackupPlace("s3://bucket/backups").check()
    with pytest.raises(ConfigurationError, match="the backup place has the unknown scheme 'ftp'"):
        BackupPlace("ftp://bucket/backups")


@pytest.mark.parametrize("name", ["mistyped", "mis typed", "a/file"])
def test_a_folder_that_does_not_exist_is_named_and_not_made(tmp_path: Path, name: str) -> None:
    """To restore or to verify a backup from a mistyped path leaves no folder there, and a file is no folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigurationError, match=f"there is no folder .*{name}"):
        existing_place((tmp_path / name).as_uri())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_place_that_exists_is_opened(place: BackupPlace, tmp_path: Path) -> None:
    """Its backups are there."""
    place.finish(MANIFEST, MASTER)
    assert existing_place((tmp_path / "place").as_uri()).newest() == MANIFEST.name


@pytest.mark.parametrize("length", [0, 1, 40, 200_000, 262_000])
def test_a_truncated_dump_is_noticed(place: BackupPlace, length: int) -> None:
    """Wherever it was cut; nothing of another part fits in its place."""
    place.write(MANIFEST, DATABASE, [bytes(1000)] * 262)
    path = f"snapshots/{MANIFEST.name}/{DATABASE}"
    whole = b"".join(place.store.read(path))
    put(place.store, path, [whole[:length]])
    with pytest.raises(ConfigurationError, match="is damaged"):
        list(place.read(MANIFEST, DATABASE))
    put(place.store, f"snapshots/{MANIFEST.name}/keys", [whole])
    with pytest.raises(ConfigurationError, match="is damaged"):
        list(place.key_list(MANIFEST))
    with pytest.raises(ConfigurationError, match="is damaged"):
        list(place.read(replace(MANIFEST, data_key="cd" * 32), DATABASE))


def test_keys_are_mirrored_and_those_of_who_was_erased_destroyed(place: BackupPlace, tmp_path: Path) -> None:
    """A key that is missing is named; one that is there already is not written again."""
    live = LocalKeys(tmp_path / "keys")
    live.claim("a database")
    place.keys.claim("a database")
    names = [uuid4() for _ in range(3)]
    for name in names:
        live.create(name, name.bytes * 2)
    lost = uuid4()
    assert copy_keys(live, place.keys, [*names, lost]) == [lost]
    assert copy_keys(live, place.keys, names) == []
    erased = {JournalEntry(Ended.KEY, str(names[0])), JournalEntry(Ended.CONSENT, str(names[1]))}
    assert destroy_erased(place.keys, erased) == 1
    assert destroy_erased(place.keys, erased) == 0
    assert place.keys.read(names[1]) == names[1].bytes * 2
