"""The mapping of Mastodon's API (version 1) to objects of schema digime, with the same ids as those of archives."""

from typing import Any

from privateshare.sources.html_text import text_of_html
from privateshare.sources.object_building import (
    JsonObject,
    SourceAccount,
    dict_of,
    exact_moment,
    list_of,
    stable_id,
    text_of,
)

POST = 2
FOLLOWER, FOLLOWING = "follower", "following"
DIRECT = "direct"  # The visibility of posts that only the people see to whom they are addressed.


def account_id(address: str) -> str:
    """Return the id of an account by its address: servers compare names without regard to case."""
    return address.lower()


def person_id(relation: str, address: str) -> str:
    """Return the id of somebody who follows the person, or whom they follow."""
    return f"{relation}_{address.lower()}"


def like_id(address: str) -> str:
    """Return the id of a like, by the address that ActivityPub has for the post."""
    return f"like_{stable_id(address)}"


def address_of_member(name: str, account: SourceAccount) -> str:
    """Return the address of a member, such as ann@example.social. Servers leave out their own name."""
    _, _, server = account.entity_id.rpartition("@")
    return name if "@" in name or server == account.entity_id else f"{name}@{server}"


def post(status: JsonObject, account: SourceAccount) -> JsonObject | None:
    """Map a status. One that the person shared has the text of the original. Raises ValueError without id or date.

    Returns:
        The post; None for a status that only some people see. That is a message, so apps that ask for posts do not get
        it.
    """
    if status.get("visibility") == DIRECT:
        return None
    shared = status.get("reblog")
    shown = shared if isinstance(shared, dict) else status
    card = dict_of(shown.get("card"))
    media = [dict_of(one) for one in list_of(shown.get("media_attachments"))]
    links = [text_of(one.get("url")) for one in (card, *media)]
    return account.thing(
        uri_of(status),
        required_moment(status.get("created_at")),
        text=plain(shown.get("content")),
        title=text_of(shown.get("spoiler_text")),
        posturl=text_of(shown.get("url")) or text_of(shown.get("uri")),
        links=[{"link": link} for link in links if link],
        referenceentityid=uri_of(shown) if shown is not status else _answered(status),
        visibility=text_of(status.get("visibility")),
        likecount=count(status.get("favourites_count")),
        sharecount=count(status.get("reblogs_count")),
        source=text_of(dict_of(status.get("application")).get("name")),
        isshared=True if shown is not status else None,
    )


def like(status: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a status that the person likes. The API does not say since when, so the date is that of the status."""
    author = dict_of(status.get("account"))
    liked = uri_of(status)
    return account.thing(
        like_id(liked),
        required_moment(status.get("created_at")),
        reaction="like",
        text=plain(status.get("content")),
        link=text_of(status.get("url")) or text_of(status.get("uri")),
        personusername=text_of(author.get("acct")),
        personfullname=text_of(author.get("display_name")),
        referenceentityid=liked,
        referenceentitytype=POST,
    )


def person(other: JsonObject, account: SourceAccount, relation: str) -> JsonObject:
    """Map somebody who follows the person, or whom they follow. The API does not say since when."""
    address = address_of_member(required_name(other), account)
    return account.thing(
        person_id(relation, address),
        None,
        relation=relation,
        username=address,
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
        username=address_of_member(required_name(about), account),
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


def uri_of(status: JsonObject) -> str:
    """Return the address that ActivityPub has for a status, which archives have too. Raises ValueError without it."""
    found = text_of(status.get("uri"))
    if not found:
        raise ValueError("it has no address")
    return found


def required_name(member: JsonObject) -> str:
    """Return the name of a member, with the server if it is another one. Raises ValueError if there is none."""
    found = text_of(member.get("acct")) or text_of(member.get("username"))
    if not found:
        raise ValueError("it has no name")
    return found


def _answered(status: JsonObject) -> str:
    """Return the post that a status answers: its address if the person wrote it too, and otherwise the server's id."""
    answered, own_id, uri = text_of(status.get("in_reply_to_id")), id_of(status), uri_of(status)
    is_own = status.get("in_reply_to_account_id") == dict_of(status.get("account")).get("id")
    return uri.removesuffix(own_id) + answered if answered and is_own and uri.endswith(f"/{own_id}") else answered


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
    return text_of_html(text_of(value))
