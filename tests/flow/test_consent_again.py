"""Tests of protocol 8.1: known people who add, renew or withdraw something, and other kinds of contract."""

import asyncio
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import httpx2
import pytest
from examples.walking import Browser, consent
from sqlalchemy import select, update

from privateshare.platform.db.tables import AccountRow, ConsentRow
from privateshare.platform.grants.consents import set_consent_accounts
from privateshare.platform.runtime import Platform
from tests.flow.consenting import (
    accounts,
    again,
    ask,
    asking_contract,
    at_consent,
    failure,
    journey_of,
    known_person,
    opened,
    page_of,
    refer,
    withdrawal,
)
from tests.flow.consents import consent_by_id
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import REDIRECT_URI, Wire, b64, query_of, verifier


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture
def home() -> httpx2.Client:
    """Provide the browser of one person, who is known in it from their first consent on."""
    return httpx2.Client()


@pytest.mark.protocol("4.1")
async def test_a_second_contract_joins_the_library(wire: Wire, people: People, home: httpx2.Client) -> None:
    """With another contract's access token the person's accounts are offered in their own browser."""
    tokens = known_person(wire, home)
    partner = await asking_contract(people)
    second = await people.contract(application_id=partner.application_id, data_request={"serviceGroups": [{"id": 5}]})
    asking = ask(second, access_token=tokens.access)
    browser = opened(asking.url, http=home)
    assert page_of(browser) == "consent"
    browser.submit("continue")
    assert browser.left_to is not None
    assert "accountReference" not in query_of(browser.left_to)
    mine, theirs = accounts(wire, tokens.access), accounts(second, asking.tokens(browser.left_to).access)
    assert [entry["id"] for entry in mine] == [entry["id"] for entry in theirs]


async def test_an_account_left_out_stays_out(wire: Wire, home: httpx2.Client) -> None:
    """An account that a person unticks is not shared, and is not ticked the next time."""
    asking = ask(wire)
    browser = at_consent(asking, http=home)
    assert browser.page is not None
    browser.submit("another-source")
    browser.page.choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    ticked = [entry for entry in browser.page.form("continue").inputs if entry.name == "account"]
    ticked[0].chosen = False
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    (shared,) = accounts(wire, tokens.access)
    assert shared["sourceId"] == FHIR_FILE
    again = opened(ask(wire, access_token=tokens.access).url, http=home).page
    assert again is not None
    boxes = [entry for entry in again.form("continue").inputs if entry.name == "account"]
    assert [box.chosen for box in boxes] == [False, True]


@pytest.mark.parametrize("same_browser", [pytest.param(True, marks=pytest.mark.slow), False])
async def test_declining_leaves_a_known_persons_library(wire: Wire, home: httpx2.Client, same_browser: bool) -> None:
    """Declining a later request removes nothing from an existing library, whoever declines."""
    tokens = known_person(wire, home)
    browser = opened(ask(wire, access_token=tokens.access).url, http=home if same_browser else None)
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert len(accounts(wire, tokens.access)) == 1


@pytest.mark.protocol("8.1", "8.3")
def test_onboarding_adds_a_source_without_a_code(wire: Wire) -> None:
    """`onboard` connects one more source, which the app sees at once, and returns no code."""
    tokens = known_person(wire)
    browser = opened(refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}").url)
    assert browser.page is not None
    assert "Conditions and diagnoses" in browser.page.html
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    told = query_of(str(browser.left_to))
    assert (told["success"], told["state"], "code" in told) == ("true", "the state", False)
    listed = accounts(wire, tokens.access)
    assert [entry["sourceId"] for entry in listed] == [SPOTIFY, FHIR_FILE]
    assert told["accountReference"] == listed[1]["reference"]


@pytest.mark.protocol("8.1")
def test_renewing_gives_a_new_code(wire: Wire, home: httpx2.Client) -> None:
    """`user-reauth` shows again what was agreed in the person's browser and returns a code."""
    tokens = known_person(wire, home)
    secret = verifier()
    claims = {"code_challenge": b64(sha256(secret.encode()).digest()), "code_challenge_method": "S256"}
    browser = opened(refer(wire, "user-reauth", tokens.access, **claims).url, http=home)
    assert page_of(browser) == "consent"
    browser.submit("continue")
    renewed = wire.tokens(wire.exchange(query_of(str(browser.left_to))["code"], secret))
    assert renewed.claims["sub"] == tokens.claims["sub"]
    assert renewed.claims["consentid"] == tokens.claims["consentid"]


