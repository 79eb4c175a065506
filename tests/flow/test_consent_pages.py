"""Protocol 8: the way through the consent pages, over HTTP, form by form."""

import asyncio
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from examples.walking import Browser, consent
from sqlalchemy import func, select, update

from privateshare.platform.db.tables import Account, Contract, Journey, Library
from privateshare.platform.grants.secrets import digest
from privateshare.platform.runtime import Platform
from tests.flow.consenting import Asking, ask, asking_contract, journey_of, opened, refer
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.test_wire_sessions import triggered, wait_until_over
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, b64, query_of, verifier

APP_URI = "digime-ca-AbC123://auth"
OTHER_URI = "https://app.example/failed"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=(REDIRECT_URI, APP_URI, OTHER_URI))


def page_of(browser: Browser) -> str:
    assert browser.page is not None, browser.left_to
    return browser.page.name


def at_consent(asking: Asking, source: int = SPOTIFY) -> Browser:
    """A browser on the consent page, a sample connected."""
    browser = opened(asking.url)
    assert browser.page is not None
    browser.page.choose("source-id", str(source))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    assert page_of(browser) == "consent"
    return browser


def accounts(wire: Wire, access: str) -> list[dict[str, Any]]:
    answer = wire.get("permission-access/accounts", access_token=access)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()
    return listed


def failure(browser: Browser, code: str, state: str | None = "the state") -> dict[str, str]:
    """Checks that a browser was sent back to the app with a failure. Protocol 8.3."""
    assert browser.left_to is not None, browser.page and browser.page.html
    told = query_of(browser.left_to)
    assert (told["success"], told["errorCode"], told.get("state")) == ("false", code, state)
    assert "code" not in told
    return told


# --- the whole way ---


def test_walks_from_the_link_back_to_the_app(wire: Wire) -> None:
    """A person picks a source, connects it, agrees, and comes back with what 8.3 names."""
    asking = ask(wire, state="a state & more")
    browser = at_consent(asking)
    browser.submit("continue")
    assert browser.left_to is not None
    assert browser.left_to.startswith(REDIRECT_URI + "&success=true&code=")
    told = query_of(browser.left_to)
    assert told["state"] == "a state & more"
    tokens = asking.tokens(browser.left_to)
    (account,) = accounts(wire, tokens.access)
    assert told["accountReference"] == account["reference"]
    listed = wire.get(f"permission-access/query/{asking.session}", access_token=tokens.access).json()
    assert listed["status"]["state"] in {"running", "completed"}


def test_two_sources_are_shared_together(wire: Wire) -> None:
    """A person may connect another source before agreeing, and both are shared."""
    asking = ask(wire)
    browser = at_consent(asking)
    assert browser.page is not None
    browser.open(browser.page.links["Connect another source"])
    assert "Go on without another source" in browser.page.links
    browser.page.choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    browser.submit("continue")
    assert browser.left_to is not None
    shared = accounts(wire, asking.tokens(browser.left_to).access)
    assert {account["sourceId"] for account in shared} == {SPOTIFY, FHIR_FILE}
    assert query_of(browser.left_to)["accountReference"] == shared[-1]["reference"]


def test_private_schemes_lead_into_the_app(wire: Wire) -> None:
    """A redirect URI of a phone's private scheme is followed as it is, in its own spelling."""
    browser = at_consent(ask(wire, redirect_uri=APP_URI))
    browser.submit("continue")
    assert browser.left_to is not None
    assert browser.left_to.startswith(f"{APP_URI}?success=true&code=")


def test_pages_have_their_hooks(wire: Wire) -> None:
    """Each page says which it is and has one primary action, and a refusal one press away. Protocol 8.4, 8.5."""
    browser = opened(ask(wire).url)
    for name in ("pick-source", "connect", "consent"):
        assert browser.page is not None
        assert page_of(browser) == name
        assert browser.page.html.count('data-action="continue"') == 1
        assert browser.page.html.count('data-action="decline"') == 1
        if name == "pick-source":
            browser.page.choose("source-id", str(SPOTIFY))
        elif name == "connect":
            browser.page.choose("dataset", "large")
        browser.submit("continue")


