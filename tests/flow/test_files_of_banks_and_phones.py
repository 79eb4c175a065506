"""Tests of bank statements and Apple Health exports: uploaded, agreed to, and read by an app, several times."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from examples.walking import Browser

from tests.archives import zipped
from tests.flow.consenting import add_found, ask, asking_contract, opened, page_of
from tests.flow.people import People
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.wire import Wire, unsealed

EU_BANKS, APPLE_HEALTH, HEALTH_RECORD = 423, 260, 9002
HEADER = "Datum;Omschrijving;Bedrag (EUR);Rekening;Status\n"
OLDER = HEADER + (
    "05-01-2026;BREAD;-12,50;NL91ABNA0417164300;Geboekt\n"
    "16-01-2026;WORK;1.000,00;NL91ABNA0417164300;Geboekt\n"
    "17-01-2026;SHOP;-7,00;NL91ABNA0417164300;Gereserveerd\n"
)
NEWER = """:20:X
:25:NL91ABNA0417164300EUR
:60F:C260101EUR0,
:61:2601160116C1000,00NTRFNONREF
:86:WORK
:61:2601180118D7,00NTRFNONREF
:86:SHOP
:62F:C260118EUR980,50
"""
EXPORT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!ATTLIST Broken (((>
]>
<HealthData locale="nl_NL">
<Record type="HKQuantityTypeIdentifierStepCount" sourceName="Watch" unit="count" value="1000" startDate="2026-03-02 10:00:00 +0100" endDate="2026-03-02 10:10:00 +0100"/>
<Record type="HKQuantityTypeIdentifierStepCount" sourceName="iPhone" unit="count" value="900" startDate="2026-03-02 10:00:00 +0100" endDate="2026-03-02 10:10:00 +0100"/>
<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" value="61" startDate="2026-03-02 10:00:00 +0100" endDate="2026-03-02 10:00:00 +0100"/>
<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Watch" unit="count/min" value="soon" startDate="2026-03-02 10:00:00 +0100" endDate="2026-03-02 10:00:00 +0100"/>
</HealthData>
"""  # noqa: E501 - lines as phones write them


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 2}, {"id": 3}, {"id": 4}]}})


def read(wire: Wire, source: int, files: list[Path]) -> tuple[str, list[dict[str, Any]], str]:
    """Uploads files on one journey, agrees, and reads as the app: the state, the objects, and the last page."""
    asking = ask(wire)
    browser = opened(asking.url)
    for file in files:
        upload(browser, source, file)
    assert browser.page is not None
    page = browser.page.html
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    listed = wait_until_over(wire, tokens, asking.session)
    objects = []
    for entry in listed["fileList"]:
        answer = wire.get(f"{QUERY}/{asking.session}/{entry['name']}", access_token=tokens.access)
        objects += json.loads(gzip.decompress(unsealed(answer.content, wire.key)))
    return listed["status"]["state"], objects, page


def upload(browser: Browser, source: int, file: Path) -> None:
    """Chooses the source, and uploads a file to it."""
    assert browser.page is not None
    if browser.page.name == "consent":
        browser.submit("another-source")
    assert page_of(browser) == "pick-source"
    browser.page.choose("source-id", str(source))
    browser.submit("continue")
    assert page_of(browser) == "connect"
    browser.submit("continue", file=file)
    add_found(browser)
    assert page_of(browser) == "consent"


def test_a_newer_statement_in_another_format_creates_no_duplicates(wire: Wire, tmp_path: Path) -> None:
    """Pending entries are reported, and come once they are booked. Entries of both files come once."""
    older, newer = tmp_path / "older.csv", tmp_path / "newer.sta"
    older.write_text(OLDER)
    newer.write_text(NEWER)
    state, objects, page = read(wire, EU_BANKS, [older])
    assert (state, len(objects)) == ("partial", 2)
    assert "1 of 3 transactions is not booked yet" in page
    _, objects, _ = read(wire, EU_BANKS, [older, newer])
    assert sorted((thing["basetype"], thing["amount"]) for thing in objects) == [
        ("CREDIT", 1000),
        ("DEBIT", 7),
        ("DEBIT", 12.5),
    ]
    assert "0417164300" not in json.dumps(objects)


def test_an_export_of_a_phone_is_read_by_both_of_its_sources(wire: Wire, tmp_path: Path) -> None:
    """Steps that two devices counted come once, and an unreadable record is reported."""
    export = tmp_path / "Exporteren.zip"
    export.write_bytes(zipped({"apple_health_export/exporteren.xml": EXPORT.encode()}))
    state, objects, page = read(wire, APPLE_HEALTH, [export])
    (day,) = objects
    assert (day["id"], day["steps"], day["heartrate"]) == ("2026-03-02", 1000, 61)
    assert state == "partial"
    assert "1 of 4 records has no date or value" in page
    _, objects, _ = read(wire, HEALTH_RECORD, [export])
    (rate,) = objects
    assert rate["valueQuantity"]["value"] == 61
