"""Every call with every wrong identity: two contracts, two partners, three people. No refusal tells what exists.

The calls are all routes of the application: one that is not in the tables below fails the test.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update

from privateshare.platform.app import create_app
from privateshare.platform.db.tables import ConsentRow, SessionRow, TokenRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.grants.postboxes import create_postbox
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library.libraries import open_library
from privateshare.platform.runtime import Platform
from tests.flow.consents import consent_by_id
from tests.flow.people import People
from tests.flow.pushing import descriptor
from tests.flow.routes import repeats_newer, routes_of
from tests.flow.served import Served
from tests.flow.sessions import wait_until_over
from tests.flow.storage_calls import cloud
from tests.flow.wire import REDIRECT_URI, Tokens, Wire
from tests.keys import OTHER, rsa_key


@dataclass
class Person:
    """A person's grant to one contract, and what it made that others must not reach."""

    wire: Wire
    tokens: Tokens
    session: str
    account: str
    file: str
    storage: str = "0" * 36
    postbox: str = "x" * 32


Call = Callable[[Wire, str | None, Person], httpx2.Response]
QUERY = "permission-access/query"


def user_call(method: str, path: str, **options: Any) -> Call:
    """Describe a call with an access token; `{…}` in path and headers stands for objects of the other person."""

    def call(wire: Wire, access: str | None, target: Person) -> httpx2.Response:
        values = {"session": target.session, "account": target.account, "file": target.file}
        sent = dict(options)
        if "headers" in sent:
            sent["headers"] = {name: text.format_map(values) for name, text in sent["headers"].items()}
        return wire.call(method, path.format_map(values), access_token=access, **sent)

    return call


USER_CALLS: dict[str, Call] = {
    "v1_7_trigger_session": user_call("POST", "permission-access/trigger", body={}),
    "v1_7_get_session_files": user_call("GET", f"{QUERY}/{{session}}"),
    "v1_7_get_file": user_call("GET", f"{QUERY}/{{session}}/{{file}}"),
    "v1_7_get_file_headers": user_call("HEAD", f"{QUERY}/{{session}}/{{file}}"),
    "v1_7_list_accounts": user_call("GET", "permission-access/accounts"),
    "v1_7_delete_connected_account": user_call(
        "DELETE", "permission-access/service/h:accountId", headers={"accountId": "{account}"}
    ),
    "v1_7_get_revocation_address": user_call(
        "GET",
        "permission-access/revoke/h:accountId",
        headers={"accountId": "{account}", "redirectUri": REDIRECT_URI},
    ),
    "v1_7_delete_person": user_call("DELETE", "user"),
    "v1_7_get_storage": user_call("GET", "storage"),
    "v1_7_get_portability_report": user_call("GET", "export/spotify/report"),
    "v1_7_push_to_library": lambda wire, access, _: wire.post(
        "permission-access/import", access_token=access, content=b"x", headers=descriptor(wire)
    ),
    "v1_7_push_resource": user_call(
        "POST", "permission-access/import/h:accountId/fhir/stu3", body={}, headers={"accountId": "{account}"}
    ),
    "v1_7_issue_reference_code": lambda wire, access, _: wire.post(
        "oauth/token/reference", access_token=access, redirect_uri=REDIRECT_URI
    ),
}
STORAGE_CALLS = {
    "cloud_get_stored_file": "GET",
    "cloud_post_stored_file": "POST",
    "cloud_delete_stored_file": "DELETE",
}


def contract_call(method: str, path: str, body: Any = None, **claims: Any) -> Call:
    """Describe a call that acts for nobody."""
    return lambda wire, _, target: wire.call(method, path.format_map({"postbox": target.postbox}), body=body, **claims)


