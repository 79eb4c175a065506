"""The contract of sources with a JSON API, each at a local server of its API.

A new source needs only the declaration of its API in `tests/apis`, and an entry in `tests/apis/all_apis.py`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.apis.all_apis import APIS, CALLBACK, Case
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import (
    PAGE_OBJECTS,
    AskingSource,
    Connection,
    Covered,
    JsonObject,
    NeedsLogin,
    Page,
    RevokingSource,
    SignInSource,
    Skipped,
    Source,
    SourceFailure,
    TryLater,
)
from privateshare.testing.api_server import ApiServer, running


def slow(value: Any) -> Any:
    """Return a parameter that is tried by `make test-slow` only."""
    return pytest.param(value, marks=pytest.mark.slow)


@dataclass
class Live:
    """A source at the local server of its API, and somebody who is signed in there."""

    case: Case
    source: Source
    server: ApiServer
    token: JsonObject
    account: str

    def connection(self, **more: Any) -> Connection:
        return Connection(**({"token": self.token, "provider_account_id": self.account} | more))

    def fetched(self, cursors: dict[int, str | None] | None = None) -> list[Page | Skipped]:
        wanted = cursors if cursors is not None else self.everything()
        return list(self.source.fetch(self.connection(), wanted))

    def everything(self) -> dict[int, str | None]:
        return dict.fromkeys(self.source.info.object_types)


@pytest.fixture(params=APIS)
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    case: Case = request.param
    with running(case.api()) as server:
        source = case.source(server.address)
        token = signed_in(source, server)
        account = source.identify(Connection(token=without_refresh(token))).provider_account_id
        yield Live(case, source, server, token, account)


def signed_in(source: Source, server: ApiServer) -> JsonObject:
    """Sign in as the platform and a person do, and return what is stored."""
    known: JsonObject = {}
    if isinstance(source, AskingSource):
        known = source.prepare(answers_of(source, server), CALLBACK)
    if not isinstance(source, SignInSource):
        server.tokens.add(known.get("access_token", ""))
        return known
    sign_in, verifier = source.sign_in(known), new_verifier()
    response = httpx2.get(oauth.authorization_address(sign_in, CALLBACK, "the state", verifier))
    code = parse_qs(urlsplit(response.headers["location"]).query)[sign_in.code_parameter][0]
    return known | oauth.exchange_code(sign_in, CALLBACK, code, verifier)


def answers_of(source: Source, server: ApiServer) -> dict[str, str]:
    values = {
        "server": server.address,
        "username": "ann",
        "password": "app-password",
        "token": "listen-token",
        "handle": "ann.example",
    }
    return {question.name: values[question.name] for question in source.info.asks}


def without_refresh(token: JsonObject) -> JsonObject:
    return {name: value for name, value in token.items() if name != "refresh_token"}


def objects_of(found: list[Page | Skipped]) -> dict[int, dict[str, JsonObject]]:
    """Return all objects by type and id, as the platform merges them."""
    merged: dict[int, dict[str, JsonObject]] = {}
    for page in found:
        assert isinstance(page, Page), page
        merged.setdefault(page.object_type, {}).update({thing["entityid"]: thing for thing in page.objects})
    return merged


def cursors_of(
    live: Live, found: list[Page | Skipped], before: dict[int, str | None] | None = None
) -> dict[int, str | None]:
    cursors = before or live.everything()
    return cursors | {page.object_type: page.cursor for page in found if isinstance(page, Page) and page.cursor}


def test_it_declares_what_is_in_the_catalogue(live: Live) -> None:
    """Its ids are in the catalogue, its types are of its group, and it says how it is connected."""
    info, entries = live.source.info, catalogue()
    assert entries.sources[info.id].service_type == info.service_type
    assert entries.service_types[info.service_type].group == info.service_group
    assert {entries.object_types[kind].group for kind in info.object_types} == {info.service_group}
    assert info.has_own_data
    assert info.resumes


def test_secrets_are_not_shown(live: Live) -> None:
    """No `repr` shows a secret, a token or the owner of the account."""
    source, shown = live.source, repr(live.connection())
    if isinstance(source, SignInSource):
        shown += repr(source.sign_in(live.token))
    shown += repr(source.identify(live.connection()))
    secrets = [live.token.get(name) for name in ("access_token", "refresh_token", "client_secret")]
    assert not any(secret and secret in shown for secret in [*secrets, live.server.api.client_secret])


def test_the_owner_is_named(live: Live) -> None:
    """Signing in reports the account's owner with a readable name, the same each time."""
    identity = live.source.identify(live.connection())
    assert (identity.provider_account_id, identity.type) == (live.account, "USER")
    assert identity.display_name
    assert identity.named
    assert live.source.identify(live.connection()) == identity


