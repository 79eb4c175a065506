"""A source that people sign in to: a FHIR server with an authorization server before it, from consent to erasure."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from examples.walking import Browser

from privateshare.platform.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.consenting import Asking, accounts, ask, asking_contract, failure, opened, page_of, refer
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.signing_in import HOSPITAL, NAME, shown, sign_in, way_back, way_there
from tests.flow.test_wire_sessions import read, triggered, wait_until_over
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, check_error, query_of
from tests.hospital.running import Hospital, hospital

PUSH = "permission-access/import/h:accountId/fhir/stu3"
MEDICAL = {"dataRequest": {"serviceGroups": [{"id": 2}], "purpose": "To test"}}
PUSHING = {"dataPush": {"purpose": "To file your results"}}
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "effectiveDateTime": "2026-11-01T10:00:00Z",
    "valueQuantity": {"value": 61.50, "unit": "/min"},
}


def observation(number: int) -> dict[str, Any]:
    day = f"2026-{1 + number % 10:02}-{1 + number % 28:02}T08:00:00Z"
    return OBSERVATION | {"id": f"o{number}", "effectiveDateTime": day}


def patient(id_: str, given: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"given": [given], "family": "Tester"}]}


@pytest.fixture(scope="module")
def city() -> Iterator[Hospital]:
    """A hospital with the records of two patients."""
    with hospital("stu3") as running:
        condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
        history = [observation(number) for number in range(250)]
        running.do("keep", patient="p1", resources=[patient("p1", "Ada"), condition, *history])
        running.do("keep", patient="p2", resources=[patient("p2", "Bob"), observation(1)])
        yield running


@pytest.fixture(scope="module")
def connected(city: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A platform that the hospital is a source of."""
    folder: Path = tmp_path_factory.mktemp("connected")
    kinds = ["Patient", "Condition", "Observation", "Immunization"]
    servers = [city.settings(HOSPITAL, NAME, push=True, resource_types=kinds)]
    with serving(folder / "data", environment={"PRIVATESHARE_FHIR_SERVERS": json.dumps(servers)}) as running:
        yield running


@pytest.fixture(scope="module")
async def people(connected: Served) -> AsyncIterator[People]:
    async with operator_platform(Settings(data=connected.data, database_pool_size=5)) as platform:
        yield People(platform, connected.origin)


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=MEDICAL)


@dataclass
class Patient:
    """A person who signed in at the hospital and shares it with an app."""

    wire: Wire
    tokens: Tokens
    account: dict[str, Any]

    def state(self) -> dict[str, Any]:
        """Where a new session of the app ends, for the account."""
        listed = wait_until_over(self.wire, self.tokens, triggered(self.wire, self.tokens))
        told: dict[str, Any] = listed["status"]["details"][self.account["id"]]
        return told

    def push(self, resource: Any, **options: Any) -> httpx2.Response:
        """Pushes a resource to the hospital."""
        headers = {"accountId": self.account["id"]} | options.pop("headers", {})
        path = options.pop("path", PUSH)
        return self.wire.post(path, access_token=self.tokens.access, body=resource, headers=headers, **options)


def at_hospital(asking: Asking) -> Browser:
    """A browser on the page that connects the hospital."""
    browser = opened(asking.url)
    shown(browser).choose("source-id", str(HOSPITAL))
    browser.submit("continue")
    return browser


def shared(wire: Wire, query: str = "", **claims: Any) -> Patient:
    """A person who shares the hospital's record with an app, or lets it push there."""
    asking = ask(wire, query, **claims)
    browser = at_hospital(asking)
    sign_in(browser)
    assert page_of(browser) == "consent", shown(browser).html
    assert NAME in shown(browser).html
    assert "Ada Tester" in shown(browser).html
    browser.submit("continue")
    assert browser.left_to is not None
    tokens = asking.tokens(browser.left_to)
    (account,) = accounts(wire, tokens.access)
    return Patient(wire, tokens, account)


def again(patient_: Patient) -> Browser:
    """A browser on the page that connects the account again. Protocol 7.3."""
    handle = patient_.wire.post("reference", body={"type": "accountId", "value": patient_.account["id"]}).json()["id"]
    return opened(refer(patient_.wire, "reauthorize", patient_.tokens.access, f"&accountRef={handle}").url)


