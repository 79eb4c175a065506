"""Packages of Discord, older and newer."""

import json
from typing import Any

from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.discord.source import SOURCES
from privateshare.sources.failures import LeftOut

(DISCORD,) = SOURCES
CHANNEL = {"id": "900000000000000001", "type": 0, "name": "maps", "guild": {"id": "1", "name": "Games"}}
FILES: dict[str, str | bytes] = {
    "account/user.json": json.dumps(
        {"id": "800000000000000001", "username": "mira", "global_name": "Mira", "email": "m@example.org", "type": 1}
    ),
    "messages/c900000000000000001/channel.json": json.dumps(CHANNEL),
    "messages/c900000000000000001/messages.csv": 'ID,Timestamp,Contents,Attachments\n1,2023-03-04 05:06:07.123000+00:00,"Hi,\n""you""",https://cdn.example/a.png?x=1 https://cdn.example/b.png\n2,soon,x,\n',
    "messages/c900000000000000002/channel.json": json.dumps(
        {"id": "900000000000000002", "type": "DM", "recipients": ["8", "9"]}
    ),
    "messages/c900000000000000002/messages.json": json.dumps(
        [{"ID": 1234567890123456789, "Timestamp": "2025-03-04 05:06:07", "Contents": "Hey", "Attachments": ""}]
    ),
    "messages/index.json": json.dumps({"900000000000000001": "maps in Games", "900000000000000002": None}),
    "servers/index.json": json.dumps({"1": "Games"}),
    "activity/analytics/events.json": "\n".join(json.dumps({"event_type": "x", "event_id": str(n)}) for n in range(9)),
}


def test_messages_of_both_layouts_are_read() -> None:
    """They belong to their channels. Rows without a date are counted."""
    left_out = LeftOut()
    first, second = read_files(DISCORD, FILES, left_out)[ObjectType.MESSAGE]
    assert (first["text"], first["conversationname"], first["sendername"]) == ('Hi,\n"you"', "Games / maps", "Mira")
    assert [one["name"] for one in first["attachments"]] == ["a.png", "b.png"]
    assert (second["id"], second["conversationid"]) == ("1234567890123456789", "900000000000000002")
    assert left_out.count == 1
    identity = owner_of(DISCORD, FILES)
    assert (identity.provider_account_id, identity.display_name) == ("800000000000000001", "Mira")


def test_a_newer_package_repeats_nothing() -> None:
    """Ids are those of Discord, in both layouts."""
    name = "messages/c900000000000000001/messages.json"
    newer: dict[str, Any] = {name: json.dumps([{"ID": 1, "Timestamp": "2023-03-04 05:06:07.123", "Contents": "Hi"}])}
    one = {thing["entityid"].rsplit("_", 1)[-1] for thing in read_files(DISCORD, FILES)[ObjectType.MESSAGE]}
    two = {thing["entityid"].rsplit("_", 1)[-1] for thing in read_files(DISCORD, newer)[ObjectType.MESSAGE]}
    assert two < one
