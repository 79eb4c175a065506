"""Tests of an app that consents in the person's place, in its own browser: it gets none of the person's data."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from examples.walking import Browser, consent
from sqlalchemy import func, select, update

from privateshare.platform.db.tables import AccountRow, ConsentRow, FileRow, LibraryRow
from privateshare.platform.runtime import Platform
from privateshare.protocol.contract_document import parse_document
from tests.flow.consenting import DOCUMENT, Asking, ask, asking_contract, page_of, refer
from tests.flow.consents import consent_by_id
from tests.flow.people import FHIR_FILE, SMALLEST_SAMPLE, SPOTIFY, People
from tests.flow.security.attacking import (
    Victim,
    came_back_with_code,
    fresh,
    lent,
    press,
    read_kinds,
    seen,
    victim,
    walked,
)
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, b64, check_error, query_of, verifier

pytestmark = pytest.mark.protocol("8.6")


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who left the box of their health record empty."""
    return await victim(platform, wire)


def mine(victim_: Victim) -> set[str]:
    return {account.public_id for account in victim_.accounts.values()}


# --- the three that succeeded ---


async def test_a_box_that_the_person_left_empty_stays_empty(platform: Platform, wire: Wire, mia: Victim) -> None:
    """(a) A program ticks the health record's box, and gets a code only for what it connected itself, or none."""
    asking = ask(wire, access_token=mia.tokens.access)
    browser = fresh(asking)
    press(browser, "consent", account=mia.box(FHIR_FILE))
    assert not came_back_with_code(browser)
    asking = ask(wire, access_token=mia.tokens.access)
    browser = walked(asking)
    got = asking.tokens(str(browser.left_to))
    assert seen(wire, got).isdisjoint(mine(mia))
    assert await lent(platform, mia.tokens.claims["consentid"]) == {mia.accounts[SPOTIFY].id}
    assert "medical" not in str(read_kinds(wire, got)).lower()


async def test_account_ids_that_a_program_adds_to_the_form_are_ignored(wire: Wire, mia: Victim) -> None:
    """The program connects a sample and adds the person's accounts to the same form."""
    asking = ask(wire, access_token=mia.tokens.access)
    browser = fresh(asking)
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.page.choose("dataset", "small")
    browser.submit("continue")
    assert page_of(browser) == "consent"
    press(browser, "consent", account=mia.box(FHIR_FILE))
    assert not came_back_with_code(browser)


async def test_another_contract_of_the_partner_gets_nothing(people: People, mia: Victim) -> None:
    """(b) The attacker uses the partner's second contract with the first one's token."""
    second = await asking_contract(people, name="Another app", document=DOCUMENT)
    asking = ask(second, access_token=mia.tokens.access)
    browser = fresh(asking)
    for source in (SPOTIFY, FHIR_FILE):
        press(browser, "consent", account=mia.box(source))
        assert not came_back_with_code(browser)
    asking = ask(second, access_token=mia.tokens.access)
    got = asking.tokens(str(walked(asking).left_to))
    assert seen(second, got).isdisjoint(mine(mia))


async def test_a_consent_for_one_read_is_not_renewed(people: People, platform: Platform) -> None:
    """(c) After its one read a contract cannot read the person's data again."""
    once = await asking_contract(people, once=True)
    person = await victim(platform, once, sources=[SPOTIFY])
    wait_until_over(once, person.tokens, person.session)
    for ask_again in (lambda: ask(once, access_token=person.tokens.access), lambda: renewing(once, person.tokens)):
        browser = fresh(ask_again())
        press(browser, "consent", account=person.box(SPOTIFY))
        assert not came_back_with_code(browser)
        asking = ask_again()
        got = asking.tokens(str(walked(asking).left_to))
        assert seen(once, got).isdisjoint(mine(person))


def renewing(wire: Wire, tokens: Tokens) -> Asking:
    """Return a link to renew a grant. Protocol 4.4."""
    secret = verifier()
    claims = {"code_challenge": b64(sha256(secret.encode()).digest()), "code_challenge_method": "S256"}
    asking = refer(wire, "user-reauth", tokens.access, **claims)
    asking.verifier = secret
    return asking


# --- their neighbours ---


