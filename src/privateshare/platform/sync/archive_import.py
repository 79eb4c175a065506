"""Merging uploaded archives into the files of an account, as a part of its sync."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, aclosing, asynccontextmanager, closing
from functools import partial
from io import BufferedReader

import structlog

from privateshare.platform.blobs.sealed import SealedReader, UnreadableBlob
from privateshare.platform.db.tables import ArchiveRow
from privateshare.platform.library.account_identities import account_identity
from privateshare.platform.library.archives import (
    archive_key,
    content_fingerprint,
    file_of,
    note_age,
    upload_fingerprint,
)
from privateshare.platform.library.export_age import Age, age_of_export, aged
from privateshare.platform.library.holdings import files_of_accounts
from privateshare.platform.library.known_pages import KnownPages
from privateshare.platform.library.mapped_files import MappedFiles, has_files, stored_newest
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.read_exports import (
    ExportFile,
    ExportHead,
    OpenedExport,
    milliseconds_now,
    opened_export,
    reading_export,
    stored_pages,
)
from privateshare.platform.library.remembered_imports import RememberedExport
from privateshare.platform.sync.archive_pages import pages_while_allowed
from privateshare.platform.sync.object_writing import KnownObjectsNeeded, Stages, report_lost_blob, write_objects
from privateshare.platform.sync.sync_run import AccountSync
from privateshare.protocol.object_time import FHIR
from privateshare.sources.contract import Broken
from privateshare.sources.failures import LeftOut
from privateshare.sources.frames import EntryPage

ARCHIVE_BUFFER_BYTES = 1024 * 1024

log = structlog.get_logger()


async def import_archives(run: AccountSync) -> None:
    """Import the archives one by one, so that one that fails does not affect the others. Raises Broken at the end."""
    failure = None
    for archive in run.archives:
        try:
            await _import_archive(run, archive)
        except Broken as error:
            log.warning("an archive cannot be imported although its check succeeded", sync=str(run.sync_id))
            failure = error
            await _forget_age(run, archive)
        except UnreadableBlob as error:
            await report_lost_blob(run, error)
            run.lost_archives += 1
            await _forget_age(run, archive)
    if failure is not None:
        raise failure


async def _import_archive(run: AccountSync, archive: ArchiveRow) -> None:
    """Import an archive, unless all of its objects are in the account already."""
    file = file_of(archive, run.library)
    if run.imports.has(archive.fingerprint) and await _can_all_be_read(run):
        log.info("an export is in the account already", account=run.account.public_id)
        run.left_out.add(file.summary.left_out)
    elif archive.was_read:
        async with _opened(run, archive) as reader:
            stored = BufferedReader(reader, ARCHIVE_BUFFER_BYTES)
            await _merge_export(run, archive, partial(opened_export, stored), file.summary.left_out)
    else:
        file = await _read_and_merge(run, archive, file)
    if not run.lost_blobs:
        _remember(run, file)
    run.imported.append(archive)


def _remember(run: AccountSync, file: ExportFile) -> None:
    """Note that everything of an export is in the account."""
    account, summary = run.library.account(run.account.id), file.summary
    # What could not be read may be readable at another time, or on another machine.
    is_always_same = not summary.left_out.is_partial
    run.imports.add(
        RememberedExport(
            content_fingerprint(account, summary.content),
            upload_fingerprint(account, file.sha256) if is_always_same else None,
            summary if is_always_same else None,
        )
    )


async def _read_and_merge(run: AccountSync, archive: ArchiveRow, file: ExportFile) -> ExportFile:
    """Import an export that was recognised when it was uploaded, and not read. Return what is in it."""
    async with (
        _opened(run, archive) as reader,
        reading_export(run.platform, run.source, reader, lambda _: run.require_time()) as read,
    ):
        await _merge_export(run, archive, read.objects.opened, read.summary.left_out)
        return ExportFile(file.sha256, read.summary, file.name)


@asynccontextmanager
async def _opened(run: AccountSync, archive: ArchiveRow) -> AsyncIterator[SealedReader]:
    """Open the blob of an archive. Raises UnreadableBlob."""
    key, context = archive_key(archive, run.library), run.library.blob_context(archive.blob)
    reader = await asyncio.to_thread(SealedReader, run.platform.blobs, archive.blob, key.value, context)
    with closing(reader):
        yield reader


async def _can_all_be_read(run: AccountSync) -> bool:
    """Read all files of the account to their ends. Those that are damaged are reported, and then written again.

    A missing file is noticed when a sync begins, but damage only shows when a file is read.
    """
    mapped_files = MappedFiles(run.platform.blobs, run.library)
    async with run.platform.database.transaction() as db:
        files = await files_of_accounts(db, run.library.id, [run.account.id])
    for file in files:
        try:
            await asyncio.to_thread(mapped_files.check_whole, file)
        except UnreadableBlob as error:
            await report_lost_blob(run, error)
            run.note_lost(error.blob)
        run.require_time()
    return not run.lost_blobs


async def _merge_export(
    run: AccountSync, archive: ArchiveRow, open_export: Callable[[], OpenedExport], left_out: LeftOut
) -> None:
    """Merge an export that was read into the files of the account, as far as it is not known to be there.

    Args:
        run: The sync.
        archive: The archive of the export.
        open_export: Opens the export. It is called again if everything is needed after all.
        left_out: What of it could not be read.
    """
    head, _ = await asyncio.to_thread(open_export)
    age = await _age_of(run, archive, head)
    known = dict(run.imports.pages)
    if not known or not await _can_all_be_read(run):
        await _merge_opened(run, open_export, left_out, age, {})
    else:
        try:
            await _merge_opened(run, open_export, left_out, age, known)
        except KnownObjectsNeeded:
            log.info("all objects of an export are compared", account=run.account.public_id)
            await _merge_opened(run, open_export, left_out, age, {})
    run.left_out.add(left_out)


async def _merge_opened(
    run: AccountSync, open_export: Callable[[], OpenedExport], left_out: LeftOut, age: Age, known: Mapping[bytes, int]
) -> None:
    """Merge an export without the pages that are known. Raises KnownObjectsNeeded."""
    opened = await asyncio.to_thread(open_export)
    head, is_fhir = opened[0], run.source.info.schema.standard == FHIR
    is_whole = age is Age.NEWER and not is_fhir and not left_out.is_partial
    info, account = run.source.info, run.library.account(run.account.id)
    pages = KnownPages(account, head.owner, known, head.complete)

    def prepare(buffer: ObjectBuffer) -> None:
        buffer.compares_changes = age is Age.UNKNOWN
        buffer.lacks_known = bool(known)
        for object_type in head.complete if is_whole else ():
            buffer.take_as_list(object_type)

    owner = account_identity(run.account, run.library).objects_owner
    stored = stored_pages(opened, info.schema, info.service_type, owner, None if is_fhir else pages)
    dropping = await _merge_pages(run, _wanted(run, stored), age, prepare)
    if pages.skipped:
        log.info("a part of an export is in the account already", account=run.account.public_id, pages=pages.skipped)
    run.imports.add_pages({page: type_ for page, type_ in pages.imported.items() if type_ not in dropping})


async def _merge_pages(
    run: AccountSync,
    found: AsyncGenerator[EntryPage],
    age: Age,
    prepare: Callable[[ObjectBuffer], None],
) -> set[int]:
    """Merge pages into the files of the account.

    Args:
        run: The sync.
        found: The pages.
        age: How old they are, compared with what is stored.
        prepare: Prepares each buffer of objects.

    Returns:
        The object types of which not all objects were kept.

    Raises:
        KnownObjectsNeeded: Pages were left out, and must not be.
    """
    stages, dropping = Stages(is_first=age is Age.FIRST), set[int]()
    async with run.platform.database.transaction() as db:  # A sync that broke off may have written some.
        stages.written = None if await has_files(db, run.account) else {}
    with ExitStack() as buffers:
        buffer = buffers.enter_context(ObjectBuffer(run.source.info.schema))
        prepare(buffer)
        async with aclosing(pages_while_allowed(run, found)) as pages:
            async for page in pages:
                await asyncio.to_thread(buffer.add_entries, aged(page.entries, age))
                if stages.is_due(buffer):
                    dropping |= await write_objects(run, buffer, from_source=False, stages=stages)
                    buffers.close()
                    buffer = buffers.enter_context(ObjectBuffer(run.source.info.schema))
                    prepare(buffer)
        return dropping | await write_objects(run, buffer, from_source=False, stages=stages)


async def _age_of(run: AccountSync, archive: ArchiveRow, head: ExportHead) -> Age:
    """Return how old an export is: as it was before anything of it was written, which counts as stored afterwards."""
    if archive.age is not None:
        return Age[archive.age]
    age = await _compare_with_stored(run, head)
    async with run.platform.database.transaction() as db:
        await note_age(db, archive, age)
    return age


async def _forget_age(run: AccountSync, archive: ArchiveRow) -> None:
    """Compare an export again when it is tried again, since others are imported before that."""
    async with run.platform.database.transaction() as db:
        await note_age(db, archive, None)


async def _compare_with_stored(run: AccountSync, head: ExportHead) -> Age:
    """Compare an export with what is stored of the account. ADR 64."""
    files = MappedFiles(run.platform.blobs, run.library)
    async with run.platform.database.transaction() as db:
        if not await has_files(db, run.account):
            return Age.FIRST
        if run.source.info.schema.standard == FHIR:  # Its resources have versions of their own. ADR 18.
            return Age.NEWER
        return age_of_export(head.newest, await stored_newest(db, files, run.account, milliseconds_now()))


async def _wanted(run: AccountSync, stored: Iterator[EntryPage]) -> AsyncGenerator[EntryPage]:
    """Yield the objects of the kinds that the source has."""
    types = run.known_cursors.keys()
    while (found := await asyncio.to_thread(next, stored, None)) is not None:
        wanted = (
            found.entries
            if all(type_ in types for type_, _ in found.entries)
            else [(type_, entry) for type_, entry in found.entries if type_ in types]
        )
        yield EntryPage(wanted)