def test_the_page_says_who_why_and_what(wire: Wire) -> None:
    """The consent page names the app, its owner, the purpose, the data and the dates."""
    page = at_consent(ask(wire)).page
    assert page is not None
    for words in ("Genrefy", "Example Ltd", "To test", "Entertainment", "The last 12 months", "Until you withdraw"):
        assert words in page.html


# --- declining ---


@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_declining_leaves_nothing(wire: Wire, platform: Platform, steps: int) -> None:
    """On every page a person can decline; the app learns it, and what they connected is gone. Protocol 8.4."""
    asking = ask(wire)
    if steps == 2:
        browser = at_consent(asking)
    else:
        browser = opened(asking.url)
        assert browser.page is not None
        if steps:
            browser.page.choose("source-id", str(SPOTIFY))
            browser.submit("continue")
    library = (await journey_of(platform, asking)).library_id
    assert (library is not None) == (steps == 2)
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert (await journey_of(platform, asking)).library_id is None
    async with platform.database.session() as db:
        assert await db.scalar(select(func.count()).select_from(Library).where(Library.id == library)) == 0
        assert await db.scalar(select(func.count()).select_from(Account).where(Account.library_id == library)) == 0
    assert wire.get(f"permission-access/query/{asking.session}").json()["status"] == {"state": "pending"}


# --- codes ---


def test_unknown_code_is_told(wire: Wire) -> None:
    """A code that nobody issued leads nowhere but to a page, whatever callback it brings."""
    url = f"{wire.origin}/apps/saas/authorize?code=unknown&callback=https://evil.example/"
    page = opened(url).page
    assert page is not None
    assert (page.name, page.status) == ("error", 410)
    assert "INVALID_CODE" in page.html


def test_missing_code_is_told(wire: Wire) -> None:
    """A link without a code could not be started."""
    page = opened(f"{wire.origin}/apps/saas/authorize").page
    assert page is not None
    assert (page.name, page.status) == ("error", 400)
    assert "INITIALIZE_CHECK_FAIL" in page.html


def test_a_code_opens_in_one_browser(wire: Wire) -> None:
    """Whoever comes second with a code is sent away, and the first goes on undisturbed."""
    asking = ask(wire)
    first = opened(asking.url)
    failure(opened(asking.url), "INVALID_CODE")
    first.open(asking.url)
    assert page_of(first) == "pick-source"


def test_a_used_code_is_used_up(wire: Wire) -> None:
    """After the end the link shows its own browser that it is done, and others that the code is invalid."""
    asking = ask(wire)
    browser = at_consent(asking)
    browser.submit("continue")
    browser.open(asking.url)
    assert page_of(browser) == "done"
    failure(opened(asking.url), "INVALID_CODE")


async def test_an_expired_code_is_invalid(wire: Wire, platform: Platform) -> None:
    """A code is no longer taken once its time is over, nor is what it opened."""
    asking, begun = ask(wire), ask(wire)
    browser = opened(begun.url)
    async with platform.database.transaction() as db:
        hashes = [digest(asking.code), digest(begun.code)]
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(update(Journey).where(Journey.code_hash.in_(hashes)).values(expires_at=past))
    failure(opened(asking.url), "INVALID_CODE")
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("error", 410)


async def test_an_ended_contract_starts_nothing(people: People) -> None:
    """A link of a contract that has ended meanwhile could not be started."""
    ended = await asking_contract(people)
    asking = ask(ended)
    async with people.platform.database.transaction() as db:
        await db.execute(update(Contract).where(Contract.id == ended.contract_id).values(expires_at=datetime.now(UTC)))
    failure(opened(asking.url), "INITIALIZE_CHECK_FAIL")


@pytest.mark.parametrize("page", ["onboard", "reauthorize", "user-reauth", "revoke"])
def test_a_code_is_for_its_own_page(wire: Wire, page: str) -> None:
    """A code of 4.1 opens no page for people whom the app knows, and stays good for its own. Protocol 8.1."""
    asking = ask(wire)
    failure(opened(asking.url.replace("/authorize?", f"/{page}?")), "INITIALIZE_CHECK_FAIL")
    assert page_of(opened(asking.url)) == "pick-source"


# --- back to the app, and nowhere else ---


