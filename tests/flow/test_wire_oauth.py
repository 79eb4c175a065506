"""Tests of protocol 4 without the SDK: pre-authorization, tokens and references, by HTTP and hand-made JWTs."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from privateshare.platform.db.tables import AuthorizationCodeRow, ConsentRow, TokenRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sweep import sweep
from tests.flow.consents import consent_by_id
from tests.flow.people import People
from tests.flow.wire import REDIRECT_URI, Wire, b64, check_error, verifier

ACCOUNTS = "permission-access/accounts"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.mark.protocol("4.1")
async def test_authorize_gives_a_code_and_a_pending_session(wire: Wire) -> None:
    """The response is 201 with a signed preauthorization_code and a session that can be read once it started."""
    answer = wire.authorize(verifier())
    assert answer.status_code == 201
    assert wire.signed(answer)["preauthorization_code"]
    session = answer.json()["session"]
    assert len(session["key"]) >= 32
    assert wire.get(f"permission-access/query/{session['key']}").json() == {"status": {"state": "pending"}}


@pytest.mark.protocol("4.1")
@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"agent": {"sdk": {"name": "js", "version": "16.1.5", "meta": {}}}},
        {"agent": {"name": "ios", "version": "5.1"}},
        {"agent": {}, "actions": {"pull": {"limits": {"duration": {"sourceFetch": 60}}}}},
    ],
)
def test_authorize_accepts_the_bodies_that_clients_send(wire: Wire, body: object) -> None:
    """`actions` may be missing, iOS sends a flat agent, and old clients send no body."""
    assert wire.authorize(verifier(), body=body).status_code == 201


@pytest.mark.protocol("4.1", "13")
@pytest.mark.parametrize(
    "claims",
    [
        {"code_challenge": None},
        {"code_challenge": "short"},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"response_mode": "fragment"},
        {"redirect_uri": 7},
    ],
)
def test_authorize_names_the_invalid_claim(wire: Wire, claims: dict[str, object]) -> None:
    """The error names the claim that is missing or invalid."""
    name = next(iter(claims))
    assert name in check_error(wire.authorize(verifier(), **claims), 400, "InvalidRequest")


@pytest.mark.protocol("4.1")
@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/return",
        "https://app.example/return?more=2",
        "https://app.example/return?more=2&kept=1",
        "https://app.example/return?kept=1&",
        "https://app.example/return?kept=1#x",
        "https://app.example/return?kept=1&more=2#x",
        "https://APP.example/return?kept=1&more=2",
        "https://user@app.example/return?kept=1&more=2",
        "https://app.example/x/../return?kept=1&more=2",
        "https://app.example/%72eturn?kept=1&more=2",
        "https://app.example.evil/return?kept=1",
        "https://app.example:444/return?kept=1",
        "http://app.example/return?kept=1",
        "javascript:alert(1)",
    ],
)
def test_an_unregistered_redirect_uri_is_rejected(wire: Wire, uri: str) -> None:
    """The redirect URI must be registered exactly as it is sent."""
    message = check_error(wire.authorize(verifier(), redirect_uri=uri), 400, "InvalidRedirectUri")
    assert message == f"The redirect_uri ({uri}) is invalid"


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize("query", ["user=17", "next=https://elsewhere.example/&x", "code=x&state=y&success=false"])
async def test_an_app_may_add_a_query_of_its_own(wire: Wire, people: People, query: str) -> None:
    """A query may be added to the redirect URI in every call that has one."""
    uri = f"{REDIRECT_URI}&{query}"
    assert wire.authorize(verifier(), redirect_uri=uri).status_code == 201
    tokens, _ = await people.user(wire)
    claims = {"access_token": tokens.access, "redirect_uri": uri}
    assert wire.post("oauth/token/reference", **claims).status_code == 201
    (account,) = wire.get("permission-access/accounts", access_token=tokens.access).json()
    headers = {"accountId": account["id"], "redirectUri": uri}
    told = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    assert told.status_code == 200, told.text


@pytest.mark.protocol("4.1")
async def test_a_loopback_redirect_uri_may_have_any_port(people: People) -> None:
    """Only its port may differ from the registered one. Protocol 4.1, RFC 8252 7.3."""
    wire = await people.contract(redirect_uris=["http://127.0.0.1/back"])
    assert wire.authorize(verifier(), redirect_uri="http://127.0.0.1:49152/back").status_code == 201
    for uri in (
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1@evil.example/back",
        "https://127.0.0.1:1/back",
        "http://localhost:1/back",
    ):
        check_error(wire.authorize(verifier(), redirect_uri=uri), 400, "InvalidRedirectUri")
    for almost in (
        "http://127.0.0.1:1/back#",
        "http://127.0.0.1:1/back?",
        "http://127.0.0.1:0/back",
        "http://127.0.0.1:65536/back",
        "http://127.0.0.1:99999/back",
        "HTTP://127.0.0.1:1/back",
        "http://127.0.0.1:1/BACK",
    ):
        check_error(wire.authorize(verifier(), redirect_uri=almost), 400, "InvalidRedirectUri")
    for split in ("http://127.0.0.1:1\r\n/back", " http://127.0.0.1:1/back", "http://127.0.0.1:1/ba\tck"):
        refused = wire.authorize(verifier(), redirect_uri=split)
        assert refused.json()["error"]["code"] == "InvalidRedirectUri", split


@pytest.mark.protocol("4.1")
@pytest.mark.parametrize("host", ["app.example", "127.0.0.2", "127.0.0.1.example", "0.0.0.0", "127.0.0.1"])
async def test_other_redirect_uris_must_have_the_registered_port(people: People, host: str) -> None:
    """Another port of a remote machine may belong to somebody else."""
    wire = await people.contract(redirect_uris=[f"https://{host}:3000/back"])
    assert wire.authorize(verifier(), redirect_uri=f"https://{host}:3000/back").status_code == 201
    check_error(wire.authorize(verifier(), redirect_uri=f"https://{host}:3001/back"), 400, "InvalidRedirectUri")


@pytest.mark.protocol("4.1")
@pytest.mark.parametrize("registered", ["http://[::1]/back?a=1", "http://localhost:3000"])
async def test_every_loopback_address_may_have_any_port(people: People, registered: str) -> None:
    """This holds for both IP addresses and the name, registered with a port or without."""
    wire = await people.contract(redirect_uris=[registered])
    asked = registered.replace(":3000", "").replace("]", "]:49152")
    assert wire.authorize(verifier(), redirect_uri=asked).status_code == 201


@pytest.mark.protocol("4.2")
async def test_a_code_is_exchanged_for_tokens(wire: Wire, people: People) -> None:
    """The response has the claims in their units, and the tokens work."""
    tokens, _ = await people.user(wire)
    claims = tokens.claims
    assert claims["token_type"] == "Bearer"
    assert claims["identifier"] == {"id": claims["sub"]}
    now = datetime.now(UTC).timestamp()
    assert 23 * 3600 < claims["access_token"]["expires_on"] - now <= 24 * 3600
    assert 59 * 86400 < claims["refresh_token"]["expires_on"] - now <= 60 * 86400
    assert wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200


@pytest.mark.protocol("4.1", "4.2")
@pytest.mark.parametrize("length", [43, 128])
async def test_older_clients_send_the_redirect_uri_again(wire: Wire, people: People, length: int) -> None:
    """It is ignored in an exchange. A verifier has 43 to 128 characters."""
    secret = "v" * length
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    assert wire.exchange(code, secret, redirect_uri="https://elsewhere.example/").status_code == 200


@pytest.mark.protocol("4.2")
async def test_a_used_code_is_rejected_and_revokes_its_tokens(wire: Wire, people: People) -> None:
    """A code works once, and a second use revokes the tokens of the first."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    tokens = wire.tokens(wire.exchange(code, secret))
    assert check_error(wire.exchange(code, secret), 401, "InvalidToken") == "The token (code) is invalid"
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    check_error(wire.refresh(tokens.refresh), 401, "InvalidToken")