async def test_a_lapsed_grant_is_not_renewed(people: People, platform: Platform) -> None:
    """A renewed grant covers only what was connected now, and the old one stays ended."""
    wire = await asking_contract(people)
    person = await victim(platform, wire, sources=[SPOTIFY])
    past = datetime.now(UTC) - timedelta(minutes=1)
    async with platform.database.transaction() as db:
        this = ConsentRow.id == UUID(person.tokens.claims["consentid"])
        await db.execute(update(ConsentRow).where(this).values(expires_at=past))
    asking = renewing(wire, person.tokens)
    browser = fresh(asking)
    press(browser, "consent", account=person.box(SPOTIFY))
    assert not came_back_with_code(browser)
    asking = renewing(wire, person.tokens)
    got = asking.tokens(str(walked(asking).left_to))
    assert got.claims["consentid"] != person.tokens.claims["consentid"]
    assert got.claims["sub"] == person.tokens.claims["sub"]
    assert seen(wire, got).isdisjoint(mine(person))
    async with platform.database.session() as db:
        given = await consent_by_id(db, person.tokens.claims["consentid"])
        assert given.expires_at is not None
        assert given.expires_at < datetime.now(UTC)


async def test_a_withdrawn_grant_begins_no_journey(people: People, platform: Platform) -> None:
    """Its tokens link to no library."""
    wire = await asking_contract(people)
    person = await victim(platform, wire, sources=[SPOTIFY])
    async with platform.database.transaction() as db:
        this = ConsentRow.id == UUID(person.tokens.claims["consentid"])
        await db.execute(update(ConsentRow).where(this).values(revoked_at=datetime.now(UTC)))
    check_error(wire.authorize(verifier(), access_token=person.tokens.access), 401, "InvalidToken")
    claims = {"access_token": person.tokens.access, "redirect_uri": "https://app.example/return?kept=1"}
    check_error(wire.post("oauth/token/reference", **claims), 401, "InvalidToken")


@pytest.mark.parametrize("page", ["authorize", "user-reauth", "onboard"])
async def test_an_unknown_browser_is_shown_nothing(wire: Wire, mia: Victim, page: str) -> None:
    """No page has a name, an account or a box of what the person connected."""
    for at in ("", "source", "consent", "person", "connect/16", "done"):
        asking = {
            "authorize": lambda: ask(wire, access_token=mia.tokens.access),
            "user-reauth": lambda: renewing(wire, mia.tokens),
            "onboard": lambda: refer(wire, "onboard", mia.tokens.access),
        }[page]()
        browser = fresh(asking)
        assert browser.page is not None
        if at:
            browser.open(browser.page.url.rsplit("/", 1)[0] + "/" + at)
        assert browser.page is not None
        assert 'type="checkbox"' not in browser.page.html
        assert not any(account in browser.page.html for account in (mia.box(SPOTIFY), mia.box(FHIR_FILE)))


async def test_samples_and_uploads_are_not_merged_into_the_persons_accounts(
    platform: Platform, wire: Wire, mia: Victim
) -> None:
    """The same sample in an unknown browser becomes another account."""
    before = {account.id: account.identity_hash for account in mia.accounts.values()}
    asking = ask(wire, access_token=mia.tokens.access)
    got = asking.tokens(str(walked(asking).left_to))
    async with platform.database.session() as db:
        for account_id, identity in before.items():
            kept = await db.get_one(AccountRow, (mia.library, account_id))
            assert (kept.identity_hash, kept.sample, kept.unproven_on) == (
                identity,
                SMALLEST_SAMPLE[kept.source_id],
                None,
            )
        (new,) = await lent(platform, got.claims["consentid"])
        assert (await db.get_one(AccountRow, (mia.library, new))).source_id == SPOTIFY
    assert new not in before


async def test_onboarding_adds_only_what_is_connected_there(platform: Platform, people: People) -> None:
    """`onboard` in an unknown browser adds one account of its own beside the shared ones."""
    wire = await asking_contract(people)
    person = await victim(platform, wire)
    browser = Browser()
    consent(browser, refer(wire, "onboard", person.tokens.access).url, {FHIR_FILE: "default"})
    shared = await lent(platform, person.tokens.claims["consentid"])
    assert person.accounts[SPOTIFY].id in shared
    assert person.accounts[FHIR_FILE].id not in shared
    assert len(shared) == 2


