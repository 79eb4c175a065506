"""Protocol 8.1, 8.3 to 8.5: the way through the consent pages, over HTTP, form by form."""

from typing import Any

import pytest
from examples.walking import Browser, consent
from sqlalchemy import func, select, update

from privateshare.platform.db.tables import Account, Journey, Library
from privateshare.platform.grants.secrets import digest
from privateshare.platform.runtime import Platform
from tests.flow.consenting import (
    Asking,
    accounts,
    ask,
    asking_contract,
    at_consent,
    failure,
    journey_of,
    opened,
    page_of,
)
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.wire import REDIRECT_URI, Wire, query_of

APP_URI = "digime-ca-AbC123://auth"
OTHER_URI = "https://app.example/failed"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=(REDIRECT_URI, APP_URI, OTHER_URI))


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