@pytest.mark.protocol("4.2")
async def test_two_parallel_exchanges_use_a_code_once(wire: Wire, people: People) -> None:
    """One gets tokens, and the other's use revokes them, whichever comes first."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    answers = await asyncio.gather(*(asyncio.to_thread(wire.exchange, code, secret) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    tokens = wire.tokens(next(answer for answer in answers if answer.status_code == 200))
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")


@pytest.mark.protocol("4.2")
async def test_another_contract_cannot_have_a_codes_tokens_revoked(wire: Wire, people: People) -> None:
    """A second use counts only if it comes from the contract that the code was issued to."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    tokens = wire.tokens(wire.exchange(code, secret))
    other = await people.contract(application_id=wire.application_id)
    check_error(other.exchange(code, secret), 401, "InvalidToken")
    assert wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200


@pytest.mark.protocol("4.2")
async def test_a_code_needs_its_verifier(wire: Wire, people: People) -> None:
    """Another verifier is rejected, and the right one still works afterwards."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    assert "code_verifier" in check_error(wire.exchange(code, verifier()), 400, "InvalidRequest")
    assert "code_verifier" in check_error(wire.exchange(code, secret, code_verifier=None), 400, "InvalidRequest")
    assert wire.exchange(code, secret).status_code == 200


@pytest.mark.protocol("4.2")
async def test_a_code_is_for_its_contract_only(wire: Wire, people: People) -> None:
    """No other contract can use it, not even of the same application."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    other = await people.contract(application_id=wire.application_id)
    check_error(other.exchange(code, secret), 401, "InvalidToken")


