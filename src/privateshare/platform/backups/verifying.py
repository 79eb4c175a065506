"""Verifying a backup, or a platform with everything in it, completely: every byte is read."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.audit.verification import verify_log
from privateshare.platform.backups.copying import Progress, hash_blob
from privateshare.platform.backups.making import all_names
from privateshare.platform.backups.place import BLOBS, DATABASE, BackupPlace, SnapshotManifest
from privateshare.platform.db.tables import AccountRow, LibraryRow
from privateshare.platform.embedded.dumps import check_dump
from privateshare.platform.keys.rewrapping import rows_without_key
from privateshare.platform.keystore.journal import Ended
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.blob_check import check_blobs

MAX_PROBLEMS = 100


@dataclass(slots=True)
class Verified:
    """What was verified, and what is wrong with it, in sentences."""

    blobs: int = 0
    keys: int = 0
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0

    def report(self, problem: str) -> None:
        """Add a problem. After many, further ones are only counted."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
        else:
            self.more_problems += 1


def verify_backup(place: BackupPlace, manifest: SnapshotManifest, progress: Progress) -> Verified:
    """Read a backup to its last byte, and compare it with what was saved. Blocks. What is wrong is in the result."""
    result = Verified()
    _reported(lambda: check_dump(place.read(manifest, DATABASE)), result)
    _reported(lambda: _verify_blobs(place, manifest, progress, result), result)
    _reported(lambda: _verify_keys(place, manifest, result), result)
    for key in manifest.missing_blobs:
        result.report(f"the file {key} was missing already when the backup was made")
    for name in manifest.missing_keys:
        result.report(f"the key {name} was missing already when the backup was made")
    return result


def _reported(part: Callable[[], object], result: Verified) -> None:
    try:
        part()
    except ConfigurationError as error:
        result.report(error.message)


def _verify_blobs(place: BackupPlace, manifest: SnapshotManifest, progress: Progress, result: Verified) -> None:
    for blob in place.blob_list(manifest):
        found = hash_blob(place.store, BLOBS + blob.key)
        if found is None:
            result.report(f"the file {blob.key} is missing")
        elif found != blob.sha256:
            result.report(f"the file {blob.key} was changed or damaged")
        result.blobs += 1
        progress(result.blobs)
    expected = manifest.blobs
    if result.blobs != expected:
        result.report(f"the list of files has {result.blobs} entries, and not {expected}")


def _verify_keys(place: BackupPlace, manifest: SnapshotManifest, result: Verified) -> None:
    there = {str(name) for name in all_names(place.keys)}
    erased = {entry.id for entry in place.journal.entries() if entry.kind is Ended.KEY}
    wanted = [str(name) for name in place.key_list(manifest)]
    known_to_miss = set(manifest.missing_keys)
    for name in wanted:
        if name not in there and name not in erased and name not in known_to_miss:
            result.report(f"the key {name} is missing")
    for name in there & erased:
        result.report(f"the key {name} of somebody who was erased is still there; the next backup destroys it")
    result.keys = len(wanted)


async def verify_platform(platform: Platform, progress: Progress) -> Verified:
    """Read every file of a platform, and check its keys, its rows and its audit log. It may be running."""
    result = Verified()
    blobs = await check_blobs(platform, progress, read=True)
    result.blobs = blobs.checked
    for loss in blobs.losses:
        for blob in loss.blobs:
            result.report(f"the {loss.what} {blob} is missing or damaged")
    for library in blobs.unopened:
        result.report(f"the library {library} cannot be opened")
    async with platform.database.snapshot() as db:
        for what, number in (await rows_without_key(db, platform.master_key)).items():
            result.report(f"{number} rows need a master key that is not listed: {what}")
        log = await verify_log(db, platform.master_key)
        for problem in log.problems:
            result.report(f"the audit log: {problem}")
    names = await asyncio.to_thread(lambda: set(all_names(platform.erasure_keys.store)))
    result.keys = len(names)
    async with platform.database.transaction() as db:
        for name in await missing_names(db, names):
            result.report(f"the key {name} is missing")
    return result


async def missing_names(db: AsyncSession, there: set[UUID]) -> list[UUID]:
    """Return the names of the erasure keys that the database needs and that are not there."""
    needed = union_all(select(LibraryRow.id), select(AccountRow.id))
    return [name async for name in await db.stream_scalars(needed) if name not in there]
