"""Files that a person uploads without saying what they are: what each is, and what has to be asked.

Nothing is stored here. The pages of a journey and the person's own pages connect what was found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

import orjson
from fastapi import Request

from privateshare.errors import InvalidRequest, RequestTooLarge
from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.blobs.temporary import PIECE_BYTES, SealedTemporary
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.http.requests import body_stream
from privateshare.platform.library.dropped_files import MAX_FILES, PART_BYTES, DroppedFiles
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Broken, FileMark, Source
from privateshare.sources.failures import THE_FILE, our_fault, shown_name
from privateshare.sources.recognition import Recognition, SeenFiles, choices

TOKEN_HEADER = "x-form-token"  # noqa: S105 - the name of a header
UPLOADED_FIELD = "uploaded"
CHOICE_FIELD = "choice"
MAX_NAMED_SOURCES = 30
INCOMPLETE = N_("Your file did not arrive completely. Choose it again: the upload continues where it stopped.")
NOT_RECOGNISED = N_(
    "“%(name)s” was not recognized as an export of a source that can be connected here. It holds %(seen)s. "
    "Upload the export as you received it. The sources that are recognized are listed below."
)
FILE_NOT_RECOGNISED = N_(
    "“%(name)s” was not recognized as an export of a source that can be connected here. "
    "Upload the export as you received it. The sources that are recognized are listed below."
)
NOT_OFFERED = N_("“%(name)s” is from %(sources)s, which cannot be connected here.")
IS_TAKE_OUT = N_("“%(name)s” is from another PrivateShare. Bring it in on the page of your own data.")


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file that was uploaded, with the name that it has on the person's device. Closing it deletes its content."""

    id: str
    name: str
    parts: int
    content: SealedTemporary = field(repr=False)


