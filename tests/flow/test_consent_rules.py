"""Tests of consents in the database: which is renewed, what widens one, and what its end takes with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest, NotFound
from privateshare.platform.db.tables import (
    AuthorizationCodeRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    ReceiptRow,
    TokenRow,
    UnjournaledRow,
)
from privateshare.platform.grants.consent_events import OPERATOR, PERSON, consent_agreed, withdraw_consent
from privateshare.platform.grants.consents import (
    Agreed,
    accounts_shared_before,
    change_consent,
    earliest,
    end_contract,
    last_agreement,
    live_consent,
    record_consent,
    share_more_accounts,
    widens,
)
from privateshare.platform.grants.deletions import ask_deletion, confirm_deletion
from privateshare.platform.grants.receipts import Shown, find_receipt, list_receipts
from privateshare.platform.grants.references import find_reference, new_reference, take_reference
from privateshare.platform.grants.tokens import issue_code, redeem_code
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import OpenLibrary, create_library, open_library
from privateshare.platform.runtime import Platform
from privateshare.protocol import pkce
from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.choice import AccountChoice, Choice
from privateshare.protocol.receipts import AGREED
from privateshare.sources.contract import Identity
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.wire import verifier

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)


@dataclass
class Person:
    """Somebody with two accounts, and the contract that they are asked for."""

    platform: Platform
    contract_id: str
    library: OpenLibrary
    accounts: Sequence[UUID]

    async def agree(self, db: AsyncSession, contract_id: str = "", **options: object) -> ConsentRow:
        """Record that the person agrees to share their first account."""
        contract = await db.get_one(ContractRow, contract_id or self.contract_id)
        now = options.pop("now", NOW)
        return await record_consent(db, contract, self.library.id, self.accounts[:1], now, **options)  # type: ignore[arg-type]


@pytest.fixture
async def person(platform: Platform, people: People) -> Person:
    contract_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        source = platform.sources.connectable[SPOTIFY].info
        accounts = [
            (await connect_account(db, platform, library, ConnectedSource(source, Identity(name, name)))).id
            for name in ("first", "second")
        ]
    return Person(platform, contract_id, library, accounts)


async def covered(db: AsyncSession, consent: ConsentRow) -> set[UUID]:
    query = select(ConsentAccountRow.account_id).where(ConsentAccountRow.consent_id == consent.id)
    return set(await db.scalars(query))


async def test_agreeing_again_renews_a_live_consent(platform: Platform, person: Person) -> None:
    """It keeps its id. One that has ended, or was withdrawn, does not come to life again."""
    async with platform.database.transaction() as db:
        first = await person.agree(db, agreed=Agreed(until=NOW + HOUR))
        assert first.expires_at == NOW + HOUR
        again = await person.agree(db)
        assert (again.id, again.expires_at) == (first.id, None)
        again.expires_at = NOW
        after_its_end = await person.agree(db)
        assert after_its_end.id != first.id
        await withdraw_consent(db, platform, after_its_end, NOW, PERSON)
        await db.refresh(after_its_end)
        assert (await person.agree(db)).id not in (first.id, after_its_end.id)


async def test_a_consent_for_one_read_is_new_each_time(platform: Platform, person: Person) -> None:
    """Whether the contract is for one read, or the person chose so."""
    async with platform.database.transaction() as db:
        once = [await person.agree(db, agreed=Agreed(once=True)) for _ in range(2)]
        assert len({consent.id for consent in once}) == 2
        assert all(consent.once for consent in once)
        assert await live_consent(db, person.contract_id, person.library.id, NOW) is None
        (await db.get_one(ContractRow, person.contract_id)).once = True
        assert len({(await person.agree(db)).id for _ in range(2)}) == 2


async def test_an_unproven_consent_changes_no_other(platform: Platform, person: Person) -> None:
    """Whoever did not prove that the library is theirs cannot renew, and is not remembered as the person."""
    async with platform.database.transaction() as db:
        proven = await person.agree(db)
        await person.agree(db, unproven=True, agreed=Agreed(until=NOW + HOUR), now=NOW)
        assert proven.expires_at is None
        contract = await db.get_one(ContractRow, person.contract_id)
        last = await last_agreement(db, person.contract_id, person.library.id)
        assert last is not None
        assert last.id == proven.id
        await withdraw_consent(db, platform, proven, NOW, PERSON)
        await db.refresh(proven)
        assert await last_agreement(db, person.contract_id, person.library.id) is None
        assert await accounts_shared_before(db, contract, person.library.id, NOW) == []


async def test_a_linked_consent_keeps_the_id_that_the_app_knows(platform: Platform, person: Person) -> None:
    """After a merge an app may know one person by two ids, and renews the consent of the one that it showed."""
    async with platform.database.transaction() as db:
        usual = await person.agree(db)
        moved = await person.agree(db, unproven=True)
        moved.unproven, moved.sub = False, "as before the merge"
        await db.flush()
        assert (await person.agree(db, linked=moved)).id == moved.id
        assert (await person.agree(db, linked=usual)).id == usual.id
        await withdraw_consent(db, platform, moved, NOW, PERSON)
        await db.refresh(moved)
        new = await person.agree(db, linked=moved)
        assert (new.id not in (moved.id, usual.id), new.sub) == (True, "as before the merge")


async def test_what_a_partner_can_read_already_is_offered(platform: Platform, people: People, person: Person) -> None:
    """What was shared with the contract itself comes first; what ended with the partner's others is left out."""
    async with platform.database.transaction() as db:
        contract = await db.get_one(ContractRow, person.contract_id)
        application_id = contract.application_id
    other = (await people.contract(application_id=application_id)).contract_id
    async with platform.database.transaction() as db:
        contract = await db.get_one(ContractRow, person.contract_id)
        of_partner = await person.agree(db, other)
        assert await accounts_shared_before(db, contract, person.library.id, NOW) == [person.accounts[0]]
        of_partner.expires_at = NOW
        await db.flush()
        assert await accounts_shared_before(db, contract, person.library.id, NOW) == []
        mine = await person.agree(db)
        await change_consent(db, mine, contract, person.accounts[1:], Agreed(until=NOW + HOUR))
        assert mine.expires_at == NOW + HOUR
        assert await accounts_shared_before(db, contract, person.library.id, NOW) == [person.accounts[1]]