def test_everything_comes_in_bounded_pages_as_the_schemas_say(live: Live) -> None:
    """The first fetch yields every item once, in pages of a declared type and of a limited size."""
    found = live.fetched()
    counts: Counter[int] = Counter()
    for page in found:
        assert isinstance(page, Page), page
        assert len(page.objects) <= PAGE_OBJECTS
        check_objects(page.object_type, list(page.objects))
        assert all(
            thing["accountentityid"] == f"{live.source.info.service_type}_{live.account}" for thing in page.objects
        )
        counts[page.object_type] += len(page.objects)
    assert counts == live.case.counts
    assert {kind: len(things) for kind, things in objects_of(found).items()} == live.case.counts
    assert set(counts) <= set(live.source.info.object_types)


def test_fetching_again_brings_no_doubles(live: Live) -> None:
    """The same objects have the same ids and contents, with and without the cursors of the first fetch."""
    first = live.fetched()
    assert objects_of(live.fetched()) == objects_of(first)
    again = objects_of(live.fetched(cursors_of(live, first)))
    for kind, things in again.items():
        assert things.items() <= objects_of(first)[kind].items()


def test_a_later_fetch_brings_what_is_new(live: Live) -> None:
    """A new item comes, and lists that can be read from a position are not read to their end again."""
    first = live.fetched()
    cursors, before = cursors_of(live, first), len(live.server.asked)
    kind = live.case.add(live.server)
    later = live.fetched(cursors)
    new = objects_of(later)[kind].keys() - objects_of(first)[kind].keys()
    assert len(new) == 1
    assert len(live.server.asked) - before <= before


def test_what_was_deleted_at_the_source_is_recognised(live: Live) -> None:
    """The later fetch covers the place where the deleted object was."""
    if live.case.delete is None:
        pytest.skip("the API does not show what was deleted")
    first = live.fetched()
    kind = live.case.delete(live.server)
    stored = objects_of(first)[kind]
    later = [page for page in live.fetched(cursors_of(live, first)) if isinstance(page, Page)]
    there = objects_of(list(later)).get(kind, {})
    covered = [page.covered for page in later if page.object_type == kind and page.covered is not None]
    gone = [id_ for id_, thing in stored.items() if id_ not in there and is_covered(covered, thing)]
    assert len(gone) == 1


def is_covered(covered: list[Covered], thing: JsonObject) -> bool:
    return any(part.includes(thing.get("createddate")) for part in covered)


def test_only_requested_types_are_fetched(live: Live) -> None:
    wanted = live.case.kind
    assert {page.object_type for page in live.fetched({wanted: None})} == {wanted}


def test_an_expired_token_is_refreshed_and_rotates(live: Live) -> None:
    """The source asks for another token, the refreshed one works, and a used refresh token works only once."""
    source = live.source
    if not isinstance(source, SignInSource):
        pytest.skip("the source has no sign-in")
    live.server.expire()
    with pytest.raises(NeedsLogin):
        live.fetched()
    if not live.server.api.expires:
        with pytest.raises(NeedsLogin):
            oauth.refresh(source.sign_in(live.token), live.token)
        return
    fresh = oauth.refresh(source.sign_in(live.token), live.token)
    assert fresh["access_token"] != live.token["access_token"]
    old, live.token = live.token, fresh
    assert objects_of(live.fetched())
    if live.server.api.rotates:
        with pytest.raises(NeedsLogin):
            oauth.refresh(source.sign_in(old), old)


def test_a_withdrawn_grant_requires_signing_in_again(live: Live) -> None:
    source = live.source
    live.server.end_grants()
    with pytest.raises(NeedsLogin):
        live.source.identify(live.connection())
    with pytest.raises(NeedsLogin):
        live.fetched()
    if isinstance(source, SignInSource):
        with pytest.raises(NeedsLogin):
            oauth.refresh(source.sign_in(live.token), live.token)
    with pytest.raises(NeedsLogin):
        list(source.fetch(Connection(provider_account_id=live.account), live.everything()))


def test_the_platform_gives_access_back(live: Live) -> None:
    """Revoking ends the access, if the API has a way to do it."""
    source = live.source
    if not live.case.revokes:
        pytest.skip("the API has no way to revoke tokens")
    if isinstance(source, RevokingSource):
        assert source.revoke(live.token)
    else:
        assert isinstance(source, SignInSource)
        assert oauth.revoke(source.sign_in(live.token), live.token)
    with pytest.raises(NeedsLogin):
        live.fetched()


