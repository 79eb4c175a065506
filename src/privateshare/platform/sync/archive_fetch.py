"""Reading archives that a source fetches, such as those in a folder of the person's server, as a part of a sync.

They are read in processes of their own, as uploads are (ADR 19). What each has is written before the next is fetched,
with the position, so that an interrupted sync continues with the next archive (ADR 75).
"""

import asyncio
from contextlib import aclosing

import structlog

from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.sync.archive_pages import pages_while_allowed
from privateshare.platform.sync.object_writing import write_objects
from privateshare.platform.sync.positions import keep_positions
from privateshare.platform.sync.sync_run import AccountSync, check_may_fetch
from privateshare.sources.archive_fetching import ArchiveFetchingSource, FetchedArchive, common_cursor
from privateshare.sources.contract import Broken, Connection

log = structlog.get_logger()


async def fetch_archives(run: AccountSync, source: ArchiveFetchingSource, connection: Connection) -> None:
    """Fetch and write the archives that are new. One that cannot be read is reported, and leaves the others alone."""
    found = source.archives(connection, common_cursor(run.start_cursors))
    try:
        while (fetched := await asyncio.to_thread(next, found, None)) is not None:
            with fetched.archive:
                await _read(run, fetched, connection)
            run.cursors = dict.fromkeys(run.known_cursors, fetched.cursor)
            await keep_positions(run)
    finally:
        await asyncio.to_thread(found.close)
        run.left_out.add(connection.left_out)


async def _read(run: AccountSync, fetched: FetchedArchive, connection: Connection) -> None:
    readers, owner = run.platform.archive_readers, connection.provider_account_id
    found = readers.objects(run.source, fetched.archive, owner, run.known_cursors.keys())
    with ObjectBuffer(run.source.info.schema) as buffer:
        try:
            async with aclosing(pages_while_allowed(run, found)) as pages:
                async for page in pages:
                    await asyncio.to_thread(buffer.add_entries, page.entries)
        except Broken as problem:
            log.info("an archive of a folder is not of its source", source=run.source.info.id)
            run.left_out.name_unused(fetched.name, problem)
            return
        await check_may_fetch(run)
        await write_objects(run, buffer, from_source=True)
