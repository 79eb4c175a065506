"""Every call with every wrong identity: two contracts, two partners, three people. No refusal tells what exists.

The calls are those of the API's own description: one that is not in the table below fails the test.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update

from privateshare.platform.db.tables import Token
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.grants.secrets import digest
from privateshare.platform.runtime import Platform
from tests.flow.people import People
from tests.flow.served import Served
from tests.flow.test_wire_rest import descriptor
from tests.flow.test_wire_sessions import wait_until_over
from tests.flow.test_wire_storage import cloud
from tests.flow.wire import REDIRECT_URI, Tokens, Wire


@dataclass
class Person:
    """A person's grant to one contract, and what it made that others must not reach."""

    wire: Wire
    tokens: Tokens
    session: str
    account: str
    file: str
    storage: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


Call = Callable[[Wire, str | None, Person], httpx2.Response]
QUERY = "permission-access/query"


def user_call(method: str, path: str, **options: Any) -> Call:
    """A call with an access token; `{…}` in path and headers stands for what belongs to the other person."""

    def call(wire: Wire, access: str | None, target: Person) -> httpx2.Response:
        values = {"session": target.session, "account": target.account, "file": target.file}
        sent = dict(options)
        if "headers" in sent:
            sent["headers"] = {name: text.format_map(values) for name, text in sent["headers"].items()}
        return wire.call(method, path.format_map(values), access_token=access, **sent)

    return call


USER_CALLS: dict[str, Call] = {
    "v1_7_trigger": user_call("POST", "permission-access/trigger", body={}),
    "v1_7_query": user_call("GET", f"{QUERY}/{{session}}"),
    "v1_7_read_file": user_call("GET", f"{QUERY}/{{session}}/{{file}}"),
    "v1_7_read_file_metadata": user_call("HEAD", f"{QUERY}/{{session}}/{{file}}"),
    "v1_7_accounts": user_call("GET", "permission-access/accounts"),
    "v1_7_delete_account": user_call(
        "DELETE", "permission-access/service/h:accountId", headers={"accountId": "{account}"}
    ),
    "v1_7_revoke_account_permission": user_call(
        "GET",
        "permission-access/revoke/h:accountId",
        headers={"accountId": "{account}", "redirectUri": REDIRECT_URI},
    ),
    "v1_7_delete_user": user_call("DELETE", "user"),
    "v1_7_user_storage": user_call("GET", "storage"),
    "v1_7_portability_report": user_call("GET", "export/spotify/report"),
    "v1_7_push_to_library": lambda wire, access, _: wire.post(
        "permission-access/import", access_token=access, content=b"x", headers=descriptor(wire)
    ),
    "v1_7_push_to_provider": user_call(
        "POST", "permission-access/import/h:accountId/fhir/stu3", body={}, headers={"accountId": "{account}"}
    ),
    "v1_7_token_reference": lambda wire, access, _: wire.post(
        "oauth/token/reference", access_token=access, redirect_uri=REDIRECT_URI
    ),
}
STORAGE_CALLS = {
    "cloud_read": "GET",
    "cloud_upload": "POST",
    "cloud_remove": "DELETE",
}
CONTRACT_CALLS = {  # they act for nobody: test_wire_requests and test_wire_oauth try every wrong signature on them
    "v1_7_authorize",
    "v1_7_token",
    "v1_7_reference",
    "v1_7_records",
    "v1_7_sources",
    "v1_7_create_storage",
    "v1_7_own_contract",
    "v1_7_sample_data_sets",
    "v1_7_tracking",
    "v1_6_push_to_postbox",  # test_wire_legacy
}
PUBLIC_CALLS = {
    "v1_7_oauth_keys",
    "v1_7_services",
    "v1_7_public_contract",
    "v1_6_create_session",
    "v1_6_query",
    "v1_6_read_file",
    "healthz_healthz",
    "readyz_readyz",
}


@pytest.fixture(scope="module")
async def crowd(people: People) -> dict[str, Person]:
    """Two partners with a contract each; two people with the first, one with the second."""
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
    """Access tokens of the first contract that must not work, by why; None is no token at all."""
    wire = crowd["me"].wire
    revoked, _ = await people.user(wire)
    expired, _ = await people.user(wire)
    async with platform.database.transaction() as db:
        await revoke_consent(db, UUID(revoked.claims["consentid"]), datetime.now(UTC))
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(update(Token).where(Token.token_hash == digest(expired.access)).values(expires_at=past))
    return {
        "none": None,
        "made up": "x" * 43,
        "revoked": revoked.access,
        "expired": expired.access,
        "refresh token": crowd["me"].tokens.refresh,
        "another partner's": crowd["stranger"].tokens.access,
    }