CONTRACT_CALLS: dict[str, Call] = {
    "v1_7_preauthorize": contract_call("POST", "oauth/authorize"),
    "v1_7_issue_tokens": contract_call("POST", "oauth/token", grant_type="refresh_token", refresh_token="x"),
    "v1_7_create_reference": contract_call("POST", "reference", {"type": "cloudId", "value": "x"}),
    "v1_7_search_records": contract_call("POST", "discovery/countries"),
    "v1_7_search_sources": contract_call("POST", "discovery/sources"),
    "v1_7_post_storage": contract_call("POST", "storage"),
    "v1_7_confirm_deletion_of_data": contract_call(
        "POST", "permission-access/consents/00000000-0000-4000-8000-000000000000/deletion"
    ),
    "v1_7_own_contract": contract_call("GET", "permission-access/contract"),
    "v1_7_list_sample_data_sets": contract_call("GET", "permission-access/sample/datasets/16"),
    "v1_6_push_to_postbox": lambda wire, _, target: replace(wire, version="v1.6").post(
        f"permission-access/postbox/{target.postbox}"
    ),
}
PUBLIC_CALLS = {
    "v1_7_oauth_keys",
    "v1_7_list_services",
    "v1_7_public_contract",
    "v1_7_tracking",
    "v1_7_create_pushing_session",
    "v1_6_create_session",
    "v1_6_get_legacy_session_files",  # The session's key identifies the caller. The last test covers this.
    "v1_6_get_legacy_file",
    "healthz_healthz",
    "readyz_readyz",
    "_well-known_get_log_head",
}
OPERATORS_CALLS = {"GET /metrics", "GET /metrics/processes"}  # test_metrics.py covers this route.
DOCUMENTS = {
    "GET /openapi.json",
    "HEAD /openapi.json",
    "GET /docs",
    "GET /docs/{name}",
    "GET /.well-known/security.txt",
}
CONSENT_PAGES = {  # test_consent_safety.py and test_consent_links.py cover these: each belongs to one browser.
    "GET /apps/saas/{kind}",
    "GET /apps/saas/static/{name}",
    "GET /apps/saas/journey/{tag}/begin",
    "POST /apps/saas/journey/{tag}/begin",
    "GET /apps/saas/journey/{tag}/source",
    "POST /apps/saas/journey/{tag}/source",
    "GET /apps/saas/journey/{tag}/connect/{source_id}",
    "POST /apps/saas/journey/{tag}/connect/{source_id}",
    "GET /apps/saas/journey/{tag}/drop",  # test_drop_zone.py covers these, and those of /me.
    "POST /apps/saas/journey/{tag}/drop",
    "GET /apps/saas/journey/{tag}/drop/{file_id}",
    "PUT /apps/saas/journey/{tag}/drop/{file_id}/{number}",
    "GET /apps/saas/journey/{tag}/found",
    "POST /apps/saas/journey/{tag}/found",
    "GET /me/{browser_id}/connect",  # live/test_typed_servers.py covers these.
    "GET /me/{browser_id}/connect/{source_id}",
    "POST /me/{browser_id}/connect/{source_id}",
    "GET /me/{browser_id}/sign-in/{source_id}",
    "GET /me/{browser_id}/connected/{way}",
    "GET /me/{browser_id}/found",
    "POST /me/{browser_id}/found",
    "GET /me/{browser_id}/add",
    "POST /me/{browser_id}/add",
    "GET /me/{browser_id}/add/{file_id}",
    "PUT /me/{browser_id}/add/{file_id}/{number}",
    "GET /apps/saas/journey/{tag}/sign-in/{source_id}",
    "GET /apps/saas/signed-in",  # test_typed_servers.py covers this.
    "GET /apps/saas/client/{source_id}",  # It is the same for everyone: test_published_client.py.
    "GET /apps/saas/connected",  # test_signing_in.py covers this: a state belongs to one browser.
    "POST /apps/saas/journey/{tag}/remove-upload",
    "GET /apps/saas/journey/{tag}/consent",
    "POST /apps/saas/journey/{tag}/consent",
    "GET /apps/saas/journey/{tag}/preview",
    "GET /apps/saas/journey/{tag}/withdraw",
    "POST /apps/saas/journey/{tag}/withdraw",
    "POST /apps/saas/journey/{tag}/decline",
    "POST /apps/saas/journey/{tag}/failed",
    "GET /apps/saas/journey/{tag}/done",
    "GET /apps/saas/journey/{tag}/person",  # security/test_browsers_and_codes.py covers these four.
    "POST /apps/saas/journey/{tag}/person",
    "GET /apps/saas/journey/{tag}/recovery",
    "POST /apps/saas/journey/{tag}/recovery",
    "GET /",  # This page is the same for everyone.
    "POST /apps/saas/journey/{tag}/passkey-challenge",  # security/test_passkeys.py covers the passkeys.
    "POST /apps/saas/journey/{tag}/passkeys/challenge",
    "POST /apps/saas/journey/{tag}/passkeys",
    "POST /me/passkey-challenge",
    "POST /me/{browser_id}/shared",
    "POST /me/{browser_id}/passkeys/challenge",
    "POST /me/{browser_id}/passkeys",
    "POST /me/{browser_id}/passkeys/remove",
    "POST /me/{browser_id}/not-me",
    "GET /me/{browser_id}/change/{consent_id}",  # security/test_changing_choice.py covers these.
    "POST /me/{browser_id}/change/{consent_id}",
    "GET /me/{browser_id}/sources/{account_id}",  # test_my_sources.py covers the sources.
    "POST /me/{browser_id}/sources/{account_id}/fetch",
    "POST /me/{browser_id}/sources/{account_id}/pause",
    "POST /me/{browser_id}/sources/{account_id}/connect",
    "GET /me/{browser_id}/apps/{consent_id}",  # test_my_data.py covers what happened.
    "POST /me/{browser_id}/sources/{account_id}/remove",  # test_my_erasures.py covers what is deleted.
    "POST /me/{browser_id}/apps/{consent_id}/files",
    "POST /me/{browser_id}/apps/{consent_id}/deletion",
    "GET /me/{browser_id}/take",  # test_my_export.py covers what is taken away.
    "POST /me/{browser_id}/take",
    "GET /me/{browser_id}/take/{export_id}",
    "GET /me/{browser_id}/erase",
    "POST /me/{browser_id}/erase",
    "GET /me/{browser_id}/data",  # test_my_data_pages.py covers the data.
    "GET /me/{browser_id}/data/{object_type}",
    "GET /me/{browser_id}/data/{object_type}/{file_id}/{index}",
    "GET /me/{browser_id}/data/{object_type}/{file_id}/{index}/picture/{number}",
    "GET /me/{browser_id}/merge",  # test_merging.py covers these.
    "POST /me/{browser_id}/merge",
    "GET /me/{browser_id}/bring",  # test_bringing.py covers these.
    "POST /me/{browser_id}/bring",
    "GET /me/{browser_id}/history",  # test_receipts.py covers these.
    "GET /me/{browser_id}/receipts/{receipt_id}",
    "GET /me/{browser_id}/receipts/{receipt_id}/file",
    "GET /me",  # test_my_data.py covers these: each belongs to one browser of a person.
    "GET /me/",
    "POST /me/",
    "GET /me/{browser_id}",
    "POST /me/{browser_id}/stop",
    "POST /me/{browser_id}/forget",
    "GET /me/{browser_id}/recovery",
    "POST /me/{browser_id}/recovery",
}


