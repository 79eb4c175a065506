"""Tests of the consent pages in a real browser, from an app and back to it. Protocol 8."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.consenting import Asking, ask, asking_contract, spotify_archive
from tests.flow.example_apps import running, with_contract
from tests.flow.people import People
from tests.flow.wire import Wire
from tests.patience import until

CONTINUE, DECLINE = '[data-action="continue"]', '[data-action="decline"]'
SPOTIFY_TILE, FHIR_TILE = '[data-source-id="16"]', '[data-source-id="9001"]'
SAMPLE, FHIR_SAMPLE = (f'[data-dataset="{sample}"]' for sample in ("small", "default"))
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, redirect_uris=("http://127.0.0.1/back",))


@pytest.fixture(scope="module")
def running_landing() -> Iterator[Landing]:
    landing = Landing()
    with web_server(landing.app) as address:
        landing.address = address
        yield landing


@pytest.fixture
def landing(running_landing: Landing) -> Landing:
    running_landing.came.clear()
    return running_landing


@pytest.fixture(scope="module")
async def app(people: People, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Provide the address of an example app, which holds a contract of the platform."""
    folder = tmp_path_factory.mktemp("genrefy")
    wire = await asking_contract(people, redirect_uris=("http://127.0.0.1/consent/return",))
    with running("fastapi_app", with_contract(wire, folder), folder) as started:
        yield started.address


def link(wire: Wire, landing: Landing, query: str = "", **claims: str) -> Asking:
    """Return a link to the pages that leads back to the landing."""
    return ask(wire, query, redirect_uri=f"{landing.address}/back", **claims)


async def at(page: Page, name: str) -> None:
    """Wait until the browser is on a page of this name, with its style."""
    await expect(page.locator("body")).to_have_attribute("data-page", name)
    await page.wait_for_load_state("load")


async def to_consent(page: Page, url: str) -> None:
    """Goes from a link to the consent page, with a sample."""
    await page.goto(url)
    await page.click(SPOTIFY_TILE)
    await page.click(CONTINUE)
    await page.click(SAMPLE)
    await page.click(CONTINUE)
    await at(page, "consent")


@pytest.mark.slow  # test_a_persons_own_history_is_read shows it without a browser.
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_person_shares_their_own_history(browser: Browser, app: str, tmp_path: Path, scripts: bool) -> None:
    """They upload an archive, agree and return to the app, which shows the archive's content."""
    archive = spotify_archive(tmp_path / "my_spotify_data.zip", artist="The Unmistakables", plays=50)
    async with visiting(browser, java_script_enabled=scripts) as page:
        await page.goto(app)
        await page.click("button")
        await at(page, "pick-source")
        await page.click(SPOTIFY_TILE)
        await page.click(CONTINUE)
        await at(page, "connect")
        await page.set_input_files("input[type=file]", archive)
        await page.click(CONTINUE)
        await at(page, "found")
        await page.click(CONTINUE)
        await at(page, "consent")
        await expect(page.locator("main")).to_contain_text("The last 12 months")
        await page.click(CONTINUE)
        await at(page, "you")
        await expect(page.locator("#artists")).to_contain_text("The Unmistakables")
        assert page.url == f"{app}/you"


@pytest.mark.slow  # test_two_sources_are_shared_together shows it without a browser.
async def test_a_person_shares_two_sources(browser: Browser, app: str) -> None:
    """Music and a health record are shared together, and the app shows both."""
    async with visiting(browser) as page:
        await page.goto(app)
        await page.click("button")
        for tile, sample in ((SPOTIFY_TILE, SAMPLE), (FHIR_TILE, FHIR_SAMPLE)):
            await page.click(tile)
            await page.click(CONTINUE)
            await page.click(sample)
            await page.click(CONTINUE)
            await at(page, "consent")
            if tile == SPOTIFY_TILE:
                await page.click("text=Connect another source")
        await page.click(CONTINUE)
        await at(page, "you")
        assert await page.locator("#artists tr").count() > 0
        assert await page.locator("#conditions tr").count() > 0