@pytest.mark.protocol("4.2")
async def test_a_code_expires(wire: Wire, people: People, platform: Platform) -> None:
    """It expires after ten minutes."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(
            update(AuthorizationCodeRow)
            .where(AuthorizationCodeRow.code_hash == hash_secret(code))
            .values(expires_at=past)
        )
    assert "expired" in check_error(wire.exchange(code, secret), 401, "InvalidToken")


@pytest.mark.protocol("4.2", "4.3")
def test_an_unknown_code_and_an_unknown_grant_are_rejected(wire: Wire) -> None:
    """Both are rejected with an error of their own."""
    check_error(wire.exchange("nothing", verifier()), 401, "InvalidToken")
    assert "grant_type" in check_error(wire.exchange("x", "y", grant_type="password"), 400, "InvalidRequest")


@pytest.mark.protocol("4.3")
async def test_a_refresh_gives_a_new_pair(wire: Wire, people: People) -> None:
    """Both tokens are new and work for the same person."""
    tokens, _ = await people.user(wire)
    new = wire.tokens(wire.refresh(tokens.refresh))
    assert {new.access, new.refresh}.isdisjoint({tokens.access, tokens.refresh})
    assert new.claims["sub"] == tokens.claims["sub"]
    assert wire.get(ACCOUNTS, access_token=new.access).status_code == 200


@pytest.mark.protocol("4.3")
async def test_a_rotated_refresh_token_has_a_grace_period(wire: Wire, people: People, platform: Platform) -> None:
    """It is accepted for 60 seconds more. A later use revokes all tokens of its family."""
    tokens, _ = await people.user(wire)
    first = wire.tokens(wire.refresh(tokens.refresh))
    second = wire.tokens(wire.refresh(tokens.refresh))
    assert wire.get(ACCOUNTS, access_token=first.access).status_code == 200
    async with platform.database.transaction() as db:
        earlier = datetime.now(UTC) - timedelta(seconds=61)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(tokens.refresh)).values(rotated_at=earlier)
        )
    message = check_error(wire.refresh(tokens.refresh), 401, "InvalidToken")
    assert message == "The token (refresh_token) is invalid"
    check_error(wire.get(ACCOUNTS, access_token=second.access), 401, "InvalidToken")
    check_error(wire.refresh(second.refresh), 401, "InvalidToken")


@pytest.mark.protocol("4.3")
async def test_a_revoked_grant_says_why(wire: Wire, people: People, platform: Platform) -> None:
    """Clients know the form of the message, so the reason why the grant was revoked is in a header."""
    tokens, _ = await people.user(wire)
    newer = wire.tokens(wire.refresh(tokens.refresh))
    async with platform.database.transaction() as db:
        earlier = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(tokens.refresh)).values(rotated_at=earlier)
        )
    for refused in (wire.refresh(tokens.refresh), wire.refresh(tokens.refresh)):
        assert check_error(refused, 401, "InvalidToken") == "The token (refresh_token) is invalid"
        hint = refused.headers["x-error-hint"]
        assert "replaced by a newer one on 2026-11-20 10:30:00 UTC" in hint
        assert "the grant was revoked on" in hint
    for name, refused in (
        ("refresh_token", wire.refresh(newer.refresh)),
        ("access_token", wire.get(ACCOUNTS, access_token=newer.access)),
    ):
        assert check_error(refused, 401, "InvalidToken") == f"The token ({name}) is invalid"
        assert "an older refresh token" in refused.headers["x-error-hint"]


@pytest.mark.protocol("4.3")
async def test_other_invalid_tokens_get_the_same_error(wire: Wire, people: People) -> None:
    """Unknown tokens, another contract's and those of an erased person cannot be distinguished."""
    other = await people.contract()
    tokens, _ = await people.user(wire)
    gone, _ = await people.user(wire)
    assert wire.call("DELETE", "user", access_token=gone.access).status_code == 200
    for refused in (wire.refresh("nothing"), other.refresh(tokens.refresh), wire.refresh(gone.refresh)):
        assert check_error(refused, 401, "InvalidToken") == "The token (refresh_token) is invalid"
        assert "x-error-hint" not in refused.headers