@pytest.fixture
def person(wire: Wire, city: Hospital) -> Patient:
    """A person who shares the hospital's record, of which the library has a copy."""
    found = shared(wire)
    assert found.state()["state"] == "completed"
    return found


def test_an_app_reads_what_the_hospital_has(person: Patient) -> None:
    """A person signs in, agrees, and the app reads the record as the hospital has it, page by page."""
    assert person.account["type"] == "USER"
    assert person.account["username"] == "Ada Tester"
    assert person.account["serviceProviderName"] == NAME
    session = triggered(person.wire, person.tokens)
    listed = wait_until_over(person.wire, person.tokens, session)
    objects = [
        one for entry in listed["fileList"] for one in read(person.wire, person.tokens, session, entry["name"])[0]
    ]
    assert {one["resourceType"] for one in objects} == {"Patient", "Condition", "Observation"}
    assert {one["id"] for one in objects if one["resourceType"] == "Observation"} == {f"o{n}" for n in range(250)}
    assert {entry["schema"]["version"] for entry in listed["fileList"]} == {"3.0.2"}


def test_later_sessions_ask_for_what_changed(person: Patient, city: Hospital) -> None:
    """Once a type was fetched whole, only what changed since by the server's clock is asked for, and merged in."""
    city.do("keep", patient="p1", resources=[observation(3) | {"status": "amended"}])
    session = triggered(person.wire, person.tokens)
    listed = wait_until_over(person.wire, person.tokens, session)
    searches = [asked for asked in city.do("requests") if asked.startswith("GET /Observation")]
    assert "_lastUpdated=ge20" in searches[-1]
    names = [entry["name"] for entry in listed["fileList"] if entry["objectType"] == "observation"]
    found = [one for name in names for one in read(person.wire, person.tokens, session, name)[0]]
    assert [one["status"] for one in found if one["id"] == "o3"] == ["amended"]
    assert len(found) == 250


def test_a_type_that_is_refused_leaves_the_others(person: Patient, city: Hospital) -> None:
    """What the hospital does not give is told with its status; the rest is shared. Protocol 6.1."""
    city.do("fail", type="Condition", status=403)
    state = person.state()
    assert state["state"] == "partial"
    (told,) = state["error"]["objectTypeErrors"]
    assert (told["objectType"], told["error"]["statusCode"]) == (128, 403)


def test_pages_elsewhere_are_not_fetched(wire: Wire, city: Hospital) -> None:
    """A next page on another host is not asked for: the token would go there. The type is told as failed."""
    city.do("set", foreign_links=True)
    try:
        state = shared(wire).state()
    finally:
        city.do("set", foreign_links=False)
    (told,) = state["error"]["objectTypeErrors"]
    assert (told["objectType"], told["error"]["code"]) == (132, "ForeignLink")


def test_a_hospital_that_asks_for_patience_gets_it(person: Patient, city: Hospital) -> None:
    """A source that says when to come back, later than one waits, is told to the app with that time. Protocol 6.1."""
    city.do("fail", type="Condition", status=429, headers={"Retry-After": "120"})
    error = person.state()["error"]
    assert (error["code"], error["statusCode"], error["retryAfter"]) == ("ServiceUnavailable", 503, 120)
    assert person.state()["state"] == "completed"


# --- signing in ---


def test_a_person_may_decline_there(wire: Wire) -> None:
    """Who says no at the hospital is back on the page, told what happened, and can try again or go back to the app."""
    browser = at_hospital(ask(wire))
    sign_in(browser, "decline")
    assert (page_of(browser), shown(browser).status) == ("connect", 422)
    assert "You did not sign in at City Hospital" in shown(browser).html
    sign_in(browser)
    assert page_of(browser) == "consent"
    browser.submit("decline")
    failure(browser, "USER_CANCEL")


