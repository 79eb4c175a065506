"""Both ways to an account of Bluesky: its repository, and an app password, whichever comes first."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.apis.bluesky import DID, SESSION, Records, bluesky, create_session, record
from tests.export_reading import Objects, owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.bluesky.sample import car_of
from privateshare.sources.bluesky.source import EXPORT, LiveBluesky
from privateshare.sources.contract import Connection, Page, SourceFailure
from privateshare.sources.routes import UploadOrAnswers
from privateshare.sources.typed_servers import TypedServers
from privateshare.testing.api_server import ApiServer, running

SHARED = {"uri": "at://did:plc:bo/app.bsky.feed.post/3z", "cid": "x"}
LISTED = "/xrpc/com.atproto.repo.listRecords"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(bluesky()) as server:
        yield server


def source_at(server: ApiServer, directory: str = "") -> UploadOrAnswers:
    """Return the source, for which the server is the directory too."""
    return UploadOrAnswers(EXPORT, LiveBluesky(TypedServers(private=True), directory or server.address))


def answers(server: ApiServer) -> dict[str, str]:
    """Return what the person types."""
    return {"server": server.address, "username": "@ann", "password": "app-password"}


def records_of(server: ApiServer) -> Records:
    """Return the records that the server lists."""
    paging: Any = server.api.lists[LISTED].paging
    records = paging.__self__
    assert isinstance(records, Records)
    return records


def test_both_ways_give_the_same_account_and_ids(server: ApiServer) -> None:
    """So neither a repository after an app password nor the other way round creates duplicates."""
    source, records = source_at(server), records_of(server)
    records.reposts.append(record("repost", 5, subject=SHARED))
    token = source.prepare(answers(server), "")
    owner = source.identify(Connection(token=token)).provider_account_id
    live: Objects = {}
    wanted = dict.fromkeys(source.info.object_types)
    for page in source.fetch(Connection(token=token, provider_account_id=owner), wanted):
        assert isinstance(page, Page)
        live.setdefault(page.object_type, []).extend(page.objects)
    values = [entry["value"] for entry in (*records.posts, *records.reposts, *records.likes)]
    follows = [
        {"$type": "app.bsky.graph.follow", "subject": f"did:plc:{number}", "createdAt": "2025-01-01T00:00:00Z"}
        for number in range(2)
    ]
    profile = {"$type": "app.bsky.actor.profile", "displayName": "Ann"}
    file = {"repo.car": car_of([{"did": DID, "version": 3, "rev": "3k"}, *values, *follows, profile])}
    assert owner == owner_of(source, dict(file)).provider_account_id == DID
    found = read_files(source, dict(file))
    for kind in (ObjectType.POST, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER, ObjectType.PROFILE):
        assert ids(found[kind]) == ids(live[kind]), kind
    assert (len(ids(live[ObjectType.POST])), len(ids(live[ObjectType.LIKE]))) == (231, 30)


def ids(things: list[dict[str, Any]]) -> set[str]:
    """Return the ids of objects, without those of followers, whom repositories do not have."""
    return {thing["entityid"] for thing in things if thing.get("relation") != "follower"}


def test_a_server_cannot_name_an_account_of_another(server: ApiServer) -> None:
    """The account's own server is asked, and it does not accept the attacker's password."""

    def refused(_server: ApiServer, _call: Any) -> Any:
        return 401, {}, {"error": "AuthenticationRequired"}

    with running(bluesky()) as attacker:
        server.api.opened["/xrpc/com.atproto.server.createSession"] = refused
        with pytest.raises(SourceFailure):
            source_at(server).prepare(answers(attacker), "")
        server.api.opened["/xrpc/com.atproto.server.createSession"] = create_session
        # With the right password there, the account's own server is what is read from.
        assert source_at(server).prepare(answers(attacker), "")["server"] == server.address


@pytest.mark.parametrize(
    "did", ["", "ann", "did:key:z6Mk", "did:web:a/b", "did:plc:../x", "did:web:", 7, None, "did:plc:bo"]
)
def test_an_id_that_names_no_server_is_refused(server: ApiServer, did: Any) -> None:
    """Nothing is stored."""
    server.api.answers[SESSION] = {"did": did, "handle": "ann.example"}
    with pytest.raises(SourceFailure):
        source_at(server).prepare(answers(server), "")


def test_a_server_that_names_another_account_later_is_refused(server: ApiServer) -> None:
    """What was looked up is what counts."""
    source = source_at(server)
    token = source.prepare(answers(server), "")
    server.api.answers[SESSION] = {"did": "did:plc:bo", "handle": "bo.example"}
    with pytest.raises(SourceFailure):
        source.identify(Connection(token=token))