async def test_one_account_is_connected_again(wire: Wire, platform: Platform, home: httpx2.Client) -> None:
    """`reauthorize` leads to the account, accepts only that account, and returns no code."""
    tokens = known_person(wire, home)
    (account,) = accounts(wire, tokens.access)
    async with platform.database.transaction() as db:
        changed = update(AccountRow).where(AccountRow.public_id == account["id"]).values(needs_login=True)
        await db.execute(changed)
    browser = opened((await again(wire, tokens, account)).url, http=home)
    assert browser.page is not None
    assert page_of(browser) == "connect"
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("connect", 422)
    browser.page.choose("dataset", "small")
    browser.submit("continue")
    told = query_of(str(browser.left_to))
    assert (told["success"], told["state"], "code" in told) == ("true", "the state", False)
    (renewed,) = accounts(wire, tokens.access)
    assert told["accountReference"] == account["reference"] == renewed["reference"]
    assert renewed["accessTokenStatus"]["authorized"] is True


@pytest.mark.protocol("7.3")
async def test_one_account_is_connected_again_at_its_own_source(wire: Wire, home: httpx2.Client) -> None:
    """The journey has no page of another source."""
    tokens = known_person(wire, home)
    browser = opened((await again(wire, tokens, accounts(wire, tokens.access)[0])).url, http=home)
    assert browser.page is not None
    assert browser.page.url.endswith(f"connect/{SPOTIFY}")
    browser.open(browser.page.url.replace(f"connect/{SPOTIFY}", f"connect/{FHIR_FILE}"))
    assert (page_of(browser), browser.page.status) == ("error", 404)


async def test_an_account_handle_works_once(wire: Wire, home: httpx2.Client) -> None:
    """Nothing is connected again without a handle, with a used one, or with another person's account."""
    tokens, other = known_person(wire, home), known_person(wire)
    failure(opened(refer(wire, "reauthorize", tokens.access).url), "INITIALIZE_CHECK_FAIL")
    failure(opened(refer(wire, "reauthorize", tokens.access, "&accountRef=x").url), "INITIALIZE_CHECK_FAIL")
    (foreign,) = accounts(wire, other.access)
    failure(opened((await again(wire, tokens, foreign)).url), "INITIALIZE_CHECK_FAIL")
    (mine,) = accounts(wire, tokens.access)
    asking = await again(wire, tokens, mine)
    for _ in range(2):  # Opening the page does not use up the handle.
        browser = opened(asking.url, http=home)
        assert page_of(browser) == "connect"
    browser.submit("continue")
    assert page_of(browser) == "connect"
    used = asking.url.split("accountRef=")[1]
    failure(opened(refer(wire, "reauthorize", tokens.access, f"&accountRef={used}").url), "INITIALIZE_CHECK_FAIL")


@pytest.mark.protocol("7.4")
def test_a_person_withdraws_access_to_a_source(wire: Wire) -> None:
    """With `revoke` the platform gives up its access, nothing more is fetched, and the app is told."""
    tokens = known_person(wire)
    browser = opened(withdrawal(wire, tokens))
    assert browser.page is not None
    assert "Spotify" in browser.page.html
    browser.submit("continue")
    assert browser.left_to == f"{REDIRECT_URI}&result=success"
    (account,) = accounts(wire, tokens.access)
    assert account["accessTokenStatus"]["authorized"] is False
    session = triggered(wire, tokens)
    listed = wait_until_over(wire, tokens, session)
    assert listed["status"]["state"] == "partial"
    error = listed["status"]["details"][account["id"]]["error"]
    assert (error["code"], error["statusCode"], error["reauth"]) == ("ServiceAuthorizationError", 511, True)


@pytest.mark.protocol("7.4")
async def test_an_account_that_is_no_longer_shared_is_not_shown(wire: Wire, platform: Platform) -> None:
    """An app that no longer sees an account cannot ask its person to withdraw it."""
    tokens = known_person(wire)
    address = withdrawal(wire, tokens)
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        await set_consent_accounts(db, consent, [])
    left_to = opened(address).left_to
    assert left_to is not None
    assert left_to.startswith(f"{REDIRECT_URI}&result=failed")


def test_a_person_keeps_access_to_a_source(wire: Wire) -> None:
    """Declining to withdraw changes nothing, and the app gets the error of 7.4."""
    tokens = known_person(wire)
    browser = opened(withdrawal(wire, tokens))
    browser.submit("decline")
    assert browser.left_to == f"{REDIRECT_URI}&result=failed&errorCode=USER_CANCEL&error_message=USER_CANCEL"
    (account,) = accounts(wire, tokens.access)
    assert account["accessTokenStatus"]["authorized"] is True