def test_coming_back_works_once(wire: Wire, city: Hospital) -> None:
    """An address that led back connects nothing more, and asks the hospital for nothing more."""
    browser = at_hospital(ask(wire))
    back = way_back(way_there(browser))
    browser.open(back)
    before = city.do("told")
    browser.open(back)
    assert page_of(browser) == "consent"
    assert city.do("told") == before


def test_coming_back_is_for_the_browser_that_left(wire: Wire, city: Hospital) -> None:
    """Another browser, with or without a journey of its own, cannot bring in somebody's sign-in."""
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
    second.open(mixed)  # another's code in one's own state fails at the hospital: PKCE
    assert "City Hospital could not complete the sign-in" in shown(second).html
    assert city.do("told") == before


@pytest.mark.parametrize("change", ["state=x", "state=", "code=wrong", "iss=https://evil.example"])
def test_a_changed_return_connects_nothing(wire: Wire, change: str) -> None:
    """A state, code or issuer that is not the one expected leads to a page that says what to do."""
    browser = at_hospital(ask(wire))
    back = way_back(way_there(browser))
    name, _, value = change.partition("=")
    changed = query_of(back) | {name: value}
    browser.open(str(httpx2.URL(back).copy_with(params=changed)))
    assert shown(browser).status in (410, 422)
    assert page_of(browser) == ("error" if name == "state" else "connect")


def test_a_sign_in_that_was_begun_anew_replaces_the_first(wire: Wire) -> None:
    """Of two sign-ins in one journey the later counts; coming back from the first connects nothing."""
    browser = at_hospital(ask(wire))
    first = way_back(way_there(browser))
    browser.open(shown(browser).url.replace("sign-in", "connect"))
    second = way_back(way_there(browser))
    browser.open(first)
    assert page_of(browser) == "pick-source"
    browser.open(second)
    assert page_of(browser) == "consent"


# --- tokens ---


def test_a_token_that_ended_is_renewed_once(person: Patient, city: Hospital) -> None:
    """Whoever needs a token whose time is over waits for the one who renews it: a refresh token works once."""
    city.do("end", what="access")
    before = city.do("told").count("refresh_token")
    assert person.state()["state"] == "completed"
    assert city.do("told").count("refresh_token") == before + 1


def test_permission_withdrawn_at_the_hospital(person: Patient, city: Hospital) -> None:
    """The app learns that the person must sign in again; they do, as the same person, and all goes on. Protocol 7.3."""
    city.do("end", what="grants")
    error = person.state()["error"]
    assert (error["code"], error["statusCode"], error["reauth"]) == ("ServiceAuthorizationError", 511, True)
    (account,) = accounts(person.wire, person.tokens.access)
    assert account["accessTokenStatus"]["authorized"] is False
    browser = again(person)
    city.do("set", patient="p2")
    try:
        sign_in(browser)
    finally:
        city.do("set", patient="p1")
    assert "This is another account" in shown(browser).html
    assert person.state()["error"]["code"] == "ServiceAuthorizationError"
    sign_in(browser)
    told = query_of(str(browser.left_to))
    assert (told["success"], told["accountReference"]) == ("true", account["reference"])
    assert person.state()["state"] == "completed"
    (account,) = accounts(person.wire, person.tokens.access)
    assert account["accessTokenStatus"]["authorized"] is True


def withdrawn(person: Patient) -> dict[str, str]:
    """Withdraws access to the hospital; what the app is told. Protocol 7.4."""
    headers = {"accountId": person.account["id"], "redirectUri": REDIRECT_URI}
    answer = person.wire.get("permission-access/revoke/h:accountId", access_token=person.tokens.access, headers=headers)
    browser = opened(answer.json()["location"])
    browser.submit("continue")
    return query_of(str(browser.left_to))


def test_withdrawing_revokes_at_the_hospital(person: Patient, city: Hospital) -> None:
    """Protocol 7.4: the hospital forgets the grant, the platform its tokens, and the person can come back."""
    live = city.do("live")
    assert withdrawn(person)["result"] == "success"
    assert city.do("live") == live - 1
    assert person.state()["error"]["reauth"] is True
    sign_in(again(person))
    assert person.state()["state"] == "completed"


