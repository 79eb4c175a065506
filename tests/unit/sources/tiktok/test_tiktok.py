"""TikTok's export: the newer and the older JSON, and texts."""

import io
import json
from typing import Any

import pytest
from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.recognition import recognise
from privateshare.sources.tiktok.source import SOURCES

SOCIAL, WATCHED = SOURCES
LINK = "https://www.tiktokv.com/share/video/7123456789012345678/"
DATE = "2024-03-04 05:06:07"
NEW: dict[str, Any] = {
    "Profile And Settings": {
        "Profile Info": {"ProfileMap": {"userName": "mira.k", "bioDescription": "Hi", "PlatformInfo": []}}
    },
    "Your Activity": {
        "Watch History": {"VideoList": [{"Date": DATE, "Link": LINK}, {"Date": "N/A", "Link": LINK}]},
        "Like List": {"ItemFavoriteList": [{"date": DATE, "link": LINK}]},
        "Favorite Videos": {"FavoriteVideoList": [{"Date": DATE, "Link": LINK}]},
        "Searches": {"SearchList": [{"Date": DATE, "SearchTerm": "bread"}]},
        "Login History": {"LoginHistoryList": [{"Date": DATE, "IP": "192.0.2.1"}]},
        "Follower": {"FansList": [{"Date": DATE, "UserName": "ann"}]},
        "Following": {"Following": [{"Date": DATE, "UserName": "ben"}]},
        "Hashtag": {"HashtagList": None},
    },
    "Comment": {"Comments": {"CommentsList": [{"date": DATE, "comment": "Yes", "photo": "N/A", "url": ""}]}},
    "Direct Message": {
        "Direct Messages": {
            "ChatHistory": {"Chat History with ann:": [{"Date": DATE, "From": "mira.k", "Content": "Hey"}]}
        }
    },
    "Post": {
        "Posts": {
            "VideoList": [
                {
                    "Date": DATE,
                    "Link": "https://v.example/1.mp4?x",
                    "Likes": "7",
                    "Title": "Mine",
                    "WhoCanView": "Public",
                }
            ]
        }
    },
}
OLD: dict[str, Any] = {
    "Activity": {
        "Video Browsing History": {"VideoList": [{"Date": DATE, "Link": LINK}]},
        "Like List": {"ItemFavoriteList": [{"Date": DATE, "Link": LINK}]},
        "Search History": {"SearchList": [{"Date": DATE, "SearchTerm": "bread"}]},
        "Follower List": {"FansList": [{"Date": DATE, "UserName": "ann"}]},
    },
    "Comment": {"Comments": {"CommentsList": [{"Date": DATE, "Comment": "Yes"}]}},
    "Direct Messages": {
        "Chat History": {"ChatHistory": {"Chat History with ann:": [{"Date": DATE, "From": "ann", "Content": "Hey"}]}}
    },
    "Profile": {"Profile Information": {"ProfileMap": {"userName": "mira.k"}}},
    "Video": {"Videos": {"VideoList": [{"Date": DATE, "Link": "https://v.example/1.mp4", "Likes": "7"}]}},
}
TEXTS: dict[str, str | bytes] = {
    "TikTok/Your Activity/Watch History.txt": f"Date: {DATE} UTC\nLink: {LINK}\n\nDate: 2024-03-05 05:06:07 UTC\nLink: {LINK}\n\n",
    "TikTok/Your Activity/Like List.txt": f"Date: {DATE} UTC\nLink: {LINK}\n\n",
    "TikTok/Your Activity/Searches.txt": f"Date: {DATE} UTC\nSearch Term: bread\n\n",
    "TikTok/Comment/Comments.txt": f"Date: {DATE} UTC\nComment: Yes,\nand no: never\n\nDate: {DATE} UTC\nComment: 2\n",
    "TikTok/Your Activity/Follower.txt": f"Date: {DATE} UTC\nUsername: ann\n\n",
    "TikTok/Direct Messages/Direct Messages.txt": f">>> Chat History with ann::\n{DATE} UTC mira.k: Hey\nyou: two\n2024-03-04 06:06:07 UTC ann: Ho\n\n>>> Chat History with ben::\n{DATE} UTC ben: Hi\n",
    "TikTok/Posts/Posts.txt": f"Date: {DATE} UTC\nLink: https://v.example/1.mp4\nLike(s): 7\nTitle: Mine\n\n",
    "TikTok/Profile/Profile Info.txt": "Username: mira.k\nBio: Hi\n",
    "TikTok/Tiktok Live/Go Live Settings.txt": "You have no data in this section\n",
}


