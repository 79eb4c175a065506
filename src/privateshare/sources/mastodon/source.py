"""The source Mastodon: a sample, the archive that people request at their server, or a sign-in at any server."""

from collections.abc import Mapping, Sequence
from typing import Any

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
    FileMark,
    Identity,
    JsonObject,
    ObjectSchema,
    Question,
    SignIn,
    Source,
    SourceInfo,
)
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.json_api.listing import Listing, NewestFirst
from privateshare.sources.json_api.paging import itself, linked_page, list_at
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.source import JsonApiSource
from privateshare.sources.json_api.values import required_text
from privateshare.sources.mastodon import mapping
from privateshare.sources.mastodon.configuration import Settings
from privateshare.sources.mastodon.reader import MastodonReader
from privateshare.sources.mastodon.registering import SCOPE, register
from privateshare.sources.mastodon.sample import sample_files
from privateshare.sources.object_building import dict_of, text_of
from privateshare.sources.routes import UploadOrSignInAtServer
from privateshare.sources.typed_servers import TypedServers, host_of
from privateshare.sources.web import ServerReach

ID = 9050
# The largest pages that servers provide.
STATUSES, ACCOUNTS = 40, 80
OWN_ID = "account_id"  # What the server calls the account in the addresses of its lists.
ABOUT_ME = ApiRequest("api/v1/accounts/verify_credentials")


def of_account(path: str, size: int) -> Any:
    """Return a function that builds the request for a list of the account."""
    return lambda wanted: ApiRequest(f"api/v1/accounts/{wanted.known[OWN_ID]}/{path}", {"limit": size})


def with_server(member: Any, client: ApiClient) -> Any:
    """Add the server to the name of a member of it, as archives write it.

    The account may have begun with an archive that did not name its owner, and thus not the server.
    """
    name = text_of(dict_of(member).get("acct"))
    return {**member, "acct": f"{name}@{client.host}"} if name and "@" not in name else member


LISTINGS = (
    Listing(
        "profile",
        ObjectType.PROFILE,
        lambda _: ABOUT_ME,
        itself,
        mapping.profile,
        complete=with_server,
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
        complete=with_server,
    ),
    Listing(
        "following",
        ObjectType.SOCIAL_NETWORK_USER,
        of_account("following", ACCOUNTS),
        list_at(),
        lambda other, account: mapping.person(other, account, mapping.FOLLOWING),
        linked_page,
        complete=with_server,
    ),
)


class LiveMastodon(JsonApiSource):
    """The source 9050 for those who sign in."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
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
        """Ask the server whose account it is. It can only name its own accounts, so the address has its host."""
        name = required_text(client.get(ABOUT_ME).content["username"])
        if "@" in name:
            raise ValueError("a name at the server itself has no @")
        address = f"{name}@{host_of(known['server'])}"
        return Identity(mapping.account_id(address), f"@{address}", "USER")

    def details(self, client: ApiClient, known: JsonObject) -> JsonObject:
        """Ask the server for the id that it has for the account."""
        return known | {OWN_ID: mapping.id_of(client.get(ABOUT_ME).content)}


EXPORT = ReadExportSource(
    declare(
        ID,
        ServiceGroup.SOCIAL,
        (
            ObjectType.POST,
            ObjectType.MEDIA,
            ObjectType.LIKE,
            ObjectType.SOCIAL_NETWORK_USER,
            ObjectType.PROFILE,
            ObjectType.MESSAGE,
        ),
        "#563acc",
        ".zip,.tar,.gz,.json,.csv",
        (
            FileMark(r'"(outbox|likes)\.json"|"orderedItems"|"preferredUsername"'),
            FileMark(r"\A\W*Account address\W+Show boosts\b"),
        ),
        (
            "Open your server, then Preferences, and “Import and export”, “Data export”.",
            "Choose “Request your archive”. For those whom you follow, download the CSV file beside “Follows”.",
            "You receive a message when it is ready. Download the file and choose it here.",
        ),
    ),
    "Mastodon",
    MastodonReader,
    sample_files,
    (".jpg", ".jpeg", ".png", ".gif", ".webp", ".mp4", ".webm", ".mov", ".mp3", ".ogg", ".m4a", ".wav", ".avif"),
    reads_once=False,  # Names of members of the own server are completed with the server of the owner.
)


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source with these settings."""
    live = LiveMastodon(TypedServers(private=settings.private_addresses))
    return (UploadOrSignInAtServer(EXPORT, live),)


SOURCES: Sequence[Source] = (UploadOrSignInAtServer(EXPORT, LiveMastodon()),)
