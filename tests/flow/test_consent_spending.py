"""Tests that a link is used up by the first form that is sent, and not by opening it. Protocol 8.1."""

import asyncio
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
import orjson
import pytest
from examples.walking import Browser, consent
from sqlalchemy import text, update

from privateshare.platform.db.tables import JourneyRow
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sweep import sweep
from tests.flow.consenting import (
    Asking,
    accounts,
    again,
    ask,
    asking_contract,
    at_consent,
    failure,
    known_person,
    opened,
    page_of,
    refer,
    withdrawal,
)
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.wire import REDIRECT_URI, Wire, query_of

PAGES = ["authorize", "onboard", "reauthorize", "user-reauth", "revoke"]
SOME_QUICKLY = [
    *("authorize", "onboard"),
    *(pytest.param(page, marks=pytest.mark.slow) for page in ("reauthorize", "user-reauth", "revoke")),
]
VISITORS: list[dict[str, str]] = [
    {"User-Agent": "Mozilla/5.0 (compatible; a mail scanner)"},
    {"User-Agent": "a preview of a chat", "Range": "bytes=0-4095"},
    {"Sec-Purpose": "prefetch", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"},
]
ROWS = {
    table: f'SELECT json_agg(t ORDER BY t::text)::text FROM "{table}" t'
    for table in ("journeys", "libraries", "consents", "consent_accounts", "references", "authorization_codes")
    # Syncs change the other columns of these tables.
} | {"accounts": "SELECT json_agg(t.id ORDER BY t.id)::text FROM accounts t"}


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


async def link_to(wire: Wire, page: str, http: httpx2.Client | None = None) -> Asking:
    """A fresh link to a page, for a person who has all that the page is about. `http` is a browser that they used."""
    if page == "authorize":
        return ask(wire)
    tokens = known_person(wire, http)
    if page == "reauthorize":
        return await again(wire, tokens, accounts(wire, tokens.access)[0])
    if page == "revoke":
        url = withdrawal(wire, tokens)
        return Asking(wire, url, query_of(url)["code"], "", "")
    challenge = {"code_challenge": "c" * 43, "code_challenge_method": "S256"} if page == "user-reauth" else {}
    return refer(wire, page, tokens.access, **challenge)


async def stored(platform: Platform) -> dict[str, str | None]:
    """Return the rows that a journey could change."""
    async with platform.database.session() as db:
        return {table: await db.scalar(text(query)) for table, query in ROWS.items()}


@pytest.mark.protocol("8.1")
@pytest.mark.parametrize("page", SOME_QUICKLY)
async def test_opening_a_link_writes_nothing(wire: Wire, platform: Platform, page: str) -> None:
    """Scanners, previews and prefetches may send GET and HEAD to the link and every page of its journey."""
    asking = await link_to(wire, page)
    before = await stored(platform)
    for headers, method in [*((headers, "GET") for headers in VISITORS), (VISITORS[0], "HEAD")]:
        with httpx2.Client(follow_redirects=True, headers=headers) as visitor:
            answer = visitor.request(method, asking.url)
            assert answer.status_code == 200
            assert visitor.request(method, f"{answer.url}?lng=de").status_code == 200
            journey = "/".join(str(answer.url).split("/")[:7])
            for name in ("source", "consent", "connect/16", "begin", "withdraw", "done") if method == "HEAD" else ():
                assert visitor.request(method, f"{journey}/{name}").status_code in (200, 404)
                assert visitor.get(f"{journey}/{name}").status_code in (200, 404)
    assert await stored(platform) == before
    browser = opened(asking.url)
    browser.submit("decline")
    assert "USER_CANCEL" in str(browser.left_to)


@pytest.mark.protocol("8.1")
@pytest.mark.parametrize("page", SOME_QUICKLY)
async def test_the_first_form_claims_the_link(wire: Wire, page: str) -> None:
    """Two browsers open it and both send a form: the first continues, and the second is told and may leave."""
    http = httpx2.Client()
    asking = await link_to(wire, page, http)
    first, second = opened(asking.url, http=http), opened(asking.url)
    assert second.page is not None
    at = second.page.url
    first.submit("continue")
    assert first.page is None or first.page.status in (200, 422)
    second.submit("decline")
    for _ in range(2):
        assert (page_of(second), second.page.status) == ("error", 410)
        assert "continued in another browser" in second.page.html
        assert "This browser shared nothing by this link" in second.page.html
        onward = query_of(second.page.links["Back to Genrefy"])
        assert onward["errorCode"] == "INVALID_CODE"
        second.open(at)
    for late in (second, Browser()):
        late.open(asking.url)
        assert query_of(str(late.left_to))["errorCode"] == "INVALID_CODE"
    first = opened(asking.url, http=http)
    assert page_of(first) != "error"


@pytest.mark.protocol("8.1")
async def test_one_of_two_forms_at_once_claims_the_link(wire: Wire) -> None:
    """In any order one browser continues, and every other one gets an explanation."""
    asking = ask(wire)
    browsers = [opened(asking.url) for _ in range(6)]
    for browser in browsers:
        assert browser.page is not None
        browser.page.choose("source-id", str(SPOTIFY))
    await asyncio.gather(*(asyncio.to_thread(browser.submit, "continue") for browser in browsers))
    assert sorted(page_of(browser) for browser in browsers) == ["connect", *["error"] * 5]


@pytest.mark.protocol("8.1")
def test_an_unused_link_can_be_opened_in_another_browser(wire: Wire) -> None:
    """A person who only looked around in an app's own browser can use the link in another one."""
    asking, inside = ask(wire), Browser()
    inside.open(asking.url)
    assert inside.page is not None
    inside.open(f"{inside.page.url}?q=spotify")
    inside.open(inside.page.links["Deutsch"])
    returned = consent(Browser(), asking.url, {SPOTIFY: "small"})
    assert asking.tokens(returned)
    inside.submit("continue")
    assert (page_of(inside), inside.page.status) == ("error", 410)
    assert "in einem anderen Browser" in inside.page.html


def test_a_copied_page_address_explains_what_to_do(wire: Wire) -> None:
    """The address without the link opens nothing in another browser, and the page says what does."""
    first, second = opened(ask(wire).url), Browser()
    assert first.page is not None
    second.open(first.page.url)
    assert (page_of(second), second.page and second.page.status) == ("error", 410)
    assert "open the link from the app in this one" in second.page.html  # type: ignore[union-attr]


@pytest.mark.protocol("8.1")
def test_opening_a_link_again_keeps_open_pages_valid(wire: Wire) -> None:
    """The same browser may open the link in several tabs and reload, and all forms are accepted."""
    asking, http = ask(wire), httpx2.Client()
    tabs = [opened(asking.url, http=http) for _ in range(3)]
    tabs[0].open(tabs[0].page.url)  # type: ignore[union-attr]
    for tab in tabs:
        assert tab.page is not None
        tab.page.choose("source-id", str(SPOTIFY))
        tab.submit("continue")
        assert page_of(tab) == "connect"


def test_a_browser_keeps_the_parameters_of_its_own_link(wire: Wire) -> None:
    """A scanner that opens the link with other parameters changes nothing for the person."""
    asking = ask(wire, f"&service={SPOTIFY}&sampleDataSet=default&lng=de")
    browser = opened(asking.url)
    opened(asking.url.split("&")[0])
    opened(asking.url.replace(f"={SPOTIFY}", f"={FHIR_FILE}").replace("lng=de", "lng=en"))
    assert browser.page is not None
    browser.open(browser.page.url)
    assert browser.page.url.endswith(f"connect/{SPOTIFY}")
    browser.submit("continue")
    assert page_of(browser) == "consent"
    assert 'lang="de"' in browser.page.html


def test_a_chosen_language_is_kept(wire: Wire) -> None:
    """This holds on the first page, which writes nothing, and later. An unknown language changes nothing."""
    browser = opened(ask(wire, "&lng=de").url)
    assert browser.page is not None
    browser.open(browser.page.links["English"])
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.open(f"{browser.page.url}?lng=%00")
    assert 'lang="en"' in browser.page.html
    browser.open(f"{browser.page.url.split('?')[0]}?lng=de")
    browser.page.choose("dataset", "small")
    browser.submit("continue")
    assert page_of(browser) == "consent"
    assert 'lang="de"' in browser.page.html


# --- the cookie ---


def kept(http: httpx2.Client) -> dict[str, str]:
    """Return the cookies of a browser by name."""
    return {cookie.name: str(cookie.value) for cookie in http.cookies.jar}


@pytest.mark.parametrize("taken", [False, True])
def test_a_cookie_opens_its_own_journey_alone(wire: Wire, taken: bool) -> None:
    """A cookie under another journey's name opens neither journey."""
    mine, other = httpx2.Client(), httpx2.Client()
    first, second = opened(ask(wire).url, http=mine), opened(ask(wire).url, http=other)
    assert first.page is not None
    assert second.page is not None
    if taken:
        first.submit("continue")
        second.submit("continue")
    (name,), (value,) = kept(mine), kept(other).values()
    mixed = httpx2.Client(cookies={name: value})
    assert mixed.get(first.page.url).status_code == 410
    token = next(entry.value for entry in second.page.form("decline").inputs if entry.name == "token")
    for url in (first.page.url, second.page.url):
        refused = mixed.post(f"{url.rsplit('/', 1)[0]}/decline", data={"token": token})
        assert refused.status_code == 410
    second.submit("decline")
    failure(second, "USER_CANCEL")
    first.submit("decline")
    failure(first, "USER_CANCEL")


def changed(value: str, kind: str, parameters: Any) -> str:
    """Return a cookie of which a browser changed what the link said."""
    said = urlsafe_b64encode(orjson.dumps([kind, parameters])).rstrip(b"=").decode()
    return ".".join((*value.split(".")[:2], said))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("user-reauth", {}),
        ("revoke", {}),
        ("authorize", {"callback": "https://evil.example/"}),
        ("authorize", {"service": 999999}),
        ("authorize", {"service": "x"}),
        ("authorize", {"lng": "\x00"}),
        ("authorize", []),
        ("nothing", {}),
        (["authorize"], {}),
    ],
)
def test_changing_the_cookie_gains_nothing(wire: Wire, kind: Any, parameters: Any) -> None:
    """The cookie has the link's parameters: what a link cannot ask for is rejected and causes no internal error."""
    http = httpx2.Client()
    browser = opened(ask(wire).url, http=http)
    ((name, value),) = kept(http).items()
    forged = httpx2.Client(cookies={name: changed(value, kind, parameters)})
    assert browser.page is not None
    answer = forged.get(browser.page.url)
    assert answer.status_code in (200, 303, 410)
    token = next(entry.value for entry in browser.page.form("decline").inputs if entry.name == "token")
    left = forged.post(f"{browser.page.url.rsplit('/', 1)[0]}/decline", data={"token": token})
    assert left.status_code in (303, 410)
    for location in (answer.headers.get("location", ""), left.headers.get("location", "")):
        assert not location or location.startswith((REDIRECT_URI, "/apps/saas/"))