@pytest.mark.protocol("4.3")
async def test_many_refreshes_at_once_all_work(wire: Wire, people: People) -> None:
    """A client with parallel downloads may refresh once for each of them, with one refresh token."""
    tokens, _ = await people.user(wire)
    answers = await asyncio.gather(*(asyncio.to_thread(wire.refresh, tokens.refresh) for _ in range(6)))
    pairs = [wire.tokens(answer) for answer in answers]
    assert len({pair.refresh for pair in pairs}) == 6
    for pair in pairs:
        assert wire.get(ACCOUNTS, access_token=pair.access).status_code == 200
        wire.tokens(wire.refresh(pair.refresh))


@pytest.mark.protocol("2.3", "4.3")
async def test_a_repeated_rejected_refresh_gets_the_same_error(wire: Wire, people: People, platform: Platform) -> None:
    """The error does not say that the nonce was used."""
    tokens, _ = await people.user(wire)
    wire.tokens(wire.refresh(tokens.refresh))
    async with platform.database.transaction() as db:
        earlier = datetime.now(UTC) - timedelta(seconds=61)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(tokens.refresh)).values(rotated_at=earlier)
        )
    token = wire.jwt(refresh_token=tokens.refresh, grant_type="refresh_token")
    for _ in "ab":
        check_error(wire.post("oauth/token", jwt=token), 401, "InvalidToken")


@pytest.mark.protocol("4.3", "13")
@pytest.mark.parametrize("use", ["access", "refresh"])
async def test_expired_tokens_are_reported_as_expired(wire: Wire, people: People, platform: Platform, use: str) -> None:
    """The error says that the token expired, not that it is invalid."""
    tokens, _ = await people.user(wire)
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(getattr(tokens, use))).values(expires_at=past)
        )
    answer = wire.refresh(tokens.refresh) if use == "refresh" else wire.get(ACCOUNTS, access_token=tokens.access)
    assert check_error(answer, 401, "InvalidToken") == f"The token ({use}_token) is expired"


