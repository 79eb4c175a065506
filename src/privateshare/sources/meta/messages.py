"""Messages (object type 9002) of Instagram and Messenger, in the layouts of all exports."""

from pathlib import PurePosixPath
from typing import Any

from privateshare.sources.meta.pictures import MIMETYPES, pictures_in, uri_of
from privateshare.sources.object_building import (
    JsonObject,
    SourceAccount,
    dict_of,
    list_of,
    milliseconds,
    stable_id,
    text_of,
)

_FILES = ("photos", "videos", "audio_files", "gifs", "files", "sticker", "media")


def message(account: SourceAccount, thing: dict[str, Any], conversation: str, people: list[str]) -> JsonObject:
    """Map a message.

    Args:
        account: The account.
        thing: The message, with repaired texts.
        conversation: The name of the folder of its conversation.
        people: The people of the conversation.

    Raises:
        ValueError: It has no date.
    """
    sender = text_of(thing.get("sender_name")) or text_of(thing.get("senderName"))
    moment = milliseconds(thing.get("timestamp_ms")) or milliseconds(thing.get("timestamp"))
    if moment is None:
        raise ValueError("the message has no date")
    text = text_of(thing.get("content")) or text_of(thing.get("text"))
    share = dict_of(thing.get("share"))
    files = [picture for name in _FILES for picture in pictures_in(thing.get(name))]
    return account.thing(
        # The folders of conversations have other names in other exports, so they are not part of the id.
        stable_id("message", moment, sender, text, *(PurePosixPath(uri_of(file)).name for file in files)),
        moment,
        conversationid=conversation,
        sendername=sender,
        recipientnames=[name for name in people if name != sender],
        text=text or text_of(share.get("share_text")),
        link=text_of(share.get("link")),
        attachments=[_attachment(file) for file in files],
        reactions=[
            {"reaction": text_of(one.get("reaction")), "name": text_of(one.get("actor"))}
            for one in list_of(thing.get("reactions"))
            if isinstance(one, dict)
        ],
    )


def old_message(account: SourceAccount, thing: dict[str, Any], moment: int, people: list[str]) -> JsonObject:
    """Map a message of Instagram's layout until 2020."""
    sender, text = text_of(thing.get("sender")), text_of(thing.get("text")) or text_of(thing.get("media_share_caption"))
    link = text_of(thing.get("media_share_url")) or text_of(thing.get("media")) or text_of(thing.get("media_url"))
    return account.thing(
        stable_id("message", moment, sender, text, link),
        moment,
        conversationid=stable_id(*sorted(people)),
        sendername=sender,
        recipientnames=[name for name in people if name != sender],
        text=text,
        link=link,
        reactions=[
            {"reaction": "\u2764", "name": text_of(one.get("username"))}
            for one in list_of(thing.get("likes"))
            if isinstance(one, dict)
        ],
    )


def _attachment(file: dict[str, Any]) -> JsonObject:
    uri = uri_of(file)
    kind = MIMETYPES.get(PurePosixPath(uri).suffix.lower())
    return {"name": PurePosixPath(uri).name, "uri": uri} | ({"mimetype": kind} if kind else {})


def people_of(start: dict[str, Any]) -> list[str]:
    """Return the names of the people of a conversation, from the beginning of its file."""
    return [
        name
        for person in list_of(start.get("participants"))
        if (name := text_of(person.get("name") if isinstance(person, dict) else person))
    ]