def test_failures_go_to_a_registered_callback(wire: Wire) -> None:
    """Protocol 14 (e), 8.3: a registered callback takes failures; successes go to the redirect URI all the same."""
    browser = opened(ask(wire, f"&callback={OTHER_URI}").url)
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert browser.left_to is not None
    assert browser.left_to.startswith(OTHER_URI + "?")
    returned = consent(Browser(), ask(wire, f"&callback={OTHER_URI}").url, {SPOTIFY: "default"})
    assert returned.startswith(REDIRECT_URI)


@pytest.mark.parametrize(
    "callback", ["https://evil.example/", "https://app.example/failed/../x", "javascript:alert(1)"]
)
def test_an_unregistered_callback_is_not_followed(wire: Wire, callback: str) -> None:
    """A callback that is not registered is no way out: failures go to the redirect URI. Protocol 8.3."""
    browser = opened(ask(wire, f"&callback={callback}").url)
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert browser.left_to is not None
    assert browser.left_to.startswith(REDIRECT_URI)


async def test_pressing_twice_leads_to_the_same_place(wire: Wire) -> None:
    """Two presses at once give one consent and one code, so that whichever answer arrives is good."""
    asking = ask(wire)
    browser = at_consent(asking)
    page = browser.page
    browser.submit("continue")
    first = browser.left_to
    browser.page = page
    browser.submit("continue")
    assert browser.left_to == first
    asking.tokens(str(first))


def test_a_used_code_is_not_brought_back_again(wire: Wire) -> None:
    """Once the app used its code, going back and pressing again brings no second use: it would revoke the first."""
    asking = ask(wire)
    browser = at_consent(asking)
    page = browser.page
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    browser.page = page
    browser.submit("continue")
    assert page_of(browser) == "done"
    assert accounts(wire, tokens.access)


def test_the_last_page_leads_back_while_the_code_is_good(wire: Wire) -> None:
    """A person whose app did not open can open it from the last page."""
    asking = ask(wire)
    browser = at_consent(asking)
    assert browser.page is not None
    back = browser.page.url
    browser.submit("continue")
    returned = browser.left_to
    browser.open(back)
    assert page_of(browser) == "done"
    assert returned in browser.page.links.values()


async def test_a_failure_here_is_told_to_the_app(wire: Wire, platform: Platform) -> None:
    """Where the platform itself fails, the person has a way back, and the app learns SERVER_ERROR."""
    asking = ask(wire)
    browser = opened(asking.url)
    assert browser.page is not None
    at = browser.page.url
    await set_parameters(platform, asking, {"service": "broken"})
    browser.open(at)
    assert (page_of(browser), browser.page.status) == ("error", 500)
    await set_parameters(platform, asking, {})
    browser.submit("continue")
    assert page_of(browser) == "done"
    (onward,) = (query_of(link) for link in browser.page.links.values() if link.startswith(REDIRECT_URI))
    assert (onward["success"], onward["errorCode"], onward["state"]) == ("false", "SERVER_ERROR", "the state")


async def set_parameters(platform: Platform, asking: Asking, parameters: dict[str, Any]) -> None:
    async with platform.database.transaction() as db:
        found = update(Journey).where(Journey.code_hash == digest(asking.code))
        await db.execute(found.values(parameters=parameters))


# --- parameters of 8.2 ---


def test_service_skips_the_picker(wire: Wire) -> None:
    """`service` leads straight to connecting that source, and `sampleDataSet` is chosen there already."""
    browser = opened(ask(wire, f"&service={FHIR_FILE}&sampleDataSet=default").url)
    assert page_of(browser) == "connect"
    browser.submit("continue")
    assert page_of(browser) == "consent"


@pytest.mark.parametrize(
    "query", ["&service=999999", "&service=15", "&sourceType=push", "&sourcesScope=%7Bx", "&service=x"]
)
def test_links_that_ask_for_the_impossible_do_not_start(wire: Wire, query: str) -> None:
    """A source that there is not, or that the contract does not ask for, and broken values: INITIALIZE_CHECK_FAIL."""
    failure(opened(ask(wire, query).url), "INITIALIZE_CHECK_FAIL")


async def test_only_what_the_contract_asks_for_is_offered(people: People) -> None:
    """The picker shows the sources that hold something the contract may read, and takes no other."""
    medical = await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 2}]}})
    browser = opened(ask(medical).url)
    assert browser.page is not None
    assert f'data-source-id="{FHIR_FILE}"' in browser.page.html
    assert f'data-source-id="{SPOTIFY}"' not in browser.page.html
    browser.submit("continue", extra={"source": str(SPOTIFY)})
    assert (page_of(browser), browser.page.status) == ("pick-source", 422)