@pytest.mark.protocol("5.3", "13")
async def test_a_token_is_for_its_contract_and_its_use_only(wire: Wire, people: People) -> None:
    """A foreign token and a refresh token in place of an access token are invalid."""
    tokens, _ = await people.user(wire)
    other = await people.contract(application_id=wire.application_id)
    for answer in (
        other.get(ACCOUNTS, access_token=tokens.access),
        other.refresh(tokens.refresh),
        wire.get(ACCOUNTS, access_token=tokens.refresh),
        wire.refresh(tokens.access),
        wire.get(ACCOUNTS, access_token="x"),
    ):
        check_error(answer, 401, "InvalidToken")
    assert "access_token" in check_error(wire.get(ACCOUNTS), 400, "InvalidRequest")


@pytest.mark.protocol("13")
async def test_a_withdrawn_consent_ends_its_tokens_at_once(wire: Wire, people: People, platform: Platform) -> None:
    """Access and refresh tokens of a revoked grant are invalid."""
    tokens, _ = await people.user(wire)
    async with platform.database.transaction() as db:
        await revoke_consent(db, await consent_by_id(db, tokens.claims["consentid"]), datetime.now(UTC))
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    check_error(wire.refresh(tokens.refresh), 401, "InvalidToken")


@pytest.mark.protocol("4.2", "4.3", "13")
@pytest.mark.parametrize(("column", "told"), [("expires_at", "expired"), ("revoked_at", "invalid")])
async def test_nothing_works_under_an_ended_consent(people: People, platform: Platform, column: str, told: str) -> None:
    """Codes and tokens that were issued at the moment it ended do not work."""
    wire = await people.contract(partner="Linking partner")
    sibling = await people.contract(partner="Linking partner")
    tokens, _ = await people.user(wire)
    secret = verifier()
    again = wire.signed(wire.authorize(secret, access_token=tokens.access))
    code = await people.consent(again["preauthorization_code"])
    async with platform.database.transaction() as db:
        this = update(ConsentRow).where(ConsentRow.id == UUID(tokens.claims["consentid"]))
        await db.execute(this.values({column: datetime.now(UTC)}))
    for name, answer in (
        ("access_token", wire.get(ACCOUNTS, access_token=tokens.access)),
        ("refresh_token", wire.refresh(tokens.refresh)),
        ("code", wire.exchange(code, secret)),
    ):
        assert check_error(answer, 401, "InvalidToken") == f"The token ({name}) is {told}"
    for contract in (wire, sibling):
        linked = contract.authorize(verifier(), access_token=tokens.access)  # This token renews a lapsed grant.
        assert linked.status_code == (201 if column == "expires_at" else 401), linked.text


@pytest.mark.protocol("4.1", "4.2")
async def test_a_revoked_token_links_nothing(wire: Wire, people: People) -> None:
    """Tokens of a code that was used twice do not open the library to another grant."""
    secret = verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    tokens = wire.tokens(wire.exchange(code, secret))
    check_error(wire.exchange(code, secret), 401, "InvalidToken")
    check_error(wire.authorize(verifier(), access_token=tokens.access), 401, "InvalidToken")


@pytest.mark.protocol("4.1")
async def test_a_second_contract_of_the_partner_joins_the_library(people: People, platform: Platform) -> None:
    """An access token of the same person links the new grant to the same library."""
    first = await people.contract(partner="Linking partner")
    second = await people.contract(partner="Linking partner")
    stranger = await people.contract(partner="Another partner")
    tokens, _ = await people.user(first)
    secret = verifier()
    linked = second.authorize(secret, access_token=tokens.access)
    code = await people.consent(second.signed(linked)["preauthorization_code"])
    joined = second.tokens(second.exchange(code, secret))
    assert joined.claims["sub"] == tokens.claims["sub"]
    assert await people.library_of(joined) == await people.library_of(tokens)
    check_error(stranger.authorize(verifier(), access_token=tokens.access), 401, "InvalidToken")