@pytest.mark.parametrize("value", ["", ".", "..", "x.y.z", "a" * 4000, "%00.%00.%00", "é.é.é"])
def test_a_broken_cookie_is_ignored(wire: Wire, value: str) -> None:
    """A cookie that the platform did not make counts as missing."""
    browser = opened(ask(wire).url)
    assert browser.page is not None
    tag = browser.page.url.split("/")[-2]
    answer = httpx2.get(browser.page.url, headers={b"Cookie": f"journey-{tag}={value}".encode()})
    assert (answer.status_code, 'data-page="error"' in answer.text) == (410, True)


@pytest.mark.protocol("8.3")
def test_a_link_that_no_cookie_can_hold_does_not_start(wire: Wire) -> None:
    """The app learns that the link could not be started, not that its code was used."""
    scope = orjson.dumps({"dataType": [f"{number}" * 30 for number in range(90)]}).decode()
    failure(opened(ask(wire, "&" + urlencode({"sourcesScope": scope})).url), "INITIALIZE_CHECK_FAIL")


# --- the session that waits for the person ---


def state(asking: Asking) -> Any:
    """Return what the app reads of the session that came with the link. Protocol 6.1."""
    return asking.wire.get(f"permission-access/query/{asking.session}").json()


@pytest.mark.protocol("6.1")
async def test_a_session_ends_when_its_link_expires_unused(wire: Wire, platform: Platform) -> None:
    """An app that waits for the person learns that they will not come."""
    seen, begun, lasting = ask(wire), ask(wire), ask(wire)
    opened(seen.url)
    at_consent(begun)
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        hashes = [hash_secret(one.code) for one in (seen, begun)]
        await db.execute(update(JourneyRow).where(JourneyRow.code_hash.in_(hashes)).values(expires_at=past))
    await sweep(platform)
    for asking in (seen, begun):
        assert state(asking)["status"]["state"] == "partial"
        assert state(asking)["status"]["error"]["code"] == "INVALID_CODE"
        assert state(asking)["fileList"] == []
    assert state(lasting) == {"status": {"state": "pending"}}


