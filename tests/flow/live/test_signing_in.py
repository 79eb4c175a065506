"""Tests of signing in at a source: there and back, once, in the same browser."""

import httpx2
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect

from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.consenting import ask, asking_contract, failure, opened, page_of
from tests.flow.live.conftest import MEDICAL
from tests.flow.live.lending import HOSPITAL, at_hospital, shown, sign_in, way_back, way_there
from tests.flow.people import People
from tests.flow.wire import Wire, query_of
from tests.hospital.running import Hospital

CONTINUE = '[data-action="continue"]'


def test_a_person_may_decline_at_the_source(wire: Wire) -> None:
    """The page says what happened, and the person can try again or return to the app."""
    browser = at_hospital(ask(wire))
    sign_in(browser, "decline")
    assert (page_of(browser), shown(browser).status) == ("connect", 422)
    assert "You did not sign in at City Hospital" in shown(browser).html
    sign_in(browser)
    assert page_of(browser) == "consent"
    browser.submit("decline")
    failure(browser, "USER_CANCEL")


def test_a_return_address_works_once(wire: Wire, city: Hospital) -> None:
    """A return address that is opened again connects nothing and sends the hospital no request."""
    browser = at_hospital(ask(wire))
    back = way_back(way_there(browser))
    browser.open(back)
    before = city.do("told")
    browser.open(back)
    assert page_of(browser) == "consent"
    assert city.do("told") == before


def test_a_return_address_works_only_in_the_same_browser(wire: Wire, city: Hospital) -> None:
    """Another browser cannot use it, with or without a journey of its own."""
    first, second = at_hospital(ask(wire)), at_hospital(ask(wire))
    connect_page = shown(second).url
    back = way_back(way_there(first))
    before = city.do("told")
    stranger = opened(back)
    assert (page_of(stranger), shown(stranger).status) == ("error", 410)
    second.open(back)
    assert (page_of(second), shown(second).status) == ("error", 410)
    second.open(connect_page)
    mine = query_of(way_back(way_there(second)))
    mixed = f"{wire.origin}/apps/saas/connected?code={query_of(back)['code']}&state={mine['state']}"
    second.open(mixed)  # Because of PKCE the hospital rejects another person's code in one's own state.
    assert "City Hospital could not complete the sign-in" in shown(second).html
    assert city.do("told") == before


@pytest.mark.parametrize("change", ["state=x", "state=", "code=wrong", "iss=https://evil.example"])
def test_a_manipulated_return_connects_nothing(wire: Wire, change: str) -> None:
    """An unexpected state, code or issuer leads to a page that says what to do."""
    browser = at_hospital(ask(wire))
    back = way_back(way_there(browser))
    name, _, value = change.partition("=")
    changed = query_of(back) | {name: value}
    browser.open(str(httpx2.URL(back).copy_with(params=changed)))
    assert shown(browser).status in (410, 422)
    assert page_of(browser) == ("error" if name == "state" else "connect")


def test_a_second_sign_in_replaces_the_first(wire: Wire) -> None:
    """Returning from the first of two sign-ins in one journey connects nothing."""
    browser = at_hospital(ask(wire))
    first = way_back(way_there(browser))
    browser.open(shown(browser).url.replace("sign-in", "connect"))
    second = way_back(way_there(browser))
    browser.open(first)
    assert page_of(browser) == "pick-source"
    browser.open(second)
    assert page_of(browser) == "consent"


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_signing_in_with_a_real_browser(browser: Chromium, people: People, city: Hospital, scripts: bool) -> None:
    """The way leads through the hospital's single sign-on on another host, and violates no content security policy."""
    wire = await asking_contract(people, redirect_uris=("http://127.0.0.1/back",), document=MEDICAL)
    landing = Landing()
    with web_server(landing.app) as address:
        asking = ask(wire, redirect_uri=f"{address}/back")
        async with visiting(browser, java_script_enabled=scripts) as page:
            await page.goto(asking.url)
            await page.click(f'[data-source-id="{HOSPITAL}"]')
            await page.click(CONTINUE)
            await page.click(CONTINUE)
            for answer in ("decline", "continue"):
                await expect(page.locator("body")).to_have_attribute("data-page", "hospital")
                await page.click(f'[data-action="{answer}"]')
                if answer == "decline":
                    await expect(page.locator("[role=alert]")).to_contain_text("You did not sign in")
                    await page.click(CONTINUE)
            await expect(page.locator("body")).to_have_attribute("data-page", "consent")
            await page.click(CONTINUE)
            await expect(page.locator("body")).to_have_attribute("data-page", "app")
        assert asking.tokens(landing.came[-1]).access
