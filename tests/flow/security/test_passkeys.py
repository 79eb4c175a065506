"""Passkeys prove in any browser who a person is; what is repeated, copied, removed or another's proves nothing."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select, update

from privateshare.platform.db.tables import BrowserRow, PasskeyChallengeRow, PasskeyRow
from privateshare.platform.library.libraries import open_library
from privateshare.platform.person.recovery_codes import new_recovery_code
from privateshare.platform.runtime import Platform
from tests.flow.browsing import Landing, web_server
from tests.flow.consenting import Asking, accounts, ask, asking_contract
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.security.passkeys import Device, device, signed
from tests.flow.wire import Tokens, Wire

CONTINUE = '[data-action="continue"]'
PASSKEY = '[data-action="passkey"]:visible'


@dataclass
class App(Wire):
    """An app, and the address at which people come back to it."""

    back: str = ""


@pytest.fixture(scope="module")
def back() -> Iterator[str]:
    with web_server(Landing().app) as address:
        yield f"{address}/back"


@pytest.fixture(scope="module")
async def wire(people: People, back: str) -> App:
    """Provide an app at the platform's name on this machine, since passkeys need a host name."""
    made = await asking_contract(people, redirect_uris=("http://127.0.0.1/back",))
    return App(**vars(made) | {"origin": made.origin.replace("127.0.0.1", "localhost"), "back": back})


@dataclass
class Owner:
    """A person with a passkey, and the device that keeps it."""

    device: Device
    tokens: Tokens
    library: UUID

    @property
    def page(self) -> Page:
        return self.device.page


def asked(wire: App, **claims: Any) -> Asking:
    return ask(wire, redirect_uri=wire.back, **claims)


async def at(page: Page, name: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-page", name)


async def share(page: Page, asking: Asking, *, second_way: bool = False) -> None:
    """Share a sample, and go back to the app, or to the page that offers a second way in."""
    await page.goto(asking.url)
    if await page.locator("body").get_attribute("data-page") == "person":
        await page.click('[data-action="someone-else"]')
    await page.click(f'[data-source-id="{SPOTIFY}"]')
    await page.click(CONTINUE)
    await page.click('[data-dataset="small"]')
    await page.click(CONTINUE)
    await at(page, "consent")
    if second_way:
        await page.check("input[name=recovery]")
    await page.click(CONTINUE)
    await at(page, "recovery" if second_way else "app")


async def owner(platform: Platform, wire: App, on: Device) -> Owner:
    """Return a person who shared a sample, and set up a passkey right after."""
    asking = asked(wire)
    await share(on.page, asking, second_way=True)
    await on.page.click(PASSKEY)
    await expect(on.page.locator("[role=status]")).to_contain_text("Your passkey is set up")
    back = await on.page.locator(CONTINUE).get_attribute("href")
    tokens = asking.tokens(str(back))
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
    return Owner(on, tokens, consent.library_id)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: App, browser: Browser) -> AsyncIterator[Owner]:
    """Provide a person whose passkey others try to use."""
    async with device(browser) as home:
        yield await owner(platform, wire, home)


@pytest.fixture
async def joe(platform: Platform, wire: App, browser: Browser) -> AsyncIterator[Owner]:
    """Provide a person whom a test changes."""
    async with device(browser) as home:
        yield await owner(platform, wire, home)


async def to_person_page(page: Page, asking: Asking) -> None:
    await page.goto(asking.url)
    await page.goto(re.sub("/[^/]+$", "/person", page.url))
    await at(page, "person")


# --- what works ---


@pytest.mark.protocol("8.6")
async def test_a_passkey_lets_in_from_another_device(wire: App, browser: Browser, mia: Owner) -> None:
    """On a consent page and in /me, in a browser that never knew the person, which is known from then on."""
    async with device(browser) as phone:
        await phone.receive(await mia.device.passkeys())
        asking = asked(wire, access_token=mia.tokens.access)
        await to_person_page(phone.page, asking)
        await phone.page.click(PASSKEY)
        await at(phone.page, "consent")
        await expect(phone.page.locator("main")).to_contain_text("You go on as the person who shared with")
        await phone.page.goto(f"{wire.origin}/me/")
        await at(phone.page, "me")
    async with device(browser) as tablet:
        await tablet.receive(await mia.device.passkeys())
        await tablet.page.goto(f"{wire.origin}/me/")
        await at(tablet.page, "me-entrance")
        await tablet.page.click(PASSKEY)
        await at(tablet.page, "me")
        await expect(tablet.page.locator("main")).to_contain_text("Genrefy")


