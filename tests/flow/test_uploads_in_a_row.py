"""Tests of several uploads on one journey: all are kept, and the person decides about each until they agree."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import func, select

from privateshare.platform.db.tables import AccountRow, ArchiveRow
from privateshare.platform.runtime import Platform
from tests.archives import bundle, play, spotify_zip, zipped
from tests.flow.consenting import (
    accounts,
    add_found,
    again,
    ask,
    asking_contract,
    journey_of,
    opened,
    page_of,
    problem_of_upload,
    refer,
    upload,
)
from tests.flow.people import EVERYTHING, FHIR_FILE, SPOTIFY, People
from tests.flow.sessions import texts, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document={"dataRequest": EVERYTHING})


def history(folder: Path, *numbers: int, **more: Any) -> Path:
    """Return an export of these plays."""
    path = folder / f"{'-'.join(map(str, numbers))}{more.get('username', '')}.zip"
    path.write_bytes(spotify_zip([play(number, **more) for number in numbers]))
    return path


def plays(wire: Wire, tokens: Tokens, session: str) -> list[int]:
    """Return how long each play of a session was heard, which tells them apart."""
    listed = wait_until_over(wire, tokens, session)
    found = [thing["msplayed"] - 200_000 for text in texts(wire, tokens, session, listed) for thing in json.loads(text)]
    return sorted(found)


def agreed(browser: Browser, asking: Any) -> Tokens:
    browser.submit("continue")
    tokens: Tokens = asking.tokens(str(browser.left_to))
    return tokens


async def waiting(platform: Platform, library_id: Any) -> int:
    async with platform.database.session() as db:
        count = await db.scalar(select(func.count()).select_from(ArchiveRow).where(ArchiveRow.library_id == library_id))
        return int(count or 0)


async def test_files_of_one_account_are_all_imported(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """Three overlapping files become one account with every play once, and no archive is kept."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    for numbers in ((1, 2), (2, 3), (4,)):
        upload(browser, SPOTIFY, history(tmp_path, *numbers, username="ann"))
    library_id = (await journey_of(platform, asking)).library_id
    assert await waiting(platform, library_id) == 3
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1, 2, 3, 4]
    assert [account["username"] for account in accounts(wire, tokens.access)] == ["ann"]
    assert await waiting(platform, library_id) == 0


async def test_another_persons_file_is_another_account(wire: Wire, tmp_path: Path) -> None:
    """It is listed by its name and shared only if the person leaves it ticked."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    upload(browser, SPOTIFY, history(tmp_path, 1, username="ann"))
    upload(browser, SPOTIFY, history(tmp_path, 2, username="bob"))
    assert browser.page is not None
    form = browser.page.form("continue")
    boxes = [entry for entry in form.inputs if entry.name == "account"]
    assert len(boxes) == 2
    boxes[1].chosen = False
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1]
    assert [account["username"] for account in accounts(wire, tokens.access)] == ["ann"]


async def test_a_file_without_a_name_is_not_merged_into_one_of_several_accounts(wire: Wire, tmp_path: Path) -> None:
    """If two people's accounts exist, it becomes an account of its own that the person sees."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    upload(browser, SPOTIFY, history(tmp_path, 1, username="ann"))
    upload(browser, SPOTIFY, history(tmp_path, 2, username="bob"))
    upload(browser, SPOTIFY, history(tmp_path, 3))
    tokens = agreed(browser, asking)
    assert len(accounts(wire, tokens.access)) == 3


def removals(browser: Browser) -> int:
    """Return how many uploads the consent page offers to remove."""
    assert browser.page is not None
    return sum(button.action == "remove-upload" for form in browser.page.forms for button in form.buttons)


async def test_an_upload_can_be_removed(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """A wrong file is removed before anything is shared; an account is removed with its only file."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    upload(browser, SPOTIFY, history(tmp_path, 1, username="ann"))
    upload(browser, SPOTIFY, history(tmp_path, 2, username="ann"))
    upload(browser, SPOTIFY, history(tmp_path, 3, username="bob"))
    assert browser.page is not None
    assert removals(browser) == 3
    for name in ("1ann.zip", "2ann.zip", "3bob.zip"):  # So that the person knows which one they remove.
        assert name in browser.page.html
    browser.submit("remove-upload", number=1)
    browser.submit("remove-upload", number=1)
    assert page_of(browser) == "consent"
    library_id = (await journey_of(platform, asking)).library_id
    assert await waiting(platform, library_id) == 1
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1]
    async with platform.database.session() as db:
        assert (
            await db.scalar(select(func.count()).select_from(AccountRow).where(AccountRow.library_id == library_id))
            == 1
        )


async def test_the_back_button_adds_a_file(wire: Wire, tmp_path: Path) -> None:
    """Going back and uploading another file keeps both. Sending the same form twice keeps one."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    connect = browser.page
    assert connect is not None
    first = history(tmp_path, 1)
    for file in (first, first, history(tmp_path, 2)):
        browser.page = connect
        upload(browser, SPOTIFY, file)
    assert browser.page is not None
    assert removals(browser) == 2
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1, 2]