@pytest.mark.parametrize("content", [NEW, OLD])
def test_both_layouts_of_the_json_are_read(content: dict[str, Any]) -> None:
    """Logins are passed over."""
    files: dict[str, str | bytes] = {"user_data.json": json.dumps(content)}
    found = read_files(SOCIAL, files)
    (post,), (media,) = found[ObjectType.POST], found[ObjectType.MEDIA]
    assert (post["likecount"], media["type"], media["postentityid"]) == (7, 1, post["entityid"])
    assert {one["referenceentityid"] for one in found[ObjectType.LIKE]} == {"7123456789012345678"}
    assert [one["text"] for one in found[ObjectType.COMMENT]] == ["Yes"]
    (message,) = found[ObjectType.MESSAGE]
    assert (message["conversationname"], message["text"]) == ("ann", "Hey")
    assert "ann" in {one["username"] for one in found[ObjectType.SOCIAL_NETWORK_USER]}
    assert owner_of(SOCIAL, files).provider_account_id == "mira.k"
    watched = read_files(WATCHED, files)
    assert [one["videoid"] for one in watched[ObjectType.WATCH]] == ["7123456789012345678"]
    assert [one["query"] for one in watched[ObjectType.SEARCH]] == ["bread"]
    assert "192.0.2.1" not in repr(found) + repr(watched)


@pytest.mark.parametrize("part", ["Likes and Favorites", "Your Activity", "Comment", "Post", "Profile And Settings"])
def test_a_part_of_an_export_is_recognised(part: str) -> None:
    """People choose which parts they download. Newer exports have likes in a part of their own."""
    content = NEW | {"Likes and Favorites": {"Like List": {"ItemFavoriteList": [{"date": DATE, "link": LINK}]}}}
    file = io.BytesIO(json.dumps({part: content[part]}).encode())
    upload = SOCIAL.info.upload
    assert upload is not None
    assert recognise(file, {SOCIAL.info.id: upload.marks}).files == {SOCIAL.info.id: 1}
    assert read_files(SOCIAL, {"user_data_tiktok.json": file.getvalue()})


def test_texts_are_read() -> None:
    """A text may have several lines, also with colons."""
    found, watched = read_files(SOCIAL, TEXTS), read_files(WATCHED, TEXTS)
    assert [one["text"] for one in found[ObjectType.COMMENT]] == ["Yes,\nand no: never", "2"]
    assert [(one["conversationname"], one["sendername"], one["text"]) for one in found[ObjectType.MESSAGE]] == [
        ("ann", "mira.k", "Hey\nyou: two"),
        ("ann", "ann", "Ho"),
        ("ben", "ben", "Hi"),
    ]
    assert [one["likecount"] for one in found[ObjectType.POST]] == [7]
    assert len(watched[ObjectType.WATCH]) == 2
    assert len(watched[ObjectType.SEARCH]) == 1


def test_json_and_texts_give_the_same_objects() -> None:
    """So that an export in the other format creates no duplicates."""
    one, two = read_files(WATCHED, {"user_data_tiktok.json": json.dumps(NEW)}), read_files(WATCHED, TEXTS)
    assert one[ObjectType.WATCH][0] == two[ObjectType.WATCH][0]
    assert one[ObjectType.SEARCH] == two[ObjectType.SEARCH]


def test_entries_without_a_date_are_counted() -> None:
    """For each of both sources."""
    left_out = LeftOut()
    read_files(WATCHED, {"user_data_tiktok.json": json.dumps(NEW)}, left_out)
    assert (left_out.read, left_out.count) == (2, 1)


@pytest.mark.parametrize(
    "content",
    [{}, {"Your Activity": {}}, {"Your Activity": {"Watch History": {"VideoList": [{"Date": DATE, "Link": LINK}]}}}],
)
def test_an_export_without_what_is_needed_is_refused(content: dict[str, Any]) -> None:
    """Somebody may have downloaded a part of it."""
    with pytest.raises(Broken, match="holds no data of TikTok"):
        read_files(SOCIAL, {"user_data_tiktok.json": json.dumps(content)})


ODD: list[Any] = [
    {"Comment": {"CommentsList": [None, 7, "x", {"Date": {}, "Comment": []}]}},
    {"Post": {"Posts": {"VideoList": [{"Date": DATE, "Likes": "many", "Link": None}]}}},
    {"Direct Messages": {"Chat History": {"ChatHistory": {"Chat History with x:": {"a": {"Date": 3}}}}}},
    {"Profile": {"Profile Information": {"ProfileMap": {"userName": {"a": 1}}}}},
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_entries_do_not_take_the_others_with_them(odd: Any) -> None:
    """They are counted, or read as far as possible."""
    found = read_files(SOCIAL, {"a.json": json.dumps(odd), "b.json": json.dumps(OLD)})
    assert len(found[ObjectType.COMMENT]) == 1
