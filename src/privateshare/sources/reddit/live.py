"""Reddit's API: the posts, comments and votes of the person who signs in, with the same ids as in their export.

The API ends each list after 1000 items. What is older is in the export.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import Identity, JsonObject, ObjectSchema, RequestLimit, SignIn, Source, SourceInfo
from privateshare.sources.json_api.listing import Listing, NewestFirst, Wanted
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import list_at, token_page
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules, requested_pause
from privateshare.sources.json_api.values import required_seconds, required_text
from privateshare.sources.object_building import SourceAccount, dict_of, text_of
from privateshare.sources.reddit.configuration import Settings
from privateshare.sources.reddit.reader import COMMENT, ORIGIN, POST
from privateshare.sources.reddit.source import SOURCES
from privateshare.sources.routes import UploadOrSignIn

ID = 9031
PAGE_SIZE = 100
COMMENT_KIND, POST_KIND = "t1", "t3"
SCOPE = "identity history read"


def pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait. Reddit says in a header of its own when the next window begins."""
    seconds = requested_pause(response)
    reset = response.headers.get("x-ratelimit-reset", "").partition(".")[0]
    return max(1, int(reset)) if seconds is not None and reset.isdigit() else seconds


def post(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a post."""
    data = _data(entry, POST_KIND)
    address, link = ORIGIN + required_text(data.get("permalink")), text_of(data.get("url"))
    return account.thing(
        required_text(data.get("id")),
        required_seconds(data.get("created_utc")),
        title=text_of(data.get("title")),
        text=text_of(data.get("selftext")),
        posturl=address,
        links=[{"link": link}] if link and link != address else [],
        community=text_of(data.get("subreddit")),
    )


def comment(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a comment."""
    data = _data(entry, COMMENT_KIND)
    parent = text_of(data.get("parent_id"))
    is_answer = parent.startswith(f"{COMMENT_KIND}_")
    return account.thing(
        required_text(data.get("id")),
        required_seconds(data.get("created_utc")),
        text=text_of(data.get("body")),
        link=ORIGIN + required_text(data.get("permalink")),
        community=text_of(data.get("subreddit")),
        referenceentityid=parent.removeprefix(f"{COMMENT_KIND}_") if is_answer else "",
        referenceurl=text_of(data.get("link_permalink")),
        referenceentitytype=COMMENT if is_answer else POST,
    )


def vote(entry: JsonObject, account: SourceAccount, direction: str) -> JsonObject:
    """Map something that the person voted for or against. The API does not say when."""
    data = dict_of(entry.get("data"))
    own_id = required_text(data.get("id"))
    return account.thing(
        f"vote_{own_id}",
        None,
        reaction=direction,
        link=ORIGIN + required_text(data.get("permalink")),
        referenceentityid=own_id,
        referenceentitytype=COMMENT if entry.get("kind") == COMMENT_KIND else POST,
    )


def name_of(entry: JsonObject) -> str:
    """Return the full name of an item."""
    return required_text(dict_of(entry.get("data")).get("name"))


def _data(entry: JsonObject, kind: str) -> JsonObject:
    if entry["kind"] != kind:
        raise ValueError("the item is of another kind")
    return dict_of(entry["data"])


def _of_user(path: str) -> Callable[[Wanted], ApiRequest]:
    return lambda wanted: ApiRequest(f"user/{wanted.owner}/{path}", {"limit": PAGE_SIZE, "raw_json": 1})


def _listing(name: str, object_type: int, map_item: Callable[[Any, SourceAccount], JsonObject]) -> Listing:
    return Listing(
        name,
        object_type,
        _of_user(name),
        list_at("data", "children"),
        map_item,
        token_page("after", "data", "after"),
        NewestFirst(name_of, has_end=False),
    )


class LiveReddit(OAuthApiSource):
    """Source 9031 for those who sign in."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.POST, ObjectType.COMMENT, ObjectType.LIKE),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
        limits=(RequestLimit(100, 60),),
    )
    rules = ApiRules(pause=pause)
    listings = (
        _listing("submitted", ObjectType.POST, post),
        _listing("comments", ObjectType.COMMENT, comment),
        _listing("upvoted", ObjectType.LIKE, lambda entry, account: vote(entry, account, "up")),
        _listing("downvoted", ObjectType.LIKE, lambda entry, account: vote(entry, account, "down")),
    )
    sites = {"web": "https://www.reddit.com", "api": "https://oauth.reddit.com"}

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        del known
        found = self.oauth("web/api/v1/authorize", "web/api/v1/access_token", SCOPE, revoke="web/api/v1/revoke_token")
        return replace(found, client_authentication="client_secret_basic", extra={"duration": "permanent"})

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose account it is. Exports name the same."""
        del known
        name = required_text(client.get(ApiRequest("api/v1/me")).content["name"])
        return Identity(name.casefold(), name, "USER")


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's app."""
    return (UploadOrSignIn(SOURCES[0], LiveReddit(settings)),)
