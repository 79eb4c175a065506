"""Making a backup of a platform that may be running.

    lock deletions -> snapshot of the database -> dump -> blobs -> keys and journal -> manifest

The dump and the list of blobs are of one snapshot of the database. No blob is deleted until all are copied, so the
backup has every blob that its database names. Erasures work meanwhile: their keys are destroyed, and are not copied.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

import psycopg
from psycopg import sql

from privateshare.platform.backups.copying import BlobCopier, Copied, Progress
from privateshare.platform.backups.place import BLOBS, DATABASE, BackupPlace, SavedBlob, SnapshotManifest, new_name
from privateshare.platform.blobs.sealing import KEY_BYTES
from privateshare.platform.embedded.dumps import dump_chunks
from privateshare.platform.keys.wrapping import MasterKey
from privateshare.platform.keystore.erasure_keys import claim_store
from privateshare.platform.keystore.journal import Ended, JournalEntry
from privateshare.platform.keystore.store import KeyMissing, KeyStore
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.blob_deletion import BACKUP_LOCK
from privateshare.platform.sync.orphans import BLOB_COLUMNS

EVER = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class BackupResult:
    """A backup that was made, and what changed at the place."""

    manifest: SnapshotManifest
    copied: Copied = field(default_factory=Copied)
    keys_destroyed: int = 0
    deleted_snapshots: list[str] = field(default_factory=list)
    deleted_blobs: int = 0


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What a backup is made of: the direct URL of the database, and the open platform."""

    database_url: str
    database: str
    platform: Platform


def back_up(
    source: BackupSource, place: BackupPlace, progress: Progress, tell: Callable[[str], object]
) -> BackupResult:
    """Make a backup. Blocks. An interrupted one leaves only whole blobs, which the next one finds there.

    Raises ConfigurationError, BlobStoreUnavailable, KeyStoreUnavailable.
    """
    platform, now = source.platform, datetime.now(UTC)
    names = place.snapshots()
    claim_store(place.keys, source.database, is_new=not names)
    manifest = SnapshotManifest(
        new_name(now), source.database, now.isoformat(timespec="seconds"), os.urandom(KEY_BYTES).hex()
    )
    done = Copied()
    with psycopg.connect(source.database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [BACKUP_LOCK])
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tell("Saving the database")
        place.write(manifest, DATABASE, dump_chunks(source.database_url, _exported(connection)))
        tell("Saving the files")
        known = _known(place, names, platform.master_key)
        copier = BlobCopier(platform.blobs, place.store, target_prefix=BLOBS)
        place.write_blob_list(manifest, copier.save(blob_keys(connection), known, done, progress))
        tell("Saving the keys")
        key_names = list(erasure_key_names(connection))
    destroyed = copy_journal(platform, place)
    missing = copy_keys(platform.erasure_keys.store, place.keys, key_names)
    erased = _erased_meanwhile(source, missing)
    place.journal.record(JournalEntry(Ended.KEY, str(name)) for name in sorted(erased))
    key_names = [name for name in key_names if name not in erased]
    place.write_key_list(manifest, key_names)
    manifest = SnapshotManifest(
        manifest.name,
        manifest.database,
        manifest.created_at,
        manifest.data_key,
        done.blobs,
        done.size,
        len(key_names),
        done.missing,
        [str(name) for name in missing if name not in erased],
    )
    place.finish(manifest, platform.master_key)
    return BackupResult(manifest, done, destroyed)


def _exported(connection: psycopg.Connection) -> str:
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])


def blob_keys(connection: psycopg.Connection) -> Iterator[str]:
    """Return the keys of all blobs that the database names, each once. An empty stored file has none."""
    parts = [
        sql.SQL("SELECT {} FROM {}{}").format(
            sql.Identifier(column.key),
            sql.Identifier(column.class_.__tablename__),
            sql.SQL(" WHERE size > 0" if column.class_.__tablename__ == "stored_files" else ""),
        )
        for column in BLOB_COLUMNS
    ]
    with connection.cursor("blobs") as cursor:
        cursor.execute(sql.SQL(" UNION ").join(parts))
        for (key,) in cursor:
            yield key


def erasure_key_names(connection: psycopg.Connection) -> Iterator[UUID]:
    """Return the names of the erasure keys that the database needs."""
    for (name,) in connection.execute("SELECT id FROM libraries UNION ALL SELECT id FROM accounts"):
        yield name


def _erased_meanwhile(source: BackupSource, missing: Sequence[UUID]) -> set[UUID]:
    """Return those keys whose library or account was erased since the snapshot: no row needs them any more."""
    with psycopg.connect(source.database_url) as connection:
        return set(missing) - set(erasure_key_names(connection)) if missing else set()


def _known(place: BackupPlace, names: Sequence[str], master_key: MasterKey) -> dict[str, SavedBlob]:
    if not names:
        return {}
    return {blob.key: blob for blob in place.blob_list(place.manifest(names[-1], master_key))}


def copy_keys(source: KeyStore, target: KeyStore, names: Sequence[UUID]) -> list[UUID]:
    """Copy erasure keys that are not there yet. Return the names of those that are missing in the source. Blocks."""
    there, missing = set(all_names(target)), []
    for name in names:
        if name in there:
            continue
        try:
            target.create(name, source.read(name))
        except KeyMissing:
            missing.append(name)
    return missing


def all_names(store: KeyStore) -> Iterator[UUID]:
    """Return the names of all keys in a store. Blocks."""
    return store.names_between(EVER, datetime.now(UTC) + timedelta(days=365))


def copy_journal(platform: Platform, place: BackupPlace) -> int:
    """Update the journal of the place, and destroy the keys there of what was erased. Return their number."""
    ours, theirs = set(platform.journals.main.entries()), set(place.journal.entries())
    place.journal.record(sorted(ours - theirs))
    return destroy_erased(place.keys, ours | theirs)


def destroy_erased(keys: KeyStore, entries: set[JournalEntry]) -> int:
    """Destroy the keys in a store that the journal names. Return their number. Blocks."""
    erased = {UUID(entry.id) for entry in entries if entry.kind is Ended.KEY}
    found = [name for name in all_names(keys) if name in erased]
    for name in found:
        keys.destroy(name)
    return len(found)


def prune(place: BackupPlace, master_key: MasterKey, keep: int, result: BackupResult) -> None:
    """Delete all but the newest snapshots, and the blobs that no other snapshot has. Blocks."""
    names = place.snapshots()
    old, kept = names[:-keep], names[-keep:]
    for name in old:
        place.delete_snapshot(name)
    result.deleted_snapshots = old
    if not old:
        return
    wanted = {blob.key for blob in chain.from_iterable(place.blob_list(place.manifest(n, master_key)) for n in kept)}
    unused = [key for key in place.store.keys(BLOBS) if key.removeprefix(BLOBS) not in wanted]
    place.store.delete(unused)
    result.deleted_blobs = len(unused)