async def test_a_person_declines(browser: Browser, app: str) -> None:
    """After one click the app knows that nothing was shared."""
    async with visiting(browser) as page:
        await page.goto(app)
        await page.click("button")
        await page.click(DECLINE)
        await at(page, "start")
        await expect(page.locator("[role=alert]")).to_contain_text("declined")
        await page.goto(f"{app}/you")
        await at(page, "start")


async def test_reloading_and_going_back_repeat_nothing(browser: Browser, wire: Wire, landing: Landing) -> None:
    """Reload and the back button show pages without asking to send a form again, and nothing happens twice."""
    async with visiting(browser) as page:
        await to_consent(page, link(wire, landing).url)
        await page.reload()
        await at(page, "consent")
        await page.go_back()
        await at(page, "connect")
        await page.go_forward()
        await at(page, "consent")
        await expect(page.locator("input[name=account]")).to_have_count(1)
        await page.click(CONTINUE)
        await at(page, "app")
        await page.go_back()
        await at(page, "done")
        assert len(landing.came) == 1


async def test_a_double_click_comes_back_once(browser: Browser, wire: Wire, landing: Landing) -> None:
    """Two clicks on the button return to the app with one code."""
    async with visiting(browser) as page:
        await to_consent(page, link(wire, landing).url)
        await page.dblclick(CONTINUE)
        await at(page, "app")
        assert len(set(landing.came)) == 1


@pytest.mark.slow
async def test_the_first_form_claims_a_link(browser: Browser, wire: Wire, landing: Landing) -> None:
    """A person who opened the link inside an app continues in their own browser, and the first browser is told."""
    asking = link(wire, landing)
    async with visiting(browser) as inside, visiting(browser) as own:
        await inside.goto(asking.url)
        await inside.click("nav >> text=Deutsch")
        await at(inside, "pick-source")
        await own.goto(inside.url)
        await at(own, "error")
        await expect(own.locator("main")).to_contain_text("öffnen Sie den Link der App in diesem hier")
        await to_consent(own, asking.url)
        await inside.click(SPOTIFY_TILE)
        await inside.click(CONTINUE)
        await at(inside, "error")
        await expect(inside.locator("main")).to_contain_text("in einem anderen Browser")
        await inside.goto(asking.url)
        await at(inside, "app")
        assert "errorCode=INVALID_CODE" in landing.came[0]
        await own.goto(asking.url)
        await own.click(CONTINUE)
        await at(own, "app")
        assert "success=true" in landing.came[1]


SAMPLES_ALONE = "&service=16&sampleDataAutoOnboard=true"


async def test_sample_data_needs_no_click(browser: Browser, wire: Wire, landing: Landing) -> None:
    """A page that sends its form by itself, once, leads on. Going back skips it."""
    async with visiting(browser) as page:
        await page.goto("about:blank")
        await page.goto(link(wire, landing, SAMPLES_ALONE).url)
        await at(page, "app")
        assert "success=true" in landing.came[0]
        await page.go_back()
        await expect(page).to_have_url("about:blank")
        await page.go_forward()
        await at(page, "app")
        assert {"success=true" in came for came in landing.came} == {True}


async def test_sample_data_waits_until_the_page_is_visible(browser: Browser, wire: Wire, landing: Landing) -> None:
    """A prerendered page sends nothing, and without scripts there is a button."""
    asking = link(wire, landing, SAMPLES_ALONE)
    async with visiting(browser) as hidden, visiting(browser, java_script_enabled=False) as plain:
        await hidden.add_init_script(
            "Object.defineProperty(document, 'visibilityState', {get: () => window.shown ? 'visible' : 'hidden'})"
        )
        await hidden.goto(asking.url)
        await at(hidden, "connect")
        await plain.goto(asking.url)
        await at(plain, "connect")
        assert landing.came == []
        await hidden.evaluate("shown = true; document.dispatchEvent(new Event('visibilitychange'))")
        await at(hidden, "app")
        await plain.click(CONTINUE)
        await at(plain, "error")
        await plain.goto(link(wire, landing, SAMPLES_ALONE).url)
        await plain.click(CONTINUE)
        await at(plain, "app")
        assert [("success=true" in came) for came in landing.came] == [True, True]


