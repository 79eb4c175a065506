"""What a person did not choose is not shared: however an app asks for it, and whatever comes later. Protocol 8.7."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from examples.walking import Browser, Input
from sqlalchemy import update

from privateshare.platform.db.tables import ConsentRow, SyncRow
from privateshare.platform.runtime import Platform
from privateshare.protocol.choice import AccountChoice, Choice
from tests.archives import bundle
from tests.flow.consenting import ask, asking_contract, at_consent, opened, page_of, refer, upload
from tests.flow.consents import consent_by_id
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.sessions import QUERY, read, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, check_error

pytestmark = pytest.mark.protocol("8.7")

CONDITION, OBSERVATION, PLAYLIST, PLAY_HISTORY = 128, 132, 403, 406
ALL_DATES = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 2}, {"id": 5}]}}


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=ALL_DATES)


def boxes(browser: Browser, name: str) -> list[Input]:
    """Return the boxes of the consent page's form with this name."""
    assert browser.page is not None
    return [entry for entry in browser.page.form("continue").inputs if entry.name == name and entry.kind == "checkbox"]


def tick(browser: Browser, name: str, value: str, chosen: bool) -> None:
    """Ticks or unticks the box whose value ends so: of an account, a group, or a kind."""
    (box,) = [entry for entry in boxes(browser, name) if entry.value.endswith(value)]
    box.chosen = chosen


def shared_without(
    wire: Wire, *kinds: int, http: httpx2.Client | None = None, source: int = FHIR_FILE
) -> tuple[Tokens, str]:
    """Return the tokens and session of a person who left these kinds out."""
    asking = ask(wire)
    browser = at_consent(asking, source, http)
    for kind in kinds:
        tick(browser, "kind", f":{kind}", chosen=False)
    browser.submit("continue")
    return asking.tokens(str(browser.left_to)), asking.session


def types(listed: dict[str, Any]) -> set[str]:
    return {entry["objectType"] for entry in listed["fileList"]}


def scope(group: int, service: int, *kinds: int) -> dict[str, Any]:
    services = [{"id": service, "serviceObjectTypes": [{"id": kind} for kind in kinds]}]
    return {"scope": {"serviceGroups": [{"id": group, "serviceTypes": services}]}}


def test_a_kind_that_is_left_out_is_in_no_session(wire: Wire) -> None:
    """It is neither listed nor readable, in the first session and in later ones, whatever scope they ask for."""
    whole, session = shared_without(wire)
    listed = wait_until_over(wire, whole, session)
    (left_out, *_) = [entry["name"] for entry in listed["fileList"] if entry["objectType"] == "condition"]
    tokens, session = shared_without(wire, CONDITION)
    for key in (session, triggered(wire, tokens), triggered(wire, tokens, **scope(2, 9001, CONDITION, OBSERVATION))):
        found = types(wait_until_over(wire, tokens, key))
        assert "observation" in found
        assert "condition" not in found
        check_error(wire.get(f"{QUERY}/{key}/{left_out}", access_token=tokens.access), 404, "FileNotFound")
        assert wire.call("HEAD", f"{QUERY}/{key}/{left_out}", access_token=tokens.access).status_code == 404
    only = triggered(wire, tokens, **scope(2, 9001, CONDITION))
    assert wait_until_over(wire, tokens, only)["fileList"] == []


def test_a_group_that_is_left_out_is_not_shared(wire: Wire) -> None:
    """Unticking the group is enough, although the boxes in it stay ticked."""
    asking = ask(wire)
    browser = at_consent(asking, FHIR_FILE)
    tick(browser, "group", ":conditions", chosen=False)
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    found = types(wait_until_over(wire, tokens, asking.session))
    assert found.isdisjoint({"condition", "allergyintolerance"})
    assert "observation" in found


def test_a_kind_survives_being_shown_in_a_group(wire: Wire, tmp_path: Path) -> None:
    """A kind that had a box of its own stays ticked when the page puts it into a group, and the other way around."""
    record = tmp_path / "record.json"
    record.write_bytes(bundle([{"resourceType": "Condition", "id": "c1"}]))
    http = httpx2.Client()
    asking = ask(wire, f"&service={FHIR_FILE}")
    browser = opened(asking.url, http=http)
    upload(browser, FHIR_FILE, record)
    assert boxes(browser, "group") == []
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert types(wait_until_over(wire, tokens, asking.session)) == {"condition"}
    asking = ask(wire, access_token=tokens.access)
    browser = opened(asking.url, http=http)
    record.write_bytes(bundle([{"resourceType": "AllergyIntolerance", "id": "a1"}]))
    upload(browser, FHIR_FILE, record)
    (group,) = [box for box in boxes(browser, "group") if box.value.endswith(":conditions")]
    assert group.chosen
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert "condition" in types(wait_until_over(wire, tokens, asking.session))