@pytest.mark.protocol("4.4")
async def test_a_reference_code_is_given_to_a_known_user(wire: Wire, people: People, platform: Platform) -> None:
    """The response is a signed reference_code and a session, also for an expired token, not for an invalid one."""
    tokens, _ = await people.user(wire)
    claims = {"redirect_uri": REDIRECT_URI, "state": "s"}
    answer = wire.post("oauth/token/reference", access_token=tokens.access, **claims)
    signed = wire.signed(answer)
    assert signed["reference_code"]
    assert signed["token_type"] == "Bearer"
    assert signed["expires_on"] > datetime.now(UTC).timestamp()
    assert answer.json()["session"]["key"]
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(days=1)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(tokens.access)).values(expires_at=past)
        )
    again = {"code_challenge": b64(b"c" * 32), "code_challenge_method": "S256"}
    assert wire.post("oauth/token/reference", access_token=tokens.access, **claims, **again).status_code in (200, 201)
    check_error(wire.post("oauth/token/reference", access_token="x", **claims), 401, "InvalidToken")


@pytest.mark.protocol("4.4")
async def test_a_person_who_was_long_away_can_be_asked_again(wire: Wire, people: People, platform: Platform) -> None:
    """The last access token of a grant can be used for that as long as the grant is kept. Older ones are deleted."""
    tokens, _ = await people.user(wire)
    newer = wire.tokens(wire.refresh(tokens.refresh))
    long_ago = datetime.now(UTC) - timedelta(days=200)
    async with platform.database.transaction() as db:
        for pair, age in ((tokens, timedelta(hours=1)), (newer, timedelta())):
            hashes = [hash_secret(pair.access), hash_secret(pair.refresh)]
            dates = {"created_at": long_ago - age, "expires_at": long_ago - age}
            await db.execute(update(TokenRow).where(TokenRow.token_hash.in_(hashes)).values(dates))
    await sweep(platform)
    asked = {"redirect_uri": REDIRECT_URI, "state": "s"}
    check_error(wire.get(ACCOUNTS, access_token=newer.access), 401, "InvalidToken")
    assert wire.post("oauth/token/reference", access_token=newer.access, **asked).status_code == 201
    check_error(wire.post("oauth/token/reference", access_token=tokens.access, **asked), 401, "InvalidToken")
    async with platform.database.transaction() as db:
        await revoke_consent(db, await consent_by_id(db, tokens.claims["consentid"]), datetime.now(UTC))
    check_error(wire.post("oauth/token/reference", access_token=newer.access, **asked), 401, "InvalidToken")


@pytest.mark.protocol("4.5")
def test_a_reference_stands_for_an_account_or_a_storage(wire: Wire) -> None:
    """The response is 201 with an opaque id, and other types are rejected by name."""
    answer = wire.post("reference", body={"type": "accountId", "value": "19_x"})
    assert answer.status_code == 201
    assert "19_x" not in answer.json()["id"]
    assert wire.post("reference", body={"type": "cloudId", "value": "x"}).status_code == 201
    assert "value" in check_error(
        wire.post("reference", body={"type": "cloudId", "value": "x" * 201}), 400, "InvalidRequest"
    )
    assert "type" in check_error(wire.post("reference", body={"type": "x", "value": "y"}), 400, "InvalidRequest")


@pytest.mark.protocol("4.6")
async def test_lifetimes_are_those_of_the_settings(platform: Platform) -> None:
    """The default lifetimes apply without settings."""
    settings = platform.settings
    assert settings.preauthorization_lifetime == timedelta(minutes=30)
    assert settings.code_lifetime == timedelta(minutes=10)
    assert settings.access_token_lifetime == timedelta(hours=24)
    assert settings.refresh_token_lifetime == timedelta(days=60)
    assert settings.session_lifetime == timedelta(hours=24)


async def test_only_hashes_are_stored(wire: Wire, people: People, platform: Platform) -> None:
    """The database contains no token, code or session key in clear."""
    tokens, session_key = await people.user(wire)
    async with platform.database.transaction() as db:
        dump = [
            str(row._mapping)
            for table in (TokenRow, AuthorizationCodeRow, ConsentRow)
            for row in await db.execute(table.__table__.select())
        ]
    assert dump
    for secret in (tokens.access, tokens.refresh, session_key):
        assert not any(secret in row for row in dump)
