"""Writing fetched objects into the files of an account, beside files that are lost."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import FileRow
from privateshare.platform.library.lost_files import FOUND, can_be_fetched, unmark_lost
from privateshare.platform.library.mapped_files import MappedFiles, files_of_type, record_files, slot_files
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer, Slot
from privateshare.platform.library.remembered import forget_imports
from privateshare.platform.library.unreadable import report_unreadable
from privateshare.platform.sync.retries import RETRY_PAUSES_SECONDS, RetryLater
from privateshare.platform.sync.sync_run import AccountSync, require_access, require_waiting_session
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.entries import Entry

FIRST_STAGE_OBJECTS = 16_000
STAGE_GROWTH = 8


@dataclass(slots=True)
class Stages:
    """Decides when to write what was read so far of a large archive, so that its first files appear soon.

    Months that were not complete are merged with what follows, so each stage is several times as large as the one
    before. An account that has files gets no stages: nobody waits for its first file, and each would read all of them.
    """

    is_first: bool
    next_size: int = FIRST_STAGE_OBJECTS

    def is_due(self, buffer: ObjectBuffer) -> bool:
        """Return whether to write what is in the buffer, and then to continue with an empty one."""
        if not self.is_first or buffer.count < self.next_size or not buffer.can_be_written_in_stages:
            return False
        self.next_size *= STAGE_GROWTH
        return True


async def write_objects(run: AccountSync, buffer: ObjectBuffer, *, from_source: bool) -> None:
    """Write the objects slot by slot, so that readers see each file as soon as it is complete.

    A stored file that cannot be read is reported, and counts as empty: it is replaced by what the source or the archive
    has for its slot. If the source was asked only for what is new, everything of the type is fetched again before
    anything of it is written, so that nothing is lost that the source still has.
    """
    for object_type in buffer.object_types():
        while True:
            try:
                await _write_type(run, buffer, object_type, from_source=from_source)
                break
            except UnreadableBlob as error:
                if error.blob in run.lost_blobs:
                    raise
                await report_lost_blob(run, error)
                run.lost_blobs.add(error.blob)


async def _write_type(run: AccountSync, buffer: ObjectBuffer, object_type: int, *, from_source: bool) -> None:
    mapped_files, schema = MappedFiles(run.platform.blobs, run.library), run.source.info.schema
    async with run.platform.database.transaction() as db:
        files = await files_of_type(db, run.account, object_type)
    if any(file.lost == FOUND and file.blob in run.lost_blobs for file in files) and can_be_fetched(run.account):
        run.types_to_refetch.add(object_type)
        if from_source and object_type not in run.fully_fetched_types():
            return
    readable = [file for file in files if file.blob not in run.lost_blobs]
    merge = await asyncio.to_thread(
        plan_merge,
        buffer,
        object_type,
        partial(_stored_objects, mapped_files, schema, readable),
        writes_unchanged=len(readable) < len(files),
    )
    for slot in merge.slots:
        async with run.platform.database.transaction() as db:
            await require_waiting_session(db, run)
            await require_access(db, run)
            existing = await slot_files(db, run.account, slot)
            keeps, lost = partial(merge.keeps, slot), run.lost_blobs
            written = await asyncio.to_thread(
                mapped_files.write_slot, run.account.id, schema, existing, merge.entries(slot), keeps, lost
            )
            if written:
                await forget_imports(db, run.account, run.imports)
            await record_files(db, run.account, slot, schema, written)
    async with run.platform.database.transaction() as db:
        await unmark_lost(db, [file.blob for file in readable if file.lost is not None])


async def report_lost_blob(run: AccountSync, error: UnreadableBlob) -> None:
    """Report a blob that cannot be read. Raises SyncCancelled or RetryLater if it was erased or replaced meanwhile."""
    if await report_unreadable(run.platform, error):
        return
    async with run.platform.database.transaction() as db:
        await require_waiting_session(db, run)
    raise RetryLater(RETRY_PAUSES_SECONDS[0]) from error


def _stored_objects(
    mapped_files: MappedFiles, schema: ObjectSchema, files: Sequence[FileRow]
) -> Iterator[tuple[Slot, Entry]]:
    for file in files:
        slot = Slot(file.object_type, file.month or 0)
        yield from ((slot, entry) for entry in mapped_files.entries(schema, file))
