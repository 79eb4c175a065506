"""GitHub's API: the account of the person who signs in, with the same ids as in their export."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
    Identity,
    JsonObject,
    ObjectSchema,
    RequestLimit,
    SignIn,
    Source,
    SourceInfo,
)
from privateshare.sources.github import mapping
from privateshare.sources.github.configuration import Settings
from privateshare.sources.github.sample import sample_items
from privateshare.sources.github.source import EXPORT
from privateshare.sources.json_api.listing import Listing, NewestFirst
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import itself, linked_page, list_at
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules, requested_pause
from privateshare.sources.json_api.values import required_text
from privateshare.sources.object_building import dict_of, text_of
from privateshare.sources.routes import UploadOrSignIn
from privateshare.sources.web import open_client

ID = 9051
PAGE_SIZE = 100
WITH_DATES = "application/vnd.github.star+json"
FORBIDDEN, NO_CONTENT = 403, 204
NEWEST_FIRST: Mapping[str, str | int] = {"sort": "created", "direction": "desc", "per_page": PAGE_SIZE}
MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS = 64 * 1024, 10


def pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait. GitHub also refuses with 403, and says when the next hour of requests begins."""
    if response.status_code == FORBIDDEN and (
        "retry-after" in response.headers or response.headers.get("x-ratelimit-remaining") == "0"
    ):
        reset = response.headers.get("x-ratelimit-reset", "")
        if "retry-after" not in response.headers and reset.isdigit():
            return max(1, int(reset) - int(time.time()))
        response = httpx2.Response(httpx2.codes.TOO_MANY_REQUESTS, headers=response.headers)
    return requested_pause(response)


def id_of(entry: JsonObject) -> str:
    """Return the id of an item."""
    return required_text(entry.get("id"))


LISTINGS = (
    Listing("user", ObjectType.PROFILE, lambda _: ApiRequest("user"), itself, mapping.profile),
    # What is missing was not deleted: exports also have issues of private repositories, which are not listed here.
    Listing(
        "issues",
        ObjectType.POST,
        lambda _: ApiRequest("issues", {"filter": "created", "state": "all", **NEWEST_FIRST}),
        list_at(),
        mapping.issue,
        linked_page,
        NewestFirst(id_of, shows_deletions=False),
    ),
    # GitHub has the events of the last 90 days, and at most 300.
    Listing(
        "events",
        ObjectType.COMMENT,
        lambda wanted: ApiRequest(f"users/{wanted.known['login']}/events", {"per_page": PAGE_SIZE}),
        list_at(),
        mapping.comment,
        linked_page,
        NewestFirst(id_of, has_end=False, shows_deletions=False),
    ),
    Listing(
        "starred",
        ObjectType.LIKE,
        lambda _: ApiRequest("user/starred", NEWEST_FIRST, accept=WITH_DATES),
        list_at(),
        mapping.star,
        linked_page,
        NewestFirst(lambda entry: required_text(dict_of(entry.get("repo")).get("id"))),
    ),
    Listing(
        "followers",
        ObjectType.SOCIAL_NETWORK_USER,
        lambda _: ApiRequest("user/followers", {"per_page": PAGE_SIZE}),
        list_at(),
        lambda other, account: mapping.person(other, account, "follower"),
        linked_page,
    ),
    Listing(
        "following",
        ObjectType.SOCIAL_NETWORK_USER,
        lambda _: ApiRequest("user/following", {"per_page": PAGE_SIZE}),
        list_at(),
        lambda other, account: mapping.person(other, account, "following"),
        linked_page,
    ),
)


class LiveGitHub(OAuthApiSource):
    """Source 9051 for those who sign in. The access tokens of OAuth apps do not expire."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.SOCIAL,
        object_types=(
            ObjectType.POST,
            ObjectType.COMMENT,
            ObjectType.LIKE,
            ObjectType.SOCIAL_NETWORK_USER,
            ObjectType.PROFILE,
        ),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
        limits=(RequestLimit(5000, 3600, of_client=False),),
    )
    rules = ApiRules(headers={"x-github-api-version": "2022-11-28"}, pause=pause)
    listings = LISTINGS
    sites = {"web": "https://github.com", "api": "https://api.github.com"}

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        del known
        return self.oauth("web/login/oauth/authorize", "web/login/oauth/access_token", "read:user")

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose account it is. A person may change their name there, but not the number."""
        del known
        user = client.get(ApiRequest("user")).content
        return Identity(required_text(user["id"]), text_of(user.get("login")) or "GitHub", "USER")

    def details(self, client: ApiClient, known: JsonObject) -> JsonObject:
        """Ask for the person's present name, which the address of their events has."""
        return known | {"login": required_text(client.get(ApiRequest("user")).content["login"])}

    def revoke(self, token: JsonObject) -> bool:
        """Take back what the person allowed, with GitHub's own request for that."""
        address = self.site(f"api/applications/{self._client_settings.client_id}/grant")
        proof = (self._client_settings.client_id, self._client_settings.secret or "")
        try:
            with open_client({}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS) as http:
                content = {"access_token": token.get("access_token")}
                return http.request("DELETE", address, json=content, auth=proof).status_code == NO_CONTENT
        except httpx2.TransportError:
            return False

    def sample_items(self, listing: str, now: datetime) -> Sequence[Any]:
        """Make the items of a list for the sample, if exports have none of its type."""
        return sample_items(listing, now)


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's OAuth app."""
    return (UploadOrSignIn(EXPORT, LiveGitHub(settings)),)