async def test_declining_removes_this_journeys_uploads(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """A known person who declines keeps what they shared before, and nothing of the new file."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    upload(browser, SPOTIFY, history(tmp_path, 1, username="ann"))
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1]
    again = ask(wire, f"&service={SPOTIFY}", access_token=tokens.access)
    browser = opened(again.url)
    upload(browser, SPOTIFY, history(tmp_path, 2, username="ann"))
    library_id = (await journey_of(platform, again)).library_id
    assert plays(wire, tokens, triggered(wire, tokens)) == [1]  # Nothing is imported before they agree.
    assert await waiting(platform, library_id) == 1
    browser.submit("decline")
    assert await waiting(platform, library_id) == 0
    assert plays(wire, tokens, triggered(wire, tokens)) == [1]


async def test_a_later_link_adds_to_the_library(wire: Wire, tmp_path: Path) -> None:
    """A file from another link is merged with the library in the same person's browser.

    A file that was added before is recognised there, and in no other browser.
    """
    asking, home = ask(wire, f"&service={SPOTIFY}"), httpx2.Client()
    browser, first = opened(asking.url, http=home), history(tmp_path, 1, 2)
    upload(browser, SPOTIFY, first)
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1, 2]
    more = refer(wire, "onboard", tokens.access, f"&service={SPOTIFY}")
    browser = opened(more.url, http=home)
    upload(browser, SPOTIFY, history(tmp_path, 2, 3, username="ann"))
    assert plays(wire, tokens, more.session) == [1, 2, 3]
    assert [account["username"] for account in accounts(wire, tokens.access)] == ["ann"]
    for http, is_known in ((httpx2.Client(), False), (home, True)):
        more = refer(wire, "onboard", tokens.access, f"&service={SPOTIFY}")
        browser = opened(more.url, http=http)
        browser.submit("continue", file=first)
        assert page_of(browser) == "found"
        assert browser.page is not None
        assert ("You added this file before" in browser.page.html) == is_known
    add_found(browser)
    assert plays(wire, tokens, more.session) == [1, 2, 3]
    assert len(accounts(wire, tokens.access)) == 1


async def test_skipped_records_are_shown_before_adding_a_source(wire: Wire, tmp_path: Path) -> None:
    """On a link that only adds a source nothing is shared before the person knows what was left out."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url)
    upload(browser, SPOTIFY, history(tmp_path, 1))
    tokens = agreed(browser, asking)
    record = tmp_path / "record.json"
    record.write_bytes(bundle([{"resourceType": "Patient", "id": "p1"}, {"resourceType": "MedicationOrder"}]))
    for decision in ("decline", "continue"):
        more = refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}")
        browser = opened(more.url)
        browser.submit("continue", file=record)
        assert page_of(browser) == "found"
        assert browser.page is not None
        assert "1 of 2 entries is in a version of the format that cannot be read" in browser.page.html
        assert len(accounts(wire, tokens.access)) == 1
        browser.submit(decision)
        assert browser.left_to is not None
        assert len(accounts(wire, tokens.access)) == (1 if decision == "decline" else 2)


async def test_a_file_connects_an_account_again_only_if_it_is_of_that_account(wire: Wire, tmp_path: Path) -> None:
    """The page says so before anything is added. The right file is added, and nothing else is asked."""
    asking, home = ask(wire, f"&service={SPOTIFY}"), httpx2.Client()
    browser = opened(asking.url, http=home)
    upload(browser, SPOTIFY, history(tmp_path, 1, username="ann"))
    tokens = agreed(browser, asking)
    assert plays(wire, tokens, asking.session) == [1]
    (account,) = accounts(wire, tokens.access)
    link = await again(wire, tokens, account)
    browser = opened(link.url, http=home)
    browser.submit("continue", file=history(tmp_path, 2, username="bob"))
    assert "This is another account" in problem_of_upload(browser)
    assert browser.page is not None
    browser.open(browser.page.links["Upload another file"])
    upload(browser, SPOTIFY, history(tmp_path, 3, username="ann"))
    assert browser.left_to is not None
    assert len(accounts(wire, tokens.access)) == 1
    assert plays(wire, tokens, triggered(wire, tokens)) == [1, 3]


async def test_nobody_connects_an_account_again_with_a_file_who_did_not_prove_who_they_are(
    wire: Wire, tmp_path: Path
) -> None:
    """In another browser, a file proves nothing."""
    asking = ask(wire, f"&service={SPOTIFY}")
    browser = opened(asking.url, http=httpx2.Client())
    upload(browser, SPOTIFY, history(tmp_path, 1, username="ann"))
    tokens = agreed(browser, asking)
    (account,) = accounts(wire, tokens.access)
    stranger = opened((await again(wire, tokens, account)).url)
    assert stranger.page is not None
    stranger.open(f"{stranger.page.url.rsplit('/', 1)[0]}/connect/{SPOTIFY}")
    assert page_of(stranger) == "connect"
    assert not any(entry.kind == "file" for form in stranger.page.forms for entry in form.inputs)
    stranger.submit("continue", extra={"way": "upload"})
    assert page_of(stranger) == "connect"


