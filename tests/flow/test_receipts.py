"""Receipts: what a person gets for what they agreed to, and how they and others verify it."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import select

from privateshare.platform.consent.page_text import page_text
from privateshare.platform.db.tables import ReceiptRow
from privateshare.platform.runtime import Platform
from tests.flow.command_line import OperatorCommand, run_command
from tests.flow.consenting import ask, asking_contract, at_consent, opened, page_of
from tests.flow.people import SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.served import Served
from tests.flow.sessions import read, wait_until_over
from tests.flow.wire import Wire
from tests.patience import GIVE_UP_SECONDS, wait_for


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who agreed."""
    return await victim(platform, wire, sources=[SPOTIFY])


def history(person: Victim) -> Browser:
    """Return the person's browser on the page of what happened."""
    browser = opened(f"{person.wire.origin}/me", http=person.http)
    assert browser.page is not None
    browser.open(browser.page.links["What apps did, and your receipts"])
    assert page_of(browser) == "history"
    return browser


def receipts(person: Victim) -> list[str]:
    """Return the addresses of a person's receipts, the newest first."""
    browser = history(person)
    assert browser.page is not None
    return [f"{person.wire.origin}{path}" for path in re.findall(r'href="([^"]+/receipts/[^"]+)"', browser.page.html)]


def download(person: Victim, number: int = 0) -> bytes:
    answer = person.http.get(f"{receipts(person)[number]}/file")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    return answer.content


def record_of(content: bytes) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(content)["dpv:hasRecordOfActivity"]
    return record


def test_agreeing_gives_a_receipt(wire: Wire, mia: Victim) -> None:
    """It names consent, app, person and time, and has the page's text and everything that the consent holds."""
    document = json.loads(download(mia))
    record = document["dpv:hasRecordOfActivity"]
    assert document["@type"] == "dpv:ConsentReceipt"
    assert record["dct:identifier"] == mia.tokens.claims["consentid"]
    assert record["dpv:hasDataSubject"]["dct:identifier"] == mia.tokens.claims["sub"]
    assert record["dpv:hasDataController"]["schema:application"]["dct:identifier"] == wire.application_id
    assert record["dpv:hasConsentStatus"]["@type"] == "dpv:ConsentGiven"
    assert record["dpv:hasProcess"]["dpv:hasPurpose"]["dct:description"] == "To test"
    notice = record["dpv:hasNotice"]
    assert notice["dct:language"] == "en"
    for said in ("Share your data with Genrefy?", "To test", "Share with Genrefy", "Decline"):
        assert said in notice["dct:description"]
    agreed = document["ps:agreed"]
    assert agreed["consent"]["document"]["dataRequest"]["purpose"] == "To test"
    assert agreed["consent"]["contract_id"] == wire.contract_id
    assert agreed["consent"]["choice"]["accounts"]
    assert len(agreed["accounts"]) == 1


def test_the_notice_is_the_page_as_it_was_filled_in(wire: Wire) -> None:
    """The text in the receipt is that of the page, with the boxes as the person left them."""
    asking, http = ask(wire, "&lng=de"), httpx2.Client(timeout=GIVE_UP_SECONDS)
    browser = at_consent(asking, http=http)
    assert browser.page is not None
    shown = page_text(browser.page.html)
    browser.submit("continue")
    assert browser.left_to is not None
    home = opened(f"{wire.origin}/me", http=http)
    assert home.page is not None
    path = re.findall(r'href="([^"]+/history)"', home.page.html)[0]
    listed = re.findall(r'href="([^"]+/receipts/[^"]+)"', http.get(f"{wire.origin}{path}").text)
    notice = record_of(http.get(f"{wire.origin}{listed[0]}/file").content)["dpv:hasNotice"]
    assert notice["dct:language"] == "de"
    assert notice["dct:description"] == shown
    assert "[x]" in shown


async def test_withdrawing_gives_a_receipt(platform: Platform, wire: Wire) -> None:
    """It says who withdrew, and repeats the notice of the consent."""
    person = await victim(platform, wire, sources=[SPOTIFY])
    browser = opened(f"{wire.origin}/me", http=person.http)
    browser.submit("stop")
    assert len(receipts(person)) == 2
    given, withdrawn = record_of(download(person, 1)), record_of(download(person))
    assert withdrawn["dpv:hasConsentStatus"]["@type"] == "dpv:ConsentWithdrawn"
    assert withdrawn["dpv:hasConsentStatus"]["dpv:isIndicatedBy"] == "dpv:DataSubject"
    assert withdrawn["dpv:hasNotice"] == given["dpv:hasNotice"]


