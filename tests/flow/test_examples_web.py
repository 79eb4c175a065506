"""Tests of the example web apps, each in its own process, and of people who visit them."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from examples.walking import Browser, consent
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from privateshare import FileTokenStore, InvalidToken, PrivateShare, UserAccessToken
from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.consenting import spotify_archive
from tests.flow.example_apps import APPS, Registered, RunningApp, command_of, on_path, register, running, with_contract
from tests.flow.people import SPOTIFY, People
from tests.flow.served import Served
from tests.flow.wire import query_of
from tests.patience import GIVE_UP_SECONDS

# One app is tried with each commit. The others differ in the framework's own part only.
EACH_APP = [pytest.param(name, marks=() if name == "fastapi_app" else pytest.mark.slow) for name in APPS]


@pytest.fixture(scope="module")
def registered(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    return register(served, tmp_path_factory.mktemp("genrefy"))


@pytest.fixture(scope="module", params=EACH_APP)
def app(
    request: pytest.FixtureRequest, registered: Registered, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApp]:
    with running(request.param, registered, tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture(scope="module")
def client(registered: Registered) -> Iterator[PrivateShare]:
    """Acts for the app at the platform, beside it."""
    with PrivateShare(
        registered.application_id,
        contract_id=registered.contract_id,
        private_key=registered.private_key,
        base_url=registered.base_url,
    ) as made:
        yield made


class Visitor(Browser):
    """A person with a browser of their own, on the app's pages; on the platform's they have another."""

    def __init__(self, app: RunningApp) -> None:
        self.http = httpx2.Client(timeout=GIVE_UP_SECONDS)
        super().__init__(self.http)
        self.app = app
        self.go("/")

    def go(self, path: str) -> None:
        """Opens one of the app's pages."""
        self.open(self.app.address + path)

    def press_connect(self) -> str:
        """Return the consent page's address that the app sends this person to."""
        self.go("/")
        self.submit("connect")
        assert self.left_to is not None, self.text
        return self.left_to

    def agree(self, archive: Path) -> str:
        """Shares an archive; the address that leads back into the app."""
        return consent(Browser(), self.press_connect(), {SPOTIFY: archive})

    @property
    def text(self) -> str:
        """The page that this person sees."""
        assert self.page is not None
        return self.page.html

    @property
    def where(self) -> str:
        """The path and query of the address in the address bar."""
        assert self.page is not None
        split = urlsplit(self.page.url)
        return f"{split.path}?{split.query}".rstrip("?")

    @property
    def cookies(self) -> dict[str, str]:
        """What this browser keeps."""
        return {cookie.name: cookie.value or "" for cookie in self.http.cookies.jar}


def archive_of(folder: Path, artist: str) -> Path:
    """Return a history with plays of one artist, exported by somebody of their own."""
    return spotify_archive(folder / f"{artist}.zip", artist=artist, username=artist)


def lending(app: RunningApp, folder: Path, artist: str) -> Visitor:
    """Return a person who has just shared a history with the app, and sees it."""
    visitor = Visitor(app)
    visitor.open(visitor.agree(archive_of(folder, artist)))
    assert artist in visitor.text
    return visitor


@dataclass(frozen=True)
class Lender:
    """A person who has shared a history with the app, and the address that led back to it."""

    visitor: Visitor
    artist: str
    returned: str
    person: str

    def token(self, app: RunningApp) -> UserAccessToken:
        """Return the token that the app keeps for this person."""
        return app.tokens[self.person]


@pytest.fixture(scope="module")
def lender(app: RunningApp, tmp_path_factory: pytest.TempPathFactory) -> Lender:
    """Provide somebody who shares with the app while tests look at what it does."""
    visitor, artist = Visitor(app), "The Guarded"
    returned = visitor.agree(archive_of(tmp_path_factory.mktemp("lender"), artist))
    visitor.open(returned)
    assert artist in visitor.text
    return Lender(visitor, artist, returned, latest_token(app).user_id)


def latest_token(app: RunningApp) -> UserAccessToken:
    """Return the token of the person who came last."""
    return list(app.tokens.values())[-1]


def test_a_person_shares_and_stops(app: RunningApp, client: PrivateShare, tmp_path: Path) -> None:
    """They see their data at every visit until they stop. Then their tokens no longer work."""
    visitor = lending(app, tmp_path, "The Unmistakables")
    assert visitor.where == "/you"
    visitor.go("/")
    visitor.submit("you")
    assert "The Unmistakables" in visitor.text
    token = latest_token(app)
    visitor.submit("stop")
    assert visitor.where == "/"
    assert "You stopped lending" in visitor.text
    assert token.user_id not in app.tokens
    with pytest.raises(InvalidToken):
        client.read_session(token)
    visitor.go("/you")
    assert visitor.where == "/"
    assert "Unmistakables" not in visitor.text


