"""Reading the exports in a person's files, so that they see what is in them before anything is added.

The reading continues after the request that began it, and the page shows how far it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic

import structlog

from privateshare.errors import NotFound
from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent.drop_zone import (
    INCOMPLETE,
    DroppedFile,
    SortedFiles,
    SourceQuestion,
    close_unused_files,
    kept_files,
    sort_files,
    uploaded_files,
)
from privateshare.platform.consent.export_cards import DROP, INTERRUPTED
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.consent.uploads import UploadForm
from privateshare.platform.library.dropped_files import DroppedFiles
from privateshare.platform.library.known_uploads import KnownUploads
from privateshare.platform.library.read_exports import reading_export
from privateshare.platform.library.waiting_exports import NotWaiting, WaitingExport, WaitingExports, new_export
from privateshare.platform.operating.admission import current_request, place_given_up
from privateshare.platform.reader_results import OwnedAccount
from privateshare.sources.contract import Broken, Source
from privateshare.sources.failures import our_fault

REPORT_SECONDS = 2.0
# Most files are read within this time, so that the person sees no page between.
LONGEST_WAIT_SECONDS, POLL_SECONDS = 1.5, 0.1
MISSING = N_("These sources do not exist on this platform. Their data stays in your file: %(sources)s")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why no file of a form is being read: what is wrong, or what is asked first about files that are kept so long."""

    problems: Sequence[str]
    questions: Sequence[SourceQuestion] = ()
    files: Sequence[DroppedFile] = ()


async def read_dropped_files(
    form: UploadForm,
    dropped: DroppedFiles,
    waiting: WaitingExports,
    known: KnownUploads,
    words: Translator,
    offered: Mapping[int, Source],
) -> NotRead | None:
    """Recognise the files of a form, and begin to read them. Raises InvalidRequest or RequestTooLarge.

    Args:
        form: The form, with the whole file that it holds, and the names of those that came in parts.
        dropped: Where the files were stored that came in parts.
        waiting: Where the exports wait.
        known: Recognises files that were uploaded before.
        words: The person's language.
        offered: The sources that can be connected.

    Returns:
        None if they are being read.
    """
    try:
        folder = waiting.platform.settings.data
        files = await uploaded_files(dropped, folder, form.fields, form.file, form.file_name)
    except NotFound:
        return NotRead([words.say(INCOMPLETE)])
    if not files:
        return NotRead([words.say(N_("Choose the file to upload."))])
    in_use: Sequence[tuple[Source, DroppedFile]] = ()
    try:
        async with place_given_up():
            found = await sort_files(waiting.platform, words, files, offered, form.fields)
        problems = [problem.say(words) for problem in found.problems]
        if found.questions:
            return NotRead(problems, found.questions, await kept_files(dropped, files))
        if not found.found:
            return NotRead(problems)
        await begin_reading(dropped, waiting, known, found)
        in_use = found.found
    finally:
        close_unused_files(files, in_use)
    if any(not file.id for _, file in in_use):
        form.take_file()
    return None


async def begin_reading(
    dropped: DroppedFiles, waiting: WaitingExports, known: KnownUploads, sorted_files: SortedFiles
) -> None:
    """Begin to read the exports that were found, and take note of the files that cannot be used.

    What could not be read before is forgotten, since the person uploads again. The content of the files is closed when
    they are read. Raises RequestTooLarge.

    Args:
        dropped: Where the files were stored that came in parts.
        waiting: Where the exports wait.
        known: Recognises files that were uploaded before.
        sorted_files: The files.
    """
    problems = [new_export(problem.file, None, problem.problem) for problem in sorted_files.problems]
    exports, sizes = list[Reading](), {id(file): file.content.size for _, file in sorted_files.found}
    for source, file in sorted_files.found:
        export = new_export(file.name, source.info.id, size=sizes.pop(id(file), 0))
        exports.append(Reading(source, file, export))
    await _begin(dropped, waiting, known, problems, exports)


async def begin_reading_accounts(
    dropped: DroppedFiles, waiting: WaitingExports, file: DroppedFile, accounts: Sequence[OwnedAccount], missing: str
) -> None:
    """Begin to read accounts of an archive from another PrivateShare, like `begin_reading`.

    Args:
        dropped: The files that were uploaded in parts.
        waiting: Where the exports wait.
        file: The archive.
        accounts: Its accounts whose sources the platform has.
        missing: The names of the sources that it does not have; empty if it has all.
    """
    exports, size = list[Reading](), file.content.size
    for account in accounts:
        export = new_export(file.name, account.source_id, size=size)
        export.brought_in, export.sample, size = True, account.sample, 0
        source = waiting.platform.sources.connectable[account.source_id]
        exports.append(Reading(source, file, export, account.identity.objects_owner))
    problems = [new_export(file.name, None, Broken(MISSING, sources=missing))] if missing else []
    # They are read also if the file was uploaded before: otherwise each would keep the whole file.
    await _begin(dropped, waiting, KnownUploads(waiting.platform), problems, exports)


