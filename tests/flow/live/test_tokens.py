"""Tests of a source's tokens: refreshing, revoking, and giving up. Protocol 6.1, 7.2 to 7.5."""

import os

import pytest
from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow
from tests.flow.command_line import run_command
from tests.flow.consenting import accounts, ask
from tests.flow.live.lending import Patient, again, at_hospital, fhir_servers, shown, sign_in, withdrawn
from tests.flow.people import People
from tests.flow.served import Served
from tests.flow.wire import query_of
from tests.hospital.running import Hospital
from tests.patience import until


def test_an_expired_token_is_refreshed_once(person: Patient, city: Hospital) -> None:
    """Others wait for the one refresh, because a refresh token works only once."""
    city.do("end", what="access")
    before = city.do("told").count("refresh_token")
    assert person.state()["state"] == "completed"
    assert city.do("told").count("refresh_token") == before + 1


@pytest.mark.protocol("7.3")
def test_permission_withdrawn_at_the_hospital(person: Patient, city: Hospital) -> None:
    """The app learns that the person must sign in again. After that, everything continues."""
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


@pytest.mark.protocol("7.4")
async def test_withdrawing_revokes_at_the_hospital(person: Patient, city: Hospital, people: People) -> None:
    """The hospital revokes the grant, the platform deletes its tokens, and the person can connect again."""
    live = city.do("live")
    assert withdrawn(person)["result"] == "success"
    assert city.do("live") == live - 1
    async with people.platform.database.session() as db:
        row = await db.scalar(select(AccountRow).where(AccountRow.public_id == person.account["id"]))
        assert row is not None
        assert row.sealed_credentials is None
    assert person.state()["error"]["reauth"] is True
    sign_in(again(person))
    assert person.state()["state"] == "completed"


def test_a_failed_revocation_is_reported(person: Patient, city: Hospital) -> None:
    """The platform deletes its tokens anyway, and the app learns that the hospital's grant may remain."""
    city.do("set", revokes=False)
    try:
        told = withdrawn(person)
    finally:
        city.do("set", revokes=True)
    assert (told["result"], told["error_message"]) == ("failed", "SERVER_ERROR")
    assert person.state()["error"]["reauth"] is True
    (account,) = accounts(person.wire, person.tokens.access)
    assert account["accessTokenStatus"]["authorized"] is False


@pytest.mark.protocol("7.2")
async def test_deleting_an_account_revokes_its_tokens(person: Patient, city: Hospital) -> None:
    """The credentials are deleted at once, and the hospital revokes the grant soon after."""
    live = city.do("live")
    headers = {"accountId": person.account["id"]}
    answer = person.wire.call(
        "DELETE", "permission-access/service/h:accountId", access_token=person.tokens.access, headers=headers
    )
    assert (answer.status_code, answer.json()) == (200, {})
    assert accounts(person.wire, person.tokens.access) == []
    await until(lambda: city.do("live") == live - 1)


@pytest.mark.protocol("7.5")
async def test_an_app_that_deletes_its_user_leaves_the_persons_token(person: Patient, city: Hospital) -> None:
    """What the person signed in to stays theirs."""
    live = city.do("live")
    assert person.wire.call("DELETE", "user", access_token=person.tokens.access).status_code == 200
    assert city.do("live") == live


async def test_declining_after_a_sign_in_revokes_the_token(person: Patient, city: Hospital) -> None:
    """What was connected on a journey that the person declined goes, with its token."""
    live = city.do("live")
    browser = at_hospital(ask(person.wire))
    sign_in(browser)
    assert city.do("live") == live + 1
    browser.submit("decline")
    await until(lambda: city.do("live") == live)


async def test_an_operator_who_erases_a_person_revokes_their_tokens(
    person: Patient, city: Hospital, connected: Served
) -> None:
    """The command waits until the hospital has answered."""
    live = city.do("live")
    command = ("person", "erase", person.tokens.claims["sub"], "--yes", "--data", connected.data)
    environment = {**os.environ, "PRIVATESHARE_FHIR_SERVERS": fhir_servers(city)}
    done = run_command(*command, environment=environment)
    assert done.returncode == 0, done.stderr
    assert city.do("live") == live - 1
