"""Archives of X in the layouts of all years, split, renamed and damaged."""

import io
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Identity, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.object_building import account_of
from privateshare.sources.x_archive.mapping import post_objects
from privateshare.sources.x_archive.source import XArchive

POST = {
    "id_str": "1050118621198921728",
    "created_at": "Wed Oct 10 20:19:24 +0000 2018",
    "full_text": "Grüße &amp; Küsse 🐦",
    "favorite_count": "3",
    "source": '<a href="http://twitter.com">Twitter Web Client</a>',
    "entities": {"urls": [{"url": "https://t.co/x", "expanded_url": "https://example.org/"}]},
    "extended_entities": {
        "media": [{"id_str": "77", "type": "photo", "media_url_https": "https://pbs.twimg.com/media/a.jpg"}]
    },
}
ACCOUNT = {
    "account": {
        "accountId": "12",
        "username": "ada",
        "accountDisplayName": "Ada",
        "createdAt": "2010-01-02T03:04:05.000Z",
    }
}
MOMENT = 1_539_202_764_000


def script(name: str, content: Any, part: int = 0) -> bytes:
    return f"window.YTD.{name}.part{part} = {json.dumps(content)}".encode()


def read(files: Mapping[str, bytes], left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an archive by type, each as its schema says."""
    connection = Connection(
        archive=io.BytesIO(zipped(files)),
        provider_account_id="12",
        left_out=left_out if left_out is not None else LeftOut(),
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in XArchive().fetch(connection, dict.fromkeys(XArchive.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def identified(files: Mapping[str, bytes]) -> Identity:
    return XArchive().identify(Connection(archive=io.BytesIO(zipped(files))))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data/tweets.js", script("tweets", [{"tweet": POST}])),
        ("twitter-2020/data/tweet.js", script("tweet", [{"tweet": POST}])),
        ("tweet.js", script("tweet", [POST])),
        ("data/tweets-part1.js", script("tweets", [{"tweet": POST}], 1)),
        ("data\\tweets (1).js", script("tweets", [{"tweet": POST}])),
        ("posts.json", json.dumps([{"tweet": POST}]).encode()),
        ("data/js/tweets/2018_10.js", b"Grailbird.data.tweets_2018_10 = \n " + json.dumps([POST]).encode()),
        ("data/community-tweet.js", script("community_tweet", [{"tweet": POST}])),
    ],
)
def test_posts_of_all_layouts_are_read(name: str, content: bytes) -> None:
    """With pictures, links and what X counted."""
    found = read({name: content})
    (post,), (picture,) = found[ObjectType.POST], found[ObjectType.MEDIA]
    assert (post["id"], post["createddate"], post["text"]) == ("1050118621198921728", MOMENT, "Grüße & Küsse 🐦")
    assert (post["likecount"], post["source"], post["links"]) == (
        3,
        "Twitter Web Client",
        [{"link": "https://example.org/"}],
    )
    assert picture["postentityid"] == post["entityid"]


def test_the_texts_of_long_posts_are_complete() -> None:
    """They are in a file of their own, which may come before or after."""
    text = "A long text. " * 40
    post = POST | {"full_text": text[:270] + "… https://t.co/x"}
    note = {"noteTweetId": "1", "createdAt": "2018-10-10T20:19:24.000Z", "core": {"text": text}}
    found = read(
        {"note-tweet.js": script("note_tweet", [{"noteTweet": note}]), "tweets.js": script("tweets", [{"tweet": post}])}
    )
    assert [one["text"] for one in found[ObjectType.POST]] == [text.strip()]
    alone = read({"note-tweet.js": script("note_tweet", [{"noteTweet": note}])})
    assert [one["text"] for one in alone[ObjectType.POST]] == [text.strip()]


def test_likes_people_messages_and_the_profile_are_read() -> None:
    """Likes have the date of the post, and people only an address."""
    message = {"senderId": "12", "recipientId": "9", "id": "5", "createdAt": "2020-01-01T00:00:00.000Z", "text": "Hi"}
    conversation = {"conversationId": "9-12", "messages": [{"messageCreate": message}, {"joinConversation": {}}]}
    found = read(
        {
            "data/account.js": script("account", [ACCOUNT]),
            "data/profile.js": script(
                "profile", [{"profile": {"description": {"bio": "Birds &lt;3", "website": "x.org"}}}]
            ),
            "data/like.js": script(
                "like", [{"like": {"tweetId": POST["id_str"], "fullText": "a &gt; b"}}, {"like": {"tweetId": "20"}}]
            ),
            "data/follower.js": script(
                "follower", [{"follower": {"accountId": "7", "userLink": "https://x.com/i/user/7"}}]
            ),
            "data/following.js": script("following", [{"following": {"accountId": "7"}}]),
            "data/direct-messages.js": script("direct_messages", [{"dmConversation": conversation}]),
        }
    )
    first, old = found[ObjectType.LIKE]
    assert (first["createddate"] // 1000, first["text"], "createddate" in old) == (MOMENT // 1000, "a > b", False)
    assert [one["relation"] for one in found[ObjectType.SOCIAL_NETWORK_USER]] == ["follower", "following"]
    (sent,), (profile,) = found[ObjectType.MESSAGE], found[ObjectType.PROFILE]
    assert (sent["sendername"], sent["recipientnames"], sent["conversationid"]) == ("ada", ["9"], "9-12")
    assert (profile["username"], profile["bio"], profile["createddate"]) == ("ada", "Birds <3", 1_262_401_445_000)


def test_deleted_posts_and_programs_are_not_read() -> None:
    """The page of an archive has programs in JavaScript too."""
    left_out = LeftOut()
    deleted = POST | {"id_str": "1", "deleted_at": "2020-01-01"}
    found = read(
        {
            "data/tweets.js": script("tweets", [{"tweet": POST}]),
            "data/deleted-tweets.js": script("deleted_tweets", [{"tweet": deleted}]),
            "data/tweet-headers.js": script(
                "tweet_headers", [{"tweet": {"tweet_id": "1", "user_id": "12", "created_at": "x"}}]
            ),
            "assets/js/runtime.js": b"!function(){}",
            "Your archive.html": b"<!DOCTYPE html><html></html>",
        },
        left_out,
    )
    assert len(found[ObjectType.POST]) == 1
    assert not left_out.is_partial


def test_the_account_is_the_number() -> None:
    """It stays the same when the user name changes. Newer archives say it in two files."""
    manifest = b"window.__THAR_CONFIG = " + json.dumps({"userInfo": {"accountId": "12", "userName": "ada"}}).encode()
    identity = identified({"data/account.js": script("account", [ACCOUNT]), "data/manifest.js": manifest})
    assert (identity.provider_account_id, identity.display_name, identity.named) == ("12", "ada", True)
    assert not identified({"data/tweets.js": script("tweets", [{"tweet": POST}])}).named
    other = {"account": {"accountId": "13", "username": "b"}}
    with pytest.raises(Broken, match="several accounts"):
        identified({"a/account.js": script("account", [ACCOUNT]), "b/account.js": script("account", [other])})


def test_the_list_of_files_in_an_archive_is_no_entry() -> None:
    """It has the names of all kinds."""
    kinds = ("account", "profile", "follower", "following", "like", "tweets", "tweet", "noteTweet")
    listed = {kind: {"files": [{"fileName": f"data/{kind}.js", "globalName": "x", "count": "1"}]} for kind in kinds}
    manifest = b"window.__THAR_CONFIG = " + json.dumps({"userInfo": {"accountId": "12"}, "dataTypes": listed}).encode()
    left_out = LeftOut()
    read({"data/tweets.js": script("tweets", [{"tweet": POST}]), "data/manifest.js": manifest}, left_out)
    assert not left_out.is_partial


def test_unreadable_entries_are_counted() -> None:
    """The others are read."""
    left_out = LeftOut()
    broken = [{"tweet": POST}, {"tweet": {"full_text": "no id"}}, {"tweet": 7}]
    assert len(read({"tweets.js": script("tweets", broken)}, left_out)[ObjectType.POST]) == 1
    assert (left_out.read, left_out.count) == (1, 2)
    with pytest.raises(Broken, match="holds no posts"):
        identified({"data/ads.js": script("ads", [{"ad": {}}])})


def test_a_source_of_many_brackets_takes_no_time() -> None:
    """The app with which a post was written is a link, from which tags are taken."""
    brackets = "<" * 60_000
    thing = {"id_str": "1", "created_at": "Wed Oct 10 20:19:24 +0000 2018", "source": f'{brackets}<a href="x">App</a>'}
    start = time.process_time()
    made = post_objects(account_of(2, "me"), thing, {})
    assert brackets in json.dumps(made if isinstance(made, dict) else list(made))
    assert time.process_time() - start < 1
