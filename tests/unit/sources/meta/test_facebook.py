"""Exports of Facebook in the layouts of all years, in several languages, and damaged."""

import json
from typing import Any

import pytest
from tests.unit.sources.meta.exports import FACEBOOK, block, identified, read, web_page

from privateshare.protocol.catalogue import ObjectType

MAY = 1_620_000_000
PHOTO = {
    "uri": "posts/media/Mobileuploads/28819_1251667781858_n.jpg",
    "creation_timestamp": MAY,
    "description": "Blåbær",
}
POST = {
    "timestamp": MAY,
    "attachments": [{"data": [{"media": PHOTO}]}],
    "data": [{"post": "Så godt 🫐"}, {"update_timestamp": MAY}],
    "title": "Ida Sørensen added a new photo.",
}
PROFILE = {
    "name": {"full_name": "Ida Sørensen", "first_name": "Ida", "last_name": "Sørensen"},
    "registration_timestamp": 1_200_000_000,
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts/your_posts_1.json", [POST]),
        ("your_facebook_activity/posts/your_posts__check_ins__photos_and_videos_1.json", [POST]),
        ("posts/renamed.json", [POST]),
        ("posts/your_posts.json", {"status_updates": [POST]}),
        ("groups/group_posts_and_comments.json", {"group_posts_v2": [POST]}),
    ],
)
def test_posts_of_all_layouts_are_read(name: str, content: Any) -> None:
    """With the picture, and repaired texts."""
    found = read(FACEBOOK, {name: content})
    (post,), (picture,) = found[ObjectType.POST], found[ObjectType.MEDIA]
    assert (post["text"], post["title"]) == ("Så godt 🫐", "Ida Sørensen added a new photo.")
    assert (picture["description"], picture["postentityid"]) == ("Blåbær", post["entityid"])


def test_posts_without_text_keep_links_and_places() -> None:
    """A shared link, a place where the person was, a note."""
    link = {
        "timestamp": MAY,
        "attachments": [{"data": [{"external_context": {"url": "https://example.org/a"}}]}],
        "data": [],
    }
    place = {"name": "Tivoli", "coordinate": {"latitude": 55.67, "longitude": 12.57}}
    visit = {"timestamp": MAY + 1, "attachments": [{"data": [{"place": place}]}], "title": "Ida was at Tivoli."}
    note = {"timestamp": MAY + 2, "attachments": [{"data": [{"note": {"title": "Plan", "text": "Kage"}}]}], "data": []}
    found = read(FACEBOOK, {"posts/your_posts_1.json": [link, visit, note]})[ObjectType.POST]
    assert found[0]["links"] == [{"link": "https://example.org/a"}]
    assert (found[1]["latitude"], found[1]["title"]) == (55.67, "Ida was at Tivoli.")
    assert (found[2]["text"], found[2]["title"]) == ("Kage", "Plan")


def reaction(moment: int, kind: str = "LOVE") -> dict[str, Any]:
    data = [{"reaction": {"reaction": kind, "actor": "Ida Sørensen"}}]
    return {"timestamp": moment, "data": data, "title": "Ida Sørensen likes Bo's photo."}


def labelled_reaction(moment: int) -> dict[str, Any]:
    owner = {
        "title": "Owner",
        "dict": [{"dict": [{"label": "Navn", "value": "Bo Åberg"}, {"label": "x", "value": "1"}]}],
    }
    values = [{"label": "Reaktion", "value": "Love"}, {"label": "URL", "value": "https://www.facebook.com/1"}, owner]
    return {"timestamp": moment, "media": [], "label_values": values, "fbid": "1"}


def test_reactions_in_two_layouts_of_one_export_come_once() -> None:
    """Newer exports repeat reactions in other words. Two reactions of the same second are two."""
    folder = "your_facebook_activity/comments_and_reactions"
    found = read(
        FACEBOOK,
        {
            f"{folder}/likes_and_reactions_1.json": [reaction(MAY), reaction(MAY, "LIKE"), reaction(MAY + 5)],
            f"{folder}/likes_and_reactions.json": [labelled_reaction(MAY), labelled_reaction(MAY + 9)],
        },
    )[ObjectType.LIKE]
    assert len({one["entityid"] for one in found}) == 4
    assert [one["reaction"] for one in found] == ["LOVE", "LIKE", "LOVE", "Love", "Love"]


