"""The messages of Discord's package, which has only what the person sent: a folder for each channel."""

import re
from collections.abc import Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import Mapped, dict_of, exact_moment, stable_id, text_of
from privateshare.sources.tables import TableKind, TableRow

MAX_CHANNELS = 100_000
_CHANNEL = re.compile(r"(?:^|/)c?(\d{5,25})/[^/]+$")
_SPACES = re.compile(r"\s+")


class DiscordReader(DeclaredReader):
    """A reader of a package of Discord."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._name = ""
        self._channels: dict[str, str] = {}

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object."""
        is_message = "Timestamp" in thing and "Contents" in thing
        is_channel = not key and "id" in thing and "type" in thing and "email" not in thing
        is_user = not key and "username" in thing and "id" in thing
        return ObjectRole.RECORD if is_message or is_channel or is_user else ObjectRole.WRAPPER

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield a message, or take note of a channel or the person."""
        thing = found.thing
        if "Timestamp" in thing:
            words = {name: text_of(thing.get(name)) for name in ("ID", "Timestamp", "Contents", "Attachments")}
            moment = exact_moment(words["Timestamp"])
            yield self._message(words["ID"], moment, words["Contents"], words["Attachments"], found.file)
        elif "username" in thing:
            self._name = text_of(thing.get("global_name")) or text_of(thing.get("username"))
            self.note_owner(text_of(thing.get("id")), self._name)
        else:
            server = text_of(dict_of(thing.get("guild")).get("name"))
            name = text_of(thing.get("name"))
            if len(self._channels) < MAX_CHANNELS:
                self._channels[text_of(thing.get("id"))] = " / ".join(filter(None, (server, name)))

    def message(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a message of a table."""
        yield self._message(row.identifier("id"), row.moment("date"), row.text("text"), row.text("files"), row.file)

    def _message(self, own_id: str, moment: int | None, text: str, files: str, path: str) -> Mapped:
        if moment is None:
            raise ValueError("the message has no date")
        found = _CHANNEL.search(path)
        channel = found[1] if found else ""
        addresses = [address for address in _SPACES.split(files) if address]
        message = self.account.thing(
            own_id or stable_id(channel, moment, text),
            moment,
            conversationid=channel,
            conversationname=self._channels.get(channel, ""),
            sendername=self._name,
            text=text,
            attachments=[{"name": address.split("?")[0].rsplit("/", 1)[-1], "uri": address} for address in addresses],
        )
        return ObjectType.MESSAGE, message

    tables = (
        TableKind(
            {"id": ("ID",), "date": ("Timestamp",), "text": ("Contents",), "files": ("Attachments",)},
            ("id", "date", "text"),
            message,
            written=("date",),
        ),
    )
