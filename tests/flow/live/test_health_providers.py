"""Tests of hospitals that a person names: registration there, signing in, and what the app gets."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx2
import pytest
from examples.walking import Browser
from playwright.async_api import Browser as Chromium
from playwright.async_api import expect
from sqlalchemy import delete, func, select, update

from privateshare.platform.db.tables import ServerClientRow
from privateshare.platform.library.providers import import_list, imported_lists, remove_list, search_providers
from privateshare.platform.library.server_clients import NEW_REGISTRATION
from privateshare.sources.health_provider.brands import BrandList, Provider
from privateshare.testing.api_server import serving as serving_export
from tests.apis.bulk_export import export_server, resource
from tests.flow.browsing import Landing, visiting, web_server
from tests.flow.command_line import run_command
from tests.flow.consenting import Asking, ask, asking_contract, known_person, opened, page_of
from tests.flow.live.conftest import MEDICAL
from tests.flow.live.lending import OBSERVATIONS, from_another_network, shown
from tests.flow.people import HEALTH_PROVIDER, People
from tests.flow.served import Served
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire
from tests.hospital.running import Hospital
from tests.patience import wait_for

PROVIDER = HEALTH_PROVIDER
MUSIC = {"dataRequest": {"serviceGroups": [{"id": 5}], "purpose": "To test"}}


def at_address(wire: Wire, typed: str) -> tuple[Asking, Browser]:
    """Return a browser that has typed the address of a hospital's server."""
    asking = ask(wire)
    browser = opened(asking.url, http=from_another_network())
    shown(browser).choose("source-id", str(PROVIDER))
    browser.submit("continue")
    browser.submit("continue", extra={"answer-server": typed})
    return asking, browser


def way_there(browser: Browser) -> str:
    """Return the address that the page in between leads to. It says where the person goes."""
    ((text, address),) = [(text, link) for text, link in shown(browser).links.items() if text.startswith("Go to ")]
    assert text != "Go to Hospital or health insurer"
    return address


def way_back(there: str) -> str:
    """Sign in at the hospital, whose single sign-on is on another host, and return the address that leads back."""
    elsewhere = opened(there)
    elsewhere = opened(str(elsewhere.left_to))
    elsewhere.submit("continue")
    return str(elsewhere.left_to)


def signed_in(wire: Wire, city: Hospital) -> tuple[Asking, Browser]:
    asking, browser = at_address(wire, f"{city.fhir}/metadata")
    browser.open(way_back(way_there(browser)))
    assert page_of(browser) == "consent", shown(browser).html
    return asking, browser


def lent(wire: Wire, city: Hospital) -> Tokens:
    asking, browser = signed_in(wire, city)
    browser.submit("continue")
    return asking.tokens(str(browser.left_to))