@dataclass(frozen=True, slots=True)
class SourceQuestion:
    """Which source a file is of, if several sources read such files."""

    field: str
    name: str
    options: Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with a file. `names_file` is true if the text of the problem has the name of the file."""

    file: str
    problem: Broken
    names_file: bool = False

    def say(self, words: Translator) -> str:
        """Say it, with the name of the file."""
        text = words.problem(self.problem)
        return text if self.names_file or not self.file else f"{self.file}: {text}"


@dataclass(slots=True)
class SortedFiles:
    """What a person's files are.

    Attributes:
        found: The sources to connect, each with its file.
        questions: What the person is asked first.
        problems: What is wrong with files.
    """

    found: list[tuple[Source, DroppedFile]] = field(default_factory=list)
    questions: list[SourceQuestion] = field(default_factory=list)
    problems: list[FileProblem] = field(default_factory=list)


async def receive_part(request: Request, dropped: DroppedFiles, file_id: str, number: int) -> None:
    """Store the body of a request as one part of a file. Raises InvalidRequest or RequestTooLarge."""
    data = bytearray()
    async for piece in body_stream(request):
        data += piece
        if len(data) > PART_BYTES:
            raise RequestTooLarge(f"A part has at most {PART_BYTES} bytes")
    await dropped.put_part(file_id, number, bytes(data))


async def uploaded_files(
    dropped: DroppedFiles, folder: Path, fields: Mapping[str, str], whole: SealedTemporary | None, whole_name: str = ""
) -> list[DroppedFile]:
    """Open the files that a form names, which came in parts, and the one that it holds. The caller closes them.

    Raises:
        NotFound: Not all parts of a file are there.
        InvalidRequest: The form is not as our pages send it.
    """
    files = [DroppedFile("", whole_name, 0, whole)] if whole is not None else []
    try:
        for id_, name, parts in _named_files(fields.get(UPLOADED_FIELD) or "[]"):
            files.append(DroppedFile(id_, name, parts, await dropped.open(id_, parts, folder)))
    except BaseException:  # Close the files on any failure, cancellation included.
        close_files(files)
        raise
    return files


def close_unused_files(files: Sequence[DroppedFile], used: Sequence[tuple[Source, DroppedFile]]) -> None:
    """Delete the temporary content of the files that are not read. That of a form is deleted with the form."""
    in_use = {id(file) for _, file in used}
    close_files([file for file in files if file.id and id(file) not in in_use])


def close_files(files: Sequence[DroppedFile]) -> None:
    """Delete the temporary content of files."""
    for file in files:
        file.content.close()


def _named_files(text: str) -> list[tuple[str, str, int]]:
    try:
        listed: Any = orjson.loads(text)
        named = [(str(one["id"]), shown_name(str(one["name"])), int(one["parts"])) for one in listed]
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequest("The form does not name files as it should") from error
    if len(named) > MAX_FILES:
        raise InvalidRequest(f"At most {MAX_FILES} files can be uploaded at once")
    if len({id_ for id_, _, _ in named}) < len(named):  # Each is opened, and needs its full size of the disk.
        raise InvalidRequest("The form names a file twice")
    return named


def named_files(files: Sequence[DroppedFile]) -> str:
    """Write the field of a form that names files, for a form that asks a question about them."""
    return orjson.dumps([{"id": file.id, "name": file.name, "parts": file.parts} for file in files]).decode()


async def kept_files(dropped: DroppedFiles, files: Sequence[DroppedFile]) -> list[DroppedFile]:
    """Store the file that came as a whole in parts too, so that it is there when the person has answered."""
    kept = []
    for file in files:
        id_, parts = (file.id, file.parts) if file.id else await dropped.keep(file.content)
        kept.append(DroppedFile(id_, file.name, parts, file.content))
    return kept


async def sort_files(
    platform: Platform,
    words: Translator,
    files: Sequence[DroppedFile],
    offered: Mapping[int, Source],
    fields: Mapping[str, str],
) -> SortedFiles:
    """Recognise files, and sort them by what is to be done with each.

    Args:
        platform: Its readers look at the files.
        words: The person's language.
        files: The files.
        offered: The sources that can be connected here.
        fields: The form, with the person's answers.
    """
    sorted_files = SortedFiles()
    for number, file in enumerate(files):
        try:
            recognition = await _recognised(platform, file)
        except ReaderFailed:
            sorted_files.problems.append(FileProblem(file.name, our_fault()))
        except Broken as error:
            sorted_files.problems.append(FileProblem(file.name, error))
        else:
            _sort(platform, words, file, number, recognition, offered, fields, sorted_files)
    return sorted_files


async def _recognised(platform: Platform, file: DroppedFile) -> Recognition:
    marks: dict[int, Sequence[FileMark]] = {
        id_: source.info.upload.marks
        for id_, source in platform.sources.connectable.items()
        if source.info.upload is not None
    }
    reader = BufferedReader(file.content, PIECE_BYTES)
    try:
        return await platform.archive_readers.recognise(reader, marks)
    finally:
        reader.detach()  # Otherwise the reader would close the file when it is deleted.


def _sort(
    platform: Platform,
    words: Translator,
    file: DroppedFile,
    number: int,
    recognition: Recognition,
    offered: Mapping[int, Source],
    fields: Mapping[str, str],
    into: SortedFiles,
) -> None:
    name = file.name or words.say(THE_FILE)
    if recognition.is_take_out:
        into.problems.append(FileProblem(file.name, Broken(IS_TAKE_OUT, name=name), names_file=True))
        return
    uploads = {id_: source.info.upload for id_, source in platform.sources.connectable.items()}
    alike = {id_: upload.alike for id_, upload in uploads.items() if upload is not None}
    groups = choices(recognition.files, alike)
    usable = [found for group in groups if (found := [id_ for id_ in group if id_ in offered])]
    if not groups:
        seen, alone = _seen(words, recognition.seen), recognition.seen.number == 1
        problem = Broken(FILE_NOT_RECOGNISED, name=name) if alone else Broken(NOT_RECOGNISED, name=name, seen=seen)
        into.problems.append(FileProblem(file.name, problem, names_file=True))
    elif not usable:
        sources = words.comma.join(sorted({words.source(id_) for id_ in recognition.files})[:MAX_NAMED_SOURCES])
        problem = Broken(NOT_OFFERED, name=name, sources=sources)
        into.problems.append(FileProblem(file.name, problem, names_file=True))
    for group in usable:
        question = f"{CHOICE_FIELD}-{number}-{group[0]}"
        answer = fields.get(question, "")
        if len(group) == 1:
            into.found.append((offered[group[0]], file))
        elif answer in {str(id_) for id_ in group}:
            into.found.append((offered[int(answer)], file))
        else:
            into.questions.append(SourceQuestion(question, name, [(id_, words.source(id_)) for id_ in group]))


def _seen(words: Translator, seen: SeenFiles) -> str:
    """Say what an upload consists of."""
    number = words.count("%(num)s file", "%(num)s files", seen.number, num=words.number(seen.number))
    endings = [f"{ending or '–'} ({words.number(found)})" for ending, found in seen.endings.items()]
    return f"{number}: {words.comma.join(endings)}" if seen.number > 1 else number
