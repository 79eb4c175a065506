"""Repositories of Bluesky."""

import io
from typing import Any

import cbor2
import pytest
from tests.export_reading import owner_of, read_archive, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.bluesky.sample import DID, car_of
from privateshare.sources.bluesky.source import SOURCES
from privateshare.sources.contract import Connection
from privateshare.sources.failures import Broken, LeftOut

(BLUESKY,) = SOURCES
DATE = "2024-03-04T05:06:07.123Z"
SUBJECT = {"uri": "at://did:plc:other/app.bsky.feed.post/3kabc", "cid": "bafy"}
COMMIT = {
    "did": DID,
    "version": 3,
    "rev": "3k",
    "data": cbor2.CBORTag(42, b"\0" + bytes(36)),
    "sig": b"x",
    "prev": None,
}
NODE = {
    "l": None,
    "e": [{"p": 0, "k": b"app.bsky.feed.post/3kabc", "v": cbor2.CBORTag(42, b"\0" + bytes(36)), "t": None}],
}
POST = {
    "$type": "app.bsky.feed.post",
    "text": "Hällo 🌍",
    "createdAt": DATE,
    "langs": ["de"],
    "reply": {"root": SUBJECT, "parent": SUBJECT},
    "embed": {
        "$type": "app.bsky.embed.external",
        "external": {"uri": "https://x.example", "title": "X", "thumb": {"ref": cbor2.CBORTag(42, b"\0")}},
    },
    "facets": [{"features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://y.example"}]}],
}
RECORDS: list[dict[str, Any]] = [
    COMMIT,
    NODE,
    POST,
    {"$type": "app.bsky.feed.repost", "subject": SUBJECT, "createdAt": DATE},
    {"$type": "app.bsky.feed.like", "subject": SUBJECT, "createdAt": DATE},
    {"$type": "app.bsky.graph.follow", "subject": "did:plc:ben", "createdAt": DATE},
    {"$type": "app.bsky.graph.block", "subject": "did:plc:cid", "createdAt": DATE},
    {"$type": "app.bsky.actor.profile", "displayName": "Ann", "description": "Bakes", "createdAt": DATE},
    {"$type": "app.bsky.feed.like", "subject": {}, "createdAt": DATE},
]


def test_the_records_of_a_repository_are_read() -> None:
    """Records that are not as they should be are counted. Blocked people are passed over."""
    left_out = LeftOut()
    found = read_archive(BLUESKY, car_of(RECORDS), left_out)
    post, repost = found[ObjectType.POST]
    assert (post["text"], post["referenceentityid"]) == ("Hällo 🌍", SUBJECT["uri"])
    assert post["links"] == [{"link": "https://x.example", "title": "X"}, {"link": "https://y.example"}]
    assert repost["isshared"] is True
    (like,) = found[ObjectType.LIKE]
    assert like["link"] == "https://bsky.app/profile/did:plc:other/post/3kabc"
    assert [one["username"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["did:plc:ben"]
    (profile,) = found[ObjectType.PROFILE]
    assert (profile["displayname"], profile["profileurl"]) == ("Ann", f"https://bsky.app/profile/{DID}")
    assert left_out.count == 1
    assert owner_of(BLUESKY, {"repo.car": car_of(RECORDS)}).provider_account_id == DID


def test_ids_are_the_same_in_every_export() -> None:
    """Whatever the order of the blocks."""
    one, two = (read_archive(BLUESKY, car_of(records)) for records in (RECORDS, [COMMIT, *reversed(RECORDS)]))
    for object_type in (ObjectType.POST, ObjectType.LIKE):
        assert {thing["entityid"] for thing in one[object_type]} == {thing["entityid"] for thing in two[object_type]}


def test_what_is_before_the_end_of_a_cut_file_is_read() -> None:
    """And the person is told that it was cut off."""
    left_out = LeftOut()
    data = car_of(RECORDS)
    assert len(read_files(BLUESKY, {"repo.car": data[:-40]}, left_out)[ObjectType.POST]) == 2
    assert list(left_out.damaged) == ["repo.car"]


@pytest.mark.parametrize(
    "data",
    [
        car_of([]),
        car_of([COMMIT, NODE]),
        b"\x81" * 5000,
        b"\xff" * 5000,
        b"\x0a" + cbor2.dumps({"version": 1}) + b"x",
        cbor2.dumps({"roots": [], "version": 1}),
        car_of([POST])[:19],
    ],
)
def test_other_files_are_refused(data: bytes) -> None:
    """With what to do."""
    with pytest.raises(Broken):
        BLUESKY.identify(Connection(archive=io.BytesIO(data)))


@pytest.mark.parametrize(
    "content",
    [
        b"\x81" * 500 + b"\x01",
        b"\xfb\x7f\xf8",
        b"\xc2\x5a\xff\xff\xff\xff",
        b"\xd8\x1c\x81\xd8\x1d\x00",
        b"\xa1\x80\x01",
    ],
)
def test_blocks_that_cannot_be_read_are_counted(content: bytes) -> None:
    """They are too deep, cut off, too long, or refer to themselves."""
    left_out = LeftOut()
    broken = b"\x01\x71\x12\x20" + bytes(32) + content
    size = bytes([len(broken)]) if len(broken) < 128 else bytes([len(broken) & 0x7F | 0x80, len(broken) >> 7])
    found = read_archive(BLUESKY, car_of([COMMIT, POST, RECORDS[3]]) + size + broken, left_out)
    assert len(found[ObjectType.POST]) == 2
    assert left_out.count <= 1