def test_sample_data_onboards_by_itself(wire: Wire) -> None:
    """With `sampleDataAutoOnboard` the link leads straight back with a code, and sample data alone is shared."""
    asking = ask(wire, f"&service={SPOTIFY}&sampleDataSet=large&sampleDataAutoOnboard=true")
    browser = opened(asking.url)
    assert browser.left_to is not None
    (account,) = accounts(wire, asking.tokens(browser.left_to).access)
    assert account["sample"] is True


def test_sample_data_onboards_after_picking(wire: Wire) -> None:
    """Where the link names no source, picking one is all that the person does."""
    browser = opened(ask(wire, "&sampleDataAutoOnboard=true").url)
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    assert query_of(str(browser.left_to))["success"] == "true"


def test_an_unknown_sample_fails_to_onboard(wire: Wire) -> None:
    """A sample data set that there is not is an error in onboarding."""
    query = f"&service={SPOTIFY}&sampleDataSet=none&sampleDataAutoOnboard=true"
    failure(opened(ask(wire, query).url), "ONBOARD_ERROR")


def test_trigger_query_false_fetches_nothing(wire: Wire) -> None:
    """With `triggerQuery=false` the session is complete at once, with what is there: nothing."""
    asking = ask(wire, "&triggerQuery=false")
    tokens = asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "default"}))
    listed = wire.get(f"permission-access/query/{asking.session}", access_token=tokens.access).json()
    assert listed["status"]["state"] == "completed"
    assert [entry for entry in listed["fileList"] if entry["name"] != "accounts.json"] == []


def test_pages_speak_the_language_of_the_link(wire: Wire) -> None:
    """`lng` decides, then the browser, then English; a person can change it and it stays."""
    german = opened(ask(wire, "&lng=de-AT").url, language="en").page
    assert german is not None
    assert 'lang="de"' in german.html
    browser = opened(ask(wire, "&lng=tlh").url, language="fr, de;q=0.5")
    assert browser.page is not None
    assert 'lang="de"' in browser.page.html
    browser.open(browser.page.links["English"])
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    assert 'lang="en"' in browser.page.html


# --- forms ---


def test_nothing_chosen_is_said(wire: Wire) -> None:
    """A form without a choice comes back with a word about it, and nothing happens."""
    browser = opened(ask(wire).url)
    assert browser.page is not None
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("pick-source", 422)
    assert 'role="alert"' in browser.page.html
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("connect", 422)


def test_sharing_no_account_is_not_agreeing(wire: Wire) -> None:
    """Agreeing with every account unticked is asked about, not taken."""
    browser = at_consent(ask(wire))
    assert browser.page is not None
    for entry in browser.page.form("continue").inputs:
        entry.chosen = entry.kind == "hidden"
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("consent", 422)


def test_another_persons_account_cannot_be_named(wire: Wire) -> None:
    """An account id from elsewhere is not shared, even if a form names it."""
    other = at_consent(ask(wire)).page
    assert other is not None
    foreign = next(entry.value for entry in other.form("continue").inputs if entry.name == "account")
    browser = at_consent(ask(wire))
    browser.submit("continue", extra={"account": foreign})
    assert (page_of(browser), browser.page and browser.page.status) == ("consent", 422)


def test_searching_the_picker(wire: Wire) -> None:
    """The picker finds sources by name and group, and says so when there is none."""
    browser = opened(ask(wire).url)
    assert browser.page is not None
    at = browser.page.url
    browser.open(f"{at}?q=spot")
    assert 'data-source-id="16"' in browser.page.html
    assert f'data-source-id="{FHIR_FILE}"' not in browser.page.html
    browser.open(f"{at}?q=<b>nothing")
    assert "&lt;b&gt;nothing" in browser.page.html
    assert "data-source-id" not in browser.page.html


# --- people whom the app knows ---


def known_person(wire: Wire) -> Tokens:
    """The tokens of a person who shared a sample with this contract."""
    asking = ask(wire)
    return asking.tokens(consent(Browser(), asking.url, {SPOTIFY: "default"}))


