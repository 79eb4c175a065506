"""`/me`: a person deletes a source, an app's files, or everything, and gets a certificate that others can check."""

import html
import json
import re
from base64 import b64decode
from typing import Any

import httpx2
import pytest
from examples.walking import Browser
from joserfc import jwt as jose
from joserfc.jwk import KeySet
from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow, ConsentRow, LibraryRow, PushedFileRow
from privateshare.platform.runtime import Platform
from tests.flow.consenting import asking_contract, known_person, opened, page_of
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.sessions import wait_until_over
from tests.flow.wire import Wire, check_error


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who shares Spotify and a health record."""
    person = await victim(platform, wire, leaves_out=None)
    wait_until_over(wire, person.tokens, person.session)
    return person


def at(person: Victim, path: str = "") -> Browser:
    browser = opened(f"{person.wire.origin}/me", http=person.http)
    browser.open(f"{browser.page.url}{path}")  # type: ignore[union-attr]
    return browser


def certificate(browser: Browser) -> dict[str, Any]:
    """Return what a page certifies, after checking the signature as anybody can."""
    assert page_of(browser) == "me-erased"
    text = browser.page.html  # type: ignore[union-attr]
    shown = re.search(r"<pre[^>]* data-certificate>(.*?)</pre>", text, re.DOTALL)
    saved = re.search(r'href="data:application/json;base64,([^"]+)" download="erasure-[^"]+\.json"', text)
    assert shown is not None
    assert saved is not None
    told: dict[str, Any] = json.loads(html.unescape(shown[1]))
    assert json.loads(b64decode(html.unescape(saved[1]))) == told
    keys = httpx2.get(f"{told['platform']}/v1.7/jwks/oauth").json()
    signed = jose.decode(told.pop("signed"), KeySet.import_key_set(keys), algorithms=["PS512"])
    assert signed.header["typ"] == "privateshare-erasure+jwt"
    assert {name: value for name, value in signed.claims.items() if name in told} == told
    return told


async def test_a_removed_source_is_certified(platform: Platform, mia: Victim) -> None:
    """What, how much, when; its key is gone, and the other source is still there."""
    browser = at(mia, f"/sources/{mia.accounts[SPOTIFY].id}")
    browser.submit("remove")
    told = certificate(browser)
    assert (told["erased"], told["source"], told["key"]) == ("source", SPOTIFY, "destroyed")
    assert told["amount"]["objects"] > 30
    async with platform.database.transaction() as db:
        left = list(await db.scalars(select(AccountRow.source_id).where(AccountRow.library_id == mia.library)))
    assert left == [FHIR_FILE]
    assert (await platform.erasure_keys.read_all([mia.accounts[SPOTIFY].id])) == {}


async def test_everything_is_erased_and_certified(platform: Platform, mia: Victim) -> None:
    """Nothing is left, the app has no access, the browser is unknown, and the certificate says so."""
    browser = at(mia, "/erase")
    assert re.search(r"Stored for you: [\d,]+ entries", browser.page.html)  # type: ignore[union-attr]
    browser.submit("erase")  # The box is not ticked.
    assert page_of(browser) == "me-erase"
    browser.submit("erase", extra={"sure": "yes"})
    told = certificate(browser)
    assert (told["erased"], told["sources"], told["key"]) == ("everything", [SPOTIFY, FHIR_FILE], "destroyed")
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, mia.library) is None
    assert (await platform.erasure_keys.read_all([mia.library])) == {}
    check_error(mia.wire.get("permission-access/accounts", access_token=mia.tokens.access), 401, "InvalidToken")
    assert page_of(opened(f"{mia.wire.origin}/me", http=mia.http)) == "me-entrance"
    assert "person" not in mia.http.cookies


async def test_the_files_of_an_app_are_deleted(platform: Platform, mia: Victim) -> None:
    """Only those of that app, and only in this library."""
    async with platform.database.transaction() as db:
        (consent,) = await db.scalars(select(ConsentRow).where(ConsentRow.library_id == mia.library))
        for number in range(2):
            row = PushedFileRow(
                library_id=mia.library,
                contract_id=consent.contract_id,
                sealed_metadata=b"",
                blob=f"library/{mia.library}/pushed/{number}",
                size=100,
                sealed_sha256=b"",
            )
            db.add(row)
    browser = at(mia, f"/apps/{consent.id}")
    assert "2 files" in browser.page.html  # type: ignore[union-attr]
    browser.submit("delete-files")
    told = certificate(browser)
    assert (told["erased"], told["amount"]["pushedFiles"], told["amount"]["bytes"]) == ("files of an app", 2, 200)
    assert told["key"] != "destroyed"
    async with platform.database.transaction() as db:
        assert not list(await db.scalars(select(PushedFileRow).where(PushedFileRow.library_id == mia.library)))


async def test_nobody_else_erases_anything(platform: Platform, mia: Victim) -> None:
    """Not another person, not another site, not without the form's token."""
    home = at(mia).page.url  # type: ignore[union-attr]
    consent = mia.tokens.claims["consentid"]
    other = httpx2.Client()
    known_person(mia.wire, other)
    theirs = opened(f"{mia.wire.origin}/me", http=other).page
    assert theirs is not None
    token = re.search(r'name="token" value="([^"]+)"', theirs.html)
    assert token is not None
    fields = {"token": token[1], "sure": "yes"}
    for path in ("erase", f"sources/{mia.accounts[SPOTIFY].id}/remove", f"apps/{consent}/files"):
        assert other.post(f"{home}/{path}", data=fields).status_code == 303
        assert mia.http.post(f"{home}/{path}", data=fields).status_code == 403
        if path != "erase":
            assert other.post(f"{theirs.url}/{path}", data=fields).status_code == 404
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, mia.library) is not None
        assert len(list(await db.scalars(select(AccountRow).where(AccountRow.library_id == mia.library)))) == 2
