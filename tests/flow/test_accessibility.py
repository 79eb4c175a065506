"""Everybody can use every page: a person walks them all by keyboard, with scripts and without, and each is inspected.

The walks also record what is loaded, and that pages have nothing inline, since their policy would not allow it.
"""

import re
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Response, expect

from privateshare.platform.consent.locales import LANGUAGES
from privateshare.platform.consent.rendering import page as rendered_page
from privateshare.platform.consent.translation import Translator
from privateshare.platform.operating.settings import Settings
from tests.archives import play, spotify_zip
from tests.flow.accessibility import DESKTOP, Inspection
from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.consenting import Asking, ask, asking_contract, link, withdrawal
from tests.flow.people import People
from tests.flow.wire import REDIRECT_URI, Wire

TEMPLATES = Path(rendered_page.__code__.co_filename).parent / "templates"
PARTS = {
    "connect-provider",
    "connect-questions",
    "connect-sign-in",
    "drop-offered",
    "found-exports",
    "layout",
    "me-layout",
    "export-style",
    "parts",
    "choice",
    "drop-form",
    "drop-problems",
    "me-sources",
    "me-sign-in-methods",
}  # They are in other templates.
CONTINUE = '[data-action="continue"]'
SPOTIFY_TILE, SAMPLE = '[data-source-id="16"]', '[data-dataset="small"]'
ERRORS = {"en": "Error:", "de": "Fehler:", "nl": "Fout:", "fr": "Erreur", "es": "Error:", "ar": "خطأ"}
STRICT = re.compile(r"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'( data:)?; (?!.*unsafe)")
SCRIPTS = re.compile("<script[^>]*></script>")
INLINE = """() => [...document.querySelectorAll("*")].filter(e => e.matches("script:not([src]), style, [style]")
  || [...e.attributes].some(one => one.name.startsWith("on") || /^\\s*javascript:/i.test(one.value)))
  .map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=("http://127.0.0.1/back", REDIRECT_URI))


@pytest.fixture(scope="module")
def landing() -> Iterator[Landing]:
    landing = Landing()
    with web_server(landing.app) as address:
        landing.address = address
        yield landing


@dataclass
class Walk:
    """A person with one browser, who uses the keyboard only. What is wrong with the pages is collected."""

    page: Page
    wire: Wire
    landing: Landing
    language: str
    scripts: bool
    thorough: bool
    inspection: Inspection
    inspected: Page
    loaded: set[str] = field(default_factory=set)
    lax: set[str] = field(default_factory=set)

    @property
    def place(self) -> str:
        """Return the address of the page, without its query."""
        return self.page.url.split("?")[0]

    def ask(self, query: str = "") -> Asking:
        return ask(self.wire, f"&lng={self.language}{query}", redirect_uri=f"{self.landing.address}/back")

    async def open(self, address: str) -> None:
        await self.page.goto(address)

    def note_policy(self, response: Response) -> None:
        """Note a page of the platform whose policy allows more than its own files."""
        policy = response.headers.get("content-security-policy", "")
        is_page = response.headers.get("content-type", "").startswith("text/html")
        if is_page and response.url.startswith(self.wire.origin) and not STRICT.match(policy):
            self.lax.add(f"{response.url}: {policy}")

    async def at(self, name: str) -> None:
        await expect(self.page.locator("body")).to_have_attribute("data-page", name)

    async def look(self, template: str) -> None:
        inline = await self.page.evaluate(INLINE)
        if inline:
            self.inspection.wrong.append(f"{template}: has something inline: {inline}")
        async with self._inspectable() as page:
            await self.inspection.look(page, template, thorough=self.thorough)

    @asynccontextmanager
    async def _inspectable(self) -> AsyncIterator[Page]:
        """Provide the page. axe is a script: where pages may run none, it looks at the same HTML in another browser."""
        if self.scripts:
            yield self.page
            return
        html = SCRIPTS.sub("", await self.page.content())
        await self.inspected.route(self.page.url, lambda route: route.fulfill(body=html, content_type="text/html"))
        await self.inspected.goto(self.page.url)
        yield self.inspected
        await self.inspected.unroute(self.page.url)

    async def look_at_problem(self, template: str, field_name: str) -> None:
        await self.inspection.check_problem(self.page, template, field_name, ERRORS[self.language])
        await self.look(template)

    async def press(self, selector: str, key: str = "Enter") -> None:
        """Press a key on a control: Enter on a button, link or summary, Space on a box."""
        await self.page.locator(selector).locator("visible=true").first.focus()
        await self.page.keyboard.press(key)

    async def choose(self, selector: str) -> None:
        await self.press(f"{selector} input", "Space")

    async def send_unchecked(self) -> None:
        """Send the form as an old browser does, which does not check it first; the answer says what is wrong."""
        await self.page.evaluate("document.querySelectorAll('form').forEach(form => { form.noValidate = true; })")
        await self.press(CONTINUE)
        await expect(self.page.locator("[role=alert].problem")).to_have_count(1)


@asynccontextmanager
async def walking(
    browser: Browser,
    wire: Wire,
    landing: Landing,
    inspection: Inspection,
    language: str,
    *,
    scripts: bool,
    thorough: bool,
) -> AsyncIterator[Walk]:
    """Provide a person with a browser that knows nothing yet. At the end, nothing was loaded from elsewhere."""
    # Without transitions, so that no colour is looked at while it changes.
    options = {"viewport": DESKTOP, "reduced_motion": "reduce"}
    async with (
        visiting(browser, java_script_enabled=scripts, locale=language, **options) as page,
        visiting(browser, **options) as inspected,
    ):
        walk = Walk(page, wire, landing, language, scripts, thorough, inspection, inspected)
        page.on("request", lambda request: walk.loaded.add(request.url))
        page.on("response", walk.note_policy)
        yield walk
        hosts = {urlsplit(url).netloc for url in walk.loaded if not url.startswith(("data:", "file:"))}
        assert hosts <= {urlsplit(wire.origin).netloc, urlsplit(landing.address).netloc}, hosts
        assert not walk.lax


async def walk_to_consent(walk: Walk) -> Asking:
    """From the app's link to the review, with all mistakes that can be made."""
    asking = walk.ask()
    await walk.open(asking.url)
    await walk.look("pick-source")
    await walk.send_unchecked()
    await walk.look_at_problem("pick-source", "fieldset")
    await walk.press('main a[href*="/drop"]')
    await walk.at("drop")
    await walk.look("drop")
    await walk.send_unchecked()
    await walk.look_at_problem("drop", "#archive")
    await walk_to_found(walk, "found")
    await walk.press('main a[href*="/drop"]')
    await walk.at("drop")
    await walk.press('main a[href*="/source"]')
    await walk.at("pick-source")
    await walk.choose(SPOTIFY_TILE)
    await walk.press(CONTINUE)
    await walk.at("connect")
    await walk.look("connect")
    await walk.send_unchecked()
    await walk.look_at_problem("connect", "fieldset")
    await walk.choose(".upload")
    await walk.send_unchecked()
    await walk.look_at_problem("connect", "#archive")
    await walk.choose(SAMPLE)
    await walk.press(CONTINUE)
    await walk.at("consent")
    return asking


