"""The mapping of Mastodon's API (version 1) to objects of schema digime."""

import html
import re
from typing import Any

from privateshare.sources.object_building import JsonObject, SourceAccount, dict_of, exact_moment, list_of, text_of

POST = 2
FOLLOWER, FOLLOWING = "follower", "following"
_BREAK = re.compile(r"<br\s*/?>|</p>\s*<p[^>]*>")
_TAG = re.compile(r"<[^>]*>")


def post(status: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a status. One that the person shared has the text of the original. Raises ValueError without id or date."""
    shared = status.get("reblog")
    shown = shared if isinstance(shared, dict) else status
    card = dict_of(shown.get("card"))
    media = [dict_of(one) for one in list_of(shown.get("media_attachments"))]
    links = [text_of(one.get("url")) for one in (card, *media)]
    return account.thing(
        id_of(status),
        required_moment(status.get("created_at")),
        text=plain(shown.get("content")),
        title=text_of(shown.get("spoiler_text")),
        posturl=text_of(shown.get("url")) or text_of(shown.get("uri")),
        links=[{"link": link} for link in links if link],
        referenceentityid=text_of(status.get("in_reply_to_id")),
        likecount=count(status.get("favourites_count")),
        sharecount=count(status.get("reblogs_count")),
        source=text_of(dict_of(status.get("application")).get("name")),
        isshared=True if shown is not status else None,
    )


def like(status: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a status that the person likes. The API does not say since when, so the date is that of the status."""
    author = dict_of(status.get("account"))
    liked = id_of(status)
    return account.thing(
        f"like_{liked}",
        required_moment(status.get("created_at")),
        text=plain(status.get("content")),
        link=text_of(status.get("url")) or text_of(status.get("uri")),
        personusername=text_of(author.get("acct")),
        personfullname=text_of(author.get("display_name")),
        referenceentityid=liked,
        referenceentitytype=POST,
    )


def person(other: JsonObject, account: SourceAccount, relation: str) -> JsonObject:
    """Map somebody who follows the person, or whom they follow. The API does not say since when."""
    return account.thing(
        f"{relation}_{id_of(other)}",
        None,
        relation=relation,
        username=text_of(other.get("acct")),
        displayname=text_of(other.get("display_name")),
        profileurl=text_of(other.get("url")),
    )


def profile(about: JsonObject, account: SourceAccount) -> JsonObject:
    """Map the person's own account."""
    source = dict_of(about.get("source"))
    fields = [plain(dict_of(one).get("value")) for one in list_of(about.get("fields"))]
    return account.thing(
        "profile",
        moment_of(about.get("created_at")),
        username=text_of(about.get("acct")) or text_of(about.get("username")),
        displayname=text_of(about.get("display_name")),
        bio=plain(about.get("note")),
        profileurl=text_of(about.get("url")),
        additionalurl=next((field for field in fields if field.startswith("http")), ""),
        locale=text_of(source.get("language")),
        postcount=count(about.get("statuses_count")),
        followerscount=count(about.get("followers_count")),
        followingcount=count(about.get("following_count")),
        profileprotected=about.get("locked") if isinstance(about.get("locked"), bool) else None,
    )


def id_of(thing: JsonObject) -> str:
    """Return the id of a thing. Raises ValueError if it has none."""
    found = text_of(thing.get("id"))
    if not found:
        raise ValueError("it has no id")
    return found


def required_moment(value: Any) -> int:
    """Read a date in milliseconds since the epoch. Raises ValueError if there is none."""
    moment = moment_of(value)
    if moment is None:
        raise ValueError("it has no date")
    return moment


def moment_of(value: Any) -> int | None:
    """Read a date in ISO 8601, in milliseconds since the epoch; None if it is none."""
    return exact_moment(value) if isinstance(value, str) else None


def count(value: Any) -> int | None:
    """Return a count; None for anything else. Some servers hide counts as -1."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def plain(value: Any) -> str:
    """Return the text of a piece of HTML."""
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", text_of(value)))).strip()
