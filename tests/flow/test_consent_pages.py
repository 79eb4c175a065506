"""Tests of the way through the consent pages over HTTP, form by form. Protocol 8.1, 8.3 to 8.5."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from examples.walking import Browser, consent
from sqlalchemy import func, select

from privateshare.platform.db.tables import AccountRow, LibraryRow
from privateshare.platform.runtime import Platform
from tests.flow.consenting import (
    accounts,
    ask,
    asking_contract,
    at_consent,
    failure,
    journey_of,
    known_person,
    opened,
    page_of,
    refer,
)
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, query_of

APP_URI = "digime-ca-AbC123://auth"
OTHER_URI = "https://app.example/failed"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=(REDIRECT_URI, APP_URI, OTHER_URI))


# --- the whole way ---


def test_a_person_shares_a_source_and_returns_to_the_app(wire: Wire) -> None:
    """A person picks a source, connects it, agrees, and returns with the parameters of 8.3."""
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
    browser.submit("another-source")
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
    """A redirect URI with a phone's private scheme is used exactly as it is written."""
    browser = at_consent(ask(wire, redirect_uri=APP_URI))
    browser.submit("continue")
    assert browser.left_to is not None
    assert browser.left_to.startswith(f"{APP_URI}?success=true&code=")


@pytest.mark.protocol("8.4", "8.5")
def test_pages_have_names_and_primary_actions(wire: Wire) -> None:
    """Each page says which it is, has one primary action, and can be declined with one press."""
    browser = opened(ask(wire).url)
    for name in ("pick-source", "connect", "consent"):
        assert browser.page is not None
        assert page_of(browser) == name
        assert browser.page.html.count('data-action="continue"') == 1
        assert browser.page.html.count('data-action="decline"') == 1
        if name == "pick-source":
            browser.page.choose("source-id", str(SPOTIFY))
        elif name == "connect":
            browser.page.choose("dataset", "small")
        browser.submit("continue")


def test_the_page_says_who_why_and_what(wire: Wire) -> None:
    """The consent page names the app, its owner, the purpose, the data and the dates."""
    page = at_consent(ask(wire)).page
    assert page is not None
    for words in (
        "Genrefy",
        "Example Ltd",
        "To test",
        "Entertainment",
        "The last 12 months",
        "30 days",
        "Until I stop",
    ):
        assert words in page.html


@pytest.mark.parametrize(
    ("source", "warning"), [(FHIR_FILE, "This is about your health."), (SPOTIFY, "It gets none unless you connect")]
)
def test_the_page_warns_of_health_data_if_there_is_some(wire: Wire, source: int, warning: str) -> None:
    """A contract asks for music and health records; the page says which of it this person would share."""
    page = at_consent(ask(wire), source).page
    assert page is not None
    assert warning in page.html


# --- declining ---


@pytest.mark.protocol("8.4")
@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_declining_leaves_nothing(wire: Wire, platform: Platform, steps: int) -> None:
    """A person can decline on every page: the app learns it, and connected accounts are removed."""
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
    assert wire.get(f"permission-access/query/{asking.session}").json() == {"status": {"state": "pending"}}
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert (await journey_of(platform, asking)).library_id is None
    async with platform.database.session() as db:
        assert await db.scalar(select(func.count()).select_from(LibraryRow).where(LibraryRow.id == library)) == 0
        assert (
            await db.scalar(select(func.count()).select_from(AccountRow).where(AccountRow.library_id == library)) == 0
        )
    told = {"code": "USER_CANCEL", "statusCode": 403, "message": "The person declined"}
    ended = {"status": {"state": "partial", "details": {}, "error": told}, "fileList": []}
    assert wire.get(f"permission-access/query/{asking.session}").json() == ended


# --- back to the app, and nowhere else ---


def with_callback(callback: str) -> str:
    """Return the query of a link with a callback, as clients encode it."""
    return "&" + urlencode({"callback": callback})


@pytest.mark.protocol("8.3", "14 (e)")
def test_failures_go_to_a_registered_callback(wire: Wire) -> None:
    """From `authorize` errors go to the callback, and successes to the redirect URI."""
    callback = with_callback(f"{OTHER_URI}?user=17")
    browser = opened(ask(wire, callback).url)
    browser.submit("decline")
    failure(browser, "USER_CANCEL")
    assert browser.left_to is not None
    assert browser.left_to.startswith(OTHER_URI + "?user=17&success=false&")
    returned = consent(Browser(), ask(wire, callback).url, {SPOTIFY: "small"})
    assert returned.startswith(REDIRECT_URI)


