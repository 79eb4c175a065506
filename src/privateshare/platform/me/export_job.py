"""The job that makes the archive in which a person takes everything with them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import select, update

from privateshare.platform.blobs.sealed import put_sealed
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import BlobToDeleteRow, ExportRow, FileRow, PushedFileRow
from privateshare.platform.jobs.queue import EXPORT
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.library.libraries import LibraryGone, OpenLibrary, open_library
from privateshare.platform.me.export_archive import Export
from privateshare.platform.operating.tracing import traced
from privateshare.platform.runtime import Platform

PROGRESS_SECONDS = 1.0

log = structlog.get_logger()


def add_export_task(platform: Platform) -> None:
    """Register the job at the platform's queue."""

    @platform.queue.task(name=EXPORT)
    async def _export(library_id: str, export_id: str, trace: str | None = None) -> None:
        with traced(EXPORT, "consumer", parent=trace):
            await make_export(platform, UUID(library_id), UUID(export_id))


async def make_export(platform: Platform, library_id: UUID, export_id: UUID) -> None:
    """Make an archive. If that fails, the person is told, and can try again."""
    try:
        await _make(platform, library_id, export_id)
    except LibraryGone:
        log.info("an export ended: its library was erased", library=str(library_id))
    except Exception:  # Whatever went wrong, the person's page must not say for ever that it is being made.
        await _record(platform, library_id, export_id, failed=True)
        raise


async def _make(platform: Platform, library_id: UUID, export_id: UUID) -> None:
    async with platform.database.transaction() as db:
        row = await db.get(ExportRow, (library_id, export_id))
        if row is None or row.size is not None:
            return
        library = await open_library(db, platform, library_id)
        files = (
            select(FileRow).where(FileRow.library_id == library_id).order_by(FileRow.month, FileRow.part, FileRow.id)
        )
        pushed = select(PushedFileRow).where(PushedFileRow.library_id == library_id).order_by(PushedFileRow.created_at)
        done = _Progress()
        export = Export(
            platform.blobs,
            library,
            await library_accounts(db, library_id),
            list(await db.scalars(files)),
            list(await db.scalars(pushed)),
            platform.settings.data,
            Translator(row.language, platform.sources.listed),
            datetime.now(UTC),
            done.count,
        )
        blob = row.blob
    total = sum(1 for file in export.files if file.object_count) + len(export.pushed)
    await _record(platform, library_id, export_id, files_total=total)
    writing = asyncio.create_task(asyncio.to_thread(_write, platform, library, blob, export))
    while not writing.done():
        await asyncio.wait([writing], timeout=PROGRESS_SECONDS)
        await _record(platform, library_id, export_id, files_done=min(total, done.files))
    size = await writing
    if not await _record(platform, library_id, export_id, size=size, files_done=total):
        async with platform.database.transaction() as db:  # It was replaced or erased while it was made.
            db.add(BlobToDeleteRow(key=blob))
    log.info("a person's archive was made", library=str(library_id), bytes=size)


class _Progress:
    """The number of files that are in the archive, counted by the thread that writes it."""

    def __init__(self) -> None:
        self.files = 0

    def count(self) -> None:
        """Count a file."""
        self.files += 1


def _write(platform: Platform, library: OpenLibrary, blob: str, export: Export) -> int:
    """Write the archive, encrypted with the library's key; return its size. Blocks."""
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in export.chunks():
            size += len(chunk)
            yield chunk

    put_sealed(platform.blobs, blob, library.key.value, library.blob_context(blob), counted())
    return size


async def _record(platform: Platform, library_id: UUID, export_id: UUID, **values: object) -> bool:
    """Record how far an archive is; return whether it is still wanted."""
    this = update(ExportRow).where(ExportRow.library_id == library_id, ExportRow.id == export_id)
    async with platform.database.transaction() as db:
        return await db.scalar(this.values(**values).returning(ExportRow.id)) is not None
