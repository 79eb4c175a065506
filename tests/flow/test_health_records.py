"""Tests of uploaded health records as apps read them."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from examples.walking import Browser, consent

from tests.flow.consenting import accounts, ask, asking_contract, opened, problem_of_upload, refer
from tests.flow.people import FHIR_FILE, People
from tests.flow.sessions import read, wait_until_over
from tests.flow.wire import Tokens, Wire

CASES = Path(__file__).parent.parent / "data" / "cases"
MEDICAL = {"serviceGroups": [{"id": 2}]}
YEAR_2026 = 1_767_225_600


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document={"dataRequest": MEDICAL})


def shared(wire: Wire, record: Path, http: httpx2.Client | None = None) -> tuple[Tokens, list[dict[str, Any]]]:
    """Return what an app reads of a record that a person uploads. `http` keeps the cookies of their browser."""
    asking = ask(wire, f"&service={FHIR_FILE}")
    tokens = asking.tokens(consent(Browser(http), asking.url, {FHIR_FILE: record}))
    return tokens, resources(wire, tokens, asking.session)


def resources(wire: Wire, tokens: Tokens, session: str) -> list[dict[str, Any]]:
    """Return all resources of a session."""
    listed = wait_until_over(wire, tokens, session)
    assert listed["status"]["state"] == "completed"
    names = [entry["name"] for entry in listed["fileList"] if entry.get("objectType")]
    return [thing for name in names for thing in read(wire, tokens, session, name)[0]]


async def test_a_time_limit_excludes_old_values_in_any_date_format(people: People) -> None:
    """A contract since 2026 gets no values of 1998, but objects without a date."""
    limited = await asking_contract(people, document={"dataRequest": MEDICAL | {"timeRanges": [{"from": YEAR_2026}]}})
    _, found = shared(limited, CASES / "time-window-malformed-dates.json")
    assert sorted(thing["id"] for thing in found) == ["good-new", "p1"]


async def test_without_a_time_limit_everything_is_delivered(wire: Wire) -> None:
    """Objects with unreadable dates are delivered if dates do not matter."""
    _, found = shared(wire, CASES / "time-window-malformed-dates.json")
    assert len(found) == 20


async def test_one_person_with_two_hospitals_has_one_account(wire: Wire) -> None:
    """Both hospitals' values are in one account under the person's name."""
    tokens, found = shared(wire, CASES / "fhir-apple-two-hospitals.zip")
    assert sorted(thing["id"] for thing in found) == ["77", "a", "b", "e1a"]
    assert [account["username"] for account in accounts(wire, tokens.access)] == ["Ana Moss"]


async def test_a_record_of_two_people_is_rejected(wire: Wire) -> None:
    """The page says why, and nothing is connected."""
    browser = opened(ask(wire, f"&service={FHIR_FILE}").url)
    browser.submit("continue", file=CASES / "fhir-two-people-without-ids.json")
    assert "records of several people" in problem_of_upload(browser)


async def test_objects_with_one_id_from_two_hospitals_are_both_delivered(wire: Wire, tmp_path: Path) -> None:
    """Each is delivered once, also after the same export is uploaded under another name."""
    home = httpx2.Client()
    tokens, found = shared(wire, CASES / "fhir-same-id-two-hospitals.zip", home)
    assert sorted(thing["valueQuantity"]["value"] for thing in found) == [70, 99]
    again = tmp_path / "export (1).zip"
    again.write_bytes((CASES / "fhir-same-id-two-hospitals.zip").read_bytes())
    asking = refer(wire, "onboard", tokens.access, f"&service={FHIR_FILE}")
    consent(Browser(home), asking.url, {FHIR_FILE: again})
    found = resources(wire, tokens, asking.session)
    assert sorted(thing["valueQuantity"]["value"] for thing in found) == [70, 99]


async def test_objects_that_a_history_deletes_are_not_delivered(wire: Wire) -> None:
    """They are left out although the file has older versions of them."""
    _, found = shared(wire, CASES / "fhir-history-deleted.json")
    assert found == []
