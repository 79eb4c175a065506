"""The source Bluesky: the posts, likes and contacts of an account, by an app password.

The app password is stored in place of tokens: each fetch begins a session with it. Tokens of the AT Protocol without
OAuth can do no less than the app password, and the person can end it in the app at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.bluesky import mapping
from privateshare.sources.bluesky.configuration import Settings
from privateshare.sources.bluesky.sample import sample_items
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    Identity,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    Question,
    RequestLimit,
    Sample,
    SourceInfo,
    TryLater,
)
from privateshare.sources.json_api.listing import Listing, NewestFirst, Wanted
from privateshare.sources.json_api.paging import itself, list_at, token_page
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.source import JsonApiSource
from privateshare.sources.json_api.values import required_text
from privateshare.sources.object_building import text_of
from privateshare.sources.typed_servers import TypedServers, host_of, not_reachable, not_trusted
from privateshare.sources.web import ServerNotAllowed, ServerReach, open_client, read_object, retry_after_seconds

ID = 9053
PAGE_SIZE = 100
MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS = 64 * 1024, 15
BAD_REQUEST, UNAUTHORIZED = 400, 401
NEXT = token_page("cursor", "cursor")


def records(collection: str) -> Any:
    """Return a function that builds the request for the records of a collection, newest first."""
    return lambda wanted: ApiRequest(
        "xrpc/com.atproto.repo.listRecords",
        {"repo": wanted.owner, "collection": f"app.bsky.feed.{collection}", "limit": PAGE_SIZE},
    )


def about(wanted: Wanted, name: str) -> ApiRequest:
    """Build a request about the account."""
    return ApiRequest(f"xrpc/app.bsky.{name}", {"actor": wanted.owner, "limit": PAGE_SIZE})


LISTINGS = (
    Listing(
        "profile",
        ObjectType.PROFILE,
        lambda wanted: ApiRequest("xrpc/app.bsky.actor.getProfile", {"actor": wanted.owner}),
        itself,
        mapping.profile,
    ),
    Listing(
        "posts",
        ObjectType.POST,
        records("post"),
        list_at("records"),
        mapping.post,
        NEXT,
        NewestFirst(mapping.uri_of),
    ),
    Listing(
        "likes",
        ObjectType.LIKE,
        records("like"),
        list_at("records"),
        mapping.like,
        NEXT,
        NewestFirst(mapping.uri_of),
    ),
    Listing(
        "followers",
        ObjectType.SOCIAL_NETWORK_USER,
        lambda wanted: about(wanted, "graph.getFollowers"),
        list_at("followers"),
        lambda other, account: mapping.person(other, account, "follower"),
        NEXT,
    ),
    Listing(
        "follows",
        ObjectType.SOCIAL_NETWORK_USER,
        lambda wanted: about(wanted, "graph.getFollows"),
        list_at("follows"),
        lambda other, account: mapping.person(other, account, "following"),
        NEXT,
    ),
)


class Bluesky(JsonApiSource):
    """The source 9053."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A member", "Posts, likes and contacts of the last two years."),),
        brand=Brand("#1185fe"),
        asks=(
            Question("server", "Your server", "server", "If you do not know it: bsky.social.", "bsky.social"),
            Question("username", "Your handle", example="ann.bsky.social"),
            Question(
                "password",
                "App password",
                "password",
                "Make one in the app: Settings, Privacy and security, App passwords.",
            ),
        ),
        resumes=True,
        limits=(RequestLimit(3000, 300, of_client=False),),
    )
    rules = ApiRules()
    listings = LISTINGS

    def __init__(self, servers: TypedServers | None = None) -> None:
        self._servers = servers or TypedServers()

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored. Raises Broken if the server cannot be reached, or the password is not accepted."""
        del redirect_uri
        username = answers["username"].removeprefix("@")
        known = {"server": self._servers.origin(answers["server"]), "username": username}
        known["password"] = answers["password"]
        self._begin_session(known)
        return known

    def api(self, known: JsonObject) -> str:
        """Return the address of the person's server."""
        return str(known["server"])

    def reach(self) -> ServerReach:
        """Allow only public servers, since a person names them."""
        return self._servers.reach

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask the server whose account it is. Everybody can have a server, and only the host shows which one it was."""
        session = client.get(ApiRequest("xrpc/com.atproto.server.getSession")).content
        did = required_text(session["did"])
        return Identity(f"{did}@{host_of(known['server'])}", f"@{text_of(session.get('handle'))}", "USER")

    def own_id(self, connection: Connection) -> str:
        """Return the id of the account at its server."""
        return connection.provider_account_id.partition("@")[0]

    def sample_items(self, listing: str, now: datetime) -> Sequence[Any]:
        """Make the items of a list for the sample."""
        return sample_items(listing, now)

    def _client(self, connection: Connection) -> ApiClient:
        if connection.token is None:
            raise NeedsLogin("nobody is signed in")
        connection.admit()
        session = self._begin_session(connection.token)
        return super()._client(replace(connection, token={**connection.token, "access_token": session}))

    def _begin_session(self, known: JsonObject) -> str:
        """Begin a session, and return its access token. Raises NeedsLogin, TryLater or Broken."""
        host, content = host_of(known["server"]), {"identifier": known["username"], "password": known["password"]}
        try:
            with open_client({}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS, self.reach()) as http:
                response = http.post(f"{known['server']}/xrpc/com.atproto.server.createSession", json=content)
        except ServerNotAllowed as error:
            raise not_reachable(host) from error
        except httpx2.ConnectError as error:
            if "certificate" in str(error).lower():
                raise not_trusted(host) from error
            raise TryLater("the server does not respond") from error
        except httpx2.TransportError as error:
            raise TryLater("the server does not respond") from error
        if response.status_code in (BAD_REQUEST, UNAUTHORIZED):
            raise NeedsLogin("the server does not accept the app password")
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS or response.is_server_error:
            raise TryLater("the server is not available", retry_after_seconds(response))
        token = (read_object(response) or {}).get("accessJwt") if response.is_success else None
        if not isinstance(token, str):
            raise Broken("%(server)s is not a server of Bluesky. Check its address.", server=host)
        return token


def configured(settings: Settings) -> Sequence[Bluesky]:
    """Return the source with these settings."""
    return (Bluesky(TypedServers(private=settings.private_addresses)),)


SOURCES = (Bluesky(),)