async def test_a_second_contract_joins_the_library(wire: Wire, people: People) -> None:
    """With an access token of another contract the person's accounts are there to be ticked. Protocol 4.1."""
    tokens = known_person(wire)
    partner = await asking_contract(people)
    second = await people.contract(application_id=partner.application_id, data_request={"serviceGroups": [{"id": 5}]})
    asking = ask(second, access_token=tokens.access)
    browser = opened(asking.url)
    assert page_of(browser) == "consent"
    browser.submit("continue")
    assert browser.left_to is not None
    assert "accountReference" not in query_of(browser.left_to)
    mine, theirs = accounts(wire, tokens.access), accounts(second, asking.tokens(browser.left_to).access)
    assert [entry["id"] for entry in mine] == [entry["id"] for entry in theirs]


async def test_an_account_left_out_stays_out(wire: Wire, people: People) -> None:
    """What a person unticks is not shared, and is not ticked when they come again."""
    asking = ask(wire)
    browser = at_consent(asking)
    assert browser.page is not None
    browser.open(browser.page.links["Connect another source"])
    browser.page.choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    ticked = [entry for entry in browser.page.form("continue").inputs if entry.kind == "checkbox"]
    ticked[0].chosen = False
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    (shared,) = accounts(wire, tokens.access)
    assert shared["sourceId"] == FHIR_FILE
    again = opened(ask(wire, access_token=tokens.access).url).page
    assert again is not None
    boxes = [entry for entry in again.form("continue").inputs if entry.kind == "checkbox"]
    assert [box.chosen for box in boxes] == [False, True]


async def test_declining_leaves_a_known_persons_library(wire: Wire, people: People) -> None:
    """Declining a later wish takes nothing from a library that was there before."""
    tokens = known_person(wire)
    browser = opened(ask(wire, access_token=tokens.access).url)
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert len(accounts(wire, tokens.access)) == 1


def test_onboarding_adds_a_source_without_a_code(wire: Wire) -> None:
    """`onboard` connects one more source, which the app sees at once; no code comes back. Protocol 8.1, 8.3."""
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


def test_renewing_gives_a_new_code(wire: Wire) -> None:
    """`user-reauth` shows again what was agreed and brings a code. Protocol 8.1."""
    tokens = known_person(wire)
    secret = verifier()
    claims = {"code_challenge": b64(sha256(secret.encode()).digest()), "code_challenge_method": "S256"}
    browser = opened(refer(wire, "user-reauth", tokens.access, **claims).url)
    assert page_of(browser) == "consent"
    browser.submit("continue")
    renewed = wire.tokens(wire.exchange(query_of(str(browser.left_to))["code"], secret))
    assert renewed.claims["sub"] == tokens.claims["sub"]
    assert renewed.claims["consentid"] == tokens.claims["consentid"]


async def again(wire: Wire, tokens: Tokens, account: dict[str, Any], page: str = "reauthorize") -> Asking:
    """A link to connect one account again. Protocol 4.5, 7.3."""
    handle = wire.post("reference", body={"type": "accountId", "value": account["id"]}).json()["id"]
    return refer(wire, page, tokens.access, f"&accountRef={handle}")


async def test_one_account_is_connected_again(wire: Wire, platform: Platform) -> None:
    """`reauthorize` leads to the one account, takes nothing but that account again, and returns no code."""
    tokens = known_person(wire)
    (account,) = accounts(wire, tokens.access)
    async with platform.database.transaction() as db:
        changed = update(Account).where(Account.public_id == account["id"]).values(needs_login=True)
        await db.execute(changed)
    browser = opened((await again(wire, tokens, account)).url)
    assert browser.page is not None
    assert page_of(browser) == "connect"
    browser.page.choose("dataset", "large")
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) == ("connect", 422)
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    told = query_of(str(browser.left_to))
    assert (told["success"], told["state"], "code" in told) == ("true", "the state", False)
    (renewed,) = accounts(wire, tokens.access)
    assert told["accountReference"] == account["reference"] == renewed["reference"]
    assert renewed["accessTokenStatus"]["authorized"] is True