def test_reports_leave_out_what_is_not_shared(wire: Wire) -> None:
    """The portability report has only what is shared, in each of its formats."""
    tokens, session = shared_without(wire, CONDITION)
    wait_until_over(wire, tokens, session)
    for form in ("xml", "json", "fhir"):
        answer = wire.get(f"export/fhirfile/report?format={form}", access_token=tokens.access)
        assert answer.status_code == 200, answer.text
        assert "Observation" in answer.text
        assert '"resourceType": "Condition"' not in answer.text
        assert '"resourceType":"Condition"' not in answer.text
        assert ">Condition<" not in answer.text


def test_an_account_of_which_nothing_is_shared_is_not_seen(wire: Wire) -> None:
    """Without a kind there is nothing to agree to; the page says so and shares nothing."""
    browser = at_consent(ask(wire))
    for box in boxes(browser, "kind"):
        box.chosen = False
    browser.submit("continue")
    assert browser.page is not None
    assert (page_of(browser), browser.page.status) == ("consent", 422)
    assert not any(box.chosen for box in boxes(browser, "kind"))


async def test_a_kind_that_comes_later_is_not_shared(wire: Wire, platform: Platform) -> None:
    """A kind that was not offered is shared only if the person said so."""
    tokens, session = shared_without(wire)
    wait_until_over(wire, tokens, session)
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        ((account_id, choice),) = (consent.choice.accounts or {}).items()
        assert not choice.later
        # The source has yielded no conditions until now.
        before = tuple(kind for kind in choice.kinds if kind != CONDITION)
        consent.choice = Choice(accounts={account_id: AccountChoice(kinds=before)})
    assert "condition" not in types(wait_until_over(wire, tokens, triggered(wire, tokens)))
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        consent.choice = Choice(accounts={account_id: AccountChoice(kinds=before, later=True)})
    assert "condition" in types(wait_until_over(wire, tokens, triggered(wire, tokens)))


async def test_a_consent_for_an_account_that_it_does_not_name_shares_nothing(wire: Wire, platform: Platform) -> None:
    """A row that adds an account without a choice opens nothing of it."""
    tokens, session = shared_without(wire)
    wait_until_over(wire, tokens, session)
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        consent.choice = Choice(accounts={})
    assert wait_until_over(wire, tokens, triggered(wire, tokens))["fileList"] == []


def test_what_is_left_out_stays_out_when_consent_is_renewed(wire: Wire) -> None:
    """The box is still empty in the person's own browser, and pressing the button shares no more than before."""
    http = httpx2.Client()
    tokens, _ = shared_without(wire, CONDITION, http=http)
    asking = ask(wire, access_token=tokens.access)
    browser = opened(asking.url, http=http)
    assert page_of(browser) == "consent"
    (box,) = [entry for entry in boxes(browser, "kind") if entry.value.endswith(f":{CONDITION}")]
    assert not box.chosen
    browser.submit("continue")
    renewed = asking.tokens(str(browser.left_to))
    assert renewed.claims["consentid"] == tokens.claims["consentid"]
    found = types(wait_until_over(wire, renewed, triggered(wire, renewed)))
    assert "condition" not in found
    assert "observation" in found


def test_a_form_cannot_ask_for_more_than_the_contract(people: People, wire: Wire) -> None:
    """Kinds that a program adds to the form are ignored if the contract does not ask for them."""
    asking = ask(wire)
    browser = at_consent(asking)
    assert browser.page is not None
    form = browser.page.form("continue")
    account = boxes(browser, "account")[0].value
    for name in ("offered", "kind"):
        form.inputs.append(Input(name, "hidden", f"{account}:201", True, {}))
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert "transaction" not in types(wait_until_over(wire, tokens, asking.session))


