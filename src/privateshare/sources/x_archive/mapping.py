"""The mapping of the entries of an archive."""

import html
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.object_building import (
    JsonObject,
    Mapped,
    SourceAccount,
    dict_of,
    exact_moment,
    list_of,
    number_of,
    stable_id,
    text_of,
)

POST_DATE = "%a %b %d %H:%M:%S %z %Y"
# The ids of posts begin with the time since 4 November 2010, 01:42:54.657 UTC, in milliseconds.
FIRST_MOMENT_OF_IDS = 1_288_834_974_657
BITS_BELOW_THE_TIME = 22
SMALLEST_ID_WITH_A_TIME = 1 << 36
PICTURE, VIDEO = 0, 1
_TAG = re.compile(r"<[^<>]*>")


def post_objects(account: SourceAccount, thing: JsonObject, notes: dict[int, str]) -> Iterator[Mapped]:
    """Yield a post and its pictures.

    Args:
        account: The account.
        thing: The post.
        notes: The complete texts of long posts by their time. The text that is used is removed.

    Raises:
        ValueError: It has no id or date.
    """
    own_id = text_of(thing.get("id_str")) or text_of(thing.get("id"))
    moment = date_of(thing.get("created_at")) or moment_of_id(own_id)
    if not own_id or moment is None:
        raise ValueError("the post has no id or date")
    text = plain(thing.get("full_text")) or plain(thing.get("text"))
    if moment in notes and notes[moment][:100].startswith(text[:80]):
        text = notes.pop(moment)
    point = list_of(dict_of(thing.get("coordinates")).get("coordinates"))
    longitude, latitude = (number_of(value) for value in point) if len(point) == 2 else (None, None)
    addresses = [dict_of(one) for one in list_of(dict_of(thing.get("entities")).get("urls"))]
    links = [text_of(one.get("expanded_url")) or text_of(one.get("url")) for one in addresses]
    post = account.thing(
        own_id,
        moment,
        text=text,
        posturl=f"https://x.com/i/web/status/{own_id}",
        links=[{"link": link} for link in links if link],
        referenceentityid=text_of(thing.get("in_reply_to_status_id_str")),
        likecount=_count(thing.get("favorite_count")),
        sharecount=_count(thing.get("retweet_count")),
        source=_TAG.sub("", text_of(thing.get("source"))),
        isshared=text.startswith("RT @") or None,
        latitude=latitude,
        longitude=longitude,
    )
    yield ObjectType.POST, post
    media = dict_of(thing.get("extended_entities")).get("media") or dict_of(thing.get("entities")).get("media")
    for one in list_of(media):
        if isinstance(one, dict) and (text_of(one.get("id_str")) or text_of(one.get("media_url_https"))):
            yield ObjectType.MEDIA, _picture(account, one, post)


def _picture(account: SourceAccount, one: JsonObject, post: JsonObject) -> JsonObject:
    address = text_of(one.get("media_url_https")) or text_of(one.get("media_url"))
    kind = PICTURE if text_of(one.get("type")) in ("photo", "") else VIDEO
    variants = [
        dict_of(variant)
        for variant in list_of(dict_of(one.get("video_info")).get("variants"))
        if isinstance(variant, dict)
    ]
    videos = [variant for variant in variants if text_of(variant.get("content_type")) == "video/mp4"]
    best = max(videos, key=lambda variant: number_of(variant.get("bitrate")) or 0, default=None)
    resource = {"url": text_of(best.get("url")), "type": VIDEO, "mimetype": "video/mp4"} if best else None
    return account.thing(
        text_of(one.get("id_str")) or stable_id(address),
        post["createddate"],
        name=address.rsplit("/", 1)[-1],
        type=kind,
        postentityid=post["entityid"],
        resources=[resource or {"url": address, "type": kind}],
    ) | {"type": kind}


def note_text(thing: JsonObject) -> tuple[int, str]:
    """Return the time and the text of a long post.

    Raises:
        ValueError: It has no text or date.
    """
    moment, text = date_of(thing.get("createdAt")), plain(dict_of(thing.get("core")).get("text"))
    if moment is None or not text:
        raise ValueError("the long post has no text or date")
    return moment // 1000 * 1000, text


