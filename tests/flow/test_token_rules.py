"""Tests of codes, tokens and journeys in the database: what each is good for, once, for whom and for how long."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from privateshare.errors import InvalidRequest, InvalidToken
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AuthorizationCodeRow, ConsentRow, ContractRow, TokenRow
from privateshare.platform.grants.consents import record_consent, revoke_consent
from privateshare.platform.grants.journeys import (
    Start,
    begin_journey,
    bind_journey,
    bound_parameters,
    find_journey,
    is_bound_to,
    return_target,
)
from privateshare.platform.grants.tokens import (
    MAX_REFRESH_DURATION,
    ROTATION_GRACE,
    TokenChanged,
    TokenPair,
    find_access_token,
    find_token_of_partner,
    issue_code,
    noticing_change,
    redeem_code,
    rotate_refresh_token,
)
from privateshare.platform.keys.hints import HINT_BYTES, SecretKind
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library.erasure import lock_for_erasure
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.me.library_move import move_library
from privateshare.platform.me.merge_copies import MergePlan
from privateshare.platform.runtime import Platform
from privateshare.protocol import pkce
from tests.flow.people import People
from tests.flow.wire import verifier

NOW = datetime.now(UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass
class Grant:
    """A consent to a contract, and the secret of the app that asked for it."""

    platform: Platform
    contract_id: str
    consent: ConsentRow
    verifier: str

    async def code(self) -> str:
        async with self.platform.database.transaction() as db:
            return await issue_code(db, self.platform, self.consent, pkce.challenge(self.verifier), NOW)

    async def redeem(self, code: str, now: datetime = NOW, contract_id: str = "", verifier: str = "") -> TokenPair:
        async with self.platform.database.transaction() as db:
            chosen = contract_id or self.contract_id
            return await redeem_code(db, self.platform, chosen, code, verifier or self.verifier, now)

    async def rotate(
        self, token: str, now: datetime = NOW, contract_id: str = "", arrived: datetime | None = None
    ) -> TokenPair:
        chosen = contract_id or self.contract_id
        try:
            with noticing_change():
                async with self.platform.database.statements() as sql:
                    return await rotate_refresh_token(sql, self.platform, chosen, token, now, arrived=arrived)
        except TokenChanged:  # As the endpoint does, this looks once more.
            return await self.rotate(token, now, contract_id, arrived)

    async def find(self, token: str, now: datetime = NOW) -> TokenRow:
        async with self.platform.database.transaction() as db:
            return await find_access_token(db, self.platform.hints, self.contract_id, token, now)

    async def is_good(self, pair: TokenPair, now: datetime = NOW) -> bool:
        """Return whether the access token of a pair works."""
        try:
            return (await self.find(pair.access.value, now)).consent_id == self.consent.id
        except InvalidToken:
            return False


@pytest.fixture
async def grant(platform: Platform, people: People) -> Grant:
    return await of_new_library(platform, (await people.contract()).contract_id)


async def of_new_library(platform: Platform, contract_id: str) -> Grant:
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        contract = await db.get_one(ContractRow, contract_id)
        consent = await record_consent(db, contract, library.id, [], NOW)
    return Grant(platform, contract_id, consent, verifier())


async def test_a_code_is_good_once(grant: Grant) -> None:
    """A second use shows that somebody else has it: the tokens of the first are revoked, and say why."""
    code = await grant.code()
    pair = await grant.redeem(code)
    assert await grant.is_good(pair)
    assert pair.grant.consent_id == grant.consent.id
    with pytest.raises(InvalidToken, match="code"):
        await grant.redeem(code)
    assert not await grant.is_good(pair)
    with pytest.raises(InvalidToken) as told:
        await grant.rotate(pair.refresh.value)
    assert "sent again" in str(told.value.hint)


async def test_a_code_that_is_not_good_stays_as_it_is(grant: Grant, people: People) -> None:
    """Nobody uses up another's code by guessing at what goes with it."""
    code, other = await grant.code(), (await people.contract()).contract_id
    with pytest.raises(InvalidToken):
        await grant.redeem(f"{code}x")
    with pytest.raises(InvalidToken):
        await grant.redeem(code, contract_id=other)
    with pytest.raises(InvalidRequest, match="code_verifier"):
        await grant.redeem(code, verifier=verifier())
    with pytest.raises(InvalidToken, match="expired"):
        await grant.redeem(code, NOW + grant.platform.settings.code_lifetime)
    assert await grant.is_good(await grant.redeem(code))


async def changed(grant: Grant, **values: object) -> None:
    async with grant.platform.database.transaction() as db:
        await db.execute(update(ConsentRow).where(ConsentRow.id == grant.consent.id).values(**values))