@pytest.fixture(scope="module")
async def crowd(people: People) -> dict[str, Person]:
    """Provide two partners with a contract each; two people with the first, one with the second."""
    first, second = await people.contract(partner="First"), await people.contract(partner="Second")
    crowd = {}
    for name, wire in (("me", first), ("neighbour", first), ("stranger", second)):
        tokens, session = await people.user(wire)
        listed = wait_until_over(wire, tokens, session)
        account = wire.get("permission-access/accounts", access_token=tokens.access).json()[0]["id"]
        storage = wire.post("storage").json()["id"]
        cloud(wire, "POST", storage, "/mine", content=b"x")
        crowd[name] = Person(wire, tokens, session, account, listed["fileList"][0]["name"], storage)
    return crowd


@pytest.fixture(scope="module")
async def dead(people: People, platform: Platform, crowd: dict[str, Person]) -> dict[str, str | None]:
    """Return access tokens that must not work for the first contract, by reason; None is no token."""
    wire = crowd["me"].wire
    revoked, _ = await people.user(wire)
    expired, _ = await people.user(wire)
    sibling = await people.contract(application_id=wire.application_id)
    foreign, _ = await people.user(sibling, library_id=await people.library_of(crowd["me"].tokens))
    async with platform.database.transaction() as db:
        await revoke_consent(db, await consent_by_id(db, revoked.claims["consentid"]), datetime.now(UTC))
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(expired.access)).values(expires_at=past)
        )
    return {
        "none": None,
        "made up": "x" * 43,
        "revoked": revoked.access,
        "expired": expired.access,
        "refresh token": crowd["me"].tokens.refresh,
        "another partner's": crowd["stranger"].tokens.access,
        "another contract's": foreign.access,
    }