def test_a_person_declines(app: RunningApp) -> None:
    """The start page says that nothing was shared, and says so only once."""
    before = app.tokens
    visitor = Visitor(app)
    elsewhere = Browser()
    elsewhere.open(visitor.press_connect())
    elsewhere.submit("decline")
    assert elsewhere.left_to is not None
    visitor.open(elsewhere.left_to)
    assert visitor.where == "/"
    assert "You declined, and nothing was shared." in visitor.text
    visitor.go("/")
    assert "declined" not in visitor.text
    assert app.tokens == before


@pytest.mark.slow  # test_cookies.py shows it for each framework.
def test_a_foreign_return_is_rejected(app: RunningApp, tmp_path: Path) -> None:
    """A foreign state or another person's browser shows nothing. A second return shows one's own data."""
    visitor, other = Visitor(app), Visitor(app)
    returned = visitor.agree(archive_of(tmp_path, "The Coveted"))
    before = app.tokens
    other.press_connect()
    other.open(returned)
    assert "not meant for this browser" in other.text
    stranger = Visitor(app)
    stranger.open(returned)
    assert "not meant for this browser" in stranger.text
    assert app.tokens == before
    visitor.open(returned)
    assert "The Coveted" in visitor.text
    kept = app.tokens
    visitor.open(returned)
    assert "The Coveted" in visitor.text
    assert app.tokens == kept
    visitor.go("/consent/start")
    visitor.open(f"{app.address}/consent/return?success=true&state=foreign&code={query_of(returned)['code']}")
    assert "not meant for this browser" in visitor.text
    visitor.go("/you")
    assert "The Coveted" in visitor.text


def test_people_see_only_their_own_data(app: RunningApp, tmp_path: Path) -> None:
    """This holds for two people at once, and one who stops does not affect the other."""
    first, second = lending(app, tmp_path, "The Firsts"), lending(app, tmp_path, "The Seconds")
    for visitor, mine, theirs in ((first, "The Firsts", "The Seconds"), (second, "The Seconds", "The Firsts")):
        visitor.go("/you")
        assert mine in visitor.text
        assert theirs not in visitor.text
    first.submit("stop")
    second.go("/you")
    assert "The Seconds" in second.text
    stranger = Visitor(app)
    stranger.go("/you")
    assert stranger.where == "/"


def test_a_session_cannot_be_forged(app: RunningApp, lender: Lender) -> None:
    """An unsigned or changed cookie shows nothing of the person that it names."""
    visitor = lender.visitor
    for name, value in visitor.cookies.items():
        for forged in (lender.person, f"{value[:-4]}AAAA", f"A{value[1:]}", ""):
            with httpx2.Client(cookies=visitor.cookies | {name: forged}) as thief:
                shown = thief.get(f"{app.address}/you")
            if "csrf" not in name and "consent" not in name:
                assert shown.headers["location"] == "/"
    visitor.go("/you")
    assert lender.artist in visitor.text


def test_someone_who_stopped_elsewhere_is_told(app: RunningApp, client: PrivateShare, tmp_path: Path) -> None:
    """The app deletes the token of a person who withdrew at the platform, and tells them at the next visit."""
    visitor = lending(app, tmp_path, "The Departed")
    token = latest_token(app)
    client.delete_user(token)
    visitor.go("/you")
    assert visitor.where == "/"
    assert "You lend us nothing now" in visitor.text
    assert token.user_id not in app.tokens
    visitor.go("/")
    assert "Connect your data" in visitor.text


def test_a_refreshed_token_is_kept(app: RunningApp, lender: Lender) -> None:
    """A person whose token expired notices nothing, and the app stores the new one."""
    token = lender.token(app)
    ended = replace(token, access_token=replace(token.access_token, expires_on=0.0))
    FileTokenStore(app.store).put(token.user_id, ended)
    lender.visitor.go("/you")
    assert lender.artist in lender.visitor.text
    assert not lender.token(app).is_expired()
    assert lender.token(app).access_token.value != token.access_token.value