@pytest.mark.parametrize(("column", "told"), [("revoked_at", "invalid"), ("expires_at", "expired")])
async def test_nothing_is_good_after_the_consent(grant: Grant, column: str, told: str) -> None:
    """Neither a code, nor a refresh token, nor an access token; and the error does not say that it was replaced."""
    code, pair = await grant.code(), await grant.redeem(await grant.code())
    await changed(grant, **{column: NOW})
    for call in (grant.redeem(code), grant.rotate(pair.refresh.value)):
        with pytest.raises(InvalidToken, match=told) as refused:
            await call
        assert refused.value.hint == InvalidToken.hint
    assert not await grant.is_good(pair)


async def test_no_token_outlives_its_consent_or_its_time(grant: Grant) -> None:
    """So an app learns from the tokens when a consent ends."""
    settings = grant.platform.settings
    pair = await grant.redeem(await grant.code())
    assert pair.access.expires_at == NOW + settings.access_token_lifetime
    assert pair.access.to_claim()["expires_on"] == int(pair.access.expires_at.timestamp())
    assert not await grant.is_good(pair, pair.access.expires_at)
    with pytest.raises(InvalidToken, match="expired"):
        await grant.rotate(pair.refresh.value, pair.refresh.expires_at)
    await changed(grant, expires_at=NOW + SECOND)
    short = await grant.redeem(await grant.code())
    assert short.access.expires_at == short.refresh.expires_at == NOW + SECOND
    assert short.access.value not in repr(short)


async def test_a_refresh_token_is_replaced_and_good_again_for_a_moment(grant: Grant) -> None:
    """A response may be lost. After the grace, its use revokes all tokens of its family, and of no other."""
    first, other = [await grant.redeem(await grant.code()) for _ in range(2)]
    second = await grant.rotate(first.refresh.value)
    again = await grant.rotate(first.refresh.value, NOW + ROTATION_GRACE)
    assert len({pair.refresh.value for pair in (first, second, again)}) == 3
    late = NOW + ROTATION_GRACE + SECOND
    assert await grant.rotate(first.refresh.value, late, arrived=NOW + SECOND)  # It waited for its turn.
    with pytest.raises(InvalidToken) as told:
        await grant.rotate(first.refresh.value, late)
    assert "replaced by a newer one" in str(told.value.hint)
    assert [await grant.is_good(pair) for pair in (first, second, again, other)] == [False, False, False, True]
    with pytest.raises(InvalidToken) as told:
        await grant.rotate(second.refresh.value, late)
    assert "grant was revoked" in str(told.value.hint)
    assert timedelta(0) < ROTATION_GRACE < MAX_REFRESH_DURATION


async def test_a_token_is_for_its_contract_and_its_use(grant: Grant, people: People) -> None:
    """An access token refreshes nothing, and a refresh token reads nothing."""
    pair, other = await grant.redeem(await grant.code()), (await people.contract()).contract_id
    hints = grant.platform.hints
    for token, contract_id in ((pair.access.value, ""), (pair.refresh.value, other), ("", ""), ("x", "")):
        with pytest.raises(InvalidToken):
            await grant.rotate(token, contract_id=contract_id)
    async with grant.platform.database.transaction() as db:
        for value, contract_id in ((pair.refresh.value, grant.contract_id), (pair.access.value, other), (None, other)):
            with pytest.raises(InvalidToken):
                await find_access_token(db, hints, contract_id, value, NOW)
    assert await grant.is_good(pair)


async def test_a_hint_fits_no_other_secret(platform: Platform, grant: Grant) -> None:
    """Whoever swaps, cuts or invents hints learns nothing: the answer is that for an unknown secret, and no log."""
    other = await of_new_library(platform, grant.contract_id)
    (code, pair), (other_code, other_pair) = [
        (await one.code(), await one.redeem(await one.code())) for one in (grant, other)
    ]
    access, refresh = (pair.access.value, other_pair.access.value), (pair.refresh.value, other_pair.refresh.value)
    at = 4 * HINT_BYTES // 3
    with capture_logs() as logs:
        for mine, theirs in (access, refresh, (code, other_code)):
            swapped = (mine[:at] + theirs[at:], theirs[:at] + mine[at:])
            damaged = (mine[at:], mine[:-1], f"{mine}A", "A" * len(mine), f"{mine[:-1]}é")
            for shown in (*swapped, *damaged, access[0], refresh[0], code):  # The last are of another kind each.
                if shown != access[0]:
                    assert (await refusal(grant.find(shown))).message == "The token (access_token) is invalid"
                if shown != refresh[0]:
                    assert (await refusal(grant.rotate(shown))).message == "The token (refresh_token) is invalid"
                if shown != code:
                    assert (await refusal(grant.redeem(shown))).message == "The token (code) is invalid"
    assert logs == []
    assert await grant.is_good(pair)
    assert await other.is_good(other_pair)
    assert await grant.redeem(code)