def test_comments_friends_pages_and_albums_are_read() -> None:
    """In the layouts with and without a version in their names."""
    comment = {"comment": {"timestamp": MAY, "comment": "Tillykke 🎉", "author": "Ida Sørensen"}}
    album = {
        "name": "Sommer",
        "photos": [PHOTO],
        "cover_photo": PHOTO,
        "last_modified_timestamp": MAY,
        "description": "",
    }
    found = read(
        FACEBOOK,
        {
            "comments/comments.json": {"comments": [{"timestamp": MAY, "data": [comment], "title": "…"}]},
            "connections/friends/your_friends.json": {"friends_v2": [{"name": "Bo Åberg", "timestamp": MAY}]},
            "connections/friends/rejected_friend_requests.json": {
                "rejected_requests_v2": [{"name": "X", "timestamp": MAY}]
            },
            "pages/pages_you've_liked.json": {"page_likes_v2": [{"name": "Bageren", "timestamp": MAY}]},
            "posts/album/0.json": album,
        },
    )
    assert found[ObjectType.COMMENT][0]["text"] == "Tillykke 🎉"
    assert [one["displayname"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["Bo Åberg"]
    assert found[ObjectType.LIKE][0]["title"] == "Bageren"
    (photo,) = found[ObjectType.MEDIA]
    assert photo["mediaalbumentityid"] == found[ObjectType.MEDIA_ALBUM][0]["entityid"]


def test_messages_of_encrypted_chats_are_read() -> None:
    """They are a download of their own, in another layout and in proper UTF-8."""
    chat = {
        "participants": ["Ida Sørensen", "Bo Åberg"],
        "threadName": "Bo",
        "messages": [{"senderName": "Bo Åberg", "text": "Hej", "timestamp": MAY * 1000, "type": "text", "media": []}],
    }
    (message,) = read(FACEBOOK, {"Bo_1.json": json.dumps(chat, ensure_ascii=False)})[ObjectType.MESSAGE]
    assert (message["sendername"], message["recipientnames"]) == ("Bo Åberg", ["Ida Sørensen"])


@pytest.mark.parametrize("more", [{}, {"username": "ida", "profile_uri": "https://www.facebook.com/ida"}])
def test_the_account_stays_the_same_in_exports_of_all_years(more: dict[str, Any]) -> None:
    """Newer exports say more of the person."""
    identity = identified(FACEBOOK, {"profile_information.json": {"profile_v2": PROFILE | more}})
    older = identified(FACEBOOK, {"profile_information.json": {"profile": PROFILE}})
    assert identity == older
    assert identity.display_name == "Ida Sørensen"


@pytest.mark.parametrize("new", [True, False])
def test_pages_are_read(new: bool) -> None:
    """In the classes of both eras, with times in the language of the account."""
    date = "3. maj 2021 kl. 14.00" if new else "3. maj 2021 14:00"
    photo = f'<div><div><a href="{PHOTO["uri"]}"><img src="{PHOTO["uri"]}"/></a></div><div>Så godt 🫐</div></div>'
    found = read(
        FACEBOOK,
        {
            "posts/your_posts_1.html": web_page(block("Ida added a new photo.", photo, date, new=new)),
            "comments_and_reactions/comments.html": web_page(
                block("Ida commented.", "<div>Tillykke</div>", date, new=new)
            ),
            "friends/your_friends.html": web_page(block("Bo Åberg", "", date, new=new)),
            "messages/inbox/bo_1/message_1.html": web_page(block("Bo Åberg", "<div>Hej<br>du</div>", date, new=new)),
        },
    )
    (post,), (message,) = found[ObjectType.POST], found[ObjectType.MESSAGE]
    assert (post["text"], post["createddate"]) == ("Så godt 🫐", (MAY + 50_400 - MAY % 86_400) * 1000)
    assert post["entityid"] == read(FACEBOOK, {"your_posts_1.json": [POST]})[ObjectType.POST][0]["entityid"]
    assert (message["sendername"], message["text"]) == ("Bo Åberg", "Hej\ndu")
    assert found[ObjectType.COMMENT][0]["text"] == "Tillykke"
    assert found[ObjectType.SOCIAL_NETWORK_USER][0]["displayname"] == "Bo Åberg"


def test_all_comments_of_an_entry_are_read() -> None:
    """An entry may have several, and some are only a text."""
    several = {
        "timestamp": 1_640_000_000,
        "title": "Ida commented on a post.",
        "data": [
            {"comment": {"timestamp": 1_640_000_001, "comment": "One", "author": "Ida"}},
            {"comment": {"timestamp": 1_640_000_002, "comment": "Two", "author": "Ida"}},
        ],
    }
    brief = {"timestamp": 1_650_000_000, "title": "Ida commented on a post.", "data": [{"comment": "Three"}]}
    found = read(FACEBOOK, {"comments_and_reactions/comments.json": {"comments_v2": [several, brief]}})
    assert [comment["text"] for comment in found[ObjectType.COMMENT]] == ["One", "Two", "Three"]
    assert len({comment["id"] for comment in found[ObjectType.COMMENT]}) == 3
