"""Reading the exports in a person's files, so that they see what is in them before anything is added.

The reading continues after the request that began it, and the page shows how far it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic

import structlog

from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.consent.connections import reading_export
from privateshare.platform.consent.drop_zone import DroppedFile, SortedFiles
from privateshare.platform.consent.export_cards import DROP, INTERRUPTED
from privateshare.platform.library.dropped_files import DroppedFiles
from privateshare.platform.library.waiting_exports import NotWaiting, WaitingExport, WaitingExports, new_export
from privateshare.platform.operating.admission import current_request, place_given_up
from privateshare.sources.contract import Broken, Source
from privateshare.sources.failures import our_fault

REPORT_SECONDS = 2.0
# Most files are read within this time, so that the person sees no page between.
PATIENCE_SECONDS, POLL_SECONDS = 1.5, 0.1

log = structlog.get_logger()


async def begin_reading(dropped: DroppedFiles, waiting: WaitingExports, sorted_files: SortedFiles) -> None:
    """Begin to read the exports that were found, and take note of the files that cannot be used.

    The content of the files is closed when they are read. Raises RequestTooLarge.
    """
    await waiting.check_room(len(sorted_files.found) + len(sorted_files.problems))
    for problem in sorted_files.problems:
        await waiting.put(new_export(problem.file, None, problem.problem))
    exports: list[tuple[Source, DroppedFile, WaitingExport]] = []
    for source, file in sorted_files.found:
        export = new_export(file.name, source.info.id)
        await waiting.put(export)
        exports.append((source, file, export))
    waiting.platform.archive_readers.run_in_background(_read_all(dropped, waiting, exports))


async def _read_all(
    dropped: DroppedFiles, waiting: WaitingExports, exports: Sequence[tuple[Source, DroppedFile, WaitingExport]]
) -> None:
    files = {id(file): file for _, file, _ in exports}
    try:
        for source, file, export in exports:
            await _read(waiting, source, file, export)
    finally:
        for file in files.values():
            file.content.close()
    await dropped.delete(file.id for file in files.values() if file.id)


async def _read(waiting: WaitingExports, source: Source, file: DroppedFile, export: WaitingExport) -> None:
    """Read one export, and store what was found, or what is wrong."""

    def note_progress(share: float) -> None:
        export.progress = share

    is_over = asyncio.Event()
    reporting = asyncio.create_task(_report(waiting, export, is_over))
    try:
        async with reading_export(waiting.platform, source, file.content, note_progress) as read:
            await waiting.put_objects(export, read.objects.pieces())
            export.summary, export.state = read.summary, "ready"
    except ReaderFailed:
        export.problem, export.state = our_fault(), "problem"
    except Broken as error:
        export.problem, export.state = error, "problem"
    except Exception:  # After an unexpected error too, the page must not say for ever that it is being read.
        log.exception("an export could not be read before it is added", source=source.info.id)
        export.problem, export.state = our_fault(), "problem"
    finally:
        is_over.set()
        await reporting
    await waiting.put(export)


async def _report(waiting: WaitingExports, export: WaitingExport, is_over: asyncio.Event) -> None:
    """Store from time to time how far the reading is, also as a sign that it continues."""
    while not is_over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), REPORT_SECONDS)
        if not is_over.is_set():
            await waiting.put(replace(export))


async def _note_lost(waiting: WaitingExports, export: WaitingExport) -> bool:
    """Say that a file must be uploaded again, and return True, unless the person decided about it in another tab."""
    if not await waiting.has(export):
        return False
    log.error("an export is lost before it was added", source=export.source)
    export.problem, export.state = Broken(INTERRUPTED), "problem"
    await waiting.put(export)
    return True


async def add_wanted(
    waiting: WaitingExports,
    exports: Sequence[WaitingExport],
    decisions: Mapping[str, str],
    add: Callable[[WaitingExport, str], Awaitable[None]],
) -> bool:
    """Add the exports that the person wants, and delete the rest.

    Args:
        waiting: Where the exports wait.
        exports: The exports that the person has seen. Others stay.
        decisions: The person's decisions, by the id of the export.
        add: Adds an export as decided. Raises NotWaiting or UnreadableBlob.

    Returns:
        Whether an export is lost. It stays, and says that its file must be uploaded again.
    """
    lost = list[WaitingExport]()
    for export in exports:
        decision = decisions.get(export.id, DROP)
        if decision == DROP:
            continue
        try:
            await add(export, decision)
        except NotWaiting:
            log.info("an export was added in another tab")
        except UnreadableBlob:
            lost += [export] if await _note_lost(waiting, export) else []
    await waiting.delete(export for export in exports if export not in lost)
    return bool(lost)


async def exports_read_by_now(waiting: WaitingExports) -> Sequence[WaitingExport]:
    """Return the exports, after a moment if some are still being read."""
    give_up, admitted = monotonic() + PATIENCE_SECONDS, current_request()
    async with place_given_up():
        while True:
            exports = await waiting.all()
            if all(export.state != "reading" for export in exports) or monotonic() > give_up:
                return exports
            await admitted.sleep(POLL_SECONDS)