async def test_the_operator_cannot_withdraw_without_a_receipt(served: Served, platform: Platform, wire: Wire) -> None:
    person = await victim(platform, wire, sources=[SPOTIFY])
    OperatorCommand(served.data).json("person", "withdraw", person.tokens.claims["consentid"], "--yes")
    assert record_of(download(person))["dpv:hasConsentStatus"]["dpv:isIndicatedBy"] == "dpv:DataProcessor"


def test_a_receipt_is_a_page_to_print(mia: Victim) -> None:
    browser = opened(receipts(mia)[0], http=mia.http)
    assert page_of(browser) == "receipt"
    assert browser.page is not None
    for said in ("Genrefy", "To test", "sha-256:", mia.tokens.claims["consentid"], "Download the signed receipt"):
        assert said in browser.page.html
    german = mia.http.get(receipts(mia)[0], headers={"accept-language": "de"}).text
    assert "Den signierten Beleg herunterladen" in german


async def test_nobody_else_gets_a_receipt(platform: Platform, wire: Wire, mia: Victim) -> None:
    """Another person, who knows its id, and a browser that proves nothing, get nothing."""
    other, stranger = await victim(platform, wire, sources=[SPOTIFY]), httpx2.Client(timeout=GIVE_UP_SECONDS)
    receipt_id = receipts(mia)[0].rsplit("/", 1)[1]
    foreign = receipts(other)[0].rsplit("/", 1)[0]
    for path in (f"{foreign}/{receipt_id}", f"{foreign}/{receipt_id}/file", f"{foreign}/{uuid4()}"):
        assert other.http.get(path).status_code == 404
    for path in (receipts(mia)[0], f"{receipts(mia)[0]}/file"):
        answer = stranger.get(path)
        assert "dpv:" not in answer.text
        assert answer.status_code in (200, 303)


async def test_receipts_are_sealed(platform: Platform, mia: Victim) -> None:
    """What a person agreed to, with the names of their accounts, is not in the database's rows in the clear."""
    async with platform.database.transaction() as db:
        rows = (await db.scalars(select(ReceiptRow).where(ReceiptRow.library_id == mia.library))).all()
    assert rows
    assert all(b"dpv:" not in row.sealed for row in rows)


def test_what_an_app_did_is_shown(wire: Wire, mia: Victim) -> None:
    listed = wait_until_over(wire, mia.tokens, mia.session)
    read(wire, mia.tokens, mia.session, next(file["name"] for file in listed["fileList"]))

    def shown() -> str:
        page = history(mia).page
        assert page is not None
        return re.sub(r"<[^>]+>|\s+", " ", page.html)

    wait_for(lambda: re.search(r"Genrefy\s+Read ", shown()) is not None)
    assert re.search(r"1 file, \d+ kB", shown())
    assert "A browser was added" in shown()


@pytest.mark.protocol("15.2")
def test_a_receipt_is_verified_without_the_platform(wire: Wire, mia: Victim, tmp_path: Path) -> None:
    """With a key set in a file; with the platform's address; and without either, which confirms no signer."""
    file, keys = tmp_path / "receipt.jsonld", tmp_path / "keys.json"
    file.write_bytes(download(mia))
    keys.write_text(wire.http.get(wire.url("jwks/oauth")).text)
    found = run_command("receipt", "verify", file, "--jwks", keys, "--json")
    assert found.returncode == 0, found.stderr
    facts = json.loads(found.stdout)
    assert facts["consent_id"] == mia.tokens.claims["consentid"]
    assert any("whether the consent is valid today" in said for said in facts["not_verified"])
    assert run_command("receipt", "verify", file, "--origin", wire.origin).returncode == 0
    alone = run_command("receipt", "verify", file)
    assert alone.returncode == 4
    assert "who signed it" in alone.stdout
    strange = json.loads(keys.read_text())
    for number, entry in enumerate(strange["keys"]):
        entry["kid"] = f"another {number}"
    keys.write_text(json.dumps(strange))
    refused = run_command("receipt", "verify", file, "--jwks", keys)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "not signed by this platform" in refused.stderr
    file.write_bytes(file.read_bytes().replace(b"To test", b"To sell"))
    changed = run_command("receipt", "verify", file, "--origin", wire.origin)
    assert changed.returncode == 1
    assert "changed" in changed.stderr
