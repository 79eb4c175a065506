"""The sources ChatGPT and Claude: samples, or the exports that people request in the settings."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.assistants.mapping import (
    chatgpt_messages,
    claude_messages,
    is_chatgpt,
    is_claude,
    person_in,
    writer_in,
)
from privateshare.sources.assistants.sample import chatgpt_sample, claude_sample
from privateshare.sources.contract import (
    Brand,
    Broken,
    FileMark,
    Identity,
    JsonObject,
    ObjectSchema,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.export_source import Owned, UnnamedExportSource, UploadedExport
from privateshare.sources.failures import Reason
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import Mapped, SourceAccount
from privateshare.sources.upload_records import UploadReader

MEDIA_ENDINGS = frozenset(
    (
        *(".html", ".jpg", ".jpeg", ".png", ".webp", ".gif", ".wav", ".mp3", ".m4a", ".mp4", ".pdf", ".txt", ".csv"),
        *(".docx", ".xlsx", ".pptx", ".dat", ".md"),
    )
)
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s conversations cannot be read.",
    "%(num)s of %(total)s conversations cannot be read.",
    Broken("The conversations of the export cannot be read. Request the export again."),
)

MAX_PEOPLE = 1000

Messages = Callable[[SourceAccount, JsonObject], Iterator[JsonObject]]


class Assistant(UnnamedExportSource):
    """A source for the conversations with one assistant."""

    skipped_endings = MEDIA_ENDINGS

    def __init__(
        self,
        info: SourceInfo,
        is_conversation: Callable[[dict[str, Any]], bool],
        messages: Messages,
        sample_file: Callable[[datetime], UploadedFile],
        name: str,
    ) -> None:
        self.info = info
        self._is_conversation, self._messages = is_conversation, messages
        self._sample_file = sample_file
        self.owner = Identity("conversations", name, "USER")
        self.nothing = Broken(
            "The file holds no conversations with %(name)s. "
            "Request the export of your data, and upload the zip file as you received it.",
            name=name,
        )

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return [self._sample_file(now)]

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield the messages. Raises Broken."""
        return self._messages_of(export, {}, set())

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all messages, and return the account. Raises Broken, also if the export is of several people."""
        people: dict[str, str] = {}
        writers: set[str] = set()
        yield from self._messages_of(export, people, writers)
        export.left_out.check(self.nothing)
        if len(writers) > 1 or (len(people) > 1 and not writers):
            raise Broken("The archive holds the data of several accounts. Upload the archive of one account.")
        owner = next(iter(writers or people), None)
        if owner is None:
            return replace(self.owner, named=False)
        return Identity(owner, people.get(owner) or self.owner.display_name, self.owner.type)

    def _messages_of(self, export: UploadedExport, people: dict[str, str], writers: set[str]) -> Iterator[Mapped]:
        """Yield the messages, and add the people that the export lists, and the ids of those whose the messages are."""
        upload = UploadReader(self._role_of, export.left_out)
        for file in export.files:
            for found in upload.records_of(file):
                if (person := person_in(found.thing)) is not None and len(people) < MAX_PEOPLE:
                    people[person[0]] = person[1]
                elif (writer := writer_in(found.thing)) and len(writers) < MAX_PEOPLE:
                    writers.add(writer)
                if not self._is_conversation(found.thing):
                    continue
                try:
                    messages = list(self._messages(export.account, found.thing))
                except (ValueError, TypeError, AttributeError):
                    export.left_out.leave_out(UNREADABLE, ObjectType.ASSISTANT_MESSAGE)
                else:
                    export.left_out.read += 1
                    yield from ((ObjectType.ASSISTANT_MESSAGE, message) for message in messages)
        upload.estimate()

    def _role_of(self, thing: JsonObject, _: str) -> ObjectRole:
        return ObjectRole.RECORD if self._is_conversation(thing) or person_in(thing) is not None else ObjectRole.UNKNOWN


_SAMPLES = (Sample("default", "A learner", "A year of questions of an invented person, and the answers."),)
_CHATGPT = SourceInfo(
    id=9005,
    service_type=ServiceType.CHATGPT,
    service_group=ServiceGroup.SOCIAL,
    object_types=(ObjectType.ASSISTANT_MESSAGE,),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=_SAMPLES,
    brand=Brand("#10a37f"),
    upload=Upload(
        accept=".zip,.json",
        marks=(FileMark(r'"mapping"\s*:\s*\{'),),
        instructions=(
            "Open ChatGPT, then Settings, “Data controls”, and “Export data”.",
            "Confirm the export. ChatGPT sends you a link by e-mail, often within a day.",
            "Download the zip file and choose it here.",
        ),
    ),
)
_CLAUDE = SourceInfo(
    id=9006,
    service_type=ServiceType.CLAUDE,
    service_group=ServiceGroup.SOCIAL,
    object_types=(ObjectType.ASSISTANT_MESSAGE,),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=_SAMPLES,
    brand=Brand("#d97757"),
    upload=Upload(
        accept=".zip,.json",
        marks=(FileMark(r'"chat_messages"\s*:'),),
        instructions=(
            "Open Claude in a browser, then Settings, Privacy, and “Export data”.",
            "Confirm the export. Claude sends you a link by e-mail.",
            "Download the zip file and choose it here.",
        ),
    ),
)

SOURCES = (
    Assistant(_CHATGPT, is_chatgpt, chatgpt_messages, chatgpt_sample, "ChatGPT"),
    Assistant(_CLAUDE, is_claude, claude_messages, claude_sample, "Claude"),
)