async def test_a_change_widens_a_consent_if_it_shares_anything_more(platform: Platform, person: Person) -> None:
    """Another account, a later end, an earlier date or another kind; less of each does not."""
    first, second = person.accounts
    plays = Choice(accounts={first: AccountChoice(kinds=(ObjectType.PLAY_HISTORY,))}, since=1000)
    until = NOW + HOUR
    async with platform.database.transaction() as db:
        consent = await person.agree(db, agreed=Agreed(plays, until))
        both = plays.with_account(first, [ObjectType.PLAYLIST])
        for wider in (
            ([first, second], Agreed(plays, until)),
            ([first], Agreed(plays, until + HOUR)),
            ([first], Agreed(plays)),
            ([first], Agreed(plays.model_copy(update={"since": 999}), until)),
            ([first], Agreed(both, until)),
        ):
            assert await widens(db, consent, *wider)
        for narrower in (
            ([first], Agreed(plays, until)),
            ([], Agreed(plays, until)),
            ([first], Agreed(plays, until - HOUR)),
            ([first], Agreed(plays.model_copy(update={"since": 1001}), until)),
        ):
            assert not await widens(db, consent, *narrower)
        await share_more_accounts(db, consent, {first: [ObjectType.PLAYLIST], second: [ObjectType.PLAYLIST]})
        assert await covered(db, consent) == {first, second}
        assert consent.choice.allows(second, ObjectType.PLAYLIST)
        await share_more_accounts(db, consent, {})
        assert await covered(db, consent) == {first, second}


