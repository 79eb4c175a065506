"""The mapping of activities, in which Google's products say what a person did and when."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.dates import read_date
from privateshare.sources.google_activity.titles import TitleFrame
from privateshare.sources.object_building import JsonObject, SourceAccount, list_of, stable_id, text_of

MUSIC = "YouTube Music"
SECOND = 1000
_VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{6,20}")
_TOPIC = re.compile(r"\s-\s[^-]{2,20}$")  # Channels of music end with " - Topic", in the language of the account.


def is_activity(thing: dict[str, Any]) -> bool:
    """Return whether an object is an activity."""
    return "title" in thing and "time" in thing and ("header" in thing or "products" in thing)


def is_of_youtube(thing: dict[str, Any]) -> bool:
    """Return whether an activity is of YouTube, and not of another product of Google."""
    names = [text_of(thing.get("header")), *(text_of(name) for name in list_of(thing.get("products")))]
    return any(name.startswith("YouTube") for name in names) or "youtube.com" in text_of(thing.get("titleUrl"))


def video_id(address: str) -> str:
    """Return the id of the video in an address; empty if there is none."""
    parts = urlsplit(address)
    found = next(iter(parse_qs(parts.query).get("v", [])), "")
    if not found and parts.path.startswith(("/shorts/", "/embed/", "/live/")):
        found = parts.path.split("/")[2]
    if not found and parts.hostname == "youtu.be":
        found = parts.path.strip("/")
    return found if _VIDEO_ID.fullmatch(found) else ""


def searched_text(address: str) -> str:
    """Return what a person searched for, from the address of the results; empty if it is none."""
    parts = urlsplit(address)
    if parts.path not in ("/results", "/search"):
        return ""
    query = parse_qs(parts.query)
    return next(iter(query.get("search_query") or query.get("q") or []), "").strip()


def activity_object(account: SourceAccount, thing: JsonObject, frame: TitleFrame) -> tuple[int, JsonObject] | None:
    """Map an activity.

    Args:
        account: The account.
        thing: The activity.
        frame: The words around the titles of its file.

    Returns:
        The object and its type; None if it is neither a video, nor music, nor a search.

    Raises:
        ValueError: It has no date.
    """
    address = text_of(thing.get("titleUrl"))
    own_video, query = video_id(address), searched_text(address)
    if not (own_video or query):
        return None
    window = read_date(text_of(thing.get("time")))
    if window is None or window.start is None:
        raise ValueError("the activity has no date")
    moment = window.start // SECOND * SECOND  # Pages have no milliseconds.
    if query:
        own_id = f"{moment}_{stable_id(query)}"
        return ObjectType.SEARCH, account.thing(own_id, moment, query=query, link=address, product="YouTube")
    title = frame.title(text_of(thing.get("title")))
    title = "" if title.startswith(("http://", "https://")) else title
    channel = next((one for one in list_of(thing.get("subtitles")) if isinstance(one, dict)), {})
    name, link = text_of(channel.get("name")), text_of(channel.get("url"))
    own_id = f"{moment}_{own_video}"
    if text_of(thing.get("header")) == MUSIC:
        return ObjectType.PLAY_HISTORY, _play(account, own_id, moment, own_video, title, name)
    return ObjectType.WATCH, account.thing(
        own_id,
        moment,
        title=title,
        link=f"https://www.youtube.com/watch?v={own_video}",
        videoid=own_video,
        channelname=name,
        channelurl=link,
        isadvertisement=bool(list_of(thing.get("details"))) or None,
    )


def _play(account: SourceAccount, own_id: str, moment: int, track_id: str, title: str, channel: str) -> JsonObject:
    """Build a play of music, with the track as Spotify's are."""
    artist = _TOPIC.sub("", channel)
    artists = [account.thing(stable_id("artist", artist), None, name=artist)] if artist else []
    link = f"https://music.youtube.com/watch?v={track_id}"
    track = account.thing(track_id, None, name=title, link=link, artists=artists)
    return account.thing(own_id, moment, track=track)