@pytest.mark.protocol("6.1")
async def test_declining_later_pages_ends_their_sessions(wire: Wire) -> None:
    """This holds for `onboard` and the other pages too. The person's other sessions continue."""
    tokens = known_person(wire)
    asking = refer(wire, "onboard", tokens.access)
    browser = opened(asking.url)
    assert state(asking) == {"status": {"state": "pending"}}
    browser.submit("decline")
    assert state(asking)["status"]["error"]["code"] == "USER_CANCEL"
    listed = wire.get(f"permission-access/query/{asking.session}", access_token=tokens.access).json()
    assert (listed["status"]["state"], listed["fileList"]) == ("partial", [])


@pytest.mark.protocol("6.7")
async def test_a_held_response_is_sent_when_the_person_declines(wire: Wire) -> None:
    """The response that waits for a change is sent at once."""
    asking = ask(wire)
    first = wire.get(f"permission-access/query/{asking.session}")
    held = asyncio.create_task(
        asyncio.to_thread(
            wire.get,
            f"permission-access/query/{asking.session}?wait=30",
            headers={"If-None-Match": first.headers["etag"]},
        )
    )
    browser = opened(asking.url)
    browser.submit("decline")
    answer = await held  # After the wait that it asks for, the status would be 304.
    assert (answer.status_code, answer.json()["status"]["state"]) == (200, "partial")


@pytest.mark.protocol("6.1", "14 (a)")
async def test_a_session_of_1_6_ends_too(people: People) -> None:
    """In version 1.6 only the session's key is needed to read its status."""
    legacy = await asking_contract(people, legacy=True)
    asking = ask(legacy)
    opened(asking.url).submit("decline")
    answer = httpx2.get(f"{legacy.origin}/v1.6/permission-access/query/{asking.session}").json()
    assert (answer["status"]["state"], answer["status"]["details"], answer["fileList"]) == ("partial", {}, [])