async def test_skipped_records_are_explained_in_the_persons_language(wire: Wire, tmp_path: Path) -> None:
    """A person who reads German gets German numbers and reasons."""
    path = tmp_path / "export.zip"
    lines = [play(number) for number in range(1234)]
    lines[7]["ts"] = None
    path.write_bytes(zipped({"a.json": json.dumps(lines).encode(), "b.txt": b"x", "c.json": b"kein JSON"}))
    browser = Browser(language="de")
    browser.open(ask(wire, f"&service={SPOTIFY}").url)
    upload(browser, SPOTIFY, path)
    assert browser.page is not None
    for words in (
        "1.233 Einträge wurden gelesen",
        "1 von 1.234 Wiedergaben hat kein Datum",
        "c.json ist kein JSON",
        "b.txt",
    ):
        assert words in browser.page.html


async def test_a_rejected_upload_shows_the_reasons(wire: Wire, tmp_path: Path) -> None:
    """If less than half can be read, the page says how many records, and why."""
    path = tmp_path / "export.zip"
    path.write_bytes(spotify_zip([play(0), *(play(number, ts="?") for number in range(5))]))
    browser = opened(ask(wire, f"&service={SPOTIFY}").url)
    browser.submit("continue", file=path)
    said = problem_of_upload(browser)
    assert "Less than half" in said
    assert "5 of 6 plays have no date" in said


@pytest.mark.protocol("6.1")
async def test_an_app_learns_only_of_types_that_it_may_read(people: People, tmp_path: Path) -> None:
    """It does not even learn that objects of other types are missing."""
    record = tmp_path / "record.json"
    old = {"resourceType": "Condition", "clinicalStatus": "active"}
    patient = {"resourceType": "Patient", "id": "p1"}
    record.write_bytes(bundle([patient, {"resourceType": "Observation", "id": "o1"}, old]))
    states = {}
    for name, object_type in (("of conditions", 128), ("of observations", 132)):
        groups = [{"id": 2, "serviceTypes": [{"id": 9001, "serviceObjectTypes": [{"id": object_type}]}]}]
        wire = await asking_contract(people, document={"dataRequest": {"serviceGroups": groups}})
        asking = ask(wire, f"&service={FHIR_FILE}")
        browser = opened(asking.url)
        upload(browser, FHIR_FILE, record)
        assert browser.page is not None
        assert "1 of 3 entries" in browser.page.html
        tokens = agreed(browser, asking)
        status = wait_until_over(wire, tokens, asking.session)["status"]
        (states[name],) = status["details"].values()
        assert status["state"] == states[name]["state"]
    assert states["of observations"] == {"state": "completed"}
    assert states["of conditions"]["state"] == "partial"
    error = states["of conditions"]["error"]
    assert set(error) == {"code", "statusCode", "message", "objectTypeErrors"}
    assert (error["code"], error["statusCode"]) == ("EntriesLeftOut", 422)
    assert error["objectTypeErrors"] == [
        {"objectType": 128, "error": {"code": "OtherVersion", "message": "1 left out", "statusCode": 422}}
    ]


async def test_numbers_keep_their_digits_when_files_are_filtered(people: People, tmp_path: Path) -> None:
    """Objects of a filtered or merged file are delivered as they were written."""
    limited = {"dataRequest": {"serviceGroups": [{"id": 2}], "timeRanges": [{"from": 1_767_225_600}]}}
    wire = await asking_contract(people, document=limited)
    record = tmp_path / "record.json"
    values = ("100000000000000000000", "1.50", "2.0E-07")
    known: dict[str, str] = {}
    home = httpx2.Client()
    for turn in range(2):
        entries = [
            f'{{"resource": {{"resourceType": "Observation", "id": "o{turn}{number}",'
            f' "effectiveDateTime": "2026-01-0{number + 1}", "valueQuantity": {{"value": {value}}}}}}}'
            for number, value in enumerate(values)
        ]
        old = '{"resource": {"resourceType": "Observation", "id": "old", "effectiveDateTime": "2025-12-31"}}'
        undated = '{"resource": {"resourceType": "Observation", "id": "undated", "valueDecimal": 0.10}}'
        record.write_text(f'{{"resourceType": "Bundle", "entry": [{", ".join([*entries, old, undated])}]}}')
        asking = ask(wire, f"&service={FHIR_FILE}", **known)
        browser = opened(asking.url, http=home)
        upload(browser, FHIR_FILE, record)
        tokens = agreed(browser, asking)
        known = {"access_token": tokens.access}
        listed = wait_until_over(wire, tokens, asking.session)
        text = "".join(texts(wire, tokens, asking.session, listed))
        for value in values:
            assert text.count(f'"value": {value}}}') == turn + 1
        assert '"valueDecimal": 0.10}' in text
        assert '"old"' not in text
    for form in ("xml", "json", "fhir"):
        report = wire.get(f"export/fhirfile/report?format={form}", access_token=tokens.access).text
        assert all(report.count(value) == 2 for value in values), form
