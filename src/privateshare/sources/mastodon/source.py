"""The source Mastodon, for any server with its API: the person types its address, and signs in there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
    Brand,
    Connection,
    Identity,
    JsonObject,
    ObjectSchema,
    Question,
    Sample,
    SignIn,
    SourceInfo,
)
from privateshare.sources.json_api.listing import Listing, NewestFirst
from privateshare.sources.json_api.paging import itself, linked_page, list_at
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.source import JsonApiSource
from privateshare.sources.mastodon import mapping
from privateshare.sources.mastodon.configuration import Settings
from privateshare.sources.mastodon.registering import SCOPE, register
from privateshare.sources.mastodon.sample import sample_items
from privateshare.sources.object_building import text_of
from privateshare.sources.typed_servers import TypedServers, host_of
from privateshare.sources.web import ServerReach

ID = 9050
SERVICE_TYPE = 9050
# The largest pages that servers provide.
STATUSES, ACCOUNTS = 40, 80


def of_account(path: str, size: int) -> Any:
    """Return a function that builds the request for a list of the account."""
    return lambda wanted: ApiRequest(f"api/v1/accounts/{wanted.owner}/{path}", {"limit": size})


LISTINGS = (
    Listing(
        "profile",
        ObjectType.PROFILE,
        lambda _: ApiRequest("api/v1/accounts/verify_credentials"),
        itself,
        mapping.profile,
    ),
    Listing(
        "statuses",
        ObjectType.POST,
        of_account("statuses", STATUSES),
        list_at(),
        mapping.post,
        linked_page,
        NewestFirst(mapping.id_of),
    ),
    # Likes are in the order in which they were given, which objects do not show: see NewestFirst.
    Listing(
        "favourites",
        ObjectType.LIKE,
        lambda _: ApiRequest("api/v1/favourites", {"limit": STATUSES}),
        list_at(),
        mapping.like,
        linked_page,
        NewestFirst(mapping.id_of),
    ),
    Listing(
        "followers",
        ObjectType.SOCIAL_NETWORK_USER,
        of_account("followers", ACCOUNTS),
        list_at(),
        lambda other, account: mapping.person(other, account, mapping.FOLLOWER),
        linked_page,
    ),
    Listing(
        "following",
        ObjectType.SOCIAL_NETWORK_USER,
        of_account("following", ACCOUNTS),
        list_at(),
        lambda other, account: mapping.person(other, account, mapping.FOLLOWING),
        linked_page,
    ),
)


class Mastodon(JsonApiSource):
    """The source 9050."""

    info = SourceInfo(
        id=ID,
        service_type=SERVICE_TYPE,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A member", "Posts, likes and contacts of the last two years."),),
        signs_in=True,
        brand=Brand("#5b4be0"),
        asks=(
            Question(
                "server",
                "Your server",
                "server",
                "Its address, or your own address there.",
                "mastodon.social",
            ),
        ),
        resumes=True,
    )
    rules = ApiRules()
    listings = LISTINGS

    def __init__(self, servers: TypedServers | None = None) -> None:
        self._servers = servers or TypedServers()

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Register the platform at the person's server. Raises Broken or TryLater."""
        return register(self._servers, self._servers.origin(answers["server"]), redirect_uri)

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the parameters of the sign-in at the person's server."""
        origin = known["server"]
        return SignIn(
            authorization_endpoint=f"{origin}/oauth/authorize",
            token_endpoint=f"{origin}/oauth/token",
            revocation_endpoint=f"{origin}/oauth/revoke",
            client_id=known["client_id"],
            client_secret=known["client_secret"],
            client_authentication="client_secret_post",
            scope=SCOPE,
            named_by_person=self._servers.reach is ServerReach.PUBLIC,
        )

    def api(self, known: JsonObject) -> str:
        """Return the address of the person's server."""
        return str(known["server"])

    def reach(self) -> ServerReach:
        """Allow only public servers, since a person names them."""
        return self._servers.reach

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask the server whose account it is. The server is a part of the id: each names its accounts itself."""
        about = client.get(ApiRequest("api/v1/accounts/verify_credentials")).content
        host = host_of(known["server"])
        return Identity(f"{mapping.id_of(about)}@{host}", f"@{text_of(about.get('username'))}@{host}", "USER")

    def own_id(self, connection: Connection) -> str:
        """Return the id of the account at its server."""
        return connection.provider_account_id.partition("@")[0]

    def sample_items(self, listing: str, now: datetime) -> Sequence[Any]:
        """Make the items of a list for the sample."""
        return sample_items(listing, now)


def configured(settings: Settings) -> Sequence[Mastodon]:
    """Return the source with these settings."""
    return (Mastodon(TypedServers(private=settings.private_addresses)),)


SOURCES = (Mastodon(),)