@pytest.mark.slow
async def test_direction_overrides_do_not_affect_other_text(browser: Browser, people: People, landing: Landing) -> None:
    """A text of the app that overrides the writing direction does not move the text beside it."""
    request = {"serviceGroups": [{"id": 5}], "dataRetention": {"description": "\u202eabc"}}
    back = ("http://127.0.0.1/back",)
    contract = await asking_contract(people, document={"dataRequest": request}, redirect_uris=back)
    async with visiting(browser) as page:
        await to_consent(page, link(contract, landing).url)
        await page.click(".all-terms summary")
        statement = page.locator(".statements li").first
        assert await statement.evaluate(ORDERED)


ORDERED = """item => {
  const place = node => {
    const range = document.createRange();
    range.selectNode(node);
    return range.getBoundingClientRect();
  };
  return place(item.querySelector("strong")).right <= place(item.querySelector("bdi")).left;
}"""


async def test_another_site_cannot_act_for_the_person(browser: Browser, wire: Wire, landing: Landing) -> None:
    """A form on another site that knows the address changes nothing."""
    async with visiting(browser) as page:
        await to_consent(page, link(wire, landing).url)
        address = page.url
        for action in ("consent", "decline"):
            target = address.removesuffix("consent") + action
            form = f'<form method=post action="{target}"><input name=token value=guess><button>win</button></form>'
            await page.goto(landing.evil(form))
            await page.click("button")
            await at(page, "error")
        await page.goto(address)
        await at(page, "consent")
        assert landing.came == []


async def test_pages_cannot_be_framed(browser: Browser, wire: Wire, landing: Landing) -> None:
    """Another site cannot frame the pages to trick a person into clicking."""
    context = await browser.new_context()
    page = await context.new_page()
    refused: list[str] = []
    page.on("console", lambda told: refused.append(told.text))
    await page.goto(landing.evil(f'<iframe src="{link(wire, landing).url}"></iframe>'))
    await until(lambda: any("frame-ancestors" in text for text in refused))
    assert await page.frame_locator("iframe").locator("body[data-page]").count() == 0
    await context.close()


async def test_hostile_texts_do_nothing(browser: Browser, people: People, landing: Landing) -> None:
    """Names, purposes and policies with code are shown as text, and no script runs."""
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)><a href=javascript:alert(3)>x</a>"
    words = {"description": hostile}
    request = {"serviceGroups": [{"id": 5}], "purpose": hostile, "dataRetention": words, "consentPolicy": words}
    document = {"dataRequest": request, "resources": {"privacyPolicy": "javascript:alert(4)"}}
    back = ("http://127.0.0.1/back",)
    contract = await asking_contract(people, name=hostile, partner=hostile, document=document, redirect_uris=back)
    async with visiting(browser) as page:
        await to_consent(page, link(contract, landing, state=hostile).url)
        await expect(page.locator("h1")).to_contain_text("<script>alert(1)</script>")
        assert await page.locator("main script, main img, main a[href^=javascript]").count() == 0
        await page.click(DECLINE)
        await at(page, "app")
        assert "<script>" not in landing.came[0]


@pytest.mark.slow
async def test_a_german_browser_gets_german_pages(browser: Browser, wire: Wire, landing: Landing) -> None:
    """A browser that prefers German gets German, and the person can switch."""
    async with visiting(browser, locale="de-DE") as page:
        await to_consent(page, link(wire, landing).url)
        await expect(page.locator("h1")).to_have_text("Ihre Daten mit Genrefy teilen?")
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await page.click("nav >> text=English")
        await expect(page.locator("h1")).to_have_text("Share your data with Genrefy?")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
