"""Writing fetched objects into the files of an account, beside files that are lost."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from time import monotonic

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import FileRow
from privateshare.platform.library.lost_files import FOUND, can_be_fetched, unmark_lost
from privateshare.platform.library.mapped_files import (
    MappedFiles,
    files_of_slots,
    files_of_type,
    replace_files,
    types_with_files,
)
from privateshare.platform.library.merging import Merge, plan_merge
from privateshare.platform.library.object_buffer import Digests, ObjectBuffer, Slot
from privateshare.platform.library.remembered_imports import forget_imports
from privateshare.platform.library.unreadable_files import report_unreadable
from privateshare.platform.sync.retries import RETRY_PAUSES_SECONDS, RetryLater
from privateshare.platform.sync.sync_run import AccountSync, require_access, require_waiting_session
from privateshare.protocol.object_time import FHIR
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.entries import Entry

FIRST_STAGE_OBJECTS = 16_000
STAGE_GROWTH = 8
# A transaction costs as much as writing several small files, so each writes a few, and readers see them together.
MAX_SECONDS_OF_TRANSACTION = 0.2
MAX_SLOTS_OF_TRANSACTION = 50


@dataclass(slots=True)
class Stages:
    """Decides when to write what was read so far of a large archive, so that its first files appear soon.

    Months that were not complete are merged with what follows, so each stage is several times as large as the one
    before. An account that has files gets no stages: nobody waits for its first file, and each would read all of them.

    Attributes:
        is_first: Whether the account had no files before.
        next_size: The number of objects that is written next.
        written: The digests of the objects that were written, by their types; None if others are stored too.
    """

    is_first: bool
    next_size: int = FIRST_STAGE_OBJECTS
    written: dict[int, list[Digests]] | None = None

    def is_due(self, buffer: ObjectBuffer) -> bool:
        """Return whether to write what is in the buffer, and then to continue with an empty one."""
        if not self.is_first or buffer.count < self.next_size or not buffer.can_be_written_in_stages:
            return False
        self.next_size *= STAGE_GROWTH
        return True

    def written_of(self, object_type: int) -> list[Digests] | None:
        """Return the digests of all objects of a type that are stored, to which more can be added; None if unknown."""
        return None if self.written is None else self.written.setdefault(object_type, [])


class KnownObjectsNeeded(Exception):
    """An import left out objects that are known to be in the account, and cannot decide about others without them."""


async def write_objects(
    run: AccountSync, buffer: ObjectBuffer, *, from_source: bool, stages: Stages | None = None
) -> set[int]:
    """Write the objects slot by slot, so that readers see each file soon after it is complete.

    A stored file that cannot be read is reported, and counts as empty: it is replaced by what the source or the archive
    has for its slot. If the source was asked only for what is new, everything of the type is fetched again before
    anything of it is written, so that nothing is lost that the source still has.

    Args:
        run: The sync.
        buffer: The objects.
        from_source: Whether the source has them, so that it can be asked for more.
        stages: The stages of which this is one, if it is one of several.

    Returns:
        The object types of which not all objects were kept.

    Raises:
        KnownObjectsNeeded: Of this type and those after it, nothing was written.
    """
    dropping = set[int]()
    async with run.platform.database.transaction() as db:
        stored_types = await types_with_files(db, run.account)
    for object_type in buffer.object_types():
        while True:
            try:
                has_files = object_type in stored_types
                written = stages.written_of(object_type) if stages is not None else None
                if await _write_type(
                    run, buffer, object_type, has_files=has_files, from_source=from_source, written=written
                ):
                    dropping.add(object_type)
                break
            except UnreadableBlob as error:
                if error.blob in run.lost_blobs:
                    raise
                await report_lost_blob(run, error)
                run.note_lost(error.blob)
                if stages is not None:
                    stages.written = None
                if buffer.lacks_known:
                    raise KnownObjectsNeeded from error
    return dropping


async def _write_type(
    run: AccountSync,
    buffer: ObjectBuffer,
    object_type: int,
    *,
    has_files: bool,
    from_source: bool,
    written: list[Digests] | None,
) -> bool:
    """Write the objects of one type. Return whether not all objects were kept."""
    mapped_files, schema = MappedFiles(run.platform.blobs, run.library), run.source.info.schema
    async with run.platform.database.transaction() as db:
        files = await files_of_type(db, run.account, object_type) if has_files else []
    if any(file.lost == FOUND and file.blob in run.lost_blobs for file in files) and can_be_fetched(run.account):
        run.types_to_refetch.add(object_type)
        if from_source and object_type not in run.fully_fetched_types():
            return True
    readable = [file for file in files if file.blob not in run.lost_blobs]
    merge = await asyncio.to_thread(
        plan_merge,
        buffer,
        object_type,
        partial(_stored_objects, mapped_files, schema, readable),
        writes_unchanged=len(readable) < len(files),
        stored_digests=written,
    )
    if merge.drops and buffer.lacks_known:
        raise KnownObjectsNeeded
    slots = deque(merge.slots)
    while slots:
        await _write_some_slots(run, mapped_files, merge, slots)
    async with run.platform.database.transaction() as db:
        await unmark_lost(db, [file.blob for file in readable if file.lost is not None])
    if written is not None:
        written.append(merge.digests)
    return merge.drops


async def _write_some_slots(run: AccountSync, mapped_files: MappedFiles, merge: Merge, slots: deque[Slot]) -> None:
    """Write the first of the slots in one transaction, and remove them from `slots`.

    The transaction is short, because erasing the library waits for it.
    """
    schema, is_changed = run.source.info.schema, False
    async with run.platform.database.transaction() as db:
        await require_waiting_session(db, run)
        await require_access(db, run)
        next_slots = [slots[number] for number in range(min(len(slots), MAX_SLOTS_OF_TRANSACTION))]
        existing = await files_of_slots(db, run.account, next_slots[0].object_type, next_slots)
        give_up = monotonic() + MAX_SECONDS_OF_TRANSACTION
        for slot in next_slots:
            keeps, lost = partial(merge.keeps, slot), run.lost_blobs
            written = await asyncio.to_thread(
                mapped_files.write_slot, run.account.id, schema, existing[slot], merge.entries(slot), keeps, lost
            )
            replace_files(db, run.account, slot, schema, existing[slot], written)
            is_changed |= bool(written)
            slots.popleft()
            if monotonic() > give_up:
                break
        if is_changed:
            adds_only = not merge.drops and schema.standard != FHIR
            run.imports.note_change(next_slots[0].object_type, adds_only=adds_only)
            await forget_imports(db, run.account, run.imports)
        if slot is not next_slots[0]:  # Nothing is kept of what was written after the person withdrew.
            await db.flush()
            await require_waiting_session(db, run)
            await require_access(db, run)


async def report_lost_blob(run: AccountSync, error: UnreadableBlob) -> None:
    """Report a blob that cannot be read. Raises SyncCancelled or RetryLater if it was erased or replaced meanwhile."""
    if await report_unreadable(run.platform, error):
        return
    async with run.platform.database.transaction() as db:
        await require_waiting_session(db, run)
    raise RetryLater(RETRY_PAUSES_SECONDS[0]) from error


def _stored_objects(
    mapped_files: MappedFiles, schema: ObjectSchema, files: Sequence[FileRow], ids: AbstractSet[int] | None
) -> Iterator[tuple[Slot, Entry]]:
    for file in files:
        slot = Slot(file.object_type, file.month or 0)
        yield from ((slot, entry) for entry in mapped_files.undated_entries(schema, file, ids))
