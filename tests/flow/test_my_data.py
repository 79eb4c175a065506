"""`/me`: what a person sees of what they share, how they stop it, and who else cannot."""

import re
import time

import httpx2
import pytest
from examples.walking import Browser

from privateshare.platform.runtime import Platform
from tests.flow.consenting import ask, asking_contract, known_person, opened, page_of
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.security.attacking import Victim, seen, victim, walked
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import Wire, check_error
from tests.patience import GIVE_UP_SECONDS


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who shares Spotify."""
    return await victim(platform, wire, sources=[SPOTIFY])


def at_home(person: Victim) -> Browser:
    """Return the person's browser on their own pages."""
    browser = opened(f"{person.wire.origin}/me", http=person.http)
    assert page_of(browser) == "me"
    return browser


def html(browser: Browser) -> str:
    assert browser.page is not None
    return browser.page.html


async def test_what_is_shared_is_listed(platform: Platform, wire: Wire) -> None:
    """The app, which data, from which source, since when, when it last read; the sources; the browser."""
    mia = await victim(platform, wire)
    wait_until_over(mia.wire, mia.tokens, mia.session)
    text = re.sub(r"<[^>]+>|\s+", " ", html(at_home(mia)))
    text = re.sub(r"\s+", " ", text)
    assert "Genrefy by Example Ltd" in text
    assert "Sources Spotify Agreed" in text
    assert "Last used" in text
    assert "not yet" not in text
    assert "What you listened to and when" in text
    assert "this browser" in text
    assert html(at_home(mia)).count("Connected on") == 2
    assert mia.http.get(f"{mia.wire.origin}/me/?lng=de").status_code == 303


@pytest.mark.protocol("7.5")
def test_stopping_ends_the_next_read_at_once(mia: Victim) -> None:
    """The very next call is refused, whichever it is, and nothing can be renewed. A second is promised."""
    session = triggered(mia.wire, mia.tokens)
    wait_until_over(mia.wire, mia.tokens, session)
    browser = at_home(mia)
    browser.submit("stop")
    query = mia.wire.get(f"permission-access/query/{session}", access_token=mia.tokens.access)
    check_error(query, 401, "InvalidToken")
    check_error(mia.wire.post("permission-access/trigger", access_token=mia.tokens.access), 401, "InvalidToken")
    check_error(mia.wire.refresh(mia.tokens.refresh), 401, "InvalidToken")
    assert "This app reads nothing more" in html(browser)
    assert "No app can read your data" in html(browser)
    assert "Stopped on" in html(browser)
    page = opened(ask(mia.wire).url, http=mia.http)  # they may share again, and nothing is ticked for them
    page.submit("continue")
    assert page.page is not None
    assert not any(entry.chosen for entry in page.page.form("continue").inputs if entry.name == "account")


def test_deletion_can_be_asked_for_afterwards(mia: Victim) -> None:
    """An app that was stopped without it, on its page; once, and only once it has ended."""
    browser = at_home(mia)
    address = f"{browser.page.url}/apps/{mia.tokens.claims['consentid']}"  # type: ignore[union-attr]
    token = re.search(r'name="token" value="([^"]+)"', html(browser))
    assert token is not None
    assert mia.http.post(f"{address}/deletion", data={"token": token[1]}).status_code == 303
    browser.open(address)
    assert "You asked it" not in html(browser)
    assert "ask-deletion" not in html(browser)
    browser = at_home(mia)
    browser.submit("stop")
    browser.open(address)
    browser.submit("ask-deletion")
    assert "not confirmed" in html(browser)
    assert "ask-deletion" not in html(browser)
    other = httpx2.Client()
    known_person(mia.wire, other)
    theirs = opened(f"{mia.wire.origin}/me/", http=other)
    wrong = f"{theirs.page.url}/apps/{mia.tokens.claims['consentid']}/deletion"  # type: ignore[union-attr]
    token = re.search(r'name="token" value="([^"]+)"', html(theirs))
    assert token is not None
    assert other.post(wrong, data={"token": token[1]}).status_code == 404


def test_nobody_else_sees_or_stops_it(mia: Victim) -> None:
    """Not a browser that is not known, not another person, not a form of another site, not without the form's token."""
    url = f"{mia.wire.origin}/me/"
    mine = mia.http.get(url, follow_redirects=True)
    address = str(mine.url)
    consent_id = mia.tokens.claims["consentid"]
    assert consent_id in mine.text
    stranger, other = httpx2.Client(), httpx2.Client()
    known_person(mia.wire, other)
    for http in (stranger, other):
        answer = http.get(address, follow_redirects=True)
        assert consent_id not in answer.text
        assert http.post(f"{address}/stop", data={"consent": consent_id}).status_code == 303
    theirs = opened(url, http=other)
    form = theirs.page.form("stop")  # type: ignore[union-attr]
    next(entry for entry in form.inputs if entry.name == "consent").value = consent_id
    theirs.submit("stop")
    token = re.search(r'name="token" value="([^"]+)"', mine.text)
    assert token is not None
    fields = {"consent": consent_id, "token": token[1]}
    for wrong in ({"consent": consent_id}, fields | {"token": token[1][:-1]}, fields | {"token": "é"}):
        assert mia.http.post(f"{address}/stop", data=wrong).status_code == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert mia.http.post(f"{address}/stop", data=fields, headers=headers).status_code == 403
    assert seen(mia.wire, mia.tokens) == {mia.accounts[SPOTIFY].public_id}
    assert mia.http.post(f"{address}/stop", data=fields).status_code == 303
    assert mia.wire.get("permission-access/accounts", access_token=mia.tokens.access).status_code == 401