async def test_an_account_handle_is_needed_once(wire: Wire) -> None:
    """Without a handle, with a used one, or with another person's account there is nothing to connect again."""
    tokens, other = known_person(wire), known_person(wire)
    failure(opened(refer(wire, "reauthorize", tokens.access).url), "INITIALIZE_CHECK_FAIL")
    failure(opened(refer(wire, "reauthorize", tokens.access, "&accountRef=x").url), "INITIALIZE_CHECK_FAIL")
    (foreign,) = accounts(wire, other.access)
    failure(opened((await again(wire, tokens, foreign)).url), "INITIALIZE_CHECK_FAIL")
    (mine,) = accounts(wire, tokens.access)
    asking = await again(wire, tokens, mine)
    assert page_of(opened(asking.url)) == "connect"
    used = asking.url.split("accountRef=")[1]
    failure(opened(refer(wire, "reauthorize", tokens.access, f"&accountRef={used}").url), "INITIALIZE_CHECK_FAIL")


def withdrawal(wire: Wire, tokens: Tokens) -> str:
    """The address of 7.4 for a person's first account."""
    (account,) = accounts(wire, tokens.access)
    headers = {"accountId": account["id"], "redirectUri": REDIRECT_URI}
    answer = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["location"])


def test_a_person_withdraws_access_to_a_source(wire: Wire) -> None:
    """`revoke` gives up the platform's access: nothing more is fetched, and the app is told so. Protocol 7.4."""
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


def test_a_person_keeps_access_to_a_source(wire: Wire) -> None:
    """Declining to withdraw changes nothing, and the app is told in the words of 7.4."""
    tokens = known_person(wire)
    browser = opened(withdrawal(wire, tokens))
    browser.submit("decline")
    assert browser.left_to == f"{REDIRECT_URI}&result=failed&error_message=USER_CANCEL"
    (account,) = accounts(wire, tokens.access)
    assert account["accessTokenStatus"]["authorized"] is True


@pytest.mark.parametrize("page", ["source", "connect/16", "consent"])
async def test_a_journey_has_its_own_pages_only(wire: Wire, page: str) -> None:
    """Pages of other journeys are not to be had: no consent, and so no code, comes of withdrawing."""
    browser = opened(withdrawal(wire, known_person(wire)))
    assert browser.page is not None
    at = browser.page.url.removesuffix("withdraw")
    form = browser.page.form("continue")
    form.action = at + page
    browser.submit("continue")
    assert (page_of(browser), browser.page.status) in {("error", 404), ("error", 400)}
    browser.open(at + page)
    assert (page_of(browser), browser.page.status) == ("error", 404)


async def test_declining_takes_back_what_was_connected(wire: Wire, platform: Platform) -> None:
    """An account that a known person connected on the way to declining goes; those from before stay."""
    tokens = known_person(wire)
    asking = ask(wire, access_token=tokens.access)
    browser = opened(asking.url)
    assert browser.page is not None
    browser.open(browser.page.links["Connect another source"])
    browser.page.choose("source-id", str(FHIR_FILE))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    library = (await journey_of(platform, asking)).library_id
    async with platform.database.session() as db:
        left = list(await db.scalars(select(Account.source_id).where(Account.library_id == library)))
    assert left == [SPOTIFY]


def test_onboarding_needs_a_live_consent(wire: Wire) -> None:
    """A consent that ended while the person was connecting takes nothing more. Protocol 8.3."""
    tokens = known_person(wire)
    browser = opened(refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}").url)
    assert browser.page is not None
    assert wire.call("DELETE", "user", access_token=tokens.access).status_code == 200
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    failure(browser, "ONBOARD_ERROR")


# --- other contracts ---


async def test_a_write_contract_asks_for_no_source(people: People) -> None:
    """A contract that writes shows what it would do, and agreeing gives the person a library."""
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
    """A one-off contract tells the person that it is for once."""
    page = at_consent(ask(await asking_contract(people, once=True))).page
    assert page is not None
    assert "one time" in page.html


async def test_many_people_at_once(wire: Wire) -> None:
    """Twenty people who walk at the same time each get their own library."""
    askings = [ask(wire) for _ in range(20)]
    walks = [asyncio.to_thread(consent, Browser(), asking.url, {SPOTIFY: "default"}) for asking in askings]
    returned = await asyncio.gather(*walks)
    subjects = {asking.tokens(url).claims["sub"] for asking, url in zip(askings, returned, strict=True)}
    assert len(subjects) == 20
