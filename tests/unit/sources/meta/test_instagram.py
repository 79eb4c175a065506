"""Exports of Instagram in the layouts of all years, in several languages, and damaged."""

import io
import json
from typing import Any

import pytest
from tests.unit.sources.meta.exports import (
    FACEBOOK,
    INSTAGRAM,
    block,
    identified,
    packed,
    read,
    string_list,
    string_map,
    web_page,
)

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.recognition import recognise

MARCH = 1_678_000_000
PHOTO = {"uri": "media/posts/202303/334_17900000000000001_n.jpg", "creation_timestamp": MARCH, "title": "Käse 🧀"}
LIKED = "https://www.instagram.com/p/Cabc123/"
PROFILE = {"profile_user": [string_map(Email="m@example.org", Username="mira.k", Name="Mira Köhler", Bio="Brot 🍞")]}


def labels(moment: int, *values: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": moment, "media": [], "label_values": list(values), "fbid": "178"}


OWNER = {
    "dict": [
        {
            "dict": [
                {"label": "URL", "value": "https://www.instagram.com/_u/jo", "href": "https://www.instagram.com/_u/jo"},
                {"label": "이름", "value": "Jö Ångström"},
                {"label": "사용자 이름", "value": "jo.a"},
            ],
            "title": "",
        }
    ],
    "title": "소유자",
}


@pytest.mark.parametrize(
    "folder", ["", "your_instagram_activity/", "instagram-mira-2026-01-01-AbCd/your_instagram_activity/"]
)
def test_posts_of_all_layouts_are_one_post(folder: str) -> None:
    """A post with its picture has the same id in each layout, so that a newer export adds no double."""
    layouts: list[dict[str, Any]] = [
        {f"{folder}media/posts_1.json": [{"media": [PHOTO]}]},
        {f"{folder}content/posts_1.json": [{"media": [PHOTO], "title": "Käse 🧀", "creation_timestamp": MARCH}]},
        {f"{folder}media/posts (1).json": [{"media": [PHOTO], "title": "Käse 🧀", "creation_timestamp": MARCH}]},
        {f"{folder}media/posts.json": [labels(MARCH, {"label": "캡션", "value": "Käse 🧀"}) | {"media": [PHOTO]}]},
        {f"{folder}media/igtv_videos.json": {"ig_igtv_media": [{"media": [PHOTO]}]}},
        {"media.json": {"photos": [{"caption": "Käse 🧀", "taken_at": "2023-03-05T07:06:40", "path": PHOTO["uri"]}]}},
    ]
    posts = []
    for files in layouts:
        found = read(INSTAGRAM, files)
        (post,), (picture,) = found[ObjectType.POST], found[ObjectType.MEDIA]
        assert (post["text"], post["createddate"]) == ("Käse 🧀", MARCH * 1000)
        assert picture["postentityid"] == post["entityid"]
        posts.append((post["entityid"], picture["entityid"]))
    assert len(set(posts)) == 1


def test_a_post_with_several_pictures_is_one_post() -> None:
    """Each of its pictures is an object of its own, with the place where it was taken."""
    place = {"photo_metadata": {"exif_data": [{"latitude": 52.1, "longitude": 5.2}]}}
    second = PHOTO | {"uri": "media/posts/202303/335_17900000000000002_n.mp4", "media_metadata": place, "title": ""}
    found = read(INSTAGRAM, {"posts_1.json": [{"media": [PHOTO, second], "title": "Two", "creation_timestamp": MARCH}]})
    assert [post["text"] for post in found[ObjectType.POST]] == ["Two"]
    assert [(one["type"], one.get("latitude")) for one in found[ObjectType.MEDIA]] == [(0, None), (1, 52.1)]


@pytest.mark.parametrize(
    "content",
    [
        {"likes_media_likes": [string_list("👍", LIKED, MARCH, "jo.a")]},
        [labels(MARCH, {"label": "URL", "value": LIKED, "href": LIKED}, {"label": "캡션", "value": "…"}, OWNER)],
        [labels(MARCH, {"label": "URL", "value": LIKED.replace("/p/", "/reel/") + "?igsh=x"}, OWNER)],
    ],
)
def test_likes_of_all_layouts_are_one_like(content: Any) -> None:
    """It names the post and its author, in a language that is not known here too."""
    (like,) = read(INSTAGRAM, {"your_instagram_activity/likes/liked_posts.json": content})[ObjectType.LIKE]
    expected = read(INSTAGRAM, {"x.json": {"likes_media_likes": [string_list("👍", LIKED, MARCH, "jo.a")]}})
    assert like["entityid"] == expected[ObjectType.LIKE][0]["entityid"]
    assert (like["personusername"], like["referenceentitytype"]) == ("jo.a", ObjectType.POST)


@pytest.mark.parametrize(
    "content",
    [
        [string_map(Comment="Schön 😍", Media_Owner="jo.a", Time=MARCH)],
        [string_map(Opmerking="Schön 😍", Media_eigenaar="jo.a", Tijd=MARCH)],
        {"comments_media_comments": [string_map(Comment="Schön 😍", Media_Owner="jo.a", Time=MARCH)]},
        [labels(MARCH, {"label": "댓글", "value": "Schön 😍"}, {"label": "미디어 소유자", "value": "jo.a"})],
    ],
)
def test_comments_of_all_layouts_are_one_comment(content: Any) -> None:
    """A comment, whose post it is about, and when."""
    (comment,) = read(INSTAGRAM, {"comments/post_comments_1.json": content})[ObjectType.COMMENT]
    assert (comment["text"], comment["referenceusername"]) == ("Schön 😍", "jo.a")
    assert comment["createddate"] == MARCH * 1000


def test_older_comments_do_not_say_whose_post_it_is() -> None:
    """Their title is the user name of the person who wrote them."""
    comments = {"comments_media_comments": [string_list("Schön 😍", "", MARCH, "mira.k")]}
    (comment,) = read(INSTAGRAM, {"comments.json": comments})[ObjectType.COMMENT]
    assert comment["text"] == "Schön 😍"
    assert "referenceusername" not in comment


def test_a_comment_that_is_a_sticker_has_no_text() -> None:
    """The only text is the author of the post, and not the comment."""
    sticker = string_map(Media_Owner="jo.a", Time=MARCH) | {"media_list_data": [{"uri": "a.gif"}]}
    (comment,) = read(INSTAGRAM, {"post_comments_1.json": [sticker]})[ObjectType.COMMENT]
    assert "text" not in comment
    assert comment["referenceusername"] == "jo.a"


def test_people_are_followers_or_followed() -> None:
    """In the two notations of today: the name as a value, or as the title of the entry."""
    found = read(
        INSTAGRAM,
        {
            "connections/followers_and_following/followers_1.json": [
                string_list("jo.a", "https://www.instagram.com/jo.a", MARCH)
            ],
            "connections/followers_and_following/following.json": {
                "relationships_following": [
                    {
                        "title": "emre",
                        "string_list_data": [{"href": "https://www.instagram.com/_u/emre", "timestamp": MARCH}],
                    }
                ]
            },
            "connections/followers_and_following/blocked_profiles.json": {
                "relationships_blocked_users": [string_list("x", "", MARCH)]
            },
        },
    )
    assert [(one["relation"], one["username"]) for one in found[ObjectType.SOCIAL_NETWORK_USER]] == [
        ("follower", "jo.a"),
        ("following", "emre"),
    ]


def test_messages_have_people_texts_and_files() -> None:
    """Texts are repaired, in names too. The folder of a conversation may change without a double."""
    message = {"sender_name": "Mira Köhler", "timestamp_ms": MARCH * 1000, "content": "Grüße 👋"}
    photo = {"sender_name": "Jö", "timestamp_ms": MARCH * 1000 + 1, "photos": [{"uri": "photos/1.jpg"}]}
    reacted = message | {"timestamp_ms": MARCH * 1000 + 2, "reactions": [{"reaction": "❤", "actor": "Jö"}]}
    thread = {"participants": [{"name": "Jö"}, {"name": "Mira Köhler"}], "messages": [message, photo, reacted]}
    one = read(INSTAGRAM, {"messages/inbox/jo_1/message_1.json": thread})[ObjectType.MESSAGE]
    other = read(INSTAGRAM, {"your_instagram_activity/messages/inbox/jo_99/message_1.json": thread})[ObjectType.MESSAGE]
    assert [thing["entityid"] for thing in one] == [thing["entityid"] for thing in other]
    assert (one[0]["text"], one[0]["sendername"], one[0]["recipientnames"]) == ("Grüße 👋", "Mira Köhler", ["Jö"])
    assert one[1]["attachments"] == [{"name": "1.jpg", "uri": "photos/1.jpg", "mimetype": "image/jpeg"}]
    assert one[2]["reactions"] == [{"reaction": "❤", "name": "Jö"}]


def test_the_layout_until_2020_is_read() -> None:
    """Its entries are lists of texts, without names for the parts."""
    found = read(
        INSTAGRAM,
        {
            "likes.json": {"media_likes": [["2019-05-06T10:00:00+00:00", "jo.a"]], "comment_likes": []},
            "comments.json": {"media_comments": [["2019-05-06T10:00:00", "Schön 😍", "jo.a"]]},
            "connections.json": {"followers": {"jo.a": "2019-05-06T10:00:00"}, "following": {}, "blocked_users": {}},
            "messages.json": [
                {
                    "participants": ["mira.k", "jo.a"],
                    "conversation": [{"sender": "jo.a", "created_at": "2019-05-06T10:00:00+00:00", "text": "hi"}],
                }
            ],
            "profile.json": {"username": "Mira.K", "name": "Mira", "date_joined": "2015-01-02T03:04:05"},
        },
    )
    assert {kind: len(things) for kind, things in found.items()} == {
        ObjectType.LIKE: 1,
        ObjectType.COMMENT: 1,
        ObjectType.SOCIAL_NETWORK_USER: 1,
        ObjectType.MESSAGE: 1,
        ObjectType.PROFILE: 1,
    }
    assert found[ObjectType.COMMENT][0]["text"] == "Schön 😍"


@pytest.mark.parametrize("label", ["Username", "Benutzername", "사용자 이름", "Label nobody knows"])
def test_the_account_is_the_user_name(label: str) -> None:
    """In any language."""
    profile = {"profile_user": [string_map(Email="m@example.org", **{label: "mira.k"}, Name="Mira")]}
    identity = identified(INSTAGRAM, {"personal_information.json": profile})
    assert (identity.provider_account_id, identity.display_name, identity.named) == ("mira.k", "mira.k", True)


def test_a_part_of_an_export_may_have_no_name() -> None:
    """It then belongs to the only account that the person has."""
    assert not identified(INSTAGRAM, {"posts_1.json": [{"media": [PHOTO]}]}).named


def test_exports_of_two_accounts_are_refused() -> None:
    """They would be mixed."""
    other = {"profile_user": [string_map(Username="somebody.else")]}
    with pytest.raises(Broken, match="several accounts"):
        identified(INSTAGRAM, {"a/personal_information.json": PROFILE, "b/personal_information.json": other})


def test_an_export_of_the_other_service_is_refused() -> None:
    """With the name of the right one."""
    posts = {"likes_media_likes": [string_list("👍", LIKED, MARCH)]}
    with pytest.raises(Broken, match="choose Instagram"):
        identified(FACEBOOK, {"liked_posts.json": posts})
    with pytest.raises(Broken, match="choose Facebook"):
        identified(INSTAGRAM, {"likes.json": {"reactions_v2": [{"timestamp": MARCH, "data": []}]}})


def test_unreadable_entries_are_counted() -> None:
    """The others are read."""
    left_out = LeftOut()
    good = string_map(Comment="Hi", Time=MARCH)
    found = read(
        INSTAGRAM, {"post_comments_1.json": [good, string_map(Comment="No date"), {"string_map_data": 7}]}, left_out
    )
    assert len(found[ObjectType.COMMENT]) == 1
    assert (left_out.read, left_out.count) == (1, 2)


def test_texts_that_are_not_broken_are_kept() -> None:
    """Some exports have proper UTF-8, and some texts are a mixture."""
    data = json.dumps(
        {"comments_media_comments": [string_map(Comment="Äpfel 🍏 à Ã©", Time=MARCH)]}, ensure_ascii=False
    )
    (comment,) = read(INSTAGRAM, {"post_comments_1.json": data})[ObjectType.COMMENT]
    assert comment["text"] == "Äpfel 🍏 à é"


def comment_rows(*rows: tuple[str, str]) -> str:
    cells = "".join(
        f'<tr><td class="_2pin _a6_q">{label}<div><div>{text}</div></div></td></tr>' for label, text in rows
    )
    return f"<table>{cells}</table>"


@pytest.mark.parametrize(
    ("date", "moment"), [("Mär 05, 2023 7:06 am", MARCH - 40), ("5. März 2023, 07:06", MARCH - 40)]
)
def test_pages_are_read_like_json(date: str, moment: int) -> None:
    """Pages have local times without seconds, so posts and likes are the same as in JSON, and comments may not be."""
    found = read(
        INSTAGRAM,
        {
            "media/posts_1.html": web_page(
                block("Käse 🧀", f'<a href="{PHOTO["uri"]}"><img src="{PHOTO["uri"]}"></a>', date),
            ),
            "likes/liked_posts.html": web_page(
                block("jo.a", f'<div><div><a href="{LIKED}">👍</a></div><div>{date}</div></div>', "")
            ),
            "comments/post_comments_1.html": web_page(
                block("", comment_rows(("Kommentar", "Schön<br>und gut"), ("Besitzer", "jo.a"), ("Zeit", date)), "")
            ),
            "connections/followers_1.html": web_page(
                block("", f'<div><a href="https://www.instagram.com/jo.a">jo.a</a></div><div>{date}</div>', "")
            ),
            "messages/inbox/jo_1/message_1.html": web_page(block("Jö", "<div><div>Grüße</div></div>", date)),
        },
    )
    as_json = read(
        INSTAGRAM,
        {
            "posts_1.json": [{"media": [PHOTO]}],
            "l.json": {"likes_media_likes": [string_list("👍", LIKED, MARCH, "jo.a")]},
        },
    )
    for kind in (ObjectType.POST, ObjectType.LIKE, ObjectType.MEDIA):
        assert [one["entityid"] for one in found[kind]] == [one["entityid"] for one in as_json[kind]]
    (comment,), (message,) = found[ObjectType.COMMENT], found[ObjectType.MESSAGE]
    assert (comment["text"], comment["referenceusername"]) == ("Schön\nund gut", "jo.a")
    assert (message["sendername"], message["text"], message["createddate"]) == ("Jö", "Grüße", moment * 1000)
    assert found[ObjectType.SOCIAL_NETWORK_USER][0]["username"] == "jo.a"


def test_what_is_not_needed_is_named() -> None:
    """Pictures are not: every export has thousands."""
    left_out = LeftOut()
    files = {
        "posts_1.json": [{"media": [PHOTO]}],
        "ads_viewed.json": [labels(MARCH)],
        "media/1.jpg": b"\xff\xd8",
        "start.html": web_page(),
    }
    read(INSTAGRAM, files, left_out)
    assert set(left_out.unused) == {"ads_viewed.json", "start.html"}
    assert not left_out.is_partial


def test_an_empty_export_is_refused() -> None:
    """With what to do."""
    with pytest.raises(Broken, match="holds no posts"):
        identified(INSTAGRAM, packed({"no-data.json": {}, "media/1.jpg": b"\xff"}))


def test_equal_comments_of_one_minute_are_two() -> None:
    """Both have ids that are the same in the next export."""
    twice = web_page(
        *[block("mira.k", "<div>👍</div>", "5 мар 2023 г., 07:06")] * 2,
        block("mira.k", "<div>Да</div>", "1 янв 2023 г., 07:06"),
    )
    first, second = (read(INSTAGRAM, {"comments/post_comments.html": twice})[ObjectType.COMMENT] for _ in range(2))
    assert len({one["entityid"] for one in first}) == 3
    assert first == second


def test_a_message_that_was_sent_to_several_people_is_there_for_each() -> None:
    """All of them have one moment and one text. An equal message of the same conversation in another part is no double."""
    sent = {"sender_name": "Mira", "timestamp_ms": MARCH * 1000, "content": "You sent an attachment."}
    files = {
        f"messages/inbox/{name}_1/message_{part}.json": {
            "participants": [{"name": name}, {"name": "Mira"}],
            "messages": [sent],
        }
        for name, part in (("jo", 1), ("al", 1), ("jo", 2))
    }
    found = {one["id"]: one["recipientnames"] for one in read(INSTAGRAM, files)[ObjectType.MESSAGE]}
    assert sorted(found.values()) == [["al"], ["jo"]]
    again = {one["id"] for one in read(INSTAGRAM, files)[ObjectType.MESSAGE]}
    assert again == found.keys()


@pytest.mark.parametrize(
    ("content", "object_type"),
    [
        ([string_list("jo.a", "https://www.instagram.com/jo.a", MARCH) | {"media_list_data": []}], 15),
        (
            [string_map(Comment="Yes", Media_Owner="jo", Time=MARCH) | {"media_list_data": [{"uri": ""}]}],
            7,
        ),
        ([{"media": [PHOTO]}], 2),
    ],
)
def test_a_single_file_without_its_name_is_known_by_what_it_has(content: Any, object_type: int) -> None:
    """A person may unpack the export, and upload what they want of it."""
    data = json.dumps(content).encode()
    upload = INSTAGRAM.info.upload
    assert upload is not None
    assert recognise(io.BytesIO(data), {420: upload.marks}).files
    assert len(read(INSTAGRAM, data)[object_type]) == 1
