"""Archives of Mastodon, as zip and as tar, and the table of people who are followed."""

import gzip
import io
import json
import tarfile
from typing import Any

import pytest
from tests.export_reading import owner_of, pack, read_archive, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.mastodon.source import SOURCES

(MASTODON,) = SOURCES
ME = "https://m.example/users/ann"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def note(number: int, **changes: Any) -> dict[str, Any]:
    content = {
        "id": f"{ME}/statuses/{number}",
        "type": "Note",
        "summary": None,
        "inReplyTo": None,
        "published": "2023-03-04T05:06:07Z",
        "url": f"https://m.example/@ann/{number}",
        "attributedTo": ME,
        "to": [PUBLIC],
        "cc": [f"{ME}/followers"],
        "content": "<p>Hello <a href='x'>world</a><br>two</p><p>three &amp; four</p>",
        "attachment": [],
    } | changes
    return {
        "id": f"{ME}/statuses/{number}/activity",
        "type": "Create",
        "actor": ME,
        "published": content["published"],
        "object": content,
    }


PICTURE = {"type": "Document", "mediaType": "image/png", "url": "/media_attachments/files/1/a.png", "name": "A cat"}
BOOST = {
    "id": f"{ME}/statuses/9/activity",
    "type": "Announce",
    "published": "2023-03-05T05:06:07Z",
    "object": "https://o.example/@ben/1",
}
FILES: dict[str, str | bytes] = {
    "outbox.json": json.dumps(
        {
            "@context": PUBLIC,
            "id": "outbox.json",
            "type": "OrderedCollection",
            "totalItems": 6,
            "orderedItems": [
                note(1, attachment=[PICTURE], summary="Food"),
                note(2, to=[f"{ME}/followers"], cc=[]),
                note(3, to=["https://o.example/users/ben"], cc=[], conversation="tag:m.example,2023:c1"),
                note(4, published=None),
                BOOST,
                {"id": "x", "type": "Delete"},
            ],
        }
    ),
    "likes.json": json.dumps(
        {
            "id": "likes.json",
            "type": "OrderedCollection",
            "orderedItems": ["https://o.example/@ben/2", "https://o.example/@ben/3"],
        }
    ),
    "bookmarks.json": json.dumps(
        {"id": "bookmarks.json", "type": "OrderedCollection", "orderedItems": ["https://o.example/@ben/4"]}
    ),
    "actor.json": json.dumps(
        {
            "id": ME,
            "type": "Person",
            "preferredUsername": "ann",
            "name": "Ann",
            "summary": "<p>Bakes</p>",
            "url": "https://m.example/@ann",
            "published": "2017-04-01T00:00:00Z",
            "attachment": [
                {
                    "type": "PropertyValue",
                    "name": "Site",
                    "value": '<a href="https://ann.example">https://ann.example</a>',
                }
            ],
        }
    ),
    "following_accounts.csv": "Account address,Show boosts,Notify on new posts,Languages\nben@o.example,true,false,\n",
    "media_attachments/files/1/a.png": b"\x89PNG",
}


def tar_of(files: dict[str, str | bytes], links: bool = False) -> bytes:
    """A tar archive of these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        if links:
            link = tarfile.TarInfo("outbox.json")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def test_everything_in_an_archive_is_read() -> None:
    """Posts to some people only are messages, and entries without a date are counted."""
    left_out = LeftOut()
    found = read_files(MASTODON, FILES, left_out)
    first, second, boost = found[ObjectType.POST]
    assert (first["text"], first["title"], first["visibility"]) == (
        "Hello world\ntwo\n\nthree & four",
        "Food",
        "public",
    )
    assert (second["visibility"], boost["isshared"], boost["referenceentityid"]) == (
        "private",
        True,
        "https://o.example/@ben/1",
    )
    (picture,) = found[ObjectType.MEDIA]
    assert (picture["description"], picture["type"], picture["postentityid"]) == ("A cat", 0, first["entityid"])
    (message,) = found[ObjectType.MESSAGE]
    assert (message["sendername"], message["recipientnames"]) == ("ann@m.example", ["ben@o.example"])
    assert len(found[ObjectType.LIKE]) == 2
    (profile,) = found[ObjectType.PROFILE]
    assert (profile["username"], profile["bio"], profile["additionalurl"]) == (
        "ann@m.example",
        "Bakes",
        "https://ann.example",
    )
    assert [one["username"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["ben@o.example"]
    assert left_out.count == 1
    assert owner_of(MASTODON, FILES).provider_account_id == "ann@m.example"


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_tar_archives_give_the_same(packed: Any) -> None:
    """Links in them are not followed."""
    data = packed(tar_of(FILES, links=True))
    assert read_archive(MASTODON, data) == read_files(MASTODON, FILES)
    assert read_archive(MASTODON, data) != {}


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_what_is_before_the_end_of_a_cut_tar_is_read(packed: Any) -> None:
    """And the person is told that it was cut off."""
    more: dict[str, str | bytes] = {f"filler-{number}.csv": str(number) * 900_000 for number in range(3)}
    left_out = LeftOut()
    data = packed(tar_of(FILES | more))
    found = read_archive(MASTODON, data[: len(data) * 2 // 3], left_out)
    assert len(found[ObjectType.POST]) == 3
    assert len(left_out.damaged) == 1


def test_a_tar_that_claims_too_much_is_refused() -> None:
    """Its entries are bounded like those of zip archives, and so are their names."""
    small = gzip.compress(tar_of({"outbox.json": "{}", "zeros.json": bytes(200_000_000)}))
    with pytest.raises(Broken, match="far more than an export"):
        MASTODON.identify(Connection(archive=io.BytesIO(small)))
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, 8 * 1024**3
    with pytest.raises(Broken, match="damaged"):
        MASTODON.identify(Connection(archive=io.BytesIO(entry.tobuf() + bytes(1024))))


ODD: list[Any] = [
    {"id": "outbox.json", "orderedItems": [None, 3, {"type": "Create", "object": []}, {"type": "Announce"}]},
    {"id": "likes.json", "orderedItems": [None, {}, 7]},
    {"id": "outbox.json", "orderedItems": [{"type": {}}, {"type": ["Create"], "object": {}}]},
    {"preferredUsername": {"a": 1}, "id": [], "attachment": {}},
    {"id": "outbox.json", "orderedItems": [note(7, to="https://[bad", cc=None, attachment={"a": 1})]},
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_entries_do_not_take_the_others_with_them(odd: Any) -> None:
    """They are counted, or read as far as possible."""
    found = read_archive(MASTODON, pack(FILES | {"odd.json": json.dumps(odd)} | {"actor.json": "{}"}))
    assert len(found[ObjectType.POST]) >= 3
