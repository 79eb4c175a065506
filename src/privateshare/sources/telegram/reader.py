"""The chats and contacts of Telegram's exports."""

from collections.abc import Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_reader import START_BYTES, DeclaredReader
from privateshare.sources.failures import NOTES_OF_APP
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import (
    Mapped,
    dict_of,
    exact_moment,
    list_of,
    milliseconds,
    stable_id,
    text_of,
)
from privateshare.sources.telegram.pages import PageMessage, is_page, messages_of

NOT_INCLUDED = "("  # Paths of files that were left out are remarks in brackets.
_FILES = ("photo", "file", "thumbnail")


class TelegramReader(DeclaredReader):
    """A reader of an export of Telegram."""

    _chat: JsonObject | None = None

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file."""
        with file.open() as stream:
            start = stream.read(START_BYTES)
        if is_page(start):
            is_chat = False
            for message in messages_of(file):
                is_chat = True
                if message is None:
                    self.left_out.pass_over(NOTES_OF_APP)
                else:
                    yield from self.checked(self._page_message, message)
            if not is_chat:
                self.left_out.name_other_file(file.path)
        else:
            yield from super().objects_of_file(file)

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object. The chat of the messages that follow is noted."""
        if "messages" in thing and ("type" in thing or "name" in thing):
            self._chat = {name: thing.get(name) for name in ("id", "name", "type")}
            return ObjectRole.WRAPPER
        if key == "messages" and "id" in thing and "type" in thing:
            return ObjectRole.RECORD
        if key == "personal_information" or (key == "list" and "phone_number" in thing):
            return ObjectRole.RECORD
        return ObjectRole.WRAPPER

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield the objects of a message, a contact, or the person's own data."""
        thing = found.thing
        if found.key == "messages":
            if text_of(thing.get("type")) == "message":
                yield self._message(thing)
            else:
                self.left_out.pass_over(NOTES_OF_APP)
        elif found.key == "personal_information":
            name = f"{text_of(thing.get('first_name'))} {text_of(thing.get('last_name'))}".strip()
            self.note_owner(text_of(thing.get("user_id")), name)
        else:
            yield self._contact(thing)

    def _message(self, thing: JsonObject) -> Mapped:
        moment = milliseconds(thing.get("date_unixtime")) or _moment(thing.get("date"))
        if moment is None:
            raise ValueError("the message has no date")
        chat = dict_of(self._chat)
        chat_id = text_of(chat.get("id")) or stable_id(text_of(chat.get("name")))
        texts = thing.get("text")
        parts = texts if isinstance(texts, list) else [texts]
        files = [path for name in _FILES if (path := text_of(thing.get(name))) and not path.startswith(NOT_INCLUDED)]
        links = (text_of(dict_of(part).get("href")) for part in parts)
        message = self.account.thing(
            f"{chat_id}_{text_of(thing.get('id'))}",
            moment,
            conversationid=chat_id,
            conversationname=text_of(chat.get("name")),
            sendername=text_of(thing.get("from")) or text_of(thing.get("from_id")),
            text="".join(
                part if isinstance(part, str) else _plain(dict_of(part).get("text")) for part in parts
            ).strip(),
            link=next(filter(None, links), ""),
            attachments=[_attachment(path, thing) for path in files],
            reactions=[one for reaction in list_of(thing.get("reactions")) for one in _reactions(dict_of(reaction))],
        )
        return ObjectType.MESSAGE, message

    def _contact(self, thing: JsonObject) -> Mapped:
        name = f"{text_of(thing.get('first_name'))} {text_of(thing.get('last_name'))}".strip()
        number = text_of(thing.get("phone_number"))
        if not name and not number:
            raise ValueError("the contact has no name")
        contact = self.account.thing(
            f"contact_{stable_id(text_of(thing.get('user_id')) or number or name)}",
            milliseconds(thing.get("date_unixtime")) or _moment(thing.get("date")),
            relation="contact",
            displayname=name or number,
        )
        return ObjectType.SOCIAL_NETWORK_USER, contact

    def _page_message(self, message: PageMessage) -> Iterator[Mapped]:
        if message.moment is None:
            raise ValueError("the message has no date")
        chat_id = stable_id(message.chat)
        thing = self.account.thing(
            f"{chat_id}_{message.id or stable_id(message.moment, message.sender, message.text)}",
            message.moment,
            conversationid=chat_id,
            conversationname=message.chat,
            sendername=message.sender,
            text=message.text,
            attachments=[{"name": path.rsplit("/", 1)[-1], "uri": path} for path in message.files],
        )
        yield ObjectType.MESSAGE, thing


def _plain(value: object) -> str:
    return value if isinstance(value, str) else ""


def _attachment(path: str, thing: JsonObject) -> JsonObject:
    found = {"name": path.rsplit("/", 1)[-1], "uri": path, "mimetype": text_of(thing.get("mime_type"))}
    return {name: value for name, value in found.items() if value}


def _reactions(reaction: JsonObject) -> Iterator[JsonObject]:
    sign = text_of(reaction.get("emoji")) or text_of(reaction.get("type"))
    names = [text_of(dict_of(one).get("from")) for one in list_of(reaction.get("recent"))]
    if sign:
        yield from ({"reaction": sign, "name": name} if name else {"reaction": sign} for name in names or [""])


def _moment(value: object) -> int | None:
    return exact_moment(value)