def told(response: httpx2.Response) -> tuple[int, str, str]:
    """Return the content of an error without the request's id."""
    code, message = response.headers["x-error-code"], response.headers["x-error-message"]
    return response.status_code, code, message


def test_every_route_is_in_a_table(served: Served, platform: Platform) -> None:
    """A route that has no test with wrong identities fails here, described or not."""
    document = httpx2.get(f"{served.origin}/openapi.json").json()
    calls = {
        f"{method.upper()} {path}": operation["operationId"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert set(calls.values()) == {*USER_CALLS, *STORAGE_CALLS, *CONTRACT_CALLS, *PUBLIC_CALLS}
    routes = routes_of(create_app(platform))
    others = {route.call for route in routes if route.call not in calls and not repeats_newer(route, routes)}
    heads = {call for call in others if call.replace("HEAD", "GET", 1) in CONSENT_PAGES - {call}}  # of pages
    assert others - heads == OPERATORS_CALLS | DOCUMENTS | CONSENT_PAGES


OTHER_KEY = rsa_key(OTHER)


@pytest.mark.protocol("2.1", "13")
@pytest.mark.parametrize("name", [*USER_CALLS, *CONTRACT_CALLS])
async def test_every_call_checks_its_signature(name: str, crowd: dict[str, Person]) -> None:
    """A missing JWT and one of another key, contract or client are rejected, whether the object exists or not."""
    me, stranger = crowd["me"], crowd["stranger"]
    call = (USER_CALLS | CONTRACT_CALLS)[name]
    mine, access = me.wire, me.tokens.access
    wrong = {
        "another key": (replace(mine, key=OTHER_KEY), 400, "InvalidJWT"),
        "an unknown contract": (replace(mine, contract_id="x" * 32), 403, "InvalidClient"),
        "an unknown application": (replace(mine, application_id="x" * 32), 403, "InvalidClient"),
        "another's application": (replace(mine, application_id=stranger.wire.application_id), 403, "InvalidClient"),
        "another's contract": (replace(mine, contract_id=stranger.wire.contract_id), 403, "InvalidClient"),
    }
    nothing = Person(mine, me.tokens, "x" * 43, "19_" + "x" * 32, "nothing.json")
    for why, (wire, status, code) in wrong.items():
        refusal = told(call(wire, access, me))
        assert refusal[:2] == (status, code), why
        assert refusal == told(call(wire, access, nothing)), why
    for jwt in ("", "x", mine.jwt(timestamp=1), mine.jwt(nonce="short")):
        unsigned = replace(mine, http=cast(httpx2.Client, Unsigned(mine.http, jwt)))
        # The messages differ, because they have the skew, which grows meanwhile.
        short = told(call(unsigned, access, me))[:2]
        assert short[0] == 400, (jwt, short)
        assert short == told(call(unsigned, access, nothing))[:2]


@dataclass
class Unsigned:
    """A client that sends another JWT than the one it was given."""

    http: httpx2.Client
    jwt: str

    def request(self, method: str, url: str, *, headers: dict[str, str], content: Any = None) -> httpx2.Response:
        sent = headers | {"Authorization": f"Bearer {self.jwt}"} if self.jwt else headers
        if not self.jwt:
            sent = {name: value for name, value in headers.items() if name != "Authorization"}
        return self.http.request(method, url, headers=sent, content=content)


@pytest.mark.protocol("11.2", "11.5")
@pytest.mark.parametrize("name", STORAGE_CALLS)
async def test_every_storage_call_checks_its_signature(name: str, crowd: dict[str, Person]) -> None:
    """Another key, another contract's name and the JWT of the other API are rejected with one error."""
    me, stranger = crowd["me"], crowd["stranger"]
    now = int(time.time())
    for options, status in (
        ({"key": OTHER_KEY}, 400),
        ({"claims": {"iss": "x" * 32}}, 403),
        ({"claims": {"iss": stranger.wire.contract_id}}, 403),
        ({"claims": {"sub": stranger.wire.application_id}}, 403),
        ({"claims": {"aud": "api"}}, 400),
        ({"claims": {"iat": now - 500, "exp": now - 440}}, 400),
        ({"headers": {"Authorization": f"Bearer {me.wire.jwt()}"}}, 403),
        ({"headers": {"Authorization": "Bearer x"}}, 400),
    ):
        content = b"y" if name == "cloud_post_stored_file" else None
        answers = [
            cloud(me.wire, STORAGE_CALLS[name], storage, "/mine", content=content, **options)
            for storage in (me.storage, "0" * 36)
        ]
        assert [answer.status_code for answer in answers] == [status, status], options
        assert answers[0].json() == answers[1].json()
    assert cloud(me.wire, "GET", me.storage, "/mine").content == b"x"


@pytest.mark.protocol("14 (d)")
async def test_a_postbox_is_its_contracts_only(people: People, platform: Platform) -> None:
    """For other contracts and partners a postbox does not exist."""
    writer = await people.contract(kind="write", legacy=True)
    sibling = await people.contract(kind="write", legacy=True, application_id=writer.application_id)
    stranger = await people.contract(kind="write", legacy=True)
    tokens, _ = await people.user(writer, sources=())
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        library = await open_library(db, platform, consent.library_id)
        postbox = (await create_postbox(db, library, consent)).id
    call = CONTRACT_CALLS["v1_6_push_to_postbox"]
    nothing = Person(writer, tokens, "", "", "")
    there = replace(nothing, postbox=postbox)
    for wire in (sibling, stranger):
        assert told(call(wire, None, there)) == told(call(wire, None, nothing)) == (
            404, "NotFound", "There is no postbox with this id"
        )  # fmt: skip
    assert told(call(writer, None, there))[0] == 400  # The right caller can still use it.


@pytest.mark.protocol("5.3", "14 (a)")
async def test_a_session_key_of_version_1_6_opens_nothing_else(people: People, platform: Platform) -> None:
    """Unknown, expired and withdrawn keys and those of other contracts get one error."""
    legacy, modern = await people.contract(legacy=True), await people.contract()
    withdrawn, withdrawn_key = await people.user(legacy)
    _, expired_key = await people.user(legacy)
    lapsed, lapsed_key = await people.user(legacy)
    _, modern_key = await people.user(modern)
    async with platform.database.transaction() as db:
        now = datetime.now(UTC)
        await revoke_consent(db, await consent_by_id(db, withdrawn.claims["consentid"]), now)
        await db.execute(
            update(SessionRow).where(SessionRow.key_hash == hash_secret(expired_key)).values(expires_at=now)
        )
        this = ConsentRow.id == UUID(lapsed.claims["consentid"])
        await db.execute(update(ConsentRow).where(this).values(expires_at=now))
    old = replace(legacy, version="v1.6")
    for suffix in ("", "/accounts.json", "/18_5_19_1_406_D202604_1.json"):
        refusals = {
            told(old.http.get(old.url(f"{QUERY}/{key}{suffix}")))
            for key in ("x" * 43, withdrawn_key, expired_key, lapsed_key, modern_key)
        }
        assert refusals == {(404, "InvalidSession", "The session is invalid")}


@pytest.mark.protocol("5.3", "13")
@pytest.mark.parametrize("name", USER_CALLS)
def test_no_call_accepts_an_invalid_token(name: str, crowd: dict[str, Person], dead: dict[str, str | None]) -> None:
    """Missing, invented, revoked, expired, refresh and foreign tokens are rejected for every object."""
    me = crowd["me"]
    nothing = Person(me.wire, me.tokens, "x" * 43, "19_" + "x" * 32, "nothing.json")
    for why, access in dead.items():
        if name == "v1_7_issue_reference_code" and why == "expired":
            continue  # Protocol 4.4 allows this use of an expired token.
        on_mine = told(USER_CALLS[name](me.wire, access, me))
        on_nothing = told(USER_CALLS[name](me.wire, access, nothing))
        assert on_mine == on_nothing, (why, on_mine, on_nothing)
        assert on_mine[0] in ((401,) if access is not None else (400, 404)), (why, on_mine)


@pytest.mark.protocol("5.3", "7.1", "7.2")
@pytest.mark.parametrize("name", USER_CALLS)
def test_no_call_reaches_another_persons_data(name: str, crowd: dict[str, Person]) -> None:
    """Another person's session, file and account behave like missing ones."""
    me = crowd["me"]
    nothing = Person(me.wire, me.tokens, "x" * 43, "19_" + "x" * 32, "nothing.json")
    on_own = USER_CALLS["v1_7_list_accounts"](me.wire, me.tokens.access, me)
    assert on_own.status_code == 200
    if name in (
        "v1_7_delete_person",
        "v1_7_trigger_session",
        "v1_7_list_accounts",
        "v1_7_issue_reference_code",
        "v1_7_get_portability_report",
    ):
        return  # These calls name no object and act on the caller's own person.
    for other in ("neighbour", "stranger"):
        on_theirs = USER_CALLS[name](me.wire, me.tokens.access, crowd[other])
        on_nothing = USER_CALLS[name](me.wire, me.tokens.access, nothing)
        assert on_theirs.status_code >= 400, name
        assert told(on_theirs) == told(on_nothing), (name, other)
    neighbour = crowd["neighbour"]
    still_there = neighbour.wire.get("permission-access/accounts", access_token=neighbour.tokens.access).json()
    assert [account["id"] for account in still_there] == [neighbour.account]


@pytest.mark.protocol("11.2")
@pytest.mark.parametrize("name", STORAGE_CALLS)
def test_no_storage_call_reaches_another_applications_files(name: str, crowd: dict[str, Person]) -> None:
    """Another application's storage behaves like a missing one and is not changed."""
    stranger, me = crowd["stranger"], crowd["me"]
    content = b"y" if name == "cloud_post_stored_file" else None
    for application in (me.wire.application_id, stranger.wire.application_id):
        theirs = cloud(
            me.wire, STORAGE_CALLS[name], stranger.storage, "/mine", content=content, application=application
        )
        nothing = cloud(me.wire, STORAGE_CALLS[name], "0" * 36, "/mine", content=content, application=application)
        assert theirs.status_code == 404
        assert theirs.json() == nothing.json()
    assert cloud(stranger.wire, "GET", stranger.storage, "/mine").content == b"x"


def test_response_times_reveal_nothing(crowd: dict[str, Person]) -> None:
    """A stale JWT is rejected before any lookup, whether the session exists or not."""
    me = crowd["me"]
    stale = (time.time() - 3600) * 1000
    answers = {
        told(me.wire.get(f"{QUERY}/{key}", access_token=me.tokens.access, timestamp=stale))[:2]
        for key in (me.session, "x" * 43)
    }
    assert answers == {(400, "InvalidTimestamp")}