def test_the_earliest_moment_counts() -> None:
    """None means that there is no end."""
    assert earliest(None, NOW + HOUR, NOW) == NOW
    assert earliest(None, None) is None


async def end_of_tokens(db: AsyncSession, consent: ConsentRow) -> list[int]:
    """Return how many codes and tokens of a consent are left."""
    tables = (AuthorizationCodeRow, TokenRow)
    counts = [select(func.count()).select_from(table).where(table.consent_id == consent.id) for table in tables]
    return [await db.scalar(count) or 0 for count in counts]


async def with_tokens(db: AsyncSession, platform: Platform, consent: ConsentRow) -> None:
    secret = verifier()
    code = await issue_code(db, platform, consent, pkce.challenge(secret), NOW)
    await redeem_code(db, platform, consent.contract_id, code, secret, NOW)


async def test_a_withdrawal_ends_everything_at_once(platform: Platform, person: Person) -> None:
    """Codes and tokens are gone, the journal will say so, and there is a receipt with the notice of the consent's."""
    async with platform.database.transaction() as db:
        consent = await person.agree(db)
        shown = Shown("https://share.example", "en", "What was on the page")
        await consent_agreed(db, platform, person.library, consent, shown, NOW, changed=False)
        await with_tokens(db, platform, consent)
        assert await end_of_tokens(db, consent) == [1, 2]
        for _ in range(2):
            await withdraw_consent(db, platform, consent, NOW + HOUR, OPERATOR)
            await db.refresh(consent)
        assert consent.revoked_at == NOW + HOUR
        assert await end_of_tokens(db, consent) == [0, 0]
        assert await db.get(UnjournaledRow, ("consent", str(consent.id))) is not None
        withdrawn, given = await list_receipts(db, person.library)
        assert b"What was on the page" in withdrawn.content
        assert b"dpv:DataProcessor" in withdrawn.content
        assert AGREED.encode() in given.content
        assert await find_receipt(db, person.library, given.id) == given
        assert await find_receipt(db, person.library, uuid4()) is None


async def test_a_lost_key_prevents_no_withdrawal(
    platform: Platform, person: Person, erased_afterwards: list[UUID]
) -> None:
    """There is no receipt then, since nothing can be sealed; and an app can confirm its deletion all the same."""
    erased_afterwards.append(person.library.id)
    async with platform.database.transaction() as db:
        consent = await person.agree(db)
        await with_tokens(db, platform, consent)
        await ask_deletion(db, platform, person.library, consent, NOW)
    platform.erasure_keys.store.destroy(person.library.id)
    platform.erasure_keys.forget(person.library.id)
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, consent.id)
        await withdraw_consent(db, platform, consent, NOW, PERSON)
        await confirm_deletion(db, platform, person.contract_id, consent.id, NOW)
    async with platform.database.transaction() as db:
        ended = await consent_by_id(db, consent.id)
        assert (ended.revoked_at, ended.deletion_confirmed_at) == (NOW, NOW)
        assert await end_of_tokens(db, ended) == [0, 0]
        receipts = select(func.count()).select_from(ReceiptRow).where(ReceiptRow.library_id == person.library.id)
        assert await db.scalar(receipts) == 0


async def test_a_damaged_receipt_prevents_no_withdrawal(platform: Platform, person: Person) -> None:
    """Its notice cannot be repeated then. The receipts that can be read are listed as before."""
    async with platform.database.transaction() as db:
        consent = await person.agree(db)
        shown = Shown("https://share.example", "en", "What was on the page")
        await consent_agreed(db, platform, person.library, consent, shown, NOW, changed=False)
        row = (await db.scalars(select(ReceiptRow).where(ReceiptRow.library_id == person.library.id))).one()
        row.sealed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
        await db.flush()
        await withdraw_consent(db, platform, consent, NOW + HOUR, PERSON)
        (withdrawn,) = await list_receipts(db, person.library)
        assert b"dpv:ConsentWithdrawn" in withdrawn.content
        assert b"What was on the page" not in withdrawn.content
        assert await find_receipt(db, person.library, row.id) is None