def test_a_requested_pause_is_passed_on(live: Live) -> None:
    """A rate limit is reported with the time that the API asks for; other workers are to keep to it too."""
    live.server.fail(live.case.path, live.server.api.limited)
    with pytest.raises(TryLater) as told:
        live.fetched()
    assert told.value.limited
    assert 1 <= told.value.retry_after <= 3600
    assert live.fetched()


@pytest.mark.parametrize("status", [slow(502), 503, slow(504)])
def test_an_api_that_is_away_is_tried_later(live: Live, status: int) -> None:
    live.server.fail(live.case.path, (status, {"Retry-After": "23"}, b"<html>"))
    with pytest.raises(TryLater) as told:
        live.fetched()
    assert told.value.retry_after == 23


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b"oops"),
        slow((403, {}, {"error": "forbidden"})),
        slow((404, {}, {})),
        (302, {"Location": "https://evil.example/"}, b""),
        (200, {}, b"<html>not JSON"),
        slow((200, {}, b'{"truncated": [')),
        (200, {}, []),
        slow((200, {}, "text")),
        slow((200, {}, None)),
        slow((200, {}, 7)),
        (200, {}, b"[" * 100_000),
        (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
    ],
)
def test_a_failing_list_does_not_affect_the_others(live: Live, answer: Any) -> None:
    """Whatever one list answers, its type is reported as failed or has no objects, and all others are fetched."""
    live.server.fail(live.case.path, answer)
    found = live.fetched()
    other = Counter({kind: number for kind, number in live.case.counts.items() if kind != live.case.kind})
    counts = Counter({page.object_type: 0 for page in found})
    for page in found:
        counts[page.object_type] += len(page.objects) if isinstance(page, Page) else 0
    assert {kind: counts[kind] for kind in other} == other
    skipped = [one for one in found if isinstance(one, Skipped)]
    assert [one.object_type for one in skipped] in ([live.case.kind], [])
    if not skipped:
        assert answer[2] in ([], {})
    elif isinstance(answer[2], bytes) is False or answer[0] != 200:
        assert not any(isinstance(page, Page) and page.covered for page in found if page.object_type == live.case.kind)


@pytest.mark.parametrize(
    "junk", [None, slow(7), slow("x"), slow([]), {}, slow({"id": None}), {"id": {"a": 1}, "created_at": 5}]
)
def test_an_item_that_cannot_be_read_is_counted(live: Live, junk: Any) -> None:
    """The readable items are there, the other one is counted, and nothing counts as deleted because of it."""
    if live.case.spoil is None:
        pytest.skip("the API has no list of this type")
    live.case.spoil(live.server, junk)
    connection = live.connection()
    found = list(live.source.fetch(connection, live.everything()))
    counts = {kind: len(things) for kind, things in objects_of(found).items()}
    assert counts == live.case.counts
    assert connection.left_out.count == 1
    assert connection.left_out.read == sum(live.case.counts.values())


def test_an_interrupted_fetch_continues(live: Live) -> None:
    """After a failure in the middle, the cursors of the pages so far lead to the rest, without the pages before."""
    if live.case.pages < 2:
        pytest.skip("the list has one page")
    live.server.fail(live.case.path, (503, {}, b""), after=1)
    found, failure = list[Page | Skipped](), None
    try:
        for page in live.source.fetch(live.connection(), {live.case.kind: None}):
            found.append(page)
    except SourceFailure as error:
        failure = error
    assert isinstance(failure, TryLater)
    before = len(live.server.asked)
    found += live.fetched(cursors_of(live, found, {live.case.kind: None}))
    assert len(objects_of(found)[live.case.kind]) == live.case.counts[live.case.kind]
    assert len(live.server.asked) - before <= live.case.requests_to_resume


def test_a_page_at_another_server_is_not_followed(live: Live) -> None:
    """The token is sent to no other server, whatever a response says."""
    if live.case.mislead is None:
        pytest.skip("the pages of the API have no addresses")
    live.server.fail(live.case.path, live.case.mislead("http://127.0.0.1:1/steal"))
    found = live.fetched({live.case.kind: None})
    assert [one.code for one in found if isinstance(one, Skipped)] == ["ForeignLink"]


def test_the_sample_has_every_type(live: Live) -> None:
    """The sample goes through the same mapping, and has objects of the last year for every type."""
    sample = live.source.info.samples[0].id
    found = list(live.source.fetch(Connection(sample=sample, provider_account_id="s"), live.everything()))
    assert {page.object_type for page in found} >= live.case.counts.keys()
    for page in found:
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