async def test_automatic_sample_data_shares_only_itself(people: People, platform: Platform) -> None:
    """`sampleDataAutoOnboard` asks nobody, so it shares nothing that existed before."""
    wire = await asking_contract(people)
    person = await victim(platform, wire)
    asking = ask(wire, f"&service={SPOTIFY}&sampleDataAutoOnboard=true", access_token=person.tokens.access)
    browser = fresh(asking)
    browser.submit("continue")
    got = asking.tokens(str(browser.left_to))
    assert seen(wire, got).isdisjoint(mine(person))


@pytest.mark.parametrize("kind", ["write", "read-raw"])
async def test_other_kinds_of_contract_need_the_person(people: People, mia: Victim, kind: str) -> None:
    """Writing into a library and reading apps' files need the person too."""
    document = {"dataPush": {"purpose": "x"}} if kind == "write" else {"dataRequest": {"purpose": "x"}}
    seen_document = parse_document(document).fingerprint
    other = await asking_contract(people, name="Other kind", kind=kind, document=document)
    browser = fresh(ask(other, access_token=mia.tokens.access))
    assert page_of(browser) == "person"
    press(browser, "consent", document=seen_document)
    assert not came_back_with_code(browser)
    browser = fresh(ask(other, access_token=mia.tokens.access))
    press(browser, "person", someone="else")
    assert not came_back_with_code(browser)
    press(browser, "consent", document=seen_document)
    assert not came_back_with_code(browser)


async def test_reauthorizing_needs_the_persons_sign_in(people: People, platform: Platform) -> None:
    """`reauthorize` with the same sample or a file in an unknown browser changes nothing."""
    wire = await asking_contract(people)
    person = await victim(platform, wire, sources=[SPOTIFY])
    wait_until_over(wire, person.tokens, person.session)
    account = person.accounts[SPOTIFY]
    async with platform.database.transaction() as db:
        await db.execute(update(AccountRow).where(AccountRow.id == account.id).values(needs_login=True))
    handle = wire.post("reference", body={"type": "accountId", "value": account.public_id}).json()["id"]
    browser = fresh(refer(wire, "reauthorize", person.tokens.access, f"&accountRef={handle}"))
    assert page_of(browser) == "person"
    press(browser, f"connect/{SPOTIFY}", way="sample:default")
    assert browser.left_to is None
    async with platform.database.session() as db:
        assert (await db.get_one(AccountRow, (person.library, account.id))).needs_login is True


async def test_deleting_the_user_with_such_a_grant_leaves_the_library(people: People, platform: Platform) -> None:
    """Such a grant deletes only what it covers, and none of the person's data. Protocol 7.5."""
    wire = await asking_contract(people)
    person = await victim(platform, wire)
    asking = ask(wire, access_token=person.tokens.access)
    got = asking.tokens(str(walked(asking).left_to))
    covered = await lent(platform, got.claims["consentid"])
    wait_until_over(wire, got, triggered(wire, got))
    assert wire.call("DELETE", "user", access_token=got.access).status_code == 200
    async with platform.database.session() as db:
        assert await db.get(LibraryRow, person.library) is not None
        left = set(await db.scalars(select(AccountRow.id).where(AccountRow.library_id == person.library)))
        files = await db.scalar(
            select(func.count()).where(FileRow.library_id == person.library, FileRow.account_id.in_(covered))
        )
    assert left == {account.id for account in person.accounts.values()}
    assert files == 0
    assert seen(wire, person.tokens) == {person.accounts[SPOTIFY].public_id}


# --- the person themselves, in the same browser ---


async def test_the_person_continues_in_their_own_browser(people: People, platform: Platform) -> None:
    """The empty box is shown there, and is still empty."""
    wire = await asking_contract(people)
    person = await victim(platform, wire)
    asking = ask(wire, access_token=person.tokens.access)
    browser = Browser(person.http)
    browser.open(asking.url)
    assert page_of(browser) == "consent"
    assert browser.page is not None
    boxes = {entry.value: entry.chosen for entry in browser.page.form("continue").inputs if entry.name == "account"}
    assert boxes == {person.box(SPOTIFY): True, person.box(FHIR_FILE): False}
    box = person.box(FHIR_FILE)
    press(browser, "consent", account=box, offered=f"{box}:128", kind=f"{box}:128", group=f"{box}:conditions")
    got = asking.tokens(str(browser.left_to))
    assert got.claims["consentid"] == person.tokens.claims["consentid"]
    assert seen(wire, got) == {person.accounts[FHIR_FILE].public_id}
    assert query_of(str(browser.left_to))["success"] == "true"
