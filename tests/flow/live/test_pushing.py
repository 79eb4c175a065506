"""Tests of pushing to a provider. Protocol 10.2."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import update

from privateshare.platform.api.once import MAX_EXTERNAL_CHANGE
from privateshare.platform.db.tables import NonceRow
from privateshare.platform.grants.consents import set_consent_accounts
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.consenting import accounts, ask, asking_contract, opened, page_of, refer
from tests.flow.consents import consent_by_id
from tests.flow.live.conftest import PUSHING
from tests.flow.live.lending import (
    HOSPITAL,
    NAME,
    OBSERVATION,
    PUSH,
    Patient,
    again,
    held,
    kept,
    shared,
    shown,
    sign_in,
)
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.wire import Wire, check_error, query_of
from tests.hospital.running import Hospital
from tests.patience import until

pytestmark = pytest.mark.protocol("10.2")

MANY = 16  # These are more pushes than tokens may be refreshed at once, and more than there are places.


@pytest.mark.protocol("2.3", "10.2")
def test_a_resource_reaches_the_hospital_once(writer: Patient, city: Hospital) -> None:
    """It is posted unchanged, and the app gets the hospital's response, also if it sends the request twice."""
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


def test_a_rejection_by_the_hospital_is_passed_on(writer: Patient, city: Hospital) -> None:
    """An invalid resource causes InvalidRequest with the hospital's text, and a repeat gets the same response."""
    token = writer.wire.jwt(access_token=writer.tokens.access)
    wrong = {name: value for name, value in OBSERVATION.items() if name != "code"}
    answer = writer.push(wrong, jwt=token)
    assert "The source rejected the resource (400): " in answer.json()["error"]["message"]
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
def test_unsuitable_resources_are_rejected(
    writer: Patient, city: Hospital, resource: Any, path: str, said: str
) -> None:
    """A resource without a type or of an unsupported version is not sent. Protocol 10.2."""
    before = city.do("requests")
    assert said in check_error(writer.push(resource, path=path), 400, "InvalidRequest")
    assert city.do("requests") == before


def test_a_busy_hospital_causes_a_retry(writer: Patient, city: Hospital) -> None:
    """The response is Unavailable with Retry-After, and the same request is posted when it is sent again."""
    city.do("fail", type="Observation", status=503, headers={"Retry-After": "7"})
    token = writer.wire.jwt(access_token=writer.tokens.access)
    busy = writer.push(OBSERVATION, jwt=token)
    check_error(busy, 503, "Unavailable")
    assert busy.headers["retry-after"] == "7"
    before = len(kept(city))
    assert writer.push(OBSERVATION, jwt=token).status_code == 201
    assert len(kept(city)) == before + 1


async def test_a_repeat_during_the_first_request_is_told_to_wait(writer: Patient, city: Hospital) -> None:
    """While the hospital has not answered, nobody knows whether it keeps the resource."""
    before, token = len(kept(city)), writer.wire.jwt(access_token=writer.tokens.access)
    with held(city, "answers"):
        first = asyncio.create_task(asyncio.to_thread(writer.push, OBSERVATION, jwt=token))
        await until(lambda: city.do("waiting") == 1)
        repeat = await asyncio.to_thread(writer.push, OBSERVATION, jwt=token)
        assert "still in progress" in check_error(repeat, 503, "Unavailable")
    answer = await first
    assert answer.status_code == 201
    assert writer.push(OBSERVATION, jwt=token).json() == answer.json()
    assert len(kept(city)) == before + 1


async def test_a_crash_during_a_push_causes_no_second_push(city: Hospital, tmp_path: Path) -> None:
    """If the platform is killed after the hospital's response, it rejects the repeat."""
    environment = {"PRIVATESHARE_FHIR_SERVERS": json.dumps([city.settings(HOSPITAL, NAME, push=True)])}
    with serving(tmp_path / "data", environment=environment) as dying:
        async with operator_platform(Settings(data=dying.data)) as platform:
            wire = await asking_contract(People(platform, dying.origin), kind="write", document=PUSHING)
        writer = shared(wire, "&sourceType=push")
        before, token = len(kept(city)), wire.jwt(access_token=writer.tokens.access)
        with held(city, "answers"):
            pushing = asyncio.create_task(asyncio.to_thread(writer.push, OBSERVATION, jwt=token))
            await until(lambda: len(kept(city)) == before + 1)
            dying.process.kill()
            with pytest.raises(httpx2.TransportError):
                await pushing
    with serving(tmp_path / "data", environment=environment) as again_:
        wire.origin = again_.origin
        check_error(writer.push(OBSERVATION, jwt=token), 503, "Unavailable")
        async with operator_platform(Settings(data=dying.data)) as platform, platform.database.transaction() as db:
            await db.execute(
                update(NonceRow).values(expires_at=NonceRow.expires_at - MAX_EXTERNAL_CHANGE)
            )  # Let the token expire.
        assert "already been used" in check_error(writer.push(OBSERVATION, jwt=token), 400, "InvalidRequest")
        assert len(kept(city)) == before + 1
        assert writer.push(OBSERVATION).status_code == 201