def told(response: httpx2.Response) -> tuple[int, str, str]:
    """What a refusal tells, without the request's own id."""
    code, message = response.headers["x-error-code"], response.headers["x-error-message"]
    return response.status_code, code, message


def test_every_call_of_the_description_is_in_the_table(served: Served):
    """A call that nobody thought about as an attacker fails here."""
    document = httpx2.get(f"{served.origin}/openapi.json").json()
    calls = {operation["operationId"] for operations in document["paths"].values() for operation in operations.values()}
    assert calls == {*USER_CALLS, *STORAGE_CALLS, *CONTRACT_CALLS, *PUBLIC_CALLS}


@pytest.mark.parametrize("name", USER_CALLS)
def test_no_call_takes_a_dead_or_foreign_token(name: str, crowd: dict[str, Person], dead: dict[str, str | None]):
    """Protocol 13, 5.3: no token, made up, revoked, expired, refresh, another partner's; whatever it is used on."""
    me = crowd["me"]
    nothing = Person(me.wire, me.tokens, "x" * 43, "19_" + "x" * 32, "nothing.json")
    for why, access in dead.items():
        if name == "v1_7_token_reference" and why == "expired":
            continue  # protocol 4.4: that is what it is for
        on_mine = told(USER_CALLS[name](me.wire, access, me))
        on_nothing = told(USER_CALLS[name](me.wire, access, nothing))
        assert on_mine == on_nothing, (why, on_mine, on_nothing)
        expected = 401 if access is not None else (400, 404)
        assert on_mine[0] == expected or on_mine[0] in (expected if isinstance(expected, tuple) else ()), (why, on_mine)


@pytest.mark.parametrize("name", USER_CALLS)
def test_no_call_reaches_what_is_anothers(name: str, crowd: dict[str, Person]):
    """Protocol 5.3, 7: another person's session, file and account are like those that do not exist."""
    me = crowd["me"]
    nothing = Person(me.wire, me.tokens, "x" * 43, "19_" + "x" * 32, "nothing.json")
    on_own = USER_CALLS["v1_7_accounts"](me.wire, me.tokens.access, me)
    assert on_own.status_code == 200
    if name in ("v1_7_delete_user", "v1_7_trigger", "v1_7_accounts", "v1_7_token_reference", "v1_7_portability_report"):
        return  # they name nothing of anybody's: they act on the caller's own person
    for other in ("neighbour", "stranger"):
        on_theirs = USER_CALLS[name](me.wire, me.tokens.access, crowd[other])
        on_nothing = USER_CALLS[name](me.wire, me.tokens.access, nothing)
        assert on_theirs.status_code >= 400, name
        assert told(on_theirs) == told(on_nothing), (name, other)
    neighbour = crowd["neighbour"]
    still_there = neighbour.wire.get("permission-access/accounts", access_token=neighbour.tokens.access).json()
    assert [account["id"] for account in still_there] == [neighbour.account]


@pytest.mark.parametrize("name", STORAGE_CALLS)
def test_no_storage_call_reaches_another_applications_files(name: str, crowd: dict[str, Person]):
    """Protocol 11.2: another application's storage is like one that does not exist; and nothing happens to it."""
    stranger, me = crowd["stranger"], crowd["me"]
    content = b"y" if name == "cloud_upload" else None
    for application in (me.wire.application_id, stranger.wire.application_id):
        theirs = cloud(
            me.wire, STORAGE_CALLS[name], stranger.storage, "/mine", content=content, application=application
        )
        nothing = cloud(me.wire, STORAGE_CALLS[name], "0" * 36, "/mine", content=content, application=application)
        assert theirs.status_code == 404
        assert theirs.json() == nothing.json()
    assert cloud(stranger.wire, "GET", stranger.storage, "/mine").content == b"x"


def test_time_does_not_tell_either(crowd: dict[str, Person]):
    """A stale JWT is refused before anything is looked up: the same whether or not the session exists."""
    me = crowd["me"]
    stale = (time.time() - 3600) * 1000
    answers = {
        told(me.wire.get(f"{QUERY}/{key}", access_token=me.tokens.access, timestamp=stale))[:2]
        for key in (me.session, "x" * 43)
    }
    assert answers == {(400, "InvalidTimestamp")}
