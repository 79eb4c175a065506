"""Tests of the consent pages against other sites, other browsers and hostile texts."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from examples.walking import Browser

from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import ApplicationRow, ContractRow, PartnerRow
from privateshare.platform.grants.journeys import Start, begin_journey
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol.contract_document import parse_document
from tests.flow.consenting import add_found, ask, asking_contract, opened, spotify_archive
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import serving
from tests.flow.wire import REDIRECT_URI, Wire, query_of
from tests.ports import free_port

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=(REDIRECT_URI, "digime-ca-x://auth"))


@pytest.fixture
def begun(wire: Wire) -> tuple[httpx2.Client, str, str]:
    """Provide a browser's cookies, the address of its picker, and the token of its forms."""
    http = httpx2.Client()
    browser = opened(ask(wire).url, http=http)
    assert browser.page is not None
    token = next(entry.value for entry in browser.page.form("continue").inputs if entry.name == "token")
    return http, browser.page.url, token


def post(http: httpx2.Client, url: str, fields: dict[str, Any], **headers: str) -> httpx2.Response:
    return http.post(url, data=fields, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_form_needs_its_token(begun: tuple[httpx2.Client, str, str], wire: Wire) -> None:
    """A form is accepted only with the token of this journey in this browser."""
    http, url, token = begun
    other = opened(ask(wire).url).page
    assert other is not None
    foreign = next(entry.value for entry in other.form("continue").inputs if entry.name == "token")
    for wrong in ("", "x", foreign, token[:-1], token + "x", "ü"):
        refused = post(http, url, {"source": "16", "token": wrong})
        assert (refused.status_code, 'data-page="error"' in refused.text) == (403, True)
    assert post(http, url, {"source": "16"}).status_code == 403
    assert post(http, url, {"source": "16", "token": token}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
@pytest.mark.parametrize("page", ["source", "consent", "decline", "connect/16"])
def test_a_form_of_another_site_is_rejected(
    begun: tuple[httpx2.Client, str, str], page: str, headers: dict[str, str]
) -> None:
    """A request whose headers name another site is rejected even with the right token."""
    http, url, token = begun
    address = url.removesuffix("source") + page
    assert post(http, address, {"source": "16", "token": token}, **headers).status_code == 403


def test_an_upload_needs_its_token(begun: tuple[httpx2.Client, str, str], tmp_path: Path) -> None:
    """A form without its token is rejected before its file is read."""
    http, url, _ = begun
    archive = spotify_archive(tmp_path / "export.zip")
    with archive.open("rb") as content:
        refused = http.post(
            url.removesuffix("source") + "connect/16", data={"way": "upload"}, files={"archive": content}
        )
    assert refused.status_code == 403


def test_a_token_after_the_file_is_too_late(begun: tuple[httpx2.Client, str, str]) -> None:
    """The token must come before the file, so that no file of an invalid form is stored."""
    http, url, token = begun
    parts = (
        '--b\r\nContent-Disposition: form-data; name="archive"; filename="a.zip"\r\n\r\nPK\r\n'
        f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token}\r\n--b--\r\n'
    )
    address = url.removesuffix("source") + "connect/16"
    refused = http.post(address, content=parts, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert refused.status_code == 403


def test_another_browser_cannot_join_a_journey(begun: tuple[httpx2.Client, str, str]) -> None:
    """The address of a page and its token do not work without the cookie."""
    _, url, token = begun
    stranger = httpx2.Client()
    assert stranger.get(url).status_code == 410
    assert post(stranger, url, {"source": "16", "token": token}).status_code == 410
    stranger.cookies.set(f"journey-{url.split('/')[-2]}", "guessed")
    assert stranger.get(url).status_code == 410


@pytest.mark.protocol("8.3")
def test_a_guessed_cookie_opens_no_link(wire: Wire) -> None:
    """A link that one browser uses cannot be used or changed with an invented cookie."""
    asking, http = ask(wire), httpx2.Client()
    first = opened(asking.url, http=http)
    first.submit("continue")
    (name,) = http.cookies
    stranger = httpx2.Client(cookies={name: "guessed"})
    answer = stranger.get(f"{asking.url}&service={SPOTIFY}&sampleDataAutoOnboard=true")
    assert query_of(answer.headers["location"])["errorCode"] == "INVALID_CODE"
    assert "set-cookie" not in answer.headers
    first.submit("decline")
    assert query_of(str(first.left_to))["errorCode"] == "USER_CANCEL"


def test_two_journeys_of_one_browser_do_not_mix(wire: Wire) -> None:
    """A person may have the pages of two apps open, and each form acts for its own."""
    http = httpx2.Client()
    first, second = ask(wire, state="first"), ask(wire, state="second")
    one, two = opened(first.url, http=http), opened(second.url, http=http)
    one.submit("decline")
    assert query_of(str(one.left_to))["state"] == "first"
    two.submit("decline")
    assert query_of(str(two.left_to))["state"] == "second"


def test_cookies_are_protected(wire: Wire) -> None:
    """Scripts and other sites' forms cannot read or send a journey's cookie."""
    answer = httpx2.get(ask(wire).url)
    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 303
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "domain" not in cookie
    assert "code=" not in answer.headers["location"]


@pytest.mark.parametrize(
    ("origin", "begins", "path"),
    [
        ("https://share.example", "__Host-journey-", "Path=/;"),
        ("https://share.example/lend", "__Secure-journey-", "Path=/lend/apps/saas/;"),
    ],
)
async def test_cookies_of_https_platforms_are_secure(tmp_path: Path, origin: str, begins: str, path: str) -> None:
    """With https the cookie is only for https, and no other host can read or overwrite it.

    Below a path it is not sent to the rest of the host.
    """
    port = free_port()
    with serving(tmp_path / "data", port=port, environment={"PRIVATESHARE_ORIGIN": origin}) as running:
        async with operator_platform(Settings(data=running.data, database_pool_size=2)) as platform:
            client = await asking_contract(People(platform, running.origin))
            async with platform.database.transaction() as db:
                contract = await db.get_one(ContractRow, client.contract_id)
                start = Start(contract, REDIRECT_URI, challenge="c" * 43)
                code = await begin_journey(db, start, datetime.now(UTC), timedelta(minutes=1))
        url = f"http://127.0.0.1:{port}/apps/saas/authorize?code={code}"
        answer = httpx2.get(url, headers={"Host": "whatever.example"})
        cookie = answer.headers["set-cookie"]
        sent = {"Cookie": cookie.split(";")[0], "Host": "whatever.example"}
        location = answer.headers["location"]
        page = httpx2.get(f"http://127.0.0.1:{port}{location}", headers=sent)
        for host in ("[", "a b", "evil.example:99999", "@"):  # This test does not look at the result.
            assert httpx2.get(url, headers={"Host": host}).headers["location"] == location
            keys = httpx2.get(f"http://127.0.0.1:{port}/v1.7/jwks/oauth", headers={"Host": host})
            assert keys.status_code == 200
            assert httpx2.get(f"http://127.0.0.1:{port}/x", headers={"Host": host}).status_code == 404
    assert cookie.startswith(begins)
    assert "Secure" in cookie
    assert path in cookie
    assert location.startswith(f"{urlsplit(origin).path}/apps/saas/journey/")
    assert 'data-page="pick-source"' in page.text


def test_pages_have_safe_headers(begun: tuple[httpx2.Client, str, str], wire: Wire) -> None:
    """No page may be framed, cached, run foreign scripts, or send a referrer to other sites."""
    http, url, _ = begun
    for address in (url, f"{wire.origin}/apps/saas/authorize?code=unknown", f"{wire.origin}/apps/saas/nowhere"):
        headers = http.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


def test_pages_carry_nothing_that_the_policy_forbids(begun: tuple[httpx2.Client, str, str]) -> None:
    """The pages have no inline scripts, styles or handlers, and load nothing from other sites."""
    http, url, _ = begun
    for address in (url, url.removesuffix("source") + "connect/16"):
        html = http.get(address).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", html)
        assert all(source.startswith("/apps/saas/") for source in re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', html))
        for asset in re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', html):
            found = http.get(httpx2.URL(url).join(asset))
            assert found.status_code == 200
            assert "immutable" in found.headers["cache-control"]


async def test_hostile_texts_are_only_text(people: People) -> None:
    """Names, purposes, policies and links with code are shown as text, or not at all."""
    words = {"description": HOSTILE}
    document = {
        "resources": {"privacyPolicy": "javascript:alert(1)", "homePage": f"https://app.example/{HOSTILE}"},
        "dataRequest": {
            "serviceGroups": [{"id": 5}],
            "purpose": HOSTILE,
            "disclaimer": HOSTILE,
            "consentPolicy": words,
            "dataRetention": words,
            "gdpr": words,
        },
    }
    hostile = await asking_contract(people, name=f"App {HOSTILE}", partner=f"Partner {HOSTILE}", document=document)
    browser = opened(ask(hostile, state=HOSTILE).url)
    pages = []
    for choice in (("source-id", str(SPOTIFY)), ("dataset", "small"), None):
        assert browser.page is not None
        pages.append(browser.page.html)
        if choice:
            browser.page.choose(*choice)
            browser.submit("continue")
    assert browser.page is not None
    assert browser.page.name == "consent"
    for html in pages:
        assert "<script>alert" not in html
        assert "<img src=x" not in html
    assert "javascript:" not in pages[2]
    assert pages[2].count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 7
    browser.submit("continue")
    assert query_of(str(browser.left_to))["state"] == HOSTILE


async def test_direction_overrides_are_isolated(people: People, tmp_path: Path) -> None:
    """Text with a direction override (U+202E) is isolated on every page and in no title.

    New names with it are rejected; older names and texts may contain it. A search box keeps what the person typed,
    since browsers isolate the value of a field themselves.
    """
    turned, words = "\u202egnp.exe\u2069\u202e", {"description": "\u202eyliad"}
    request = {"serviceGroups": [{"id": 5}], "purpose": turned, "disclaimer": turned, "consentPolicy": words}
    document = {"dataRequest": request | {"dataRetention": words}}
    wire = await asking_contract(people)
    async with people.platform.database.transaction() as db:
        (await db.get_one(ContractRow, wire.contract_id)).document = parse_document(document)
        application = await db.get_one(ApplicationRow, wire.application_id)
        application.name = f"App {turned}"
        (await db.get_one(PartnerRow, application.partner_id)).name = f"Partner {turned}"
    archive = spotify_archive(tmp_path / "export.zip", username=turned)
    browser, pages = opened(ask(wire, f"&service={SPOTIFY}").url), []
    assert browser.page is not None
    pages.append(browser.page.html)
    browser.submit("continue", file=archive)
    pages.append(browser.page.html)
    add_found(browser)
    pages.append(browser.page.html)
    browser.open(f"{browser.page.url.rsplit('/', 1)[0]}/source?q={quote(turned)}")
    pages.append(browser.page.html)
    assert [page.count("\u202e") > 0 for page in pages] == [True] * 4
    for page in pages:
        without_values = re.sub(r"value=\"[^\"]*\"", "", page)
        assert "\u202e" not in re.sub(r"<bdi>[^<]*</bdi>", "", without_values)
        assert "\u2069" not in without_values


@pytest.mark.parametrize("name", ["App \u202e", "App\n", "App \u200b", " ", "x" * 201])
@pytest.mark.parametrize("field", ["name", "partner"])
async def test_names_that_are_not_completely_visible_are_rejected(people: People, name: str, field: str) -> None:
    """An operator cannot register an application under a name that people could not read."""
    names: dict[str, Any] = {"name": "App", "partner": "PartnerRow"} | {field: name}
    with pytest.raises(ConfigurationError, match="visible"):
        await asking_contract(people, **names)


def test_a_hostile_archive_is_only_text(wire: Wire, tmp_path: Path) -> None:
    """An archive's texts about its owner are shown as text."""
    archive = spotify_archive(tmp_path / "export.zip", username=HOSTILE)
    browser = opened(ask(wire, f"&service={SPOTIFY}").url)
    browser.submit("continue", file=archive)
    for name in ("found", "consent"):
        assert browser.page is not None
        assert browser.page.name == name
        assert "<script>alert" not in browser.page.html
        assert "&lt;script&gt;alert(1)" in browser.page.html
        if name == "found":
            add_found(browser)


@pytest.mark.parametrize("path", ["nowhere", "journey/x/source", "static/nothing.css", "static/..%2fpages.py"])
def test_wrong_addresses_give_pages(wire: Wire, path: str) -> None:
    """A wrong address gives an error page with a reference, and never a stack trace."""
    answer = httpx2.get(f"{wire.origin}/apps/saas/{path}")
    assert answer.status_code in {404, 410}
    assert 'data-page="error"' in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("source", [15, 999999, FHIR_FILE])
async def test_a_source_outside_of_the_contract_cannot_be_connected(people: People, source: int) -> None:
    """Other sources are not connected under any address."""
    music = await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 5}]}})
    http = httpx2.Client()
    browser = opened(ask(music).url, http=http)
    assert browser.page is not None
    token = next(entry.value for entry in browser.page.form("continue").inputs if entry.name == "token")
    address = browser.page.url.removesuffix("source") + f"connect/{source}"
    assert http.get(address).status_code == 404
    sent = {"token": (None, token), "way": (None, "sample:default")}
    assert http.post(address, files=sent).status_code == 404


def test_no_secret_is_logged(wire: Wire, people: People, served: Any) -> None:
    """Codes, cookies and uploads are not in the log."""
    http = httpx2.Client()
    asking = ask(wire)
    browser = Browser(http)
    browser.open(asking.url)
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.page.choose("dataset", "small")
    browser.submit("continue")
    browser.submit("continue")
    opened(asking.url)
    log = served.log.read_text()
    assert asking.code not in log
    assert query_of(str(browser.left_to))["code"] not in log
    assert all(cookie.value not in log for cookie in http.cookies.jar if cookie.value)
