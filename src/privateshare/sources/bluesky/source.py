"""The source Bluesky: a sample, the repository that people download, or an account by an app password.

The app password is stored in place of tokens: each fetch begins a session with it. Tokens of the AT Protocol without
OAuth can do no less than the app password, and the person can end it in the app at any time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.bluesky import mapping
from privateshare.sources.bluesky.directory import PUBLIC_DIRECTORY, not_of_bluesky, server_of
from privateshare.sources.bluesky.reader import BlueskyReader
from privateshare.sources.bluesky.sample import sample_files
from privateshare.sources.contract import (
    Connection,
    FileMark,
    Identity,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    Question,
    RequestLimit,
    Source,
    SourceInfo,
    TryLater,
)
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.json_api.listing import Listing, NewestFirst, Wanted
from privateshare.sources.json_api.paging import itself, list_at, token_page
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.source import JsonApiSource
from privateshare.sources.object_building import text_of
from privateshare.sources.routes import UploadOrAnswers
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


# Posts and reposts are objects of one type. What was deleted is recognised if both are read completely.
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
        mapping.posted,
        NEXT,
    ),
    Listing(
        "reposts",
        ObjectType.POST,
        records("repost"),
        list_at("records"),
        mapping.shared,
        NEXT,
    ),
    Listing(
        "likes",
        ObjectType.LIKE,
        records("like"),
        list_at("records"),
        mapping.liked,
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


class LiveBluesky(JsonApiSource):
    """The source 9053 for those who have an app password."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE),
        schema=ObjectSchema("digime", "1.0.0"),
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

    def __init__(self, servers: TypedServers | None = None, directory: str = PUBLIC_DIRECTORY) -> None:
        self._servers, self._directory = servers or TypedServers(), directory

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored. Raises Broken if the server cannot be reached, or the password is not accepted.

        The server that the person typed may name any account. So the session that counts is one at the server that
        the account itself names, which is another one for those who type bsky.social.
        """
        del redirect_uri
        typed, known = self._servers.origin(answers["server"]), {"username": answers["username"].removeprefix("@")}
        known["password"] = answers["password"]
        host = host_of(typed)
        did = text_of(self._begin_session(known | {"server": typed}).get("did"))
        server = server_of(did, self._servers, self._directory, host)
        known |= {"server": server, "did": did}
        if server != typed and self._begin_session(known).get("did") != did:
            raise not_of_bluesky(host)
        return known

    def api(self, known: JsonObject) -> str:
        """Return the address of the person's server."""
        return str(known["server"])

    def reach(self) -> ServerReach:
        """Allow only public servers, since a person names them."""
        return self._servers.reach

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask the account's server for its handle, and whether it is still the account that was looked up."""
        session = client.get(ApiRequest("xrpc/com.atproto.server.getSession")).content
        if session["did"] != known["did"]:
            raise ValueError("the server names another account")
        return Identity(known["did"], f"@{text_of(session.get('handle'))}", "USER")

    def _client(self, connection: Connection) -> ApiClient:
        if connection.token is None:
            raise NeedsLogin("nobody is signed in")
        connection.admit()
        session = self._begin_session(connection.token)["accessJwt"]
        return super()._client(replace(connection, token={**connection.token, "access_token": session}))

    def _begin_session(self, known: JsonObject) -> JsonObject:
        """Begin a session, and return it with its access token. Raises NeedsLogin, TryLater or Broken."""
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
        session = (read_object(response) or {}) if response.is_success else {}
        if not isinstance(session.get("accessJwt"), str):
            raise not_of_bluesky(host)
        return session


EXPORT = ReadExportSource(
    declare(
        ID,
        ServiceGroup.SOCIAL,
        (ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE),
        "#1185fe",
        ".car,.zip",
        (FileMark(r"\A.{0,4}(?s:.{0,8})roots(?s:.{0,80})version"),),
        (
            "Open bsky.app in a browser, then Settings, Account, and “Export my data”.",
            "Choose “Download CAR file”, and choose the file here.",
        ),
    ),
    "Bluesky",
    BlueskyReader,
    sample_files,
)


SOURCES: Sequence[Source] = (UploadOrAnswers(EXPORT, LiveBluesky()),)