def test_pages_have_safe_headers(mia: Victim) -> None:
    """As those of consent."""
    for path in ("/me/", "/me/00000000-0000-0000-0000-000000000000", "/me/x", "/me"):
        headers = mia.http.get(f"{mia.wire.origin}{path}", follow_redirects=True).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"


def test_a_browser_is_signed_out(mia: Victim) -> None:
    """From then on it is shown nothing, here and in the pages of consent, and keeps no secret."""
    browser = at_home(mia)
    browser.submit("forget")
    assert page_of(browser) == "me-entrance"
    assert "person" not in mia.http.cookies
    page = opened(ask(mia.wire, access_token=mia.tokens.access).url, http=mia.http)
    assert mia.box(SPOTIFY) not in html(page)


def test_a_recovery_code_signs_in_another_browser(mia: Victim) -> None:
    """It is made here, shown once, works in another browser, and that one can be signed out from here."""
    browser = at_home(mia)
    browser.open(browser.page.links["Make one"])  # type: ignore[union-attr]
    browser.submit("show-code")
    code = html(browser).split("data-recovery-code>")[1].split("<")[0]
    browser.open(browser.page.url)  # type: ignore[union-attr]
    assert code not in html(browser)
    elsewhere = opened(f"{mia.wire.origin}/me")
    elsewhere.submit("recover", extra={"code": "wrong"})
    assert elsewhere.page is not None
    assert elsewhere.page.status == 422
    elsewhere.submit("recover", extra={"code": code})
    assert page_of(elsewhere) == "me"
    assert html(at_home(mia)).count('data-action="forget"') == 2


async def test_what_came_without_proof_is_told_and_can_be_stopped(platform: Platform, people: People) -> None:
    """The person sees that somebody agreed in a strange browser, and not whose account it is."""
    wire = await asking_contract(people)
    person = await victim(platform, wire, sources=[SPOTIFY])
    asking = ask(wire, access_token=person.tokens.access)
    got = asking.tokens(str(walked(asking, FHIR_FILE).left_to))
    browser = at_home(person)
    assert "did not show that it was you" in html(browser)
    browser.submit("stop")  # The newest comes first.
    check_error(wire.get("permission-access/accounts", access_token=got.access), 401, "InvalidToken")
    assert seen(wire, person.tokens) == {person.accounts[SPOTIFY].public_id}


def test_a_browser_of_two_people_asks_who_it_is(mia: Victim) -> None:
    """Where a browser is known for several people the page asks who it is."""
    asking = ask(mia.wire)
    browser = opened(asking.url, http=mia.http)
    browser.submit("someone-else")
    browser.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    browser.submit("continue")
    browser.page.choose("dataset", "default")  # type: ignore[union-attr]
    browser.submit("continue")
    browser.submit("continue")
    page = opened(f"{mia.wire.origin}/me", http=mia.http)
    assert page_of(page) == "me-entrance"
    assert html(page).count("the person who shared with") == 2


def test_what_apps_did_is_told(mia: Victim) -> None:
    """On the app's page which files of which kinds were read; among everything that happened, day by day."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    listed = mia.wire.get(f"permission-access/query/{mia.session}", access_token=mia.tokens.access).json()["fileList"]
    for entry in listed[:3]:
        path = f"permission-access/query/{mia.session}/{entry['name']}"
        assert mia.wire.get(path, access_token=mia.tokens.access).status_code == 200
    browser = at_home(mia)
    address = f"{browser.page.url}/apps/{mia.tokens.claims['consentid']}"  # type: ignore[union-attr]
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while "Read 3 files" not in html(browser) and time.monotonic() < give_up:  # Reads are written once a second.
        time.sleep(0.1)
        browser.open(address)
    assert page_of(browser) == "me-app"
    assert "Read 3 files" in html(browser)


def test_an_app_that_deletes_its_user_is_told(mia: Victim) -> None:
    """Its access is gone, the data is still there, and the person sees that the app asked for it."""
    assert mia.wire.call("DELETE", "user", access_token=mia.tokens.access).status_code == 200
    browser = at_home(mia)
    assert "Spotify" in html(browser)
    browser.open(f"{browser.page.url}/history")  # type: ignore[union-attr]
    assert "asked to delete you" in html(browser)


def test_an_apps_history_is_its_persons(mia: Victim) -> None:
    """Another person's page of the same app is not found."""
    other = httpx2.Client()
    known_person(mia.wire, other)
    theirs = opened(f"{mia.wire.origin}/me", http=other).page
    assert theirs is not None
    answer = other.get(f"{theirs.url}/apps/{mia.tokens.claims['consentid']}")
    assert answer.status_code == 404