async def test_pages_fit_a_phone_and_are_readable(browser: Browser, wire: Wire, landing: Landing, scheme: str) -> None:
    """At 360 pixels nothing overflows, buttons are large enough, and all text has enough contrast (AA)."""
    # Without transitions, so that no colour is looked at while it changes.
    async with visiting(browser, viewport=PHONE, color_scheme=scheme, reduced_motion="reduce") as page:
        await page.goto(link(wire, landing).url)
        for name, choice in (("pick-source", SPOTIFY_TILE), ("connect", SAMPLE), ("consent", None)):
            await at(page, name)
            assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            for button in await page.locator("button:visible").all():
                box = await button.bounding_box()
                assert box is not None
                assert box["height"] >= 44
            assert await page.evaluate(FAINT_TEXTS) == []
            assert await page.evaluate(NAMELESS_FIELDS) == []
            assert await page.locator("h1").count() == await page.locator("main").count() == 1
            if choice:
                await page.click(choice)
                await page.click(CONTINUE)


FAINT_TEXTS = """() => {
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * x + .7152 * y + .0722 * z;
  };
  const colour = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = colour(getComputedStyle(e).backgroundColor);
      if (found.length < 4 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [colour(getComputedStyle(element).color), ground(element)].map(luminance).sort((x, y) => y - x);
    const contrast = (a + .05) / (b + .05);
    if (contrast < 4.5) faint.push([walker.currentNode.data.trim(), contrast]);
  }
  return faint;
}"""

NAMELESS_FIELDS = """() => [...document.querySelectorAll("input:not([type=hidden]), progress")]
  .filter(field => !field.labels.length && !field.ariaLabel).map(field => field.outerHTML)"""


@pytest.mark.slow
async def test_the_keyboard_is_enough(browser: Browser, wire: Wire, landing: Landing) -> None:
    """A person without a mouse can use every page and sees the focus."""
    async with visiting(browser) as page:
        await page.goto(link(wire, landing).url)
        for name, field in (("pick-source", "source"), ("connect", "way"), ("consent", "account")):
            await at(page, name)
            while await page.evaluate("document.activeElement.name") != field:
                await page.keyboard.press("Tab")
            outline = await page.evaluate(
                "getComputedStyle(document.activeElement.closest('.tile, .choice, .account-head')).outlineStyle"
            )
            assert outline == "solid"
            while name == "consent" and await page.evaluate("document.activeElement.dataset.action") != "continue":
                await page.keyboard.press("Tab")
            while name == "connect" and await page.evaluate("!document.activeElement.value.startsWith('sample:')"):
                await page.keyboard.press("ArrowDown")  # A source may have several ways, and samples come last.
            if name != "consent":
                await page.keyboard.press("Space")
            await page.keyboard.press("Enter")
        await at(page, "app")


async def test_a_broken_upload_is_explained(browser: Browser, wire: Wire, landing: Landing, tmp_path: Path) -> None:
    """This works with scripts too, and a good archive can follow."""
    broken = tmp_path / "export.zip"
    broken.write_bytes(b"not a zip")
    async with visiting(browser) as page:
        await page.goto(link(wire, landing, "&service=16").url)
        await page.set_input_files("input[type=file]", broken)
        await page.click(CONTINUE)
        await expect(page.locator(".found-export .problem")).to_contain_text("not a zip")
        await page.click(".another a")
        await page.set_input_files("input[type=file]", spotify_archive(tmp_path / "good.zip"))
        await page.click(CONTINUE)
        await at(page, "found")
        await page.click(CONTINUE)
        await at(page, "consent")


async def test_nothing_is_loaded_from_elsewhere(browser: Browser, wire: Wire, landing: Landing) -> None:
    """The pages load only from the platform, and only the first address has the code."""
    asking = link(wire, landing)
    async with visiting(browser) as page:
        loaded: list[str] = []
        page.on("request", lambda request: loaded.append(request.url))
        await to_consent(page, asking.url)
        assert all(url.startswith(wire.origin) for url in loaded)
        assert [url for url in loaded if asking.code in url] == [asking.url]
        assert not re.search("code=", page.url)


async def test_a_link_that_cannot_start_leads_back_to_the_app(browser: Browser, wire: Wire, landing: Landing) -> None:
    """The person does not end on a page without a way back."""
    async with visiting(browser) as page:
        await page.goto(link(wire, landing, "&service=424242").url)
        await at(page, "app")
        assert "errorCode=INITIALIZE_CHECK_FAIL" in landing.came[0]