async def test_a_kind_that_was_ticked_by_name_stays_ticked(wire: Wire, platform: Platform) -> None:
    """It counts although it became known meanwhile that there is none yet; one that was left out by name does not."""
    asking = ask(wire)
    browser = at_consent(asking, FHIR_FILE)
    assert browser.page is not None
    form, account = browser.page.form("continue"), boxes(browser, "account")[0].value
    assert not [box for box in boxes(browser, "kind") if box.value.endswith((":9145", ":9146"))]
    form.inputs.append(Input("offered", "hidden", f"{account}:9145", chosen=True, marks={}))
    form.inputs.append(Input("kind", "hidden", f"{account}:9145", chosen=True, marks={}))
    form.inputs.append(Input("offered", "hidden", f"{account}:9146", chosen=True, marks={}))
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    async with platform.database.transaction() as db:
        choice = (await consent_by_id(db, tokens.claims["consentid"])).choice
    assert choice.allows(UUID(account), 9145)
    assert not choice.allows(UUID(account), 9146)


def test_the_persons_own_date_limits_every_object(wire: Wire) -> None:
    """Nothing of before that date is read, in a file that the date cuts through neither."""
    asking = ask(wire)
    browser = at_consent(asking)
    assert browser.page is not None
    week_ago = (datetime.now(UTC) - timedelta(days=7)).replace(hour=0, minute=0, second=0, microsecond=0)
    browser.submit("continue", extra={"since": week_ago.date().isoformat()})
    tokens = asking.tokens(str(browser.left_to))
    listed = wait_until_over(wire, tokens, asking.session)
    plays = [entry["name"] for entry in listed["fileList"] if entry["objectType"] == "playhistory"]
    start = week_ago.timestamp() * 1000
    dates = [one["createddate"] for name in plays for one in read(wire, tokens, asking.session, name)[0]]
    assert dates
    assert all(date >= start for date in dates)
    assert len(dates) <= 18  # The sample has two plays a day for two weeks, and a day may begin meanwhile.
    check_error(
        wire.post(
            "permission-access/trigger", access_token=tokens.access, body={"scope": {"timeRanges": [{"last": "x"}]}}
        ),
        400,
        "InvalidRequest",
    )
    wider = triggered(wire, tokens, scope={"timeRanges": [{"from": 0}]})
    again = wait_until_over(wire, tokens, wider)
    assert {(one["name"], one["objectCount"]) for one in again["fileList"]} == {
        (one["name"], one["objectCount"]) for one in listed["fileList"]
    }


@pytest.mark.parametrize("since", ["2999-01-01", "yesterday", "2026-02-31"])
def test_a_date_that_makes_no_sense_is_refused(wire: Wire, since: str) -> None:
    """It is not taken as no limit, and what was chosen stays as it was."""
    browser = at_consent(ask(wire))
    tick(browser, "kind", f":{PLAYLIST}", chosen=False)
    browser.submit("continue", extra={"since": since, "duration": "90"})
    assert browser.page is not None
    assert (page_of(browser), browser.page.status) == ("consent", 422)
    assert [box.chosen for box in boxes(browser, "kind") if box.value.endswith(f":{PLAYLIST}")] == [False]
    chosen = [
        entry.value for entry in browser.page.form("continue").inputs if entry.name == "duration" and entry.chosen
    ]
    assert chosen == ["90"]


async def test_a_consent_for_one_read_allows_one_read(wire: Wire) -> None:
    """A person who shares once is read once, although the contract may come back."""
    asking = ask(wire)
    browser = at_consent(asking)
    browser.submit("continue", extra={"duration": "once"})
    tokens = asking.tokens(str(browser.left_to))
    assert wait_until_over(wire, tokens, asking.session)["fileList"]
    check_error(wire.post("permission-access/trigger", access_token=tokens.access, body={}), 403, "InsufficientScope")
    check_error(wire.get("export/spotify/report", access_token=tokens.access), 403, "InsufficientScope")


