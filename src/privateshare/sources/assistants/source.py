"""The sources ChatGPT and Claude: samples, or the exports that people request in the settings."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile, uploaded_files
from privateshare.sources.assistants.mapping import chatgpt_messages, claude_messages, is_chatgpt, is_claude
from privateshare.sources.assistants.sample import chatgpt_sample, claude_sample
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    Identity,
    JsonObject,
    ObjectSchema,
    Page,
    Sample,
    SourceInfo,
    Upload,
    pages,
)
from privateshare.sources.failures import LeftOut, Reason
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import SourceAccount, account_of
from privateshare.sources.upload_records import UploadReader

PERSON = "conversations"  # Not all exports say whose they are, so all of a person's belong to one account.
SKIPPED_ENDINGS = frozenset(
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

Messages = Callable[[SourceAccount, JsonObject], Iterator[JsonObject]]


class Assistant:
    """A source for the conversations with one assistant."""

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
        self._sample_file, self._name = sample_file, name

    def identify(self, connection: Connection) -> Identity:
        """Return the account. An export is read completely.

        Raises:
            Broken: It holds no conversations with this assistant.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        for _ in self._objects(connection):
            pass
        connection.left_out.check(
            Broken(
                "The file holds no conversations with %(name)s. "
                "Request the export of your data, and upload the zip file as you received it.",
                name=self._name,
            )
        )
        return Identity(PERSON, self._name, "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the messages.

        Raises:
            Broken: The export is damaged.
        """
        if ObjectType.ASSISTANT_MESSAGE not in cursors:
            return iter(())
        return pages((ObjectType.ASSISTANT_MESSAGE, thing) for thing in self._objects(connection))

    def _objects(self, connection: Connection) -> Iterator[JsonObject]:
        if connection.archive is None:
            account = account_of(self.info.service_type, f"sampleDataSet-{connection.sample}")
            return self._read([self._sample_file(datetime.now(UTC))], account, connection.left_out)
        account = account_of(self.info.service_type, connection.provider_account_id)
        files = uploaded_files(connection.archive, connection.left_out, _is_skipped)
        return self._read(files, account, connection.left_out)

    def _read(self, files: Iterable[UploadedFile], account: SourceAccount, left_out: LeftOut) -> Iterator[JsonObject]:
        upload = UploadReader(self._role_of, left_out)
        for file in files:
            for found in upload.records_of(file):
                try:
                    messages = list(self._messages(account, found.thing))
                except (ValueError, TypeError, AttributeError):
                    left_out.leave_out(UNREADABLE, ObjectType.ASSISTANT_MESSAGE)
                else:
                    left_out.read += 1
                    yield from messages
        upload.estimate()

    def _role_of(self, thing: JsonObject, _: str) -> ObjectRole:
        return ObjectRole.RECORD if self._is_conversation(thing) else ObjectRole.UNKNOWN


def _is_skipped(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SKIPPED_ENDINGS


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