async def test_deleting_an_account_revokes_its_tokens(person: Patient, city: Hospital) -> None:
    """Protocol 7.2: the row goes with its credentials at once, and soon the hospital forgets the grant."""
    live = city.do("live")
    headers = {"accountId": person.account["id"]}
    answer = person.wire.call(
        "DELETE", "permission-access/service/h:accountId", access_token=person.tokens.access, headers=headers
    )
    assert (answer.status_code, answer.json()) == (200, {})
    assert accounts(person.wire, person.tokens.access) == []
    assert await comes_to(lambda: city.do("live") == live - 1)


async def test_erasing_a_person_revokes_their_tokens(person: Patient, city: Hospital) -> None:
    """Protocol 7.5: so does deleting the person, and declining after having signed in."""
    live = city.do("live")
    assert person.wire.call("DELETE", "user", access_token=person.tokens.access).status_code == 200
    assert await comes_to(lambda: city.do("live") == live - 1)
    browser = at_hospital(ask(person.wire))
    sign_in(browser)
    assert city.do("live") == live
    browser.submit("decline")
    assert await comes_to(lambda: city.do("live") == live - 1)


async def comes_to(happened: Any) -> bool:
    """Whether it happens within some seconds."""
    for _ in range(100):
        if happened():
            return True
        await asyncio.sleep(0.05)
    return False


# --- pushing: protocol 10.2 ---


@pytest.fixture(scope="module")
async def writing(people: People) -> Wire:
    return await asking_contract(people, kind="write", document=PUSHING, name="Pulse")


@pytest.fixture(scope="module")
def writer(writing: Wire, city: Hospital) -> Patient:
    """A person who lets an app push to the hospital."""
    return shared(writing, "&sourceType=push")


def kept(city: Hospital) -> list[dict[str, Any]]:
    """The observations on record."""
    found: list[dict[str, Any]] = city.do("kept", patient="p1", type="Observation")
    return found


def test_a_resource_reaches_the_hospital_once(writer: Patient, city: Hospital) -> None:
    """Protocol 10.2, 2.3: it is posted as it was, the app gets what the hospital said, also when it asks twice."""
    before = kept(city)
    token = writer.wire.jwt(access_token=writer.tokens.access)
    answer = writer.push(OBSERVATION, jwt=token)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["resourceType"] == "Observation"
    (new,) = [one for one in kept(city) if one not in before]
    assert new["id"] == told["id"]
    assert (new["code"], new["valueQuantity"]) == (OBSERVATION["code"], OBSERVATION["valueQuantity"])
    repeat = writer.push(OBSERVATION, jwt=token)
    assert (repeat.status_code, repeat.json()) == (201, told)
    assert len(kept(city)) == len(before) + 1
    check_error(writer.push(OBSERVATION | {"status": "amended"}, jwt=token), 400, "InvalidRequest")


def test_what_the_hospital_refuses_is_told(writer: Patient, city: Hospital) -> None:
    """A resource that the hospital finds wrong is InvalidRequest, with its own words; the repeat says the same."""
    token = writer.wire.jwt(access_token=writer.tokens.access)
    wrong = {name: value for name, value in OBSERVATION.items() if name != "code"}
    answer = writer.push(wrong, jwt=token)
    assert "The source refused the resource (400): " in answer.json()["error"]["message"]
    assert (answer.status_code, answer.headers["x-error-code"]) == (400, "InvalidRequest")
    assert answer.json()["source"]["status"] == 400
    assert answer.json()["source"]["content"]["resourceType"] == "OperationOutcome"
    repeat = writer.push(wrong, jwt=token)
    assert (repeat.status_code, repeat.json()) == (400, answer.json())
    assert repeat.headers["x-error-code"] == "InvalidRequest"


