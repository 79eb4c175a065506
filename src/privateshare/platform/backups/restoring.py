"""Putting a platform's content into empty stores: from a backup, or from another platform that is moved.

    files -> erasure keys, except those that the journal names -> journal of erasures -> database -> journal applied

The database comes last, in one transaction. So an interrupted restoration can be run again, and copies only what is not
there yet. The journal is applied before anything is served: what was erased or withdrawn stays so.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

import psycopg

from privateshare.errors import ConfigurationError
from privateshare.platform.backups.copying import BlobCopier, Copied, Progress
from privateshare.platform.backups.making import all_names, copy_keys
from privateshare.platform.backups.place import BLOBS, DATABASE, BackupPlace, SavedBlob, SnapshotManifest
from privateshare.platform.blobs.opening import open_blobs
from privateshare.platform.blobs.ownership import BlobOwnership
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.migrate import check_is_ours
from privateshare.platform.embedded.dumps import restore_chunks
from privateshare.platform.embedded.locks import FileLock
from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.grants.journal_replay import Replayed, replay_journal_if_wanted
from privateshare.platform.keys.wrapping import load_master_key
from privateshare.platform.keystore.erasure_keys import claim_store
from privateshare.platform.keystore.journal import Ended, ErasureJournal, JournalEntry
from privateshare.platform.keystore.opening import open_keys
from privateshare.platform.keystore.store import KeyStore
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import LOCK_NAME, acquire, prepare_folder, running_platform

Tell = Callable[[str], object]


class ContentToRestore(Protocol):
    """What is put into empty stores. Methods block."""

    database: str
    keys: KeyStore
    key_names: list[UUID]
    journal: set[JournalEntry]

    def dump(self) -> Iterator[bytes]:
        """Return the dump of the database as a stream."""

    def copy_blobs(self, target: BlobStore, unwanted: Sequence[str], done: Copied, progress: Progress) -> None:
        """Copy all blobs, except those with one of these prefixes."""


@dataclass(slots=True)
class RestoreResult:
    """What was restored, and what of it could not be."""

    copied: Copied = field(default_factory=Copied)
    keys: int = 0
    missing_keys: list[str] = field(default_factory=list)
    replayed: Replayed = field(default_factory=Replayed)


class BackupContent:
    """A snapshot in a backup place, and what was erased or withdrawn since as far as the given journals know."""

    def __init__(self, place: BackupPlace, manifest: SnapshotManifest, journals: Iterable[ErasureJournal]) -> None:
        self.database, self.keys = manifest.database, place.keys
        self.key_names = list(place.key_list(manifest))
        self.journal = {entry for journal in (place.journal, *journals) for entry in journal.entries()}
        self._place, self._manifest = place, manifest

    def dump(self) -> Iterator[bytes]:
        """Return the dump of the database as a stream."""
        return self._place.read(self._manifest, DATABASE)

    def copy_blobs(self, target: BlobStore, unwanted: Sequence[str], done: Copied, progress: Progress) -> None:
        """Copy all blobs, except those with one of these prefixes."""
        copier = BlobCopier(self._place.store, target, source_prefix=BLOBS)
        copier.restore(self._wanted(frozenset(unwanted)), done, progress)

    def _wanted(self, unwanted: frozenset[str]) -> Iterator[SavedBlob]:
        for blob in self._place.blob_list(self._manifest):
            if "/".join(blob.key.split("/")[:2]) + "/" not in unwanted:
                yield blob


async def restore(settings: Settings, content: ContentToRestore, progress: Progress, tell: Tell) -> RestoreResult:
    """Put content into the stores of the settings, which must be empty.

    Raises ConfigurationError, BlobStoreUnavailable, KeyStoreUnavailable. Run it again after an interruption.
    """
    result = RestoreResult()
    load_master_key(settings)  # Without it nothing that is restored could be read.
    async with _empty_database(settings) as url:
        await asyncio.to_thread(_fill_stores, settings, content, result, progress, tell)
        tell("Restoring the database")
        await asyncio.to_thread(restore_chunks, url, content.dump())
    tell("Applying erasures and withdrawals")
    async with running_platform(settings, to_serve=False, to_replay=False) as (platform, _):
        result.replayed = await replay_journal_if_wanted(platform)
    return result


def _fill_stores(
    settings: Settings, content: ContentToRestore, result: RestoreResult, progress: Progress, tell: Tell
) -> None:
    tell("Restoring the files")
    erased = [UUID(entry.id) for entry in content.journal if entry.kind is Ended.KEY]
    store = open_blobs(settings.blob_address())
    content.copy_blobs(store, [f"library/{id_}/" for id_ in erased], result.copied, progress)
    if settings.blob_url is not None:
        BlobOwnership(store, content.database).claim()
    tell("Restoring the keys")
    keys = open_keys(settings.key_address())
    claim_store(keys, content.database, is_new=True)
    wanted = sorted(set(content.key_names) - set(erased))
    result.missing_keys = [str(name) for name in copy_keys(content.keys, keys, wanted)]
    result.keys = len(wanted) - len(result.missing_keys)
    for name in set(all_names(keys)) & set(erased):  # An older journal was used in an interrupted attempt.
        keys.destroy(name)
    journal = ErasureJournal(settings.key_address())
    journal.record(sorted(content.journal))
    journal.ask_for_replay()


@asynccontextmanager
async def _empty_database(settings: Settings) -> AsyncIterator[str]:
    """Provide the URL of the empty database of the settings. If the block fails, a built-in one is removed again.

    Raises ConfigurationError if it is not empty.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        await asyncio.to_thread(_require_empty, url)
        yield url
        return
    prepare_folder(settings.data)
    with FileLock(settings.data / LOCK_NAME) as lock:
        await acquire(lock, settings.data, 0)
        folder = settings.data / "postgres"
        postgres = EmbeddedPostgres(folder)
        if postgres.exists() and not (folder / _UNFINISHED).exists():
            raise ConfigurationError(f"{settings.data} has a database already", hint="Name a new folder with --data")
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        (folder / _UNFINISHED).touch()  # A restoration that was killed begins again with an empty database.
        async with postgres as url:
            yield url
        (folder / _UNFINISHED).unlink()


_UNFINISHED = "restoration-unfinished"


def _require_empty(url: str) -> None:
    check_is_ours(url)
    try:
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT to_regclass('alembic_version'), to_regclass('procrastinate_jobs')")
            tables = found.fetchone()
    except psycopg.OperationalError as error:
        raise ConfigurationError("cannot use the database of DATABASE_URL", hint="Check DATABASE_URL") from error
    if tables != (None, None):
        raise ConfigurationError("the database has tables already", hint="Set DATABASE_URL to an empty database")