def like(account: SourceAccount, thing: JsonObject) -> JsonObject:
    """Map a like. The archive does not say when it was given, so its date is that of the post.

    Raises:
        ValueError: It has no id.
    """
    liked = text_of(thing.get("tweetId"))
    if not liked:
        raise ValueError("the like has no post")
    return account.thing(
        f"like_{liked}",
        moment_of_id(liked),
        text=plain(thing.get("fullText")),
        link=text_of(thing.get("expandedUrl")) or f"https://x.com/i/web/status/{liked}",
        referenceentityid=liked,
        referenceentitytype=2,
    )


def person(account: SourceAccount, thing: JsonObject, relation: str) -> JsonObject:
    """Map a follower, or somebody whom the person follows. The archive says neither their names nor since when.

    Raises:
        ValueError: It has no id.
    """
    own_id = text_of(thing.get("accountId"))
    if not own_id:
        raise ValueError("the person has no id")
    link = text_of(thing.get("userLink")) or f"https://x.com/i/user/{own_id}"
    return account.thing(f"{relation}_{own_id}", None, relation=relation, profileurl=link)


def message(account: SourceAccount, thing: JsonObject, conversation: str, names: dict[str, str]) -> JsonObject:
    """Map a direct message. People are known by their ids only, except the person.

    Args:
        account: The account.
        thing: The message.
        conversation: The id of its conversation.
        names: The user names that are known, by id.

    Raises:
        ValueError: It has no date.
    """
    own_id, moment = text_of(thing.get("id")), date_of(thing.get("createdAt"))
    if moment is None:
        raise ValueError("the message has no date")
    sender, recipient = text_of(thing.get("senderId")), text_of(thing.get("recipientId"))
    text = plain(thing.get("text"))
    files = [text_of(address) for address in list_of(thing.get("mediaUrls"))]
    links = [text_of(dict_of(one).get("expanded")) for one in list_of(thing.get("urls"))]
    return account.thing(
        own_id or stable_id("message", moment, sender, text),
        moment,
        conversationid=conversation,
        sendername=names.get(sender, sender),
        recipientnames=[names.get(recipient, recipient)] if recipient else [],
        text=text,
        link=next(iter(links), ""),
        attachments=[{"name": address.rsplit("/", 1)[-1], "uri": address} for address in files if address],
        reactions=[
            {"reaction": text_of(one.get("reactionKey")), "name": text_of(one.get("senderId"))}
            for one in list_of(thing.get("reactions"))
            if isinstance(one, dict)
        ],
    )


def profile(account: SourceAccount, about: JsonObject, details: JsonObject) -> JsonObject:
    """Map the account and the profile, which are in different files."""
    described = dict_of(details.get("description"))
    user_name = text_of(about.get("username")) or text_of(about.get("userName"))
    return account.thing(
        "profile",
        date_of(about.get("createdAt")),
        username=user_name,
        displayname=text_of(about.get("accountDisplayName")) or text_of(about.get("displayName")),
        bio=plain(described.get("bio")),
        additionalurl=text_of(described.get("website")),
        profileurl=f"https://x.com/{user_name}" if user_name else "",
    )


def plain(value: Any) -> str:
    """Return a text without the entities of HTML, which archives use for three characters."""
    return html.unescape(text_of(value))


def date_of(value: Any) -> int | None:
    """Read a date in any notation of archives; None if it is none. Returns milliseconds since the epoch."""
    if not isinstance(value, str):
        return None
    try:
        return int(datetime.strptime(value, POST_DATE).timestamp() * 1000)
    except ValueError:
        return exact_moment(value)


def moment_of_id(own_id: str) -> int | None:
    """Return the time in the id of a post; None for the ids of old posts, which have none."""
    if not own_id.isascii() or not own_id.isdigit() or len(own_id) > 19 or int(own_id) < SMALLEST_ID_WITH_A_TIME:
        return None
    return (int(own_id) >> BITS_BELOW_THE_TIME) + FIRST_MOMENT_OF_IDS


def _count(value: Any) -> int | None:
    number = number_of(value)
    return None if number is None else int(number)