@pytest.mark.protocol("8.3")
def test_the_redirect_uris_own_query_is_kept(wire: Wire) -> None:
    """It is kept on success and on failure, and the platform's parameters appear once."""
    hostile = "code=x&state=y&success=false&errorCode=z&user=1%267&%63ode=x&accountReference=x"
    returned = consent(Browser(), ask(wire, redirect_uri=f"{REDIRECT_URI}&{hostile}").url, {SPOTIFY: "small"})
    told = parse_qs(urlsplit(returned).query)
    assert {name: len(values) for name, values in told.items()} == dict.fromkeys(told, 1)
    assert set(told) == {"kept", "user", "success", "code", "state", "accountReference"}
    assert (told["user"], told["success"], told["state"]) == (["1&7"], ["true"], ["the state"])
    browser = opened(ask(wire, redirect_uri=f"{APP_URI}?{hostile}").url)
    browser.submit("decline")
    assert browser.left_to == f"{APP_URI}?user=1%267&success=false&errorCode=USER_CANCEL&state=the%20state"


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize(
    "query",
    [
        pytest.param("", marks=pytest.mark.slow),
        pytest.param("?userId=17", marks=pytest.mark.slow),
        "?userId=17&success=false&code=x&state=y",
    ],
)
def test_onboarding_comes_back_to_the_callback(wire: Wire, query: str) -> None:
    """The page `onboard` also returns success to its callback, as clients of 7.1 and 9.0 expect."""
    tokens = known_person(wire)
    callback = with_callback(f"{OTHER_URI}{query}")
    browser = opened(refer(wire, "onboard", tokens.access, f"{callback}&service={FHIR_FILE}", state=None).url)
    assert browser.page is not None
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    own = "userId=17&" if query else ""
    reference = accounts(wire, tokens.access)[1]["reference"]
    assert browser.left_to == f"{OTHER_URI}?{own}success=true&accountReference={reference}"
    declined = opened(refer(wire, "onboard", tokens.access, f"{callback}&service={FHIR_FILE}", state=None).url)
    declined.submit("decline")
    assert declined.left_to == f"{OTHER_URI}?{own}success=false&errorCode=USER_CANCEL"


FOREIGN_CALLBACKS = (
    "https://evil.example/",
    "https://app.example/failed/../x",
    "https://app.example/failed?x%23y",
    "https://app.example/failed%3Fx%5Cy",
    "https://APP.example/failed",
    "https://app.example:443/failed",
    "https://x@app.example/failed",
    "https://app.example%2Ffailed%25",
    "javascript:alert(1)",
)


@pytest.fixture(scope="module")
def known(wire: Wire) -> Tokens:
    """Provide a person who shares with the app already."""
    return known_person(wire)


@pytest.mark.protocol("8.3")
@pytest.mark.parametrize("callback", FOREIGN_CALLBACKS)
def test_an_unregistered_callback_is_not_followed(wire: Wire, known: Tokens, callback: str) -> None:
    """The person returns to the redirect URI instead, from a first consent and from adding a source."""
    adding = refer(wire, "onboard", known.access, f"&callback={callback}&service={FHIR_FILE}")
    for url in (ask(wire, f"&callback={callback}").url, adding.url):
        browser = opened(url)
        browser.submit("decline")
        failure(browser, "USER_CANCEL")
        assert browser.left_to is not None
        assert browser.left_to.startswith(f"{REDIRECT_URI}&")


@pytest.mark.protocol("8.3")
def test_success_is_not_told_to_an_unregistered_callback(wire: Wire, known: Tokens) -> None:
    """The person returns to the redirect URI also after a source was added."""
    adding = refer(wire, "onboard", known.access, f"&callback={FOREIGN_CALLBACKS[0]}&service={FHIR_FILE}")
    browser = opened(adding.url)
    assert browser.page is not None
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    assert str(browser.left_to).startswith(f"{REDIRECT_URI}&success=true")


async def test_pressing_agree_twice_creates_one_consent(wire: Wire) -> None:
    """Two presses at once create one consent and one code, so either response works."""
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


async def test_an_internal_error_is_reported_to_the_app(wire: Wire, people: People) -> None:
    """The page has a way back, and the app gets SERVER_ERROR."""
    asking = ask(wire)
    browser = opened(asking.url)
    assert browser.page is not None
    at = browser.page.url
    whole = await people.set_document(wire, "[]")
    browser.open(at)
    assert (page_of(browser), browser.page.status) == ("error", 500)
    await people.set_document(wire, whole)
    browser.submit("continue")
    assert page_of(browser) == "done"
    (onward,) = (query_of(link) for link in browser.page.links.values() if link.startswith(REDIRECT_URI))
    assert (onward["success"], onward["errorCode"], onward["state"]) == ("false", "SERVER_ERROR", "the state")
