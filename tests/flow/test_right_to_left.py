"""A person who reads Arabic shares data and looks after it, on the narrowest phone, in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.consenting import ask, asking_contract
from tests.flow.people import People
from tests.flow.wire import Wire

CONTINUE = '[data-action="continue"]'
NARROWEST = {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def landing() -> Iterator[Landing]:
    landing = Landing()
    with web_server(landing.app) as address:
        landing.address = address
        yield landing


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, name="Genrefy 2", redirect_uris=("http://127.0.0.1/back",))


async def is_arabic(page: Page, name: str) -> None:
    """Checks that the browser is on a page that is written from right to left and fits the phone."""
    await expect(page.locator("body")).to_have_attribute("data-page", name)
    await page.wait_for_load_state("load")  # Without its style, a page is wider.
    await fits(page)
    # Nothing of the page is cut off at its left, where a right-to-left page grows.
    cut = await page.evaluate(
        "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility({visibilityProperty: true})"
        " && !e.closest('.hidden, .default-button, svg') && e.getBoundingClientRect().left < -1).map(e => e.outerHTML)"
    )
    assert cut == []


async def fits(page: Page) -> None:
    """Checks that a page that is loaded is Arabic, and no wider than the phone."""
    assert await page.locator("html").evaluate("e => [e.dir, e.lang]") == ["rtl", "ar"]
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROWEST["width"]


async def is_right_of(first: Locator, second: Locator) -> None:
    """Checks that reading comes to the first element before the second one in the same row."""
    one, other = await first.bounding_box(), await second.bounding_box()
    assert one is not None
    assert other is not None
    assert one["x"] >= other["x"] + other["width"] - 1


async def test_a_person_reads_arabic(browser: Browser, wire: Wire, landing: Landing) -> None:
    """Every page, from an app's link to the person's own data, is mirrored and fits the narrowest phone."""
    async with visiting(browser, viewport=NARROWEST) as page:
        await shares(page, wire, landing)


@pytest.mark.slow
async def test_a_person_looks_after_their_data_in_arabic(
    browser: Browser, wire: Wire, landing: Landing, tmp_path: Path
) -> None:
    """So is every page of their own, to the erasure of everything."""
    async with visiting(browser, viewport=NARROWEST) as page:
        await shares(page, wire, landing)
        await looks_after_it(page, tmp_path)


async def shares(page: Page, wire: Wire, landing: Landing) -> None:
    """Walks from an app's link over the end of the consent to the person's own data."""
    asking = ask(wire, "&lng=ar", redirect_uri=f"{landing.address}/back")
    await page.goto(asking.url)
    await is_arabic(page, "pick-source")
    steps = page.locator(".steps li")
    await is_right_of(steps.nth(0), steps.nth(2))
    await page.click('[data-source-id="9001"]')
    await page.click(CONTINUE)
    await is_arabic(page, "connect")
    await page.click('[data-dataset="default"]')
    await page.click(CONTINUE)
    await is_arabic(page, "consent")
    kind = page.locator(".kind > label").first
    await is_right_of(kind.locator("input"), kind.locator(".kind-name"))
    await is_right_of(page.locator(".agree-bar button"), page.locator('[data-action="decline"]'))
    # The app's name is one unit: its number stays at its right, as in the name itself.
    name = await page.locator("h1 bdi").first.evaluate("e => [getComputedStyle(e).direction, e.textContent]")
    assert name == ["ltr", "Genrefy 2"]
    await page.locator(".when input[type=radio]").last.check()
    ended = page.url.removesuffix("consent") + "done"
    await page.click(f"#agree {CONTINUE}")
    await expect(page.locator("body")).to_have_attribute("data-page", "app")
    await page.goto(asking.url)
    await fits(page)  # The link is used up.
    await page.goto(ended)
    await is_arabic(page, "done")
    await page.click("main a[href*='/me/']")
    await is_arabic(page, "me")


async def looks_after_it(page: Page, folder: Path) -> None:
    """Walks the person's own pages to the end: their data, their receipt, and the certificate of its erasure."""
    home = page.url.split("?")[0].rstrip("/")
    await page.click('a[href*="/change/"]')
    await is_arabic(page, "me-change")
    await page.goto(f"{home}/data")
    await is_arabic(page, "me-data")
    row = page.locator(".links-list a").first
    await is_right_of(row.locator("strong"), row.locator(".count"))
    await page.goto(f"{home}/data/132")
    await is_arabic(page, "me-kind")
    labels = page.locator(".chart").first.locator("text")
    await is_right_of(labels.nth(0), page.locator(".chart").first.locator("rect").last)  # The scale is at the right.
    assert (await page.locator(".back a").evaluate("e => getComputedStyle(e, '::before').content"))[1] == "→"
    await page.locator(".rows a").first.click()
    await is_arabic(page, "me-object")
    await page.goto(f"{home}/take")
    await is_arabic(page, "me-take")
    await reads_their_export(page, folder)
    for path, name in (("history", "history"), ("erase", "me-erase"), ("recovery", "recovery")):
        await page.goto(f"{home}/{path}")
        await is_arabic(page, name)
    await page.click('[data-action="show-code"]')
    assert await page.locator(".code").evaluate("e => getComputedStyle(e).direction") == "ltr"
    await page.goto(f"{home}/history")
    await page.click('a[href*="/receipts/"]')
    await is_arabic(page, "receipt")
    await expect(page.locator(".notice")).to_have_attribute("dir", "rtl")
    await page.click("details summary")
    assert await page.locator("pre.raw").evaluate("e => getComputedStyle(e).direction") == "ltr"
    await page.goto(home)
    await page.click('a[href*="/sources/"]')
    await is_arabic(page, "me-source")
    await page.goto(f"{home}/erase")
    await page.check("[name=sure]")
    await page.click('[data-action="erase"]')
    await is_arabic(page, "me-erased")
    await page.click("details summary")
    assert await page.locator("pre").evaluate("e => getComputedStyle(e).direction") == "ltr"


async def reads_their_export(page: Page, folder: Path) -> None:
    """Takes everything away in a file, and reads it without the platform."""
    await page.click('[data-action="make"]')
    ready = page.locator("a[download]")
    await expect(ready).to_be_visible()  # The page renews itself until the file is there.
    async with page.expect_download() as coming:
        await ready.click()
    with ZipFile(await (await coming.value).path()) as archive:
        archive.extractall(folder)
    await page.goto((folder / "index.html").as_uri())
    await fits(page)
    cells = page.locator("tr").nth(1).locator("td")
    await is_right_of(cells.nth(0), cells.nth(2))
    await page.locator("td a").first.click()
    await fits(page)