async def _begin(
    dropped: DroppedFiles,
    waiting: WaitingExports,
    known: KnownUploads,
    problems: Sequence[WaitingExport],
    exports: Sequence["Reading"],
) -> None:
    now = datetime.now(UTC)
    await waiting.delete(one for one in await waiting.all() if one.state == "problem" or one.is_interrupted(now))
    noted = [*problems, *(one.export for one in exports)]
    files = len({id(one.file) for one in exports if one.export.brought_in})
    files += len([one for one in noted if not one.brought_in])
    await waiting.check_room(len(noted), sum(export.size for export in noted), files)
    try:
        for export in noted:
            await waiting.put(export)
        await waiting.check_room()  # Others may have been uploaded at the same time.
    except BaseException:  # On a cancellation too, nothing may wait that nobody reads.
        await waiting.delete(noted)
        raise
    waiting.platform.archive_readers.run_in_background(_read_all(dropped, waiting, known, exports))


@dataclass(frozen=True, slots=True)
class Reading:
    """An export that is read, or waits for those before it. `account` is which of an archive with several it is."""

    source: Source
    file: DroppedFile
    export: WaitingExport
    account: str = ""


async def _read_all(
    dropped: DroppedFiles, waiting: WaitingExports, known: KnownUploads, exports: Sequence[Reading]
) -> None:
    files = {id(one.file): one.file for one in exports}
    unread, writing, is_over = [one.export for one in exports], asyncio.Lock(), asyncio.Event()
    reporting = asyncio.create_task(_report(waiting, unread, writing, is_over))
    try:
        for one in exports:
            await _read(waiting, known, one)
            async with writing:  # A report that is being written must not replace what was found.
                unread.remove(one.export)
                await waiting.put(one.export)
    finally:
        is_over.set()
        for file in files.values():
            file.content.close()
        await reporting
    await dropped.delete(file.id for file in files.values() if file.id)


async def _read(waiting: WaitingExports, known: KnownUploads, reading: Reading) -> None:
    """Read one export, and note what was found, or what is wrong. A file that was uploaded before is not read."""
    export, content = reading.export, reading.file.content

    def note_progress(share: float) -> None:
        export.progress = share

    account = reading.account
    try:
        export.sha256 = await asyncio.to_thread(_sha256, content, account)
        found = await known.find(reading.source, export.sha256)
        if found is not None:
            await waiting.put_objects(export, content.pieces())
            export.summary, export.known_in = found.summary, found.account_id
        else:
            async with reading_export(waiting.platform, reading.source, content, note_progress, account) as read:
                await waiting.put_objects(export, read.objects.pieces())
                export.summary = read.summary
        export.state = "ready"
    except ReaderFailed:
        export.problem, export.state = our_fault(), "problem"
    except Broken as error:
        export.problem, export.state = error, "problem"
    except Exception:  # After an unexpected error too, the page must not say for ever that it is being read.
        log.exception("an export could not be read before it is added", source=reading.source.info.id)
        export.problem, export.state = our_fault(), "problem"
    export.size = 0


def _sha256(content: SealedTemporary, account: str) -> bytes:
    """Hash a file, and which account of it is read: several of one source may be in one file."""
    found = sha256(account.encode())
    for piece in content.pieces():
        found.update(piece)
    return found.digest()


async def _report(
    waiting: WaitingExports, unread: Sequence[WaitingExport], writing: asyncio.Lock, is_over: asyncio.Event
) -> None:
    """Store from time to time how far the reading is, also as a sign that it continues, and that the others wait."""
    while not is_over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), REPORT_SECONDS)
        for export in list(unread):
            async with writing:
                if export in unread and not is_over.is_set():
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
    give_up, admitted = monotonic() + LONGEST_WAIT_SECONDS, current_request()
    async with place_given_up():
        while True:
            exports = await waiting.all()
            if all(export.state != "reading" for export in exports) or monotonic() > give_up:
                return exports
            await admitted.sleep(POLL_SECONDS)
