"""The mapping of conversations: one object for each message of the person or the assistant."""

from collections.abc import Iterator
from typing import Any

from privateshare.sources.object_building import (
    JsonObject,
    SourceAccount,
    dict_of,
    exact_moment,
    list_of,
    milliseconds,
    stable_id,
    text_of,
)

PREFIX_OF_USERS = "user-"  # ChatGPT's ids of users begin with it.
USER, ASSISTANT = "user", "assistant"
_ROLES = {"user": USER, "human": USER, "assistant": ASSISTANT}


def is_chatgpt(thing: dict[str, Any]) -> bool:
    """Return whether an object is a conversation of ChatGPT."""
    return "mapping" in thing and ("create_time" in thing or "conversation_id" in thing)


def is_claude(thing: dict[str, Any]) -> bool:
    """Return whether an object is a conversation of Claude."""
    return "chat_messages" in thing and "uuid" in thing


def person_in(thing: dict[str, Any]) -> tuple[str, str] | None:
    """Return the id and the name of a person whom an export lists; None if an object is something else.

    These are `user.json` of ChatGPT, which has the person whose export it is, and `users.json` of Claude, which has all
    members of a team.
    """
    own_id, uuid = text_of(thing.get("id")), text_of(thing.get("uuid"))
    if "email" in thing and own_id.startswith(PREFIX_OF_USERS):
        return own_id, text_of(thing.get("email"))
    if uuid and "email_address" in thing:
        return uuid, text_of(thing.get("full_name")) or text_of(thing.get("email_address"))
    return None


def writer_in(thing: JsonObject) -> str:
    """Return the id of the person whose a conversation is; empty if it does not say so, as those of ChatGPT."""
    return text_of(dict_of(thing.get("account")).get("uuid"))


def chatgpt_messages(account: SourceAccount, thing: JsonObject) -> Iterator[JsonObject]:
    """Yield the messages of a conversation of ChatGPT, in the order of their times.

    Messages of the system and of tools, and hidden ones, are not part of what people see.

    Raises:
        ValueError: The conversation has no messages that can be read.
    """
    nodes = thing.get("mapping")
    if not isinstance(nodes, dict):
        raise ValueError("the conversation has no messages")
    conversation = text_of(thing.get("conversation_id")) or text_of(thing.get("id")) or stable_id(*sorted(nodes))
    begun = _moment(thing.get("create_time"))
    found = []
    for key, node in nodes.items():
        message = dict_of(dict_of(node).get("message"))
        role = _ROLES.get(text_of(dict_of(message.get("author")).get("role")))
        about = dict_of(message.get("metadata"))
        if role is None or about.get("is_visually_hidden_from_conversation") is True:
            continue
        text, files = _chatgpt_content(dict_of(message.get("content")), about)
        moment = _moment(message.get("create_time")) or begun
        if moment is not None and (text or files):
            own_id = text_of(message.get("id")) or key
            model = text_of(about.get("model_slug"))
            found.append(_message(account, own_id, moment, role, text, files, conversation, thing.get("title"), model))
    yield from sorted(found, key=lambda one: int(one["createddate"]))


def claude_messages(account: SourceAccount, thing: JsonObject) -> Iterator[JsonObject]:
    """Yield the messages of a conversation of Claude.

    Raises:
        ValueError: The conversation has no messages that can be read.
    """
    messages = thing.get("chat_messages")
    if not isinstance(messages, list):
        raise ValueError("the conversation has no messages")
    conversation = text_of(thing.get("uuid"))
    for number, message in enumerate(part for part in messages if isinstance(part, dict)):
        role = _ROLES.get(text_of(message.get("sender")))
        moment = _moment(message.get("created_at")) or _moment(thing.get("created_at"))
        parts = [text_of(part.get("text")) for part in list_of(message.get("content")) if _is_text(part)]
        text = text_of(message.get("text")) or "\n".join(filter(None, parts))
        sent = [*list_of(message.get("attachments")), *list_of(message.get("files"))]
        files = [name for one in sent if (name := text_of(dict_of(one).get("file_name")))]
        if role is not None and moment is not None and (text or files):
            own_id = text_of(message.get("uuid")) or f"{conversation}_{number}"
            yield _message(account, own_id, moment, role, text, files, conversation, thing.get("name"), "")


def _message(
    account: SourceAccount,
    own_id: str,
    moment: int,
    role: str,
    text: str,
    files: list[str],
    conversation: str,
    title: Any,
    model: str,
) -> JsonObject:
    return account.thing(
        own_id,
        moment,
        conversationid=conversation,
        conversationname=text_of(title),
        role=role,
        text=text,
        model=model,
        attachments=[{"name": name, "uri": name} for name in files],
    )


def _chatgpt_content(content: JsonObject, about: JsonObject) -> tuple[str, list[str]]:
    """Return the text of a message, and the names of the files that are part of it."""
    texts, files = [], [text_of(dict_of(one).get("name")) for one in list_of(about.get("attachments"))]
    for part in list_of(content.get("parts")):
        if isinstance(part, str):
            texts.append(part.strip())
        elif isinstance(part, dict):
            texts.append(text_of(part.get("text")))
            files.append(text_of(part.get("asset_pointer")))
    if text_of(content.get("content_type")) in ("text", "code", "multimodal_text", ""):
        texts.append(text_of(content.get("text")))
    return "\n".join(filter(None, texts)), list(filter(None, files))


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and text_of(part.get("type")) in ("text", "")


def _moment(value: Any) -> int | None:
    if isinstance(value, str):
        moment = exact_moment(value)
        if moment is not None:
            return moment
    return milliseconds(value)
