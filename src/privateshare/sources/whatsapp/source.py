"""The source WhatsApp: a sample, or chats that a person exports on their phone."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
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
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.failures import NOTES_OF_APP, LeftOut, Reason, shown_name
from privateshare.sources.object_building import Mapped, SourceAccount, stable_id
from privateshare.sources.whatsapp.chat import Chat, ChatMessage, NotAChat, UnclearDates, learn_chat, messages_of
from privateshare.sources.whatsapp.sample import sample_files

PEOPLE_OF_A_PAIR = 2

MEDIA_ENDINGS = frozenset(
    (
        *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".mp4", ".mov", ".3gp", ".opus", ".ogg", ".mp3", ".m4a"),
        *(".aac", ".amr", ".wav", ".pdf", ".vcf", ".docx", ".xlsx", ".pptx", ".thumb", ".was"),
    )
)
# A message near the beginning, as `[04.03.23, 17:12:33] Ann: Hello` or `04.03.23, 17:12 - Ann: Hello`.
_FIRST_LINE = r"\A(.*\n){0,3}\W?\[?\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}\.?,? [^\]\n]{4,20}(\] ?| [-–—] )[^:\n]{1,60}: "
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s messages has no date that can be read.",
    "%(num)s of %(total)s messages have no date that can be read.",
    Broken("The messages of the chat have no dates that can be read. Export the chat again."),
)


class WhatsApp(UnnamedExportSource):
    """Source 9003, service type 9003: messages."""

    info = SourceInfo(
        id=9003,
        service_type=ServiceType.WHATSAPP,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.MESSAGE,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "Two friends", "A year of messages between two invented people."),),
        brand=Brand("#25d366"),
        upload=Upload(
            in_folders=True,
            accept=".zip,.txt",
            marks=(
                FileMark(path=r"(^|/)_chat\.txt$|\bWhatsApp\b[^/]*\.txt$"),
                FileMark(_FIRST_LINE),
            ),
            instructions=(
                "Open a chat in WhatsApp. On an iPhone tap its name at the top, on Android the three dots and “More”.",
                "Tap “Export chat” and choose “Without media”.",
                "Save the file, and choose it here. Repeat this for other chats, or put several files into one zip.",
            ),
        ),
    )

    owner = Identity("whatsapp", "WhatsApp", "USER")
    nothing = Broken("The file holds no chat of WhatsApp. Export a chat in the app, and upload that file.")
    skipped_endings = MEDIA_ENDINGS

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield the messages of all chats, and name other files. Raises Broken."""
        for file in export.files:
            name = shown_name(file.path)
            try:
                chat = learn_chat(file, export.now)
            except NotAChat:
                export.left_out.name_other_file(file.path)
            except UnclearDates:
                export.left_out.name_damaged(
                    name,
                    Broken(
                        "%(name)s does not show whether 02/03 is in February or in March. "
                        "Export the chat when it has messages of several days.",
                        name=name,
                    ),
                )
            else:
                export.left_out.pass_over(NOTES_OF_APP, chat.notices)
                messages = _messages(file, chat, export.account, export.left_out)
                yield from ((ObjectType.MESSAGE, message) for message in messages)


def _messages(file: UploadedFile, chat: Chat, account: SourceAccount, left_out: LeftOut) -> Iterator[JsonObject]:
    conversation, name = _conversation(file.path, list(chat.people))
    moment: int | None = None
    equal: Counter[str] = Counter()
    for one in messages_of(file, chat):
        if one.moment is None:
            left_out.leave_out(UNREADABLE, ObjectType.MESSAGE)
            continue
        left_out.read += 1
        if one.moment != moment:  # Times of Android phones have no seconds, so equal messages are numbered.
            moment = one.moment
            equal.clear()
        own_id = stable_id(conversation, one.moment, one.sender, one.text, one.file)
        equal[own_id] += 1
        number = equal[own_id]
        yield _object(account, own_id if number == 1 else f"{own_id}-{number}", one, conversation, name, chat)


def _object(
    account: SourceAccount, own_id: str, one: ChatMessage, conversation: str, name: str, chat: Chat
) -> JsonObject:
    is_pair = len(chat.people) == PEOPLE_OF_A_PAIR
    return account.thing(
        own_id,
        one.moment,
        conversationid=conversation,
        conversationname=name,
        sendername=one.sender,
        recipientnames=[person for person in chat.people if person != one.sender] if is_pair else [],
        text=one.text,
        attachments=[{"name": one.file, "uri": one.file}] if one.file else [],
    )


def _conversation(path: str, people: list[str]) -> tuple[str, str]:
    """Return an id for a chat that is the same in its next export, and its name.

    The name of the file has the name of the chat, except on iPhones, where only that of the zip has.
    """
    place = PurePosixPath(path)
    title = place.parent.name if place.stem.startswith("_chat") else place.stem
    title = title.split(" (")[0].strip()
    if len(people) <= PEOPLE_OF_A_PAIR and people:
        return stable_id("chat", *sorted(people)), title or " · ".join(people)
    return stable_id("chat", title or "group"), title


SOURCES = (WhatsApp(),)