async def test_a_passkey_is_set_up_and_removed_in_my_data(platform: Platform, wire: App, browser: Browser) -> None:
    """It is listed, a second one on the same device is refused, and once removed it lets nobody in."""
    async with device(browser) as home:
        await share(home.page, asked(wire))
        await home.page.goto(f"{wire.origin}/me/")
        await home.page.click(PASSKEY)
        await expect(home.page.locator("main")).to_contain_text("set up in Chrome")
        await home.page.click(PASSKEY)  # The device knows that it has one.
        await expect(home.page.locator("[data-problem]")).to_be_visible()
        (kept,) = await home.passkeys()
        await home.page.click('[data-action="remove-passkey"]')
        await expect(home.page.locator("main")).not_to_contain_text("set up in Chrome")
    async with device(browser) as phone:
        await phone.receive([kept])
        await phone.page.goto(f"{wire.origin}/me/")
        await phone.page.click(PASSKEY)
        await expect(phone.page.locator("[role=alert]:visible")).to_contain_text("not known here")
        await at(phone.page, "me-entrance")


async def test_everything_else_works_without_scripts(wire: App, browser: Browser, mia: Owner) -> None:
    """Without them no passkey is offered, and the pages say what to do."""
    async with device(browser, java_script_enabled=False) as plain:
        await plain.page.goto(f"{wire.origin}/me/")
        await expect(plain.page.locator('[data-action="passkey"]')).to_be_hidden()
        await expect(plain.page.locator('[data-action="recover"]')).to_be_visible()


async def test_a_link_fills_in_a_code_that_no_server_sees(
    platform: Platform, wire: App, browser: Browser, mia: Owner
) -> None:
    """It is behind the # and leaves the address at once; the person presses the button; it works once."""
    async with platform.database.transaction() as db:
        code = await new_recovery_code(db, await open_library(db, platform, mia.library), timedelta(minutes=5))
    link = f"{wire.origin}/me/#code={code}"
    async with device(browser) as phone:
        asked_for: list[str] = []
        phone.page.on("request", lambda request: asked_for.append(request.url))
        await phone.page.goto(link)
        await expect(phone.page.locator("#code")).to_have_value(code)
        assert phone.page.url == f"{wire.origin}/me/"
        await phone.page.click('[data-action="recover"]')
        await at(phone.page, "me")
        assert not any(code in url for url in asked_for)
    async with device(browser) as again:
        await again.page.goto(link)
        await again.page.click('[data-action="recover"]')
        await expect(again.page.locator("[role=alert]:visible")).to_contain_text("not your code")


# --- two people at one browser ---


async def test_where_two_people_use_a_browser_the_passkey_is_asked_for(
    platform: Platform, wire: App, joe: Owner
) -> None:
    """The browser says whose library it may be; only the passkey opens it, half an hour after it was used."""
    page = joe.page
    await share(page, asked(wire))  # Somebody else, who has no passkey.
    async with platform.database.transaction() as db:
        hers = update(BrowserRow).where(BrowserRow.library_id == joe.library)
        await db.execute(hers.values(confirmed_at=datetime.now(UTC) - timedelta(hours=1)))
    await page.goto(f"{wire.origin}/me/")
    await at(page, "me-entrance")
    await expect(page.locator("main")).to_contain_text("Several people use this browser")
    async with platform.database.transaction() as db:
        row = await db.scalar(select(BrowserRow).where(BrowserRow.library_id == joe.library))
    assert row is not None
    await page.goto(f"{wire.origin}/me/{row.id}")
    await at(page, "me-entrance")
    asking = asked(wire, access_token=joe.tokens.access)
    await page.goto(asking.url)
    await at(page, "person")
    await expect(page.locator(PASSKEY).first).to_contain_text("with your passkey")
    forged = page.locator('[data-action="someone-else"]')  # What a housemate may send: the form of "Continue as …".
    await forged.evaluate("(button, id) => { button.form.elements.person.value = id; }", str(row.id))
    await forged.click()
    await at(page, "person")
    await page.locator(PASSKEY).first.click()
    await at(page, "consent")
    await expect(page.locator("main")).to_contain_text("You go on as")