async def test_a_refresh_waits_for_the_move_of_its_library(platform: Platform, grant: Grant) -> None:
    """Otherwise it could add tokens to a library that is gone. Tokens from before lead to the other library."""
    pair, other = await grant.redeem(await grant.code()), await of_new_library(platform, grant.contract_id)
    code, before, after = await grant.code(), grant.consent.library_id, other.consent.library_id
    async with platform.database.transaction() as moving:
        await lock_for_erasure(moving, after, before)
        theirs, mine = [await open_library(moving, platform, id_) for id_ in (before, after)]
        await move_library(moving, platform, MergePlan(uuid4(), theirs, mine, []), uuid4(), NOW)
        calls = [asyncio.create_task(call) for call in (grant.rotate(pair.refresh.value), grant.redeem(code))]
        while await waiting_locks(platform) < len(calls):
            await asyncio.sleep(0.02)
    for made in await asyncio.gather(*calls):
        assert platform.hints.library_of(SecretKind.REFRESH, made.refresh.value) == after
        assert await grant.is_good(made)
    assert await grant.is_good(pair)
    with pytest.raises(InvalidToken):  # The second use of the code revokes what it issued.
        await grant.redeem(code)
    assert not await grant.is_good(made)


async def waiting_locks(platform: Platform) -> int:
    async with platform.database.transaction() as db:
        return int(await db.scalar(text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")) or 0)


async def refusal(call: Awaitable[object]) -> InvalidToken:
    """Return the error of a call that is refused; it says no more than its message."""
    with pytest.raises(InvalidToken) as told:
        await call
    unknown = InvalidToken(told.value.message)
    assert (told.value.hint, told.value.detail) == (unknown.hint, unknown.detail)
    return told.value


async def test_a_partner_links_its_contracts_by_a_token(grant: Grant, people: People) -> None:
    """Also by one that has expired; not by a revoked one, nor that of another partner."""
    pair, hints = await grant.redeem(await grant.code()), grant.platform.hints
    async with grant.platform.database.transaction() as db:
        partner = (await db.get_one(ContractRow, grant.contract_id)).application.partner_id
        await db.execute(update(TokenRow).where(TokenRow.consent_id == grant.consent.id).values(expires_at=NOW))
        assert (await find_token_of_partner(db, hints, partner, pair.access.value)).consent_id == grant.consent.id
        for partner_id, value in ((partner, pair.refresh.value), (partner, "x"), ("another", pair.access.value)):
            with pytest.raises(InvalidToken):
                await find_token_of_partner(db, hints, partner_id, value)
    await changed(grant, revoked_at=NOW)
    async with grant.platform.database.transaction() as db:
        with pytest.raises(InvalidToken):
            await find_token_of_partner(db, hints, partner, pair.access.value)


async def test_only_hashes_are_stored(grant: Grant) -> None:
    """Whoever reads the database can use none of it."""
    code = await grant.code()
    pair = await grant.redeem(code)
    async with grant.platform.database.transaction() as db:
        codes = await db.scalars(select(AuthorizationCodeRow.code_hash))
        tokens = await db.scalars(select(TokenRow.token_hash).where(TokenRow.consent_id == grant.consent.id))
        assert hash_secret(code) in set(codes)
        assert set(tokens) == {hash_secret(pair.access.value), hash_secret(pair.refresh.value)}
        await revoke_consent(db, grant.consent, NOW)
    with pytest.raises(InvalidToken):
        await grant.rotate(pair.refresh.value)


# --- journeys ---


async def begun(db: AsyncSession, contract_id: str, **values: object) -> str:
    contract = await db.get_one(ContractRow, contract_id)
    start: Callable[..., Start] = Start
    return await begin_journey(db, start(contract, "https://app.example/back", "the state", **values), NOW, HOUR)


async def test_a_journey_is_opened_by_its_code_and_taken_by_one_browser(platform: Platform, people: People) -> None:
    """Only the code shows where it leads back to, and what the link said; the browser's secret says who took it."""
    contract_id, session = (await people.contract()).contract_id, uuid4()
    async with platform.database.transaction() as db:
        code = await begun(db, contract_id, challenge="c", linked_consent_id=session)
        journey = await find_journey(db, code, lock=True)
        assert journey is not None
        assert (journey.challenge, journey.linked_consent_id, journey.expires_at) == ("c", session, NOW + HOUR)
        assert await find_journey(db, f"{code}x") is None
        target = return_target(journey, code)
        assert (target.redirect_uri, target.state) == ("https://app.example/back", "the state")
        assert "the state" not in repr(target)
        assert not is_bound_to(journey, "a browser")
        bind_journey(journey, code, "a browser", {"lng": "nl", "sources": [16]})
        await db.flush()
        assert bound_parameters(journey, code) == {"lng": "nl", "sources": [16]}
        assert (is_bound_to(journey, "a browser"), is_bound_to(journey, "another")) == (True, False)
        for value in (journey.sealed_return, journey.sealed_parameters or b""):
            assert b"app.example" not in value
            assert b"lng" not in value
        other = await find_journey(db, await begun(db, contract_id))
        assert other is not None
        for read in (return_target, bound_parameters):
            with pytest.raises(SealBroken):
                read(journey, "another code")
        other.sealed_return = journey.sealed_return  # What was sealed for one journey does not open in another.
        with pytest.raises(SealBroken):
            return_target(other, code)
        assert replace(target, state=None).state is None
