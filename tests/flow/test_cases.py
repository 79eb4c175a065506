"""Files as people really have them, uploaded on the page, agreed to, and read by an app: tests/data/cases.

A new case is a line in CASES, and its file.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flow.consenting import ask, asking_contract, opened, page_of, problem_of_upload, upload
from tests.flow.people import EVERYTHING, FHIR_FILE, SPOTIFY, People
from tests.flow.sessions import texts, wait_until_over
from tests.flow.wire import Wire

FOLDER = Path(__file__).parent.parent / "data" / "cases"


@dataclass(frozen=True)
class Case:
    """What must come of some files that a person uploads one after the other.

    Attributes:
        files: Their names.
        source: To which they are uploaded.
        delivered: How many objects the app reads.
        told: What the page says after the last of them.
        partial: Whether the app learns that something is missing.
        refused: Whether the page refuses the last of them.
        holds: What is in the JSON that the app reads, as it is written there.
        slow: Whether the case combines what others show each.
    """

    files: Sequence[str]
    source: int
    delivered: int = 0
    told: Sequence[str] = ()
    partial: bool = False
    refused: bool = False
    holds: Sequence[str] = ()
    slow: bool = False


def fhir(name: str, delivered: int, **more: Any) -> Case:
    return Case([f"fhir-{name}"], FHIR_FILE, delivered, **more)


def spotify(name: str, delivered: int, **more: Any) -> Case:
    return Case([f"spotify-{name}"], SPOTIFY, delivered, **more)


CASES = [
    fhir(
        "apple-one-dstu2.zip",
        2,
        told=["2 entries were read", "1 of 3 entries is in a version of the format that cannot be read"],
        partial=True,
    ),
    fhir("integer-over-int64.json", 2, holds=['{"value": 100000000000000000000}']),
    fhir("json-array.json", 2),
    fhir("late-resourceType-in-zip.zip", 2),
    fhir("list-entry-before-type.json", 1),
    fhir("ndjson-bundle-line.ndjson", 4),
    fhir("ndjson-lone-surrogate.ndjson", 2, holds=["cut \ufffd"]),
    fhir("nested-bundles-only.json", 3),
    fhir("null-resource-entry.json", 1),
    fhir("r4-with-legacy-extra-field.json", 2, holds=["legacy extra"]),
    fhir("zip-of-ndjson-gz.zip", 2),
    fhir("zip-one-bad-json.zip", 1, told=["bad.json is not JSON", "README.json"], partial=True),
    spotify("copied-endsong.zip", 3),
    spotify("missing-track-keys.zip", 1),
    spotify("number-title.zip", 2, holds=['"name":"1999"']),
    spotify(
        "one-null-ts.zip",
        99,
        told=["99 entries were read", "1 of 100 plays has no date"],
        partial=True,
    ),
    spotify("ts-space-UTC.zip", 1, holds=['"createddate":1614864450000']),
    Case(["spotify-username-then-none-a.zip", "spotify-username-then-none-b.zip"], SPOTIFY, 3),
    Case(["spotify-username-then-none-b.zip", "spotify-username-then-none-a.zip"], SPOTIFY, 3, slow=True),
    Case(["two-zips-one-journey-a.zip", "two-zips-one-journey-b.zip"], SPOTIFY, 2),
    Case(["two-zips-one-journey-a.zip", "two-zips-one-journey-a.zip"], SPOTIFY, 1),
    Case(
        ["two-zips-one-journey-b.zip", "spotify-one-null-ts.zip", "two-zips-one-journey-a.zip"],
        SPOTIFY,
        100,
        partial=True,
        slow=True,
    ),
    Case(["zip-backslash-names.zip"], SPOTIFY, 1),
    Case(["zip-deflate64.zip"], SPOTIFY, refused=True, told=["Deflate64", "Unpack the archive"]),
]


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document={"dataRequest": EVERYTHING})


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=" ".join(case.files), marks=[pytest.mark.slow] if case.slow else []) for case in CASES],
)
def test_an_uploaded_file_is_read_by_the_app(wire: Wire, case: Case) -> None:
    """Readable data reaches the app unchanged, and the rest is reported to the person and the app."""
    asking = ask(wire, f"&service={case.source}")
    browser = opened(asking.url)
    if case.refused:
        (name,) = case.files
        browser.submit("continue", file=FOLDER / name)
        assert all(words in problem_of_upload(browser) for words in case.told)
        return
    for name in case.files:
        upload(browser, case.source, FOLDER / name)
    assert browser.page is not None
    for words in case.told:
        assert words in browser.page.html
    assert page_of(browser) == "consent"
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    listed = wait_until_over(wire, tokens, asking.session)
    assert listed["status"]["state"] == ("partial" if case.partial else "completed")
    files = texts(wire, tokens, asking.session, listed)
    assert sum(len(json.loads(text)) for text in files) == case.delivered
    assert sum(entry["objectCount"] for entry in listed["fileList"]) == case.delivered
    for part in case.holds:
        assert any(part in text for text in files)
    assert len(listed["status"]["details"]) == 1