async def test_tokens_end_with_the_consent(wire: Wire, platform: Platform) -> None:
    """No token outlives the date that the person chose, and neither do its successors."""
    asking = ask(wire)
    browser = at_consent(asking)
    browser.submit("continue", extra={"duration": "30"})
    tokens = asking.tokens(str(browser.left_to))
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
        assert consent.expires_at is not None
        last = consent.expires_at.timestamp()
        assert abs(last - (datetime.now(UTC) + timedelta(days=30)).timestamp()) < 600
        assert tokens.claims["refresh_token"]["expires_on"] <= last
        await db.execute(
            update(ConsentRow)
            .where(ConsentRow.id == consent.id)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")


async def test_a_contract_caps_the_duration(people: People, platform: Platform) -> None:
    """Nobody shares for longer than the contract lasts, whatever the form says."""
    ends = datetime.now(UTC) + timedelta(days=40)
    short = await asking_contract(people, document=ALL_DATES, expires_at=ends)
    for duration in ("180", "open", "9999"):
        asking = ask(short)
        browser = at_consent(asking)
        browser.submit("continue", extra={"duration": duration})
        tokens = asking.tokens(str(browser.left_to))
        async with platform.database.transaction() as db:
            consent = await consent_by_id(db, tokens.claims["consentid"])
            assert consent.expires_at is not None
            assert consent.expires_at <= ends


async def test_onboarding_does_not_widen_what_was_chosen(wire: Wire, platform: Platform) -> None:
    """An account that is connected later is shared as its page says; of the others, what was left out stays out."""
    http = httpx2.Client()
    tokens, _ = shared_without(wire, CONDITION, http=http)
    for source in (SPOTIFY, FHIR_FILE):  # The second is the account that is shared already.
        browser = opened(refer(wire, "onboard", tokens.access, f"&service={source}").url, http=http)
        assert browser.page is not None
        browser.page.choose("dataset", "default")
        browser.submit("continue")
        assert "success=true" in str(browser.left_to)
    found = types(wait_until_over(wire, tokens, triggered(wire, tokens)))
    assert {"playhistory", "observation"} <= found
    assert "condition" not in found


async def test_a_required_kind_is_shared_or_nothing_is(people: People) -> None:
    """Its box cannot be emptied by the form, and its reason is shown."""
    kinds = [
        {"id": CONDITION, "required": True, "reason": "We count your conditions"},
        {"id": OBSERVATION, "reason": "To draw"},
    ]
    services = [{"id": 9001, "serviceObjectTypes": kinds}]
    document = {"dataRequest": {"purpose": "To test", "serviceGroups": [{"id": 2, "serviceTypes": services}]}}
    needing = await asking_contract(people, document=document)
    asking = ask(needing)
    browser = at_consent(asking, FHIR_FILE)
    assert browser.page is not None
    for words in ("We count your conditions", "To draw", "Needed"):
        assert words in browser.page.html
    tick(browser, "kind", f":{OBSERVATION}", chosen=False)
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert types(wait_until_over(needing, tokens, asking.session)) == {"condition"}
    asking = ask(needing)
    browser = at_consent(asking, FHIR_FILE)
    tick(browser, "account", "", chosen=False)
    browser.submit("continue")
    assert browser.page is not None
    assert browser.page.status == 422


async def test_errors_of_a_sync_name_no_kind_that_is_left_out(wire: Wire, platform: Platform) -> None:
    """The status of a session does not tell of a kind that the person did not share."""
    tokens, session = shared_without(wire, CONDITION)
    wait_until_over(wire, tokens, session)
    errors = [
        {"objectType": kind, "error": {"code": "x", "message": "1 left out", "statusCode": 422}}
        for kind in (CONDITION, OBSERVATION)
    ]
    error = {"code": "EntriesLeftOut", "statusCode": 422, "message": "x", "objectTypeErrors": errors}
    async with platform.database.transaction() as db:
        library = (await consent_by_id(db, tokens.claims["consentid"])).library_id
        await db.execute(update(SyncRow).where(SyncRow.library_id == library).values(error=error))
    listed = wire.get(f"{QUERY}/{session}", access_token=tokens.access).json()
    (details,) = listed["status"]["details"].values()
    assert [one["objectType"] for one in details["error"]["objectTypeErrors"]] == [OBSERVATION]


def test_choices_survive_another_source_and_another_language(wire: Wire) -> None:
    """Unticked boxes, the date and the duration are as they were after a second source, and in German."""
    asking = ask(wire)
    browser = at_consent(asking, FHIR_FILE)
    tick(browser, "kind", f":{CONDITION}", chosen=False)
    browser.submit("another-source", extra={"since": "2020-01-01", "duration": "180"})
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.page.choose("dataset", "default")
    browser.submit("continue")
    while page_of(browser) == "preview":
        browser.submit("continue")
    for _ in range(2):
        assert browser.page is not None
        assert [box.chosen for box in boxes(browser, "kind") if box.value.endswith(f":{CONDITION}")] == [False]
        assert all(box.chosen for box in boxes(browser, "account"))
        values = {entry.name: entry.value for entry in browser.page.form("continue").inputs if entry.chosen}
        assert (values["since"], values["duration"]) == ("2020-01-01", "180")
        browser.submit("update", extra={"then": "lng:de", "since": "2020-01-01", "duration": "180"})
        assert 'lang="de"' in browser.page.html
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    found = types(wait_until_over(wire, tokens, asking.session))
    assert "condition" not in found
    assert "observation" in found