@pytest.mark.parametrize(
    "page",
    [pytest.param("source", marks=pytest.mark.slow), pytest.param("connect/16", marks=pytest.mark.slow), "consent"],
)
async def test_a_journey_has_its_own_pages_only(wire: Wire, page: str) -> None:
    """Pages of other journeys cannot be opened, so withdrawing never leads to a consent or a code."""
    browser = opened(withdrawal(wire, known_person(wire)))
    assert browser.page is not None
    at = browser.page.url.removesuffix("withdraw")
    form = browser.page.form("continue")
    form.action = at + page
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) in {("error", 404), ("error", 400)}
    browser.open(at + page)
    assert (page_of(browser), browser.page.status) == ("error", 404)


@pytest.mark.parametrize("same_browser", [pytest.param(True, marks=pytest.mark.slow), False])
async def test_declining_removes_accounts_of_the_journey(
    wire: Wire, platform: Platform, home: httpx2.Client, same_browser: bool
) -> None:
    """Accounts that were connected on the journey are removed, and earlier ones remain."""
    tokens = known_person(wire, home)
    asking = ask(wire, access_token=tokens.access)
    browser = opened(asking.url, http=home if same_browser else None)
    assert browser.page is not None
    browser.open(browser.page.url.rsplit("/", 1)[0] + "/source")
    browser.page.choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    library = (await journey_of(platform, asking)).library_id
    async with platform.database.session() as db:
        left = list(await db.scalars(select(AccountRow.source_id).where(AccountRow.library_id == library)))
    assert left == [SPOTIFY]


@pytest.mark.protocol("8.3")
def test_onboarding_needs_a_live_consent(wire: Wire) -> None:
    """A consent that ended while the person was connecting accepts no new account."""
    tokens = known_person(wire)
    browser = opened(refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}").url)
    assert browser.page is not None
    assert wire.call("DELETE", "user", access_token=tokens.access).status_code == 200
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    failure(browser, "ONBOARD_ERROR")


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize("column", ["revoked_at", pytest.param("expires_at", marks=pytest.mark.slow)])
async def test_onboarding_needs_a_consent_that_was_not_withdrawn(wire: Wire, platform: Platform, column: str) -> None:
    """A consent that was withdrawn or lapsed meanwhile accepts no new account either."""
    tokens = known_person(wire)
    browser = opened(refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}").url)
    assert browser.page is not None
    async with platform.database.transaction() as db:
        this = update(ConsentRow).where(ConsentRow.id == UUID(tokens.claims["consentid"]))
        await db.execute(this.values({column: datetime.now(UTC)}))
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    failure(browser, "ONBOARD_ERROR")


# --- other contracts ---


async def test_a_write_contract_asks_for_no_source(people: People) -> None:
    """The page shows what the contract would write, and agreeing creates a library for the person."""
    document = {"dataPush": {"purpose": "To file your results"}}
    writing = await asking_contract(people, kind="write", document=document)
    asking = ask(writing)
    browser = opened(asking.url)
    assert browser.page is not None
    assert page_of(browser) == "consent"
    assert "To file your results" in browser.page.html
    browser.submit("continue")
    assert asking.tokens(str(browser.left_to)).claims["sub"]


async def test_a_contract_for_one_read_says_so(people: People) -> None:
    """The page of a one-off contract says that it reads once."""
    page = at_consent(ask(await asking_contract(people, once=True))).page
    assert page is not None
    assert "one time" in page.html


@pytest.mark.protocol("8.1")
@pytest.mark.parametrize("page", ["onboard", pytest.param("reauthorize", marks=pytest.mark.slow)])
async def test_a_contract_for_one_read_asks_for_no_more(people: People, page: str) -> None:
    """It could not read accounts that are connected later, so nobody is asked to add one."""
    once = await asking_contract(people, once=True)
    tokens = known_person(once)
    (account,) = accounts(once, tokens.access)
    handle = once.post("reference", body={"type": "accountId", "value": account["id"]}).json()["id"]
    failure(opened(refer(once, page, tokens.access, f"&accountRef={handle}").url), "INITIALIZE_CHECK_FAIL")


@pytest.mark.slow
async def test_many_people_at_once(wire: Wire) -> None:
    """Twelve people at the same time each get their own library."""
    askings = [ask(wire) for _ in range(12)]
    walks = [asyncio.to_thread(consent, Browser(), asking.url, {SPOTIFY: "small"}) for asking in askings]
    returned = await asyncio.gather(*walks)
    subjects = {asking.tokens(url).claims["sub"] for asking, url in zip(askings, returned, strict=True)}
    assert len(subjects) == len(askings)