async def walk_to_found(walk: Walk, template: str) -> None:
    """Upload a file without saying what it is, and wait until the page says what is in it."""
    plays = spotify_zip([*(play(number, username="listener") for number in range(9)), play(0, ts="some day")])
    await walk.page.set_input_files("#archive", {"name": "a.zip", "mimeType": "application/zip", "buffer": plays})
    await walk.press(CONTINUE)
    await walk.at(template)
    await expect(walk.page.locator(".decision")).to_have_count(1)  # The page renews itself until the file is read.
    await walk.look(template)


async def walk_the_review(walk: Walk, asking: Asking) -> None:
    """Make the mistakes of the review, agree, and set up a recovery code."""
    await walk.press(".kind details summary")
    await walk.look("consent")
    await walk.choose(".account-head")
    await walk.send_unchecked()
    await walk.look_at_problem("consent", "[name=account]")
    await walk.choose(".account-head")
    await walk.page.fill("#since", "2099-01-01")
    await walk.send_unchecked()
    await walk.look_at_problem("consent", "#since")
    await walk.page.fill("#since", "")
    await walk.choose(".later")
    await walk.press("#agree " + CONTINUE)
    await walk.at("recovery")
    await walk.look("recovery")
    await walk.press('[data-action="show-code"]')
    await expect(walk.page.locator("[data-recovery-code]")).to_have_count(1)
    await walk.look("recovery")
    journey = walk.place.rsplit("/", 1)[0]
    await walk.press(CONTINUE)
    await walk.at("app")
    await walk.open(f"{journey}/done")
    await walk.look("done")
    access = asking.tokens(walk.landing.came[-1])
    await walk.open(withdrawal(walk.wire, access) + f"&lng={walk.language}")
    await walk.look("withdraw")