async def test_a_person_says_that_others_use_their_browser(platform: Platform, wire: App, joe: Owner) -> None:
    """From then on the passkey is asked for there, until they take it back."""
    await joe.page.goto(f"{wire.origin}/me/")
    await joe.page.click('[data-action="shared"]')
    await expect(joe.page.locator("main")).to_contain_text("Your passkey is asked for here")
    async with platform.database.transaction() as db:
        await db.execute(update(BrowserRow).where(BrowserRow.library_id == joe.library).values(confirmed_at=None))
    await joe.page.goto(f"{wire.origin}/me/")
    await at(joe.page, "me-entrance")
    await joe.page.locator(PASSKEY).first.click()
    await at(joe.page, "me")


# --- attacks ---


async def test_an_answer_works_once_and_only_on_its_journey(wire: App, browser: Browser, mia: Owner) -> None:
    """One that was seen on another journey, or a second time, proves nothing."""
    async with device(browser) as phone:
        await phone.receive(await mia.device.passkeys())
        first, second = (asked(wire, access_token=mia.tokens.access) for _ in range(2))
        await to_person_page(phone.page, first)
        answer = await signed(phone.page)
        await to_person_page(phone.page, second)
        await send(phone.page, answer)
        await refused(phone.page)
        await to_person_page(phone.page, first)
        await send(phone.page, answer)
        await at(phone.page, "consent")
        third = asked(wire, access_token=mia.tokens.access)
        context = await browser.new_context()
        try:
            page = await context.new_page()
            await to_person_page(page, third)
            await send(page, answer)
            await refused(page)
        finally:
            await context.close()


async def test_an_answer_expires(platform: Platform, wire: App, browser: Browser, mia: Owner) -> None:
    """Five minutes after the challenge it proves nothing."""
    async with device(browser) as phone:
        await phone.receive(await mia.device.passkeys())
        await to_person_page(phone.page, asked(wire, access_token=mia.tokens.access))
        answer = await signed(phone.page)
        async with platform.database.transaction() as db:
            await db.execute(update(PasskeyChallengeRow).values(expires_at=datetime.now(UTC)))
        await send(phone.page, answer)
        await refused(phone.page)


async def test_another_persons_passkey_opens_their_own_library_only(
    platform: Platform, wire: App, browser: Browser, mia: Owner
) -> None:
    """On a journey for one person, the passkey of another is refused."""
    async with device(browser) as elsewhere:
        await owner(platform, wire, elsewhere)
        await elsewhere.page.context.clear_cookies()
        await to_person_page(elsewhere.page, asked(wire, access_token=mia.tokens.access))
        await elsewhere.page.click(PASSKEY)
        await expect(elsewhere.page.locator("[role=alert]:visible")).to_contain_text("not the one of the person")


async def test_a_passkey_without_its_owner_proves_nothing(wire: App, browser: Browser, mia: Owner) -> None:
    """The device has to verify that the person is there, and the platform checks that it did."""
    async with device(browser) as phone:
        await phone.receive(await mia.device.passkeys())
        await phone.stop_verifying()
        await phone.page.goto(f"{wire.origin}/me/")
        async with weaker_challenges(phone.page):
            await phone.page.click(PASSKEY)
            await expect(phone.page.locator("[role=alert]:visible")).to_be_visible()
        await at(phone.page, "me-entrance")


async def weaker(route: Any) -> None:
    response = await route.fetch()
    options = await response.json()
    options["userVerification"] = "discouraged"
    await route.fulfill(response=response, json=options)


class weaker_challenges:  # noqa: N801 - used as a function
    """What a hostile script could do: ask the device for less than the platform wants."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def __aenter__(self) -> None:
        await self._page.route("**/passkey-challenge", weaker)

    async def __aexit__(self, *error: object) -> None:
        await self._page.unroute("**/passkey-challenge", weaker)


async def test_a_copied_passkey_is_refused(platform: Platform, wire: App, browser: Browser, mia: Owner) -> None:
    """A passkey whose count runs back was copied from the device; it proves nothing."""
    async with platform.database.transaction() as db:
        row = await db.scalar(select(PasskeyRow).where(PasskeyRow.library_id == mia.library))
        assert row is not None
    async with device(browser) as thief:
        await thief.receive(await mia.device.passkeys(), uses=row.sign_count - 1)
        await thief.page.goto(f"{wire.origin}/me/")
        await thief.page.click(PASSKEY)
        await expect(thief.page.locator("[role=alert]:visible")).to_contain_text("not known here")


async def test_other_origins_are_refused(platform: Platform, wire: App, browser: Browser, mia: Owner) -> None:
    """A page of another port or name that has somebody's answer made for itself gets nowhere with it."""
    other = wire.origin.replace("localhost", "app.localhost")
    async with device(browser) as phone:
        await phone.receive(await mia.device.passkeys())
        page = phone.page
        await to_person_page(page, asked(wire, access_token=mia.tokens.access))
        answer = json.loads(await signed(page))
        for origin in (other, wire.origin.replace("http:", "https:"), "http://evil.example", "null"):
            await page.goto(page.url)
            await send(
                page, json.dumps(answer | {"response": answer["response"] | {"clientDataJSON": told(answer, origin)}})
            )
            await refused(page)