def test_a_hospital_that_fails_is_not_asked_twice(writer: Patient, city: Hospital) -> None:
    """The hospital may have kept the resource: the app is told so, and a repeat posts nothing."""
    city.do("fail", type="Observation", status=500, text="disk full")
    token = writer.wire.jwt(access_token=writer.tokens.access)
    answer = writer.push(OBSERVATION, jwt=token)
    assert "may have stored" in check_error(answer, 503, "Unavailable")
    before = city.do("requests")
    assert writer.push(OBSERVATION, jwt=token).json() == answer.json()
    assert city.do("requests") == before


def test_an_expired_token_is_refreshed(writer: Patient, city: Hospital) -> None:
    """Parallel pushes with an expired token refresh it once, and each of them is posted once."""
    before, renewals = len(kept(city)), city.do("told").count("refresh_token")
    city.do("end", what="access")

    async def push_all() -> list[httpx2.Response]:
        return await asyncio.gather(*(asyncio.to_thread(writer.push, OBSERVATION) for _ in range(6)))

    assert {answer.status_code for answer in asyncio.run(push_all())} == {201}
    assert len(kept(city)) == before + 6
    assert city.do("told").count("refresh_token") == renewals + 1


async def test_a_slow_token_endpoint_slows_nobody_else(writer: Patient, city: Hospital) -> None:
    """Other calls are answered while many wait for the hospital's token, and then all of them continue."""
    before = len(kept(city))
    city.do("end", what="access")
    with ThreadPoolExecutor(MANY) as threads:
        with held(city, "tokens"):
            pushes = [threads.submit(writer.push, OBSERVATION) for _ in range(MANY)]
            await until(lambda: city.do("waiting") > 0)
            assert accounts(writer.wire, writer.tokens.access)
            assert city.do("waiting") > 0
        assert {push.result().status_code for push in pushes} == {201}
    assert len(kept(city)) == before + MANY


def test_only_the_right_contract_may_push(writer: Patient, person: Patient, writing: Wire) -> None:
    """A contract that reads cannot push, and nobody can push to an account that they may not see."""
    check_error(person.push(OBSERVATION), 400, "InvalidContractDataRequest")
    stranger = shared(writing, "&sourceType=push")
    headers = {"accountId": writer.account["id"]}
    check_error(stranger.push(OBSERVATION, headers=headers), 404, "NotFound")


async def test_an_account_that_is_no_longer_shared_is_not_pushed_to(
    people: People, writing: Wire, city: Hospital
) -> None:
    """The person still has the account, but the app may not use it. Protocol 10.2."""
    writer, before = shared(writing, "&sourceType=push"), len(kept(city))
    async with people.platform.database.transaction() as db:
        consent = await consent_by_id(db, writer.tokens.claims["consentid"])
        await set_consent_accounts(db, consent, [])
    check_error(writer.push(OBSERVATION), 404, "NotFound")
    assert len(kept(city)) == before


@pytest.mark.protocol("13")
def test_a_push_without_permission_asks_for_a_sign_in(writing: Wire, city: Hospital) -> None:
    """The response is ServiceAuthorizationError (511), never 401. It succeeds after signing in again."""
    writer = shared(writing, "&sourceType=push")
    city.do("end", what="grants")
    token = writer.wire.jwt(access_token=writer.tokens.access)
    check_error(writer.push(OBSERVATION, jwt=token), 511, "ServiceAuthorizationError")
    sign_in(again(writer))
    assert writer.push(OBSERVATION, jwt=token).status_code == 201


@pytest.mark.protocol("8.1")
def test_an_account_can_be_added_later(people: People, writing: Wire) -> None:
    """A person who filled a library from an app adds the hospital later. Protocol 8.1, `onboard`."""
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