def synced(wire: Wire, tokens: Tokens) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the state of a new session when it is over, and all resources."""
    session = triggered(wire, tokens)
    listed = wait_until_over(wire, tokens, session)
    names = [entry["name"] for entry in listed["fileList"]]
    found = [thing for name in names for thing in read(wire, tokens, session, name)[0]]
    (state,) = listed["status"]["details"].values()
    return state, found


def test_a_person_connects_any_hospital_by_its_address(wire: Wire, city: Hospital) -> None:
    """The platform registers itself once, and the app gets R4."""
    tokens = lent(wire, city)
    registrations = city.do("told").count("registration")
    state, found = synced(wire, tokens)
    assert state["state"] == "completed", state
    assert {one["resourceType"] for one in found} == {"Patient", "Condition", "Observation"}
    assert {one["id"] for one in found} >= {f"o{number}" for number in range(OBSERVATIONS)}
    lent(wire, city)
    assert city.do("told").count("registration") == registrations


def test_a_record_that_a_hospital_exports_comes_by_files(wire: Wire) -> None:
    """The first session has everything, a later one what changed and was deleted, and each export is ended."""
    with serving_export(export_server()) as server:
        server.moment = datetime.now(UTC).isoformat()
        asking, browser = at_address(wire, server.address)
        elsewhere = opened(way_there(browser))
        browser.open(str(elsewhere.left_to))
        assert page_of(browser) == "consent", shown(browser).html
        browser.submit("continue")
        tokens = asking.tokens(str(browser.left_to))
        state, found = synced(wire, tokens)
        assert state["state"] == "completed", state
        assert len(found) == 102
        server.records.append(resource("Observation", "new", meta={"lastUpdated": "2999-01-01T00:00:00Z"}))
        server.records = [one for one in server.records if one["id"] != "o7"]
        server.deleted = ["Observation/o7"]
        state, found = synced(wire, tokens)
        assert state["state"] == "completed", state
        assert {one["id"] for one in found if one["resourceType"] == "Observation"} >= {"o1", "new"}
        assert "o7" not in {one["id"] for one in found}
        assert len(found) == 102
        assert "_since" not in server.kick_offs[0]
        assert "_since" in server.kick_offs[-1]
        assert server.ended


def test_what_was_not_allowed_is_told(wire: Wire, city: Hospital) -> None:
    """The person sees it before they agree, and the app learns it."""
    city.do("set", allowed_scope="launch/patient offline_access patient/Patient.rs patient/Condition.rs")
    try:
        asking, browser = signed_in(wire, city)
    finally:
        city.do("set", allowed_scope=None)
    assert "You did not allow this when you signed in" in shown(browser).html
    browser.submit("continue")
    state, found = synced(wire, asking.tokens(str(browser.left_to)))
    assert {one["resourceType"] for one in found} == {"Patient", "Condition"}
    assert state["state"] == "partial"
    told = {one["objectType"]: one["error"]["code"] for one in state["error"]["objectTypeErrors"]}
    assert told[132] == "NotGranted"
    assert 128 not in told


async def test_a_server_that_forgot_the_platform_is_registered_at_again(
    wire: Wire, city: Hospital, people: People
) -> None:
    """Nobody comes back from such a server. The next try registers anew, and old accounts must sign in again."""
    tokens = lent(wire, city)
    city.do("forget")
    async with people.platform.database.transaction() as db:
        earlier = func.clock_timestamp() - 2 * NEW_REGISTRATION
        await db.execute(update(ServerClientRow).values(registered_at=earlier))
        (row,) = await db.scalars(select(ServerClientRow).where(ServerClientRow.server == city.fhir))
        # Another server, whose registration has the same id: ids are what servers say.
        elsewhere = {"source_id": PROVIDER, "server": "https://other.example", "redirect_uri": row.redirect_uri}
        db.add(ServerClientRow(id=uuid4(), client_id=row.client_id, sealed_client=b"", **elsewhere))
    asking, browser = at_address(wire, city.fhir)
    assert httpx2.get(str(opened(way_there(browser)).left_to)).is_error
    browser.open(shown(browser).url.replace("sign-in", "connect"))
    browser.submit("continue", extra={"answer-server": city.fhir})
    browser.open(way_back(way_there(browser)))
    assert page_of(browser) == "consent"
    browser.submit("continue")
    assert synced(wire, asking.tokens(str(browser.left_to)))[0]["state"] == "completed"
    city.do("end", what="access")
    state, _ = synced(wire, tokens)
    assert state["error"]["reauth"] is True
    async with people.platform.database.transaction() as db:
        assert {city.fhir, elsewhere["server"]} <= set(await db.scalars(select(ServerClientRow.server)))
        await db.execute(delete(ServerClientRow).where(ServerClientRow.server == elsewhere["server"]))


async def test_the_registration_is_stored_encrypted(wire: Wire, city: Hospital, people: People) -> None:
    """It is there once for the server, and its secret is not readable in the database."""
    lent(wire, city)
    async with people.platform.database.session() as db:
        (row,) = await db.scalars(select(ServerClientRow).where(ServerClientRow.server == city.fhir))
    assert row.redirect_uri.endswith("/apps/saas/signed-in")
    assert b"client_secret" not in row.sealed_client


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("not an address", "is not the address of a server"),
        ("http://127.0.0.1:9", "cannot be found"),
        ("{oauth}", "is no server with health records"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(wire: Wire, city: Hospital, typed: str, told: str) -> None:
    """The page keeps what was typed, and the person can try again."""
    _, browser = at_address(wire, typed.format(oauth=city.oauth))
    assert (page_of(browser), shown(browser).status) == ("connect", 422)
    assert told in shown(browser).html


# --- found by name ---


@pytest.fixture
async def listed(people: People, city: Hospital) -> str:
    """Have the hospital in the directory, and return what the picker calls it."""
    providers = [
        Provider("Sacré-Cœur Hospital", "Springfield, US", city.fhir, ("The Heart",)),
        Provider("City Eye Clinic", "Paris, FR", "https://fhir.eye.example/r4"),
        Provider("Sacred Heart", "Cologne, DE", "https://fhir.heart.example/r4"),
    ]
    async with people.platform.database.transaction() as db:
        await import_list(db, "vendor", "a file", BrandList(providers))
    async with people.platform.database.session() as db:
        (row,) = (await search_providers(db, "springfield", 10)).rows
    return f"{PROVIDER}:{row.id}"


def searched(wire: Wire, text: str) -> tuple[Asking, Browser]:
    """Return a browser that has searched in the picker."""
    asking = ask(wire)
    browser = opened(asking.url, http=from_another_network())
    browser.open(f"{shown(browser).url}?{urlencode({'q': text})}")
    return asking, browser


async def test_a_hospital_is_found_by_its_name(wire: Wire, city: Hospital, listed: str) -> None:
    """Its name, place and address are on the page, and nobody has to type an address."""
    asking, browser = searched(wire, "spring SACRE")
    assert "Sacré-Cœur Hospital" in shown(browser).html
    assert "City Eye Clinic" not in shown(browser).html
    shown(browser).choose("provider", listed)
    browser.submit("continue")
    assert page_of(browser) == "connect"
    for text in ("Sacré-Cœur Hospital", "Springfield, US", city.fhir):
        assert text in shown(browser).html
    assert "answer-server" not in shown(browser).html
    browser.submit("continue")
    back = way_back(way_there(browser))
    browser.open(back.replace("code=", "error=access_denied&x="))
    assert "You did not sign in at" in shown(browser).html
    assert "Sacré-Cœur Hospital" in shown(browser).html  # The person does not have to search again.
    browser.submit("continue")
    browser.open(way_back(way_there(browser)))
    assert page_of(browser) == "consent"
    assert "Sacré-Cœur Hospital" in shown(browser).html
    browser.submit("continue")
    assert synced(wire, asking.tokens(str(browser.left_to)))[0]["state"] == "completed"


async def test_a_search_is_by_the_beginnings_of_words(people: People, listed: str) -> None:
    """Of the name, other names, the place and the server; in any order, case and spelling of accents."""
    async with people.platform.database.session() as db:

        async def found(text: str) -> list[str]:
            return [row.name for row in (await search_providers(db, text, 10)).rows]

        assert await found("HEART") == ["Sacred Heart", "Sacré-Cœur Hospital"]
        assert (
            await found("cœur")
            == await found("coeur")
            == await found("spring hosp")
            == await found("the heart")
            == ["Sacré-Cœur Hospital"]
        )
        assert await found("eye.example") == ["City Eye Clinic"]
        assert await found("yes") == await found("s") == await found("") == await found("' | x:* & \\ !") == []
        assert (await search_providers(db, "heart", 1)).has_more


async def test_a_provider_that_was_removed_is_not_connected(wire: Wire, people: People, listed: str) -> None:
    """A page that was open before says what to type, and an invented id is none."""
    _, browser = searched(wire, "springfield")
    shown(browser).choose("provider", listed)
    async with people.platform.database.transaction() as db:
        await remove_list(db, "vendor")
    browser.submit("continue")
    assert page_of(browser) == "connect"
    assert "answer-server" in shown(browser).html
    browser.submit("continue", extra={"provider": "../../x", "answer-server": ""})
    assert (page_of(browser), shown(browser).status) == ("connect", 422)


async def test_a_person_adds_their_hospital_on_their_own_pages(people: People, city: Hospital, listed: str) -> None:
    """It is found by its name there too, and the platform registers itself if it has to."""
    music, http = await asking_contract(people, document=MUSIC, name="Music"), from_another_network()
    known_person(music, http)
    browser = opened(f"{music.origin}/me/", http=http)
    home = shown(browser).url.split("?")[0]
    browser.open(f"{home}/connect?q=springfield")
    source, _, provider = listed.partition(":")
    assert "Sacré-Cœur Hospital" in shown(browser).html
    assert f"connect/{source}?provider={provider}" in shown(browser).html
    browser.open(f"{home}/connect/{source}?provider={provider}")
    assert city.fhir in shown(browser).html
    browser.submit("continue")
    browser.open(way_back(way_there(browser)))
    address = shown(browser).url
    assert "add?accounts=" in address
    wait_for(lambda: "Your data is here now" in http.get(address).text)


async def test_an_operator_imports_lists(connected: Served, people: People, tmp_path: Path) -> None:
    """From a file; the same name replaces. A list without a usable provider changes nothing."""
    file = tmp_path / "brands.json"
    endpoint = {"resourceType": "Endpoint", "id": "e", "status": "active", "name": "A Clinic"}
    resources = [endpoint | {"id": f"e{n}", "address": f"https://fhir{n}.example/r4"} for n in range(3)]
    resources.append(endpoint | {"address": "http://plain.example"})
    file.write_text(json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}))
    command = ("source", "brands", "import", str(file), "--name", "clinics", "--data", connected.data, "--json")
    done = run_command(*command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"name": "clinics", "providers": 3, "left_out": {"address": 1}}
    file.write_text('{"resourceType": "Bundle"}')
    assert run_command(*command).returncode == 1
    async with people.platform.database.session() as db:
        lists = {one["name"]: one["providers"] for one in await imported_lists(db)}
    assert lists["clinics"] == 3


@pytest.mark.slow
async def test_fifty_thousand_providers_are_searched_at_once(people: People) -> None:
    """A search takes a fraction of a second, also for a word that most of them have."""
    many = [Provider(f"Mercy Hospital {n}", f"Town {n % 977}", f"https://fhir{n}.example/r4") for n in range(50_000)]
    async with people.platform.database.transaction() as db:
        await import_list(db, "many", "a file", BrandList(many))
    async with people.platform.database.session() as db:
        for text, number in (("mercy 49999", 1), ("mercy hosp", 30), ("town 976", 30), ("nowhere", 0)):
            begun = time.monotonic()
            assert len((await search_providers(db, text, 30)).rows) == number
            assert time.monotonic() - begun < 3
    async with people.platform.database.transaction() as db:
        await remove_list(db, "many")


@pytest.mark.slow
async def test_finding_a_hospital_with_a_real_browser(
    browser: Chromium, people: People, city: Hospital, listed: str
) -> None:
    """From the search for its name to the data in the app, with no violation of the content security policy."""
    wire = await asking_contract(people, redirect_uris=("http://127.0.0.1/back",), document=MEDICAL)
    landing = Landing()
    with web_server(landing.app) as address:
        asking = ask(wire, redirect_uri=f"{address}/back")
        async with visiting(browser) as page:
            await page.goto(asking.url)
            await page.fill("#q", "sacre coeur springfield")
            await page.press("#q", "Enter")
            await page.click(f'[data-provider="{listed}"]')
            await page.click('[data-action="continue"]')
            await expect(page.locator("h1")).to_contain_text("Sacré-Cœur Hospital")
            await expect(page.locator(".provider")).to_contain_text(city.fhir)
            await page.click('[data-action="continue"]')
            await expect(page.locator("body")).to_have_attribute("data-page", "hospital")
            await page.click('[data-action="continue"]')
            await expect(page.locator("body")).to_have_attribute("data-page", "consent")
            await page.click('[data-action="continue"]')
            await expect(page.locator("body")).to_have_attribute("data-page", "app")
        state, found = synced(wire, asking.tokens(landing.came[-1]))
        assert state["state"] == "completed"
        assert {one["resourceType"] for one in found} == {"Patient", "Condition", "Observation"}
