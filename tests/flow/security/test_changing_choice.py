"""Changing what an app gets, in /me: narrower at once, wider only by the person, never beyond what they agreed to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import update

from privateshare.platform.db.tables import ApplicationRow, ContractRow
from privateshare.platform.http.streaming import ConsentIsLive
from privateshare.platform.runtime import Platform
from privateshare.protocol.contract_document import parse_document
from tests.flow.consenting import ask, asking_contract, at_consent, known_person, opened, page_of
from tests.flow.consents import consent_by_id
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, check_error

pytestmark = pytest.mark.protocol("8.7")

DOCUMENT: dict[str, Any] = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 2}, {"id": 5}]}}
PLAY, PLAYLIST, CONDITION = 406, 403, 128


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=DOCUMENT)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who shares Spotify, and not the health record."""
    return await victim(platform, wire)


def changing(person: Victim, http: httpx2.Client | None = None) -> Browser:
    """Return a browser on the page that changes what the person shares with the app."""
    browser = opened(f"{person.wire.origin}/me/", http=http or person.http)
    assert browser.page is not None
    (address,) = [url for url in browser.page.links.values() if f"change/{person.tokens.claims['consentid']}" in url]
    browser.open(address)
    return browser


def tick(browser: Browser, name: str, end: str, chosen: bool) -> None:
    assert browser.page is not None
    form = browser.page.form("continue")
    (box,) = [one for one in form.inputs if one.name == name and one.kind == "checkbox" and one.value.endswith(end)]
    box.chosen = chosen


def types(wire: Wire, tokens: Tokens, session: str | None = None) -> set[str]:
    listed = wait_until_over(wire, tokens, session or triggered(wire, tokens))
    return {entry["objectType"] for entry in listed["fileList"]}


async def test_a_narrowed_choice_holds_at_once_and_can_be_widened(wire: Wire, mia: Victim, platform: Platform) -> None:
    """An unticked kind is gone from the next list and read, from older sessions too, and a stream of it ends."""
    before = types(wire, mia.tokens, mia.session)
    assert "playlist" in before
    listed = wait_until_over(wire, mia.tokens, mia.session)
    (name, *_) = [entry["name"] for entry in listed["fileList"] if entry["objectType"] == "playlist"]
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, mia.tokens.claims["consentid"])
        running = ConsentIsLive(consent.library_id, consent.id, consent.choice, frozenset({mia.accounts[SPOTIFY].id}))
        assert await running(db)
    browser = changing(mia)
    tick(browser, "kind", f":{PLAYLIST}", chosen=False)
    browser.submit("continue")
    assert "next read gets what is chosen now" in browser.page.html  # type: ignore[union-attr]
    for session in (mia.session, None):
        assert types(wire, mia.tokens, session) == before - {"playlist"}
    check_error(wire.get(f"{QUERY}/{mia.session}/{name}", access_token=mia.tokens.access), 404, "FileNotFound")
    async with platform.database.transaction() as db:
        assert not await running(db)
    browser = changing(mia)
    tick(browser, "kind", f":{PLAYLIST}", chosen=True)
    tick(browser, "account", mia.box(FHIR_FILE), chosen=True)
    browser.submit("continue")
    after = types(wire, mia.tokens)
    assert before | {"condition"} <= after


async def test_a_suspended_app_gets_less_but_never_more(platform: Platform, people: People) -> None:
    """Another kind, another account, more dates and more time are refused; less is saved, and stopping works."""
    wire = await asking_contract(people, document=DOCUMENT)
    person = await victim(platform, wire)
    changing(person).submit("continue", extra={"since": "2026-03-15", "duration": "90"})
    browser = changing(person)
    tick(browser, "kind", f":{PLAYLIST}", chosen=False)
    browser.submit("continue")
    consent_id, suspends = UUID(person.tokens.claims["consentid"]), update(ApplicationRow)
    async with platform.database.transaction() as db:
        await db.execute(
            suspends.where(ApplicationRow.id == wire.application_id).values(suspended_at=datetime.now(UTC))
        )
        before = await consent_by_id(db, consent_id)

    async def attempt(field: str = "", end: str = "", **extra: str) -> int:
        browser = changing(person)
        if field:
            tick(browser, field, end, chosen=True)
        browser.submit("continue", extra=extra)
        assert browser.page is not None
        async with platform.database.transaction() as db:
            after = await consent_by_id(db, consent_id)
        assert (after.choice, after.expires_at) == (before.choice, before.expires_at)
        return browser.page.status

    assert await attempt("kind", f":{PLAYLIST}") == 422
    assert await attempt("account", person.box(FHIR_FILE)) == 422
    assert await attempt(since="2026-03-14") == 422
    assert await attempt(since="") == 422
    assert await attempt(duration="open") == 422
    browser = changing(person)
    tick(browser, "kind", f":{PLAY}", chosen=False)
    browser.submit("continue", extra={"since": "2026-04-01", "duration": "30"})
    assert browser.page.status == 200  # type: ignore[union-attr]
    async with platform.database.transaction() as db:
        after = await consent_by_id(db, consent_id)
        assert not after.choice.allows(person.accounts[SPOTIFY].id, PLAY)
        assert after.expires_at is not None
        assert before.expires_at is not None
        assert after.expires_at < before.expires_at
    mine = opened(f"{wire.origin}/me/", http=person.http)
    mine.submit("stop")
    async with platform.database.transaction() as db:
        assert (await consent_by_id(db, consent_id)).revoked_at is not None