@pytest.mark.parametrize(
    ("resource", "path", "said"),
    [
        ({"status": "final"}, PUSH, "resourceType"),
        (OBSERVATION | {"resourceType": "../admin"}, PUSH, "resourceType"),
        (OBSERVATION | {"resourceType": 7}, PUSH, "resourceType"),
        (OBSERVATION, PUSH.replace("stu3", "r4"), "3.0.2 or stu3"),
        (OBSERVATION, PUSH.replace("stu3", "r9"), "r9"),
    ],
)
def test_what_cannot_be_pushed(writer: Patient, city: Hospital, resource: Any, path: str, said: str) -> None:
    """A resource without a type, or of a version that the hospital does not speak, goes nowhere. Protocol 10.2."""
    before = city.do("requests")
    assert said in check_error(writer.push(resource, path=path), 400, "InvalidRequest")
    assert city.do("requests") == before


def test_a_hospital_that_is_busy_took_nothing(writer: Patient, city: Hospital) -> None:
    """Unavailable with Retry-After; the same request sent again is then posted."""
    city.do("fail", type="Observation", status=503, headers={"Retry-After": "7"})
    token = writer.wire.jwt(access_token=writer.tokens.access)
    busy = writer.push(OBSERVATION, jwt=token)
    check_error(busy, 503, "Unavailable")
    assert busy.headers["retry-after"] == "7"
    before = len(kept(city))
    assert writer.push(OBSERVATION, jwt=token).status_code == 201
    assert len(kept(city)) == before + 1


def test_a_hospital_that_fails_is_not_asked_twice(writer: Patient, city: Hospital) -> None:
    """It may have kept the resource: the app is told so, and a repeat posts nothing."""
    city.do("fail", type="Observation", status=500, text="disk full")
    token = writer.wire.jwt(access_token=writer.tokens.access)
    answer = writer.push(OBSERVATION, jwt=token)
    assert "may have kept" in check_error(answer, 503, "Unavailable")
    before = city.do("requests")
    assert writer.push(OBSERVATION, jwt=token).json() == answer.json()
    assert city.do("requests") == before


def test_a_hospital_that_wants_a_new_token_gets_one(writer: Patient, city: Hospital) -> None:
    """Pushes that meet an ended token renew it once, however many they are, and are each posted once."""
    before, renewals = len(kept(city)), city.do("told").count("refresh_token")
    city.do("end", what="access")

    async def push_all() -> list[httpx2.Response]:
        return await asyncio.gather(*(asyncio.to_thread(writer.push, OBSERVATION) for _ in range(6)))

    assert {answer.status_code for answer in asyncio.run(push_all())} == {201}
    assert len(kept(city)) == before + 6
    assert city.do("told").count("refresh_token") == renewals + 1


def test_nobody_else_pushes(writer: Patient, person: Patient, writing: Wire) -> None:
    """A contract that reads cannot push, and nobody can to an account that is not this person's to them."""
    check_error(person.push(OBSERVATION), 400, "InvalidContractDataRequest")
    stranger = shared(writing, "&sourceType=push")
    headers = {"accountId": writer.account["id"]}
    check_error(stranger.push(OBSERVATION, headers=headers), 404, "NotFound")


def test_a_push_without_permission_asks_for_a_sign_in(writing: Wire, city: Hospital) -> None:
    """Protocol 13: ServiceAuthorizationError, 511, never 401; after signing in again the same request is posted."""
    writer = shared(writing, "&sourceType=push")
    city.do("end", what="grants")
    token = writer.wire.jwt(access_token=writer.tokens.access)
    check_error(writer.push(OBSERVATION, jwt=token), 511, "ServiceAuthorizationError")
    sign_in(again(writer))
    assert writer.push(OBSERVATION, jwt=token).status_code == 201


def test_one_more_account_to_push_to(people: People, writing: Wire) -> None:
    """A person who let an app fill their library adds the hospital later. Protocol 8.1, `onboard`."""
    asking = ask(writing)
    browser = opened(asking.url)
    assert page_of(browser) == "consent"
    assert "It may send data to the accounts" not in shown(browser).html
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    assert accounts(writing, tokens.access) == []
    browser = opened(refer(writing, "onboard", tokens.access, f"&service={HOSPITAL}&sourceType=push").url)
    assert "may send data to what you connect here" in shown(browser).html
    sign_in(browser)
    assert query_of(str(browser.left_to))["success"] == "true"
    (account,) = accounts(writing, tokens.access)
    assert Patient(writing, tokens, account).push(OBSERVATION).status_code == 201
