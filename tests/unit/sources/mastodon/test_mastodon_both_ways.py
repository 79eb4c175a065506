"""Both ways to an account of Mastodon: its archive, and a sign-in at its server, whichever comes first."""

import json
from typing import Any

import pytest
from tests.apis.mastodon import account, mastodon, status
from tests.export_reading import Objects, owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, JsonObject, Page, SourceFailure
from privateshare.sources.mastodon.source import EXPORT, LiveMastodon
from privateshare.sources.routes import UploadOrSignInAtServer
from privateshare.sources.typed_servers import TypedServers, host_of
from privateshare.testing.api_server import ApiServer, running

MASTODON = UploadOrSignInAtServer(EXPORT, LiveMastodon(TypedServers(private=True)))
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
STATUSES = "/api/v1/accounts/id-ann/statuses"
BOOSTED = "https://other.example/users/bo/statuses/9"


def boost(address: str) -> JsonObject:
    """Return a shared status, as the API writes it."""
    uri = f"{address}/users/ann/statuses/7/activity"
    return status(7, id="7", uri=uri, account=account("ann"), reblog=status(9, uri=BOOSTED))


def archive_of(server: ApiServer, actor: str) -> dict[str, str | bytes]:
    """Return the archive of the account at a server: what the API has too."""
    public = [one for one in server.api.lists[STATUSES].items if one["visibility"] != "direct"]
    created = [
        {
            "type": "Create",
            "actor": actor,
            "object": {"id": one["uri"], "published": one["created_at"], "to": [PUBLIC], "content": "x"},
        }
        for one in public
        if one["reblog"] is None
    ]
    shared = [
        {
            "type": "Announce",
            "actor": actor,
            "id": one["uri"],
            "published": one["created_at"],
            "object": one["reblog"]["uri"],
        }
        for one in public
        if one["reblog"] is not None
    ]
    liked = [one["uri"] for one in server.api.lists["/api/v1/favourites"].items]
    following = [one["acct"] for one in server.api.lists["/api/v1/accounts/id-ann/following"].items]
    rows = [f"{acct if '@' in acct else f'{acct}@{host_of(server.address)}'},true" for acct in following]
    return {
        "actor.json": json.dumps({"id": actor, "preferredUsername": "Ann", "type": "Person"}),
        "outbox.json": json.dumps({"id": "outbox.json", "orderedItems": created + shared}),
        "likes.json": json.dumps({"id": "likes.json", "orderedItems": liked}),
        "following_accounts.csv": "\n".join(["Account address,Show boosts", *rows]),
    }


def signed_in(server: ApiServer) -> tuple[str, Objects]:
    """Return whose account it is after a sign-in, and its objects."""
    server.tokens.add("t")
    token = {"server": server.address, "access_token": "t"}
    owner = MASTODON.identify(Connection(token=token)).provider_account_id
    found: Objects = {}
    connection = Connection(token=token, provider_account_id=owner)
    for page in MASTODON.fetch(connection, dict.fromkeys(MASTODON.info.object_types)):
        assert isinstance(page, Page)
        found.setdefault(page.object_type, []).extend(page.objects)
    return owner, found


def ids(objects: Objects, kind: ObjectType) -> set[Any]:
    """Return the ids of the objects of a type, without those of followers, whom archives do not have."""
    return {thing["entityid"] for thing in objects[kind] if thing.get("relation") != "follower"}


@pytest.mark.parametrize("actor", ["users/Ann", "users/ann", "ap/users/115"])
def test_both_ways_give_the_same_account_and_ids(actor: str) -> None:
    """So neither an archive after a sign-in nor a sign-in after an archive creates duplicates."""
    with running(mastodon()) as server:
        server.api.lists[STATUSES].items.insert(0, boost(server.address))
        server.api.lists["/api/v1/accounts/id-ann/following"].items.append(account("Zoe", acct="Zoe@Other.example"))
        owner, live = signed_in(server)
        files = archive_of(server, f"{server.address}/{actor}")
        assert owner == owner_of(MASTODON, files).provider_account_id == f"ann@{host_of(server.address)}"
        found = read_files(MASTODON, files)
        for kind in (ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE):
            assert ids(found, kind) == ids(live, kind), kind
        assert (len(live[ObjectType.POST]), len(ids(live, ObjectType.SOCIAL_NETWORK_USER))) == (96, 4)


def test_a_boost_refers_to_the_same_post() -> None:
    """Both ways say which post was shared."""
    with running(mastodon()) as server:
        server.api.lists[STATUSES].items = [boost(server.address)]
        _, live = signed_in(server)
        found = read_files(MASTODON, archive_of(server, f"{server.address}/users/ann"))
    for way in (live, found):
        (post,) = way[ObjectType.POST]
        assert (post["referenceentityid"], post["isshared"]) == (BOOSTED, True)


def test_a_status_for_some_people_is_no_post() -> None:
    """The archive has it as a message, so an app that asks for posts gets it by neither way."""
    with running(mastodon()) as server:
        server.api.lists[STATUSES].items = [status(1, visibility="direct"), status(2, visibility="private")]
        _, live = signed_in(server)
    (post,) = live[ObjectType.POST]
    assert post["visibility"] == "private"


def test_an_answer_to_oneself_refers_to_the_post() -> None:
    """The API has only the server's own id for it. For posts of others, that is all there is."""
    own, other = ({"in_reply_to_id": "100001", "in_reply_to_account_id": f"id-{name}"} for name in ("bo", "eve"))
    with running(mastodon()) as server:
        server.api.lists[STATUSES].items = [status(3, **other), status(2, **own), status(1)]
        _, live = signed_in(server)
    third, second, first = live[ObjectType.POST]
    assert (third["referenceentityid"], second["referenceentityid"]) == ("100001", first["id"])


@pytest.mark.parametrize("name", ["ann@victim.example", "", None, []])
def test_a_server_cannot_name_an_account_of_another(name: Any) -> None:
    """A name with an @ would be an address there."""
    with running(mastodon()) as server:
        server.api.answers["/api/v1/accounts/verify_credentials"] = account("ann", username=name)
        server.tokens.add("t")
        with pytest.raises(SourceFailure):
            MASTODON.identify(Connection(token={"server": server.address, "access_token": "t"}))


@pytest.mark.parametrize("actor", ["users/Ann", "@ann"])
def test_posts_alone_are_of_the_account_of_their_author(actor: str) -> None:
    """So posts that came before a sign-in of the same person are not there twice."""
    with running(mastodon()) as server:
        files = archive_of(server, f"{server.address}/{actor}")
        posts = {name: text for name, text in files.items() if name.endswith("outbox.json")}
        assert posts.keys() < files.keys()
        identity, owner = owner_of(MASTODON, posts), signed_in(server)[0]
    assert (identity.provider_account_id, identity.named) == (owner, True)


def test_an_account_that_began_without_a_name_has_the_same_ids() -> None:
    """Its objects do not say at which server it is, so the names of members have to."""
    with running(mastodon()) as server:
        server.tokens.add("t")
        token = {"server": server.address, "access_token": "t"}
        names = []
        for owner in ("someone", f"ann@{host_of(server.address)}"):
            connection = Connection(token=token, provider_account_id=owner)
            pages = MASTODON.fetch(connection, {ObjectType.SOCIAL_NETWORK_USER: None})
            names.append({thing["id"] for page in pages if isinstance(page, Page) for thing in page.objects})
    assert names[0] == names[1] != set()