def told(answer: dict[str, Any], origin: str) -> str:
    """Return an answer's client data with another origin."""
    text = answer["response"]["clientDataJSON"]
    data = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))) | {"origin": origin}
    return urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


async def test_an_app_adds_no_passkey_to_a_persons_library(wire: App, mia: Owner) -> None:
    """Not with its token and a program: neither before the consent, nor after one without proof, nor in /me."""
    http = httpx2.Client(follow_redirects=True)
    page = http.get(asked(wire, access_token=mia.tokens.access).url)
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token is not None
    at_journey = str(page.url).rsplit("/", 1)[0]
    headers = {"Origin": wire.origin, "Sec-Fetch-Site": "same-origin"}
    for path in ("passkeys/challenge", "passkeys"):
        refusal = http.post(f"{at_journey}/{path}", data={"token": token[1], "credential": "{}"}, headers=headers)
        assert refusal.status_code == 404, path
    for path in ("passkeys/challenge", "passkeys", "passkeys/remove", "not-me", "shared"):
        url = f"{wire.origin}/me/00000000-0000-0000-0000-000000000000/{path}"
        assert "me-entrance" in http.post(url, data={"token": token[1]}, headers=headers).text


@pytest.mark.parametrize("answer", ["{}", "é"])
async def test_malformed_answers_are_refused_in_words(wire: App, answer: str) -> None:
    """Whatever is sent, the page says that it did not work."""
    http = httpx2.Client()
    headers = {"Origin": wire.origin, "Sec-Fetch-Site": "same-origin"}
    assert http.post(f"{wire.origin}/me/passkey-challenge", headers=headers).status_code == 200
    refusal = http.post(f"{wire.origin}/me/", data={"credential": answer}, headers=headers)
    assert refusal.status_code == 422, refusal.text
    assert 'data-page="me-entrance"' in refusal.text


async def test_forms_of_other_sites_sign_nobody_in(wire: App) -> None:
    """Neither get they a challenge, nor can they sign a person in to the attacker's library."""
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        for path in ("passkey-challenge", ""):
            answer = httpx2.post(f"{wire.origin}/me/{path}", data={"credential": "{}"}, headers=headers)
            assert answer.status_code == 403


async def test_a_recovery_code_locks_out_another_browser(
    platform: Platform, wire: App, browser: Browser, joe: Owner
) -> None:
    """A browser that somebody else let in is locked out, with the recovery code; what was agreed since is marked."""
    async with device(browser) as thief:
        await thief.receive(await joe.device.passkeys())
        await thief.page.goto(f"{wire.origin}/me/")
        await thief.page.click(PASSKEY)
        await at(thief.page, "me")
        asking = asked(wire)
        await joe.page.goto(f"{wire.origin}/me/")
        await joe.page.locator("details.stop summary", has_text="This was not me").first.click()
        await joe.page.locator('[data-action="not-me"]:visible').click()
        await expect(joe.page.locator("main")).to_contain_text("Your recovery code is void too")
        await thief.page.goto(f"{wire.origin}/me/")
        await at(thief.page, "me-entrance")
        await thief.page.goto(asking.url)
        await at(thief.page, "pick-source")


async def send(page: Page, credential: str) -> None:
    """Send a passkey's answer, with the form of the page."""
    await page.evaluate(
        """(credential) => {
            const form = document.querySelector("form[data-passkey]");
            form.querySelector("[name=credential]").value = credential;
            HTMLFormElement.prototype.submit.call(form);
        }""",
        credential,
    )


async def refused(page: Page) -> None:
    await expect(page.locator("[role=alert]:visible")).to_contain_text("not known here")


async def test_accounts_stay_hidden_without_proof(wire: App, mia: Owner) -> None:
    """A passkey that exists opens nothing by itself."""
    page = httpx2.get(asked(wire, access_token=mia.tokens.access).url, follow_redirects=True)
    (account,) = accounts(wire, mia.tokens.access)
    assert account["id"] not in page.text