def test_secrets_are_only_in_the_token_file(app: RunningApp, lender: Lender) -> None:
    """No token or code is in a page, a cookie, an address or the log."""
    visitor, token = lender.visitor, lender.token(app)
    visitor.open(lender.returned)
    told = [visitor.text, visitor.where, str(visitor.cookies), app.log.read_text()]
    visitor.go("/you")
    told += [visitor.text, visitor.where, str(visitor.cookies), app.log.read_text()]
    for secret in (token.access_token.value, token.refresh_token.value, query_of(lender.returned)["code"]):
        assert not any(secret in text for text in told)
    assert app.store.stat().st_mode & 0o777 == 0o600


def test_pages_and_cookies_are_private(app: RunningApp, lender: Lender) -> None:
    """Scripts and other sites' requests get no valid cookie, and no cache stores a person's data."""
    assert "no-store" in lender.visitor.http.get(f"{app.address}/you").headers["cache-control"]
    with httpx2.Client() as fresh:
        sent = [fresh.get(f"{app.address}{path}") for path in ("/consent/start", "/consent/return")]
    for cookie in cookies_set(sent):
        assert {"httponly", "samesite=lax"} <= cookie
        assert "secure" not in cookie


@pytest.mark.slow  # test_cookies.py shows it for each framework.
@pytest.mark.parametrize("name", EACH_APP)
async def test_cookies_of_a_site_with_tls_stay_on_tls(name: str, people: People, tmp_path: Path) -> None:
    """An app with an https address marks every cookie as Secure and sends people back to that address."""
    wire = await people.contract(redirect_uris=["https://genrefy.example/consent/return"])
    registered = with_contract(wire, tmp_path)
    with (
        running(name, registered, tmp_path, APP_ADDRESS="https://genrefy.example") as app,
        httpx2.Client(headers={"Host": "genrefy.example"}) as browser,
    ):
        sent = [browser.get(f"{app.address}{path}") for path in ("/consent/start", "/consent/return")]
    assert sent[0].headers["location"].startswith(wire.origin)
    assert all({"secure", "httponly", "samesite=lax"} <= cookie for cookie in cookies_set(sent))


def cookies_set(sent: list[httpx2.Response]) -> list[set[str]]:
    """Return the flags of every cookie that answers set, not of those that they delete."""
    found = [cookie for response in sent for cookie in response.headers.get_list("set-cookie")]
    found = [cookie for cookie in found if not re.search("max-age=0", cookie, re.IGNORECASE)]
    assert found
    return [{part.strip().lower() for part in cookie.split(";")[1:]} for cookie in found]


@pytest.mark.parametrize("name", EACH_APP)
def test_a_missing_setting_is_named(name: str, registered: Registered, tmp_path: Path) -> None:
    """An app without all settings ends at once and names only the missing ones."""
    given = {"PRIVATESHARE_APPLICATION_ID": registered.application_id, "APP_SECRET": "s" * 40}
    environment = {"PATH": os.environ["PATH"]} | on_path() | given
    done = subprocess.run(
        [*command_of(name).split(), "--port", "0"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_SECONDS,
    )
    assert done.returncode != 0
    assert "missing in the environment: PRIVATESHARE_CONTRACT_ID, PRIVATESHARE_PRIVATE_KEY;" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def landing() -> Iterator[Landing]:
    page = Landing()
    with web_server(page.app) as address:
        page.address = address
        yield page


async def test_another_site_cannot_stop_the_sharing(
    browser: Chromium, app: RunningApp, landing: Landing, tmp_path: Path
) -> None:
    """A page elsewhere sends the stopping form in a real browser, and the person still shares."""
    archive = archive_of(tmp_path, "The Persistent")
    async with visiting(browser) as page:
        await page.goto(app.address)
        await page.click('[data-action="connect"]')
        await page.click('[data-source-id="16"]')
        await page.click('[data-action="continue"]')
        await page.set_input_files("input[type=file]", archive)
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "found")
        await page.click('[data-action="continue"]')
        await expect(page.locator("body")).to_have_attribute("data-page", "consent")
        await page.click('[data-action="continue"]')
        await expect(page.locator("#artists")).to_contain_text("The Persistent")
        await page.goto(landing.evil(f'<form method=post action="{app.address}/stop"><button>win</button></form>'))
        await page.click("button")
        await page.wait_for_url(f"{app.address}/**")
        await page.goto(f"{app.address}/you")
        await expect(page.locator("#artists")).to_contain_text("The Persistent")
        await page.click('[data-action="stop"]')
        await expect(page.locator("[role=alert]")).to_contain_text("You stopped lending")
