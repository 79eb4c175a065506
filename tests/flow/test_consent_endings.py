"""How the pages end: the last page tells the truth, and the page about access at a source does what it says."""

import re

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import func, select

from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.runtime import Platform
from tests.flow.consenting import ask, asking_contract, at_consent, known_person, opened, page_of, withdrawal
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.security.attacking import press
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Wire, check_error

DOCUMENT = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 2}, {"id": 5}]}}


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=DOCUMENT)


def last_page(browser: Browser, at: str) -> str:
    """Return the last page of the journey whose consent page was at this address."""
    browser.open(at.rsplit("/", 1)[0] + "/done")
    assert browser.page is not None
    assert page_of(browser) == "done"
    return browser.page.html


def test_it_says_what_was_shared_and_until_when(wire: Wire) -> None:
    for duration, words in (("30", ", until "), ("once", ", once"), ("open", ", until you stop")):
        browser = at_consent(ask(wire))
        at = browser.page.url  # type: ignore[union-attr]
        browser.submit("continue", extra={"duration": duration})
        html = last_page(browser, at)
        assert "You shared Spotify with" in html
        assert words in html
        assert "What you listened to and when" in html


def test_nothing_was_shared_is_said_only_if_it_is_so(wire: Wire) -> None:
    browser = at_consent(ask(wire))
    at = browser.page.url  # type: ignore[union-attr]
    browser.submit("decline")
    assert "You declined; nothing was shared" in last_page(browser, at)
    tokens = known_person(wire, http := httpx2.Client())
    browser = opened(ask(wire, access_token=tokens.access).url, http=http)
    at = browser.page.url  # type: ignore[union-attr]
    browser.submit("decline")
    html = last_page(browser, at)
    assert "nothing was shared" not in html
    assert "before is as it was" in html


def test_a_person_sees_what_is_there_before_they_agree(wire: Wire) -> None:
    """How much of each kind, of which years, and the newest of it."""
    browser = at_consent(ask(wire))
    assert browser.page is not None
    assert re.search(r'class="kind-facts"><bdi>[0-9,]+</bdi> · ', browser.page.html)
    assert "Show 3" in browser.page.html
    assert "We do not know yet" not in browser.page.html


async def test_declining_removes_what_was_fetched_to_show_it(wire: Wire, platform: Platform) -> None:
    """A known person who declines a new source keeps nothing of it."""
    tokens = known_person(wire, http := httpx2.Client())
    async with platform.database.session() as db:
        library = (await consent_by_id(db, tokens.claims["consentid"])).library_id
        counted = select(func.count()).select_from(FileRow).where(FileRow.library_id == library)
        before = await db.scalar(counted)
    browser = opened(ask(wire, access_token=tokens.access).url, http=http)
    browser.submit("another-source")
    browser.page.choose("source-id", "9001")  # type: ignore[union-attr]
    browser.submit("continue")
    browser.page.choose("dataset", "default")  # type: ignore[union-attr]
    browser.submit("continue")
    async with platform.database.session() as db:
        assert (await db.scalar(counted) or 0) > (before or 0)
    browser.submit("decline")
    async with platform.database.session() as db:
        assert await db.scalar(counted) == before
        sources = select(AccountRow.source_id).where(AccountRow.library_id == library)
        assert list(await db.scalars(sources)) == [SPOTIFY]


def test_stopping_at_a_source_can_remove_and_stop(wire: Wire) -> None:
    """By itself it only stops fetching; with its boxes, what is here goes, and the app reads nothing more."""
    tokens = known_person(wire, http := httpx2.Client())
    wait_until_over(wire, tokens, triggered(wire, tokens))
    browser = opened(withdrawal(wire, tokens), http=http)
    assert browser.page is not None
    for words in ("Stop fetching from Spotify", "can still read it", "Remove what is here too", "altogether"):
        assert words in browser.page.html
    for entry in browser.page.form("continue").inputs:
        entry.chosen = True
    browser.submit("continue")
    assert str(browser.left_to).endswith("result=success")
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    home = opened(f"{wire.origin}/me/", http=http)
    assert "No source is connected" in home.page.html  # type: ignore[union-attr]


def test_without_proof_the_last_page_removes_no_data(wire: Wire) -> None:
    """Without proof the box is not there, and the field does nothing."""
    tokens = known_person(wire)
    listed = wait_until_over(wire, tokens, triggered(wire, tokens))["fileList"]
    browser = opened(withdrawal(wire, tokens))
    assert "Remove what is here too" not in browser.page.html  # type: ignore[union-attr]
    press(browser, "withdraw", remove="yes")
    assert str(browser.left_to).endswith("result=success")
    again = wait_until_over(wire, tokens, triggered(wire, tokens, sourceFetch=False))["fileList"]
    assert {entry["name"] for entry in again} == {entry["name"] for entry in listed}