async def walk_as_a_known_person(walk: Walk) -> None:
    """Come back with another link, and mistype the recovery code."""
    await walk.open(walk.ask().url)
    await walk.at("person")
    await walk.look("person")
    await walk.press("details.ways summary")
    await walk.page.fill("#code", "wrong")
    await walk.press('[data-action="recover"]')
    await expect(walk.page.locator("[role=alert].problem:visible")).to_have_count(1)
    await walk.look_at_problem("person", "#code")
    await walk.press('[data-action="decline"]')
    await walk.at("app")


MY_PAGES = {
    "/data": "me-data", "/data/406": "me-kind", "/history": "me-history", "/bring": "me-bring", "/merge": "me-merge",
    "/add": "me-add",
}  # fmt: skip


async def walk_my_data(walk: Walk, archive: Path) -> None:
    """Visit every page of one's own, and erase everything."""
    await walk.open(f"{walk.wire.origin}/me/?lng={walk.language}")
    await walk.at("me")
    await walk.press("details.stop summary")
    await walk.look("me")
    home = walk.place
    await walk.press('a[href*="/change/"]')
    await walk.at("me-change")
    await walk.look("me-change")
    await walk.choose(".account-head")
    await walk.send_unchecked()
    await walk.look_at_problem("me-change", "[name=account]")
    for path, template in MY_PAGES.items():
        await walk.open(home + path)
        await walk.look(template)
    await walk_to_found(walk, "me-found")
    await walk.open(f"{home}/connect?q=bluesky")
    await walk.look("me-sign-ins")
    await walk.press('main a[href*="/connect/"]')
    await walk.at("me-connect")
    await walk.look("me-connect")
    await walk.send_unchecked()
    await walk.look_at_problem("me-connect", "#answer-server")
    for link_to, came_from, template in (
        ("/data/406/", "/data/406", "me-object"), ("/receipts/", "/history", "me-receipt"),
        ("/sources/", "", "me-source"), ("/apps/", "", "me-app"), ("/recovery", "", "me-recovery"),
    ):  # fmt: skip
        await walk.open(home + came_from)
        await walk.press(f'main a[href*="{link_to}"]')
        await expect(walk.page).to_have_url(re.compile(link_to))
        await walk.look(template)
    await walk_the_export(walk, home, archive)
    await walk.open(f"{home}/erase")
    await walk.look("me-erase")
    await walk.choose(".choice")
    await walk.press('[data-action="erase"]')
    await walk.at("me-erased")
    await walk.look("me-erased")


async def walk_the_export(walk: Walk, home: str, archive: Path) -> None:
    """Make the file, and read the pages in it as they are without a network."""
    await walk.open(f"{home}/take")
    await walk.look("me-take")
    await walk.press('[data-action="make"]')
    ready = walk.page.locator("a[download]" + CONTINUE)
    await expect(ready).to_have_count(1)
    await walk.look("me-take")
    async with walk.page.expect_download() as download:
        await ready.click()
    await (await download.value).save_as(archive)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(archive.parent)
    for name, template in (("index.html", "export-index"), ("*/**/*.html", "export-kind")):
        await walk.inspected.goto(f"file://{next(archive.parent.glob(name))}")
        await walk.inspection.look(walk.inspected, template, thorough=walk.thorough)