async def test_the_date_and_the_end_can_be_changed(wire: Wire, platform: Platform) -> None:
    """They limit the next read, and the end is that of the tokens."""
    person = await victim(platform, wire)
    browser = changing(person)
    browser.submit("continue", extra={"since": "2026-03-15", "duration": "90"})
    assert browser.page is not None
    assert "from March 15, 2026 on" in browser.page.html
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, person.tokens.claims["consentid"])
        assert consent.choice.since == int(datetime(2026, 3, 15, tzinfo=UTC).timestamp())
        assert consent.expires_at is not None
        assert abs(consent.expires_at - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=10)
    browser = changing(person)
    browser.submit("continue", extra={"since": "2999-01-01"})
    assert browser.page is not None
    assert (page_of(browser), browser.page.status) == ("me-change", 422)


async def test_nothing_else_is_changed(wire: Wire, platform: Platform) -> None:
    """Opening the page and saving leaves the consent as it was."""
    person = await victim(platform, wire)
    async with platform.database.transaction() as db:
        before = await consent_by_id(db, person.tokens.claims["consentid"])
        choice, ends = before.choice, before.expires_at
    changing(person).submit("continue")
    async with platform.database.transaction() as db:
        after = await consent_by_id(db, person.tokens.claims["consentid"])
        account = person.accounts[SPOTIFY].id
        assert after.expires_at == ends
        assert after.choice.covers(choice, [account])
        assert choice.covers(after.choice, [account])


async def test_changing_offers_nothing_that_the_contract_added_later(platform: Platform, people: People) -> None:
    """If the contract asks for more since, Change does not offer it: its terms were never shown."""
    narrow = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 5}]}}
    growing = await asking_contract(people, document=narrow)
    http = httpx2.Client()
    tokens = known_person(growing, http)
    async with platform.database.transaction() as db:
        wider = update(ContractRow).where(ContractRow.id == growing.contract_id)
        await db.execute(wider.values(document=parse_document(DOCUMENT)))
    other = ask(await asking_contract(people, document=DOCUMENT))
    browser = opened(other.url, http=http)
    browser.submit("continue")  # As the same person.
    browser.submit("another-source")
    browser.page.choose("source-id", str(FHIR_FILE))  # type: ignore[union-attr]
    browser.submit("continue")
    browser.page.choose("dataset", "default")  # type: ignore[union-attr]
    browser.submit("continue")
    browser.submit("continue")
    browser.open(f"{growing.origin}/me/")
    (address,) = [url for url in browser.page.links.values() if f"change/{tokens.claims['consentid']}" in url]  # type: ignore[union-attr]
    browser.open(address)
    assert "Health record" not in browser.page.html  # type: ignore[union-attr]


async def test_only_the_person_changes_a_choice(wire: Wire, mia: Victim) -> None:
    """Not without the browser's secret, not another person, and not for a consent that ended."""
    page = changing(mia)
    assert page.page is not None
    form = page.page.form("continue")
    fields = {"token": next(one.value for one in form.inputs if one.name == "token")}
    for stranger in (httpx2.Client(), at_consent(ask(wire))._http):
        answer = stranger.get(form.action)
        assert mia.tokens.claims["consentid"] not in answer.text
        assert stranger.post(form.action, data=fields).status_code in (303, 403)
    other = httpx2.Client()
    known_person(wire, other)
    theirs = opened(f"{wire.origin}/me/", http=other)
    assert theirs.page is not None
    foreign = f"{theirs.page.url}/change/{mia.tokens.claims['consentid']}"
    theirs.open(foreign)
    assert (page_of(theirs), theirs.page.status) == ("error", 404)
    assert mia.http.post(form.action, data={"token": "x"}).status_code == 403
    mine = opened(f"{wire.origin}/me/", http=mia.http)
    mine.submit("stop")
    mine.open(form.action)
    assert mine.page is not None
    assert mine.page.status == 404