async def test_the_end_of_a_contract_ends_its_consents(platform: Platform, person: Person) -> None:
    """Nothing brings them back: a contract that had ended before keeps its end."""
    async with platform.database.transaction() as db:
        consent, contract = await person.agree(db), await db.get_one(ContractRow, person.contract_id)
        await with_tokens(db, platform, consent)
        await end_contract(db, contract, NOW - HOUR)
        await end_contract(db, contract, NOW)
        await db.refresh(consent)
        assert contract.expires_at == NOW - HOUR
        assert consent.revoked_at == NOW - HOUR
        assert await end_of_tokens(db, consent) == [0, 0]
        assert await db.get(UnjournaledRow, ("contract", contract.id)) is not None


async def test_a_deletion_is_confirmed_by_the_app_that_was_asked(
    platform: Platform, people: People, person: Person
) -> None:
    """Before the person asked, and for other apps, there is nothing to confirm. The first confirmation counts."""
    other = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        consent = await person.agree(db)
        for contract_id, consent_id in ((person.contract_id, consent.id), (person.contract_id, uuid4())):
            with pytest.raises(NotFound):
                await confirm_deletion(db, platform, contract_id, consent_id, NOW)
        for moment in (NOW, NOW + HOUR):
            await ask_deletion(db, platform, person.library, consent, moment)
        assert consent.deletion_asked_at == NOW
        with pytest.raises(NotFound):
            await confirm_deletion(db, platform, other, consent.id, NOW)
        for moment in (NOW + HOUR, NOW + 2 * HOUR):
            await confirm_deletion(db, platform, person.contract_id, consent.id, moment)
        assert consent.deletion_confirmed_at == NOW + HOUR


async def test_a_receipt_names_the_kinds_that_were_chosen(platform: Platform, person: Person) -> None:
    """One of a change says so. Without a choice, it names the groups that the contract asks for."""
    chosen = Choice(accounts={person.accounts[0]: AccountChoice(kinds=(ObjectType.PLAY_HISTORY, 999_999))})
    async with platform.database.transaction() as db:
        shown = Shown("https://share.example", "en", "The page")
        for agreed, changed in ((Agreed(), False), (Agreed(chosen, NOW + HOUR), True)):
            consent = await person.agree(db, agreed=agreed)
            moment = NOW + HOUR if changed else NOW
            await consent_agreed(db, platform, person.library, consent, shown, moment, changed=changed)
        after, before = await list_receipts(db, await open_library(db, platform, person.library.id))
    assert [receipt.event for receipt in (after, before)] == ["consent changed", "consent given"]
    assert b'"playhistory"' in after.content
    assert b"RenewedConsentGiven" in after.content
    assert b"UntilTimeDuration" in after.content
    assert b'"playhistory"' not in before.content
    assert b'"entertainment"' in before.content


async def test_a_reference_is_used_once_by_its_contract(platform: Platform, people: People, person: Person) -> None:
    """Until it expires, and only for what it was made for."""
    other = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        contract = await db.get_one(ContractRow, person.contract_id)
        with pytest.raises(InvalidRequest, match="cloudId, accountId"):
            await new_reference(db, contract, "libraryId", "x", NOW + HOUR)
        handle = await new_reference(db, contract, "accountId", "19_x", NOW + HOUR)
        wrong = (
            (other, "accountId", handle, NOW),
            (contract.id, "cloudId", handle, NOW),
            (contract.id, "accountId", f"{handle}x", NOW),
            (contract.id, "accountId", handle, NOW + HOUR),
        )
        for attempt in wrong:
            assert await find_reference(db, *attempt) is None
            assert await take_reference(db, *attempt) is None
        right = (contract.id, "accountId", handle, NOW)
        assert await find_reference(db, *right) == "19_x"
        assert [await take_reference(db, *right) for _ in range(2)] == ["19_x", None]