async def walk_the_rest(walk: Walk) -> None:
    """Visit the pages that need nothing, and those that are passed so quickly that a test cannot stay on them."""
    origin, query = walk.wire.origin, f"lng={walk.language}"
    await walk.open(f"{origin}/?{query}")
    await walk.look("front")
    if walk.scripts:  # They show the description of the API.
        await walk.open(f"{origin}/docs")
        await expect(walk.page.locator(".opblock").first).to_be_visible()
        await walk.inspection.look_around(walk.page, "docs", ".swagger-ui")
    for address in (f"{origin}/nothing-here?{query}", link(walk.wire, "authorize", "used-up", f"&{query}")):
        await walk.open(address)
        await walk.look("error")
        if not (await walk.page.title()).startswith(ERRORS[walk.language]):
            walk.inspection.wrong.append(f"error: the title is {await walk.page.title()!r}")
    for name, values in PASSED_QUICKLY.items():
        await show(walk, name, values)
        await walk.look(name)
    await walk.open(f"{origin}/me/?{query}")
    await walk.at("me-entrance")
    await walk.look("me-entrance")
    await walk.page.fill("#code", "wrong")
    await walk.press('[data-action="recover"]')
    await expect(walk.page.locator("[role=alert].problem:visible")).to_have_count(1)
    await walk.look_at_problem("me-entrance", "#code")


PASSED_QUICKLY: dict[str, dict[str, object]] = {
    "begin": {"on_device": None},
    "leave": {"onward": "/me/", "kind": "authorize"},
    "me-leave": {"onward": "/me/"},
    "preview": {"kind": "authorize"},
}


async def show(walk: Walk, name: str, values: dict[str, object]) -> None:
    """Show a page at the platform's address, made by the platform's own code, but without the way to it."""
    shared = {"app": "Genrefy", "source": "Spotify", "token": "", "reviewed": True, "address": lambda path: f"/{path}"}
    response = rendered_page(f"{name}.html", Translator(walk.language), shared | values, settings=Settings())
    html = SCRIPTS.sub("", bytes(response.body).decode()).replace('http-equiv="refresh"', "")  # It would lead away.
    address = f"{walk.wire.origin}/shown/{name}"
    await walk.page.route(address, lambda route: route.fulfill(body=html, headers=dict(response.headers)))
    await walk.open(address)


async def test_every_page_can_be_used_by_everybody(
    browser: Browser, wire: Wire, landing: Landing, tmp_path: Path
) -> None:
    """A person walks every page by keyboard, as it is and on a phone. The slow walks look at each in every look."""
    inspection = Inspection()
    async with walking(browser, wire, landing, inspection, "en", scripts=True, thorough=False) as walk:
        await walk_the_rest(walk)
        await walk_the_review(walk, await walk_to_consent(walk))
        await walk_as_a_known_person(walk)
        await walk_my_data(walk, tmp_path / "export.zip")
    assert not inspection.wrong, "\n".join(inspection.wrong)
    assert inspection.seen == {path.stem for path in TEMPLATES.glob("*.html")} - PARTS


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_every_page_in_every_language(
    browser: Browser, wire: Wire, landing: Landing, tmp_path: Path, language: str, scripts: bool
) -> None:
    """The whole walk in each language, one of which is written from right to left."""
    inspection = Inspection()
    async with walking(browser, wire, landing, inspection, language, scripts=scripts, thorough=True) as walk:
        await walk_the_rest(walk)
        await walk_the_review(walk, await walk_to_consent(walk))
        await walk_as_a_known_person(walk)
        await walk_my_data(walk, tmp_path / "export.zip")
    assert not inspection.wrong, "\n".join(inspection.wrong)
