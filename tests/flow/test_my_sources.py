"""`/me/…/sources`: what came from a source, and what its person does with it: fetch, pause, connect again, remove."""

import re
import time

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import select, update

from privateshare.platform.db.tables import AccountRow, ConsentRow, SyncRow
from privateshare.platform.runtime import Platform
from tests.flow.consenting import asking_contract, known_person, opened, page_of
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Wire
from tests.patience import GIVE_UP_SECONDS


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who shares Spotify and a health record."""
    return await victim(platform, wire, leaves_out=None)


def source_page(person: Victim, source: int = SPOTIFY) -> Browser:
    browser = opened(f"{person.wire.origin}/me", http=person.http)
    browser.open(f"{browser.page.url}/sources/{person.accounts[source].id}")  # type: ignore[union-attr]
    assert page_of(browser) == "me-source"
    return browser


def text_of(browser: Browser) -> str:
    assert browser.page is not None
    main = browser.page.html.split("<main>")[1].split("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def test_a_person_fetches_without_an_app(mia: Victim) -> None:
    """What came is counted by kind, with its months, and fetching runs without any session of an app."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    browser = source_page(mia)
    assert re.search(r"What you listened to and when [^<]* 20\d\d [\d,]+", text_of(browser))
    assert "Read by Genrefy" in text_of(browser)
    browser.submit("fetch")
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while "is being fetched now" in text_of(browser) and time.monotonic() < give_up:
        browser.open(browser.page.url)  # type: ignore[union-attr]
        time.sleep(0.1)
    assert "Last fetched not yet" not in text_of(browser)


async def test_a_sync_for_the_person_runs_though_no_app_may_read(platform: Platform, mia: Victim) -> None:
    """Every consent was withdrawn, and the files still come."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    account = mia.accounts[SPOTIFY]
    async with platform.database.transaction() as db:
        for consent in await db.scalars(select(ConsentRow).where(ConsentRow.library_id == mia.library)):
            consent.revoked_at = consent.created_at
        await db.execute(update(AccountRow).where(AccountRow.id == account.id).values(sealed_cursors=None))
    browser = source_page(mia)
    browser.submit("fetch")
    give_up = time.monotonic() + GIVE_UP_SECONDS
    outcome = None
    while outcome is None and time.monotonic() < give_up:
        async with platform.database.transaction() as db:
            last = select(SyncRow).where(SyncRow.account_id == account.id).order_by(SyncRow.created_at.desc()).limit(1)
            sync = await db.scalar(last)
            assert sync is not None
            assert sync.by_person
            outcome = sync.outcome
    assert outcome == "done"


async def test_nothing_is_fetched_from_a_paused_source(platform: Platform, mia: Victim) -> None:
    """Apps read what is there, and their sessions wait for nothing, until the person goes on."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    browser = source_page(mia)
    browser.submit("pause")
    assert "Paused" in text_of(browser)
    assert 'data-action="fetch"' not in browser.page.html  # type: ignore[union-attr]
    listed = wait_until_over(mia.wire, mia.tokens, session := triggered(mia.wire, mia.tokens))
    assert {entry["serviceGroup"] for entry in listed["fileList"]} == {"entertainment", "medical"}
    status = mia.wire.get(f"permission-access/query/{session}", access_token=mia.tokens.access).json()["status"]
    assert set(status["details"]) == {mia.accounts[FHIR_FILE].public_id}
    browser.submit("resume")
    session = triggered(mia.wire, mia.tokens)
    wait_until_over(mia.wire, mia.tokens, session)
    status = mia.wire.get(f"permission-access/query/{session}", access_token=mia.tokens.access).json()["status"]
    assert len(status["details"]) == 2


async def test_a_source_is_connected_again_without_an_app(platform: Platform, mia: Victim) -> None:
    """The person connects it on the page for it, and comes back; the app's consent is not used for that."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    browser = source_page(mia)
    here = browser.page.url  # type: ignore[union-attr]
    async with platform.database.transaction() as db:
        used = (await db.scalars(select(ConsentRow.used_at).where(ConsentRow.library_id == mia.library))).one()
    browser.submit("connect")
    assert page_of(browser) == "connect"
    browser.page.choose("dataset", "small")  # type: ignore[union-attr]
    browser.submit("continue")
    assert browser.page is not None
    assert browser.page.url.split("?")[0] == here
    async with platform.database.transaction() as db:
        assert (await db.scalars(select(ConsentRow.used_at).where(ConsentRow.library_id == mia.library))).one() == used
        again = await db.get_one(AccountRow, (mia.library, mia.accounts[SPOTIFY].id))
    assert again.updated_at > mia.accounts[SPOTIFY].updated_at


async def test_what_is_wrong_is_said_with_what_to_do(platform: Platform, mia: Victim) -> None:
    """On the list as a mark, on the page in words."""
    async with platform.database.transaction() as db:
        await db.execute(update(AccountRow).where(AccountRow.library_id == mia.library).values(needs_login=True))
    assert "Until you connect it again, nothing more is fetched" in text_of(source_page(mia))
    assert "Needs attention" in text_of(opened(f"{mia.wire.origin}/me", http=mia.http))


async def test_only_its_owner_changes_a_source(platform: Platform, mia: Victim) -> None:
    """Not from another person's pages, not without the token of the form."""
    page = source_page(mia).page
    assert page is not None
    home = page.url.split("/sources/")[0]
    path = page.url.removeprefix(home)
    other = httpx2.Client()
    known_person(mia.wire, other)
    theirs = opened(f"{mia.wire.origin}/me", http=other).page
    assert theirs is not None
    token = re.search(r'name="token" value="([^"]+)"', theirs.html)
    assert token is not None
    for name in ("fetch", "pause", "connect", "remove"):
        fields = {"token": token[1], "paused": "yes"}
        assert other.post(f"{theirs.url}{path}/{name}", data=fields).status_code == 404
        assert other.post(f"{home}{path}/{name}", data=fields).status_code == 303
        assert mia.http.post(f"{home}{path}/{name}", data=fields).status_code == 403
    async with platform.database.transaction() as db:
        account = await db.get_one(AccountRow, (mia.library, mia.accounts[SPOTIFY].id))
        assert not account.paused
