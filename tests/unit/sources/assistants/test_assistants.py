"""Exports of ChatGPT and Claude, as they are today and were, and damaged."""

import io
import json
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.assistants.source import SOURCES
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut

CHATGPT, CLAUDE = SOURCES


def read(source: Any, files: dict[str, Any], left_out: LeftOut | None = None) -> list[dict[str, Any]]:
    """The messages of an export, each as its schema says."""
    data = zipped(
        {
            name: content if isinstance(content, bytes) else json.dumps(content).encode()
            for name, content in files.items()
        }
    )
    left_out = left_out if left_out is not None else LeftOut()
    found: list[dict[str, Any]] = []
    connection = Connection(archive=io.BytesIO(data), provider_account_id="me", left_out=left_out)
    for page in source.fetch(connection, {ObjectType.ASSISTANT_MESSAGE: None}):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found += page.objects
    return found


def node(own_id: str, role: str, content: Any, moment: float | None = 1_700_000_000.5, **about: Any) -> dict[str, Any]:
    message = {"id": own_id, "author": {"role": role}, "create_time": moment, "content": content, "metadata": about}
    return {"id": own_id, "message": message, "parent": None, "children": []}


def test_conversations_with_chatgpt_are_read_in_order() -> None:
    """What the system, tools and the reasoning say is no part of them."""
    nodes = {
        "root": {"id": "root", "message": None, "children": ["s"]},
        "s": node("s", "system", {"content_type": "text", "parts": [""]}),
        "b": node(
            "b", "assistant", {"content_type": "text", "parts": ["Two hours ⏲"]}, 1_700_000_009, model_slug="gpt-x"
        ),
        "a": node(
            "a",
            "user",
            {"content_type": "multimodal_text", "parts": [{"asset_pointer": "file-service://f1"}, "How long?"]},
        ),
        "t": node("t", "tool", {"content_type": "text", "parts": ["{}"]}),
        "h": node(
            "h",
            "user",
            {"content_type": "user_editable_context", "user_profile": "x"},
            is_visually_hidden_from_conversation=True,
        ),
        "r": node("r", "assistant", {"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
        "c": node("c", "assistant", {"content_type": "code", "text": "print(1)"}, None),
    }
    thing = {
        "title": "Dough",
        "create_time": 1_700_000_000.0,
        "update_time": 1.0,
        "mapping": nodes,
        "conversation_id": "k",
    }
    found = read(CHATGPT, {"conversations-000.json": [thing], "chat.html": b"<html></html>", "user.json": {"id": "u"}})
    assert [(one["id"], one["role"], one.get("text")) for one in found] == [
        ("c", "assistant", "print(1)"),
        ("a", "user", "How long?"),
        ("b", "assistant", "Two hours ⏲"),
    ]
    assert found[1]["attachments"] == [{"name": "file-service://f1", "uri": "file-service://f1"}]
    assert (found[2]["model"], found[2]["conversationname"], found[2]["createddate"]) == (
        "gpt-x",
        "Dough",
        1_700_000_009_000,
    )


def test_conversations_with_claude_are_read() -> None:
    """In the layouts with a text, and with parts."""
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "Two hours"},
        {"type": "tool_use", "name": "x"},
    ]
    messages = [
        {
            "uuid": "a",
            "sender": "human",
            "text": "How long?",
            "created_at": "2024-03-04T05:06:07.123456Z",
            "attachments": [{"file_name": "a.pdf"}],
            "files": [],
        },
        {"uuid": "b", "sender": "assistant", "text": "", "content": content, "created_at": "2024-03-04T05:06:09+00:00"},
        {"uuid": "c", "sender": "assistant", "text": "", "content": []},
    ]
    thing = {
        "uuid": "k",
        "name": "Dough",
        "created_at": "2024-03-04T05:06:07Z",
        "account": {"uuid": "u"},
        "chat_messages": messages,
    }
    first, second = read(CLAUDE, {"conversations.json": [thing], "users.json": [{"uuid": "u", "full_name": "A"}]})
    assert (first["role"], first["text"], first["attachments"][0]["name"]) == ("user", "How long?", "a.pdf")
    assert (second["role"], second["text"], second["conversationid"]) == ("assistant", "Two hours", "k")
    assert second["createddate"] == 1_709_528_769_000


def test_unreadable_conversations_are_counted() -> None:
    """The others are read. An export of the other assistant is refused."""
    left_out = LeftOut()
    good = {"title": "T", "create_time": 1_700_000_000, "mapping": {"a": node("a", "user", {"parts": ["Hi"]})}}
    assert len(read(CHATGPT, {"c.json": [good, {"mapping": 7, "create_time": 1}, 5]}, left_out)) == 1
    assert (left_out.read, left_out.count) == (1, 2)
    data = zipped({"c.json": json.dumps([good]).encode()})
    with pytest.raises(Broken, match="holds no conversations with Claude"):
        CLAUDE.identify(Connection(archive=io.BytesIO(data)))


def identify(source: Any, files: dict[str, Any]) -> Any:
    """Whose export it is."""
    data = zipped({name: json.dumps(content).encode() for name, content in files.items()})
    return source.identify(Connection(archive=io.BytesIO(data)))


def test_the_conversations_of_two_people_are_not_mixed() -> None:
    """Both exports say whose they are."""
    talk = {
        "mapping": {"a": node("a", "user", {"content_type": "text", "parts": ["Hi"]})},
        "create_time": 1_700_000_000,
    }
    chatgpt: dict[str, Any] = {}
    claude: dict[str, Any] = {}
    for name in ("ann", "bob"):
        chatgpt |= {f"{name}/conversations.json": [talk], f"{name}/user.json": {"id": f"user-{name}", "email": "a@b"}}
        said = {"uuid": f"m-{name}", "text": "Hi", "sender": "human", "created_at": "2024-01-01T00:00:00Z"}
        one = {"uuid": f"c-{name}", "account": {"uuid": name}, "chat_messages": [said]}
        claude |= {f"{name}/conversations.json": [one]}
        for source, files in ((CHATGPT, chatgpt), (CLAUDE, claude)):
            alone = {path: content for path, content in files.items() if path.startswith(name)}
            identity = identify(source, alone)
            assert (identity.provider_account_id.removeprefix("user-"), identity.named) == (name, True)
    for source, files in ((CHATGPT, chatgpt), (CLAUDE, claude)):
        with pytest.raises(Broken, match="several accounts"):
            identify(source, files)


def test_an_export_says_whose_it_is_if_it_does() -> None:
    """The members of a team are listed in the export of one of them, and conversations alone name nobody."""
    talk = {
        "mapping": {"a": node("a", "user", {"content_type": "text", "parts": ["Hi"]})},
        "create_time": 1_700_000_000,
    }
    said = {"uuid": "m", "text": "Hi", "sender": "human", "created_at": "2024-01-01T00:00:00Z"}
    one = {"uuid": "c", "account": {"uuid": "ann"}, "chat_messages": [said]}
    team = [{"uuid": name, "full_name": name.title(), "email_address": f"{name}@x"} for name in ("bob", "ann")]
    named = identify(CLAUDE, {"conversations.json": [one], "users.json": team})
    assert (named.provider_account_id, named.display_name, named.named) == ("ann", "Ann", True)
    unnamed = identify(CHATGPT, {"conversations.json": [talk]})
    assert (unnamed.provider_account_id, unnamed.named) == ("conversations", False)
    listed = identify(CHATGPT, {"conversations.json": [talk], "user.json": {"id": "user-7", "email": "ann@x"}})
    assert (listed.provider_account_id, listed.display_name) == ("user-7", "ann@x")
