"""Merging uploaded archives into the files of an account, as a part of its sync."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager, closing
from io import BufferedReader
from typing import BinaryIO, cast

import structlog

from privateshare.platform.blobs.sealed import SealedReader, UnreadableBlob
from privateshare.platform.db.tables import ArchiveRow
from privateshare.platform.library.accounts import account_identity
from privateshare.platform.library.archives import (
    archive_key,
    content_fingerprint,
    file_of,
    left_out_of,
    upload_fingerprint,
)
from privateshare.platform.library.export_age import Age, age_of_export, aged
from privateshare.platform.library.holdings import files_of_accounts
from privateshare.platform.library.mapped_files import MappedFiles, has_files, stored_newest
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.read_exports import (
    ExportFile,
    ExportHead,
    milliseconds_now,
    reading_export,
    stored_head,
    stored_pages,
)
from privateshare.platform.library.remembered import RememberedExport
from privateshare.platform.sync.archive_pages import pages_while_allowed
from privateshare.platform.sync.object_writing import Stages, report_lost_blob, write_objects
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
        except UnreadableBlob as error:
            await report_lost_blob(run, error)
            run.lost_archives += 1
    if failure is not None:
        raise failure


async def _import_archive(run: AccountSync, archive: ArchiveRow) -> None:
    """Import an archive, unless all of its objects are in the account already."""
    file = file_of(archive, run.library)
    if file is not None and run.imports.has(archive.fingerprint) and await _can_all_be_read(run):
        log.info("an export is in the account already", account=run.account.public_id)
        run.left_out.add(left_out_of(archive, run.library))
    elif file is not None and not archive.was_read:
        file = await _read_and_merge(run, archive, file)
    else:
        async with _opened(run, archive) as reader:
            opened = cast(BinaryIO, BufferedReader(reader, ARCHIVE_BUFFER_BYTES))
            head = await asyncio.to_thread(stored_head, opened) if archive.was_read else None
            await _merge_archive(run, opened, head, left_out_of(archive, run.library))
    if file is not None and not run.lost_blobs:
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
        head, pages = read.objects.opened()
        await _merge_archive(run, pages, head, read.summary.left_out)
        return ExportFile(file.sha256, read.summary)


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
            run.lost_blobs.add(error.blob)
        run.require_time()
    return not run.lost_blobs


async def _merge_archive(run: AccountSync, opened: BinaryIO, head: ExportHead | None, left_out: LeftOut) -> None:
    """Merge an archive into the files of the account.

    Args:
        run: The sync.
        opened: The pages of an export after its head, or an archive from another PrivateShare.
        head: The head of the export; None for an archive from another PrivateShare.
        left_out: What of the export could not be read.
    """
    identity = account_identity(run.account, run.library)
    async with run.platform.database.transaction() as db:
        stages = Stages(is_first=not await has_files(db, run.account))
    with ExitStack() as buffers:
        buffer = buffers.enter_context(ObjectBuffer(run.source.info.schema))
        age = Age.NEWER
        if head is not None and not stages.is_first:
            age = await _compare_with_stored(run, left_out, head, buffer)
        found = _pages_of_archive(run, left_out, head, opened, identity.objects_owner)
        async with aclosing(pages_while_allowed(run, found)) as pages:
            async for page in pages:
                await asyncio.to_thread(buffer.add_entries, aged(page.entries, age))
                if stages.is_due(buffer):
                    await write_objects(run, buffer, from_source=False)
                    buffers.close()
                    buffer = buffers.enter_context(ObjectBuffer(run.source.info.schema))
        await write_objects(run, buffer, from_source=False)


async def _compare_with_stored(run: AccountSync, left_out: LeftOut, head: ExportHead, buffer: ObjectBuffer) -> Age:
    """Compare an export with what is stored of the account, and tell the buffer what follows. ADR 64."""
    if run.source.info.schema.standard == FHIR:  # Its resources have versions of their own. ADR 18.
        return Age.NEWER
    files = MappedFiles(run.platform.blobs, run.library)
    async with run.platform.database.transaction() as db:
        age = age_of_export(head.newest, await stored_newest(db, files, run.account, milliseconds_now()))
    buffer.compares_changes = age is Age.UNKNOWN
    if age is Age.NEWER and not left_out.is_partial:
        for object_type in head.complete:
            buffer.take_as_list(object_type)
    return age


async def _pages_of_archive(
    run: AccountSync, left_out: LeftOut, head: ExportHead | None, opened: BinaryIO, owner: str
) -> AsyncGenerator[EntryPage | LeftOut]:
    """Yield the objects of an archive, and at the end what of it could not be read."""
    types, info = run.known_cursors.keys(), run.source.info
    if head is None:
        async with aclosing(run.platform.archive_readers.objects(run.source, opened, owner, types)) as pages:
            async for page in pages:
                yield page
        return
    stored = stored_pages(opened, head, info.schema, info.service_type, owner)
    while (found := await asyncio.to_thread(next, stored, None)) is not None:
        wanted = (
            found.entries
            if all(type_ in types for type_, _ in found.entries)
            else [(type_, entry) for type_, entry in found.entries if type_ in types]
        )
        yield EntryPage(wanted)
    yield left_out
