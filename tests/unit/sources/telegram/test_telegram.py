"""Exports of Telegram Desktop: whole accounts, single chats, and web pages."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import NOTES_OF_APP, Broken, LeftOut
from privateshare.sources.telegram.source import SOURCES

(TELEGRAM,) = SOURCES
MESSAGES: list[dict[str, Any]] = [
    {"id": 1, "type": "service", "date": "2023-10-15T12:30:00", "actor": "Ann", "action": "create_group"},
    {
        "id": 2,
        "type": "message",
        "date": "2023-10-15T14:30:00",
        "date_unixtime": "1697373000",
        "from": "Ann",
        "from_id": "user1",
        "text": ["See ", {"type": "text_link", "text": "this", "href": "https://x.example"}, " now"],
        "reactions": [{"type": "emoji", "count": 2, "emoji": "👍", "recent": [{"from": "Ben", "from_id": "user2"}]}],
    },
    {
        "id": 3,
        "type": "message",
        "date": "2023-10-15T12:31:00",
        "from": "Ben",
        "text": "",
        "photo": "photos/p.jpg",
        "mime_type": "image/jpeg",
    },
    {
        "id": 4,
        "type": "message",
        "date": "2023-10-15T12:32:00",
        "from": None,
        "from_id": "user9",
        "text": "Left",
        "file": "(File not included. Change data exporting settings to download.)",
    },
    {"id": 5, "type": "message", "date": "never", "from": "Ben", "text": "x"},
]
CHAT = {"name": "Ann & Ben", "type": "private_group", "id": 4242, "messages": MESSAGES}
ACCOUNT = {
    "about": "Here is the data you requested.",
    "personal_information": {
        "user_id": 1,
        "first_name": "Ann",
        "last_name": "Lee",
        "phone_number": "+43 000",
        "bio": "",
    },
    "contacts": {
        "about": "x",
        "list": [
            {
                "user_id": 2,
                "first_name": "Ben",
                "last_name": "",
                "phone_number": "+43 111",
                "date_unixtime": "1600000000",
            }
        ],
    },
    "frequent_contacts": {
        "about": "x",
        "list": [{"id": 2, "category": "people", "type": "user", "name": "Ben", "rating": 1.5}],
    },
    "sessions": {"about": "x", "list": [{"last_ip": "192.0.2.1", "device_model": "x"}]},
    "chats": {
        "about": "x",
        "list": [CHAT, {"name": "Ben", "type": "personal_chat", "id": 7, "messages": MESSAGES[1:2]}],
    },
    "left_chats": {"about": "x", "list": []},
}
PAGE = """<!DOCTYPE html><html><body onload="CheckLocation();"><div class="page_wrap">
<div class="page_header"><div class="content"><div class="text bold">
Ann &amp; Ben
</div></div></div>
<div class="page_body chat_page"><div class="history">
<div class="message service" id="message-1"><div class="body details">14 March 2021</div></div>
<div class="message default clearfix" id="message2"><div class="pull_left userpic_wrap"><div class="userpic"><div class="initials">A</div></div></div>
<div class="body"><div class="pull_right date details" title="14.03.2021 12:33:11 UTC+01:00">12:33</div>
<div class="from_name">Ann </div><div class="text">Hello<br>world &lt;3 <a href="https://x.example">x</a></div></div></div>
<div class="message default clearfix joined" id="message3"><div class="body"><div class="pull_right date details" title="14.03.2021 12:34:11">12:34</div>
<div class="media_wrap clearfix"><a class="photo_wrap clearfix pull_left media_photo" href="photos/p.jpg"></a></div></div></div>
<div class="message service" id="message5"><div class="body details">Ann created group «Ann &amp; Ben»</div></div>
<div class="message default clearfix" id="message4"><div class="body"><div class="pull_right date details" title="">?</div><div class="text">No date</div></div></div>
</div></div></div></body></html>"""


def time_of(thing: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(thing['createddate'] / 1000, UTC):%Y-%m-%d %H:%M}"


def test_a_whole_account_is_read() -> None:
    """Messages belong to their chats; notes of the app and sessions are passed over."""
    left_out = LeftOut()
    files: dict[str, str | bytes] = {"DataExport_2023/result.json": json.dumps(ACCOUNT)}
    found = read_files(TELEGRAM, files, left_out)
    messages = found[ObjectType.MESSAGE]
    assert [one["conversationname"] for one in messages] == ["Ann & Ben"] * 3 + ["Ben"]
    first, second, third, _ = messages
    assert (first["text"], first["link"], time_of(first)) == ("See this now", "https://x.example", "2023-10-15 12:30")
    assert first["reactions"] == [{"reaction": "👍", "name": "Ben"}]
    assert second["attachments"] == [{"name": "p.jpg", "uri": "photos/p.jpg", "mimetype": "image/jpeg"}]
    assert (third["sendername"], third.get("attachments")) == ("user9", None)
    (contact,) = found[ObjectType.SOCIAL_NETWORK_USER]
    assert (contact["displayname"], contact["relation"]) == ("Ben", "contact")
    assert left_out.count == 1
    assert left_out.not_taken[NOTES_OF_APP] == 1
    assert "192.0.2.1" not in repr(found)
    assert (owner_of(TELEGRAM, files).provider_account_id, owner_of(TELEGRAM, files).display_name) == ("1", "Ann Lee")


def test_a_single_chat_has_the_same_objects() -> None:
    """As in the export of the account, so that both create no duplicates."""
    one = read_files(TELEGRAM, {"result.json": json.dumps(CHAT)})[ObjectType.MESSAGE]
    both = read_files(TELEGRAM, {"result.json": json.dumps(ACCOUNT)})[ObjectType.MESSAGE]
    ids = {thing["id"] for thing in one}
    assert ids == {"4242_2", "4242_3", "4242_4"}
    assert ids < {thing["id"] for thing in both}


def test_large_chats_keep_their_names() -> None:
    """Also if a chat is larger than what is parsed at once."""
    many = [
        {"id": n, "type": "message", "date_unixtime": "1697373000", "from": "Ann", "text": "x" * 900}
        for n in range(600)
    ]
    chats = [
        {"name": name, "type": "personal_chat", "id": number, "messages": many} for number, name in enumerate("ab")
    ]
    found = read_files(TELEGRAM, {"result.json": json.dumps({"chats": {"list": chats}})})[ObjectType.MESSAGE]
    assert [one["conversationname"] for one in found] == ["a"] * 600 + ["b"] * 600


def test_pages_are_read() -> None:
    """A message without a name is from the sender of the one before. Times have the zone that the page says."""
    left_out = LeftOut()
    found = read_files(TELEGRAM, {"chats/chat_1/messages.html": PAGE}, left_out)[ObjectType.MESSAGE]
    first, second = found
    assert (first["text"], first["sendername"], first["conversationname"]) == ("Hello\nworld <3 x", "Ann", "Ann & Ben")
    assert (time_of(first), time_of(second)) == ("2021-03-14 11:33", "2021-03-14 12:34")
    assert (second["sendername"], second["attachments"]) == ("Ann", [{"name": "p.jpg", "uri": "photos/p.jpg"}])
    assert left_out.count == 1
    assert left_out.not_taken == {NOTES_OF_APP: 1}, "Lines with the day are none."


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        json.dumps({"chats": {"list": []}}),
        "<html><body>Hi</body></html>",
        json.dumps({"name": "x", "type": "y", "messages": []}),
    ],
)
def test_other_files_are_refused(text: str) -> None:
    """With what to do."""
    with pytest.raises(Broken, match="holds no data of Telegram"):
        read_files(TELEGRAM, {"a.json": text})
