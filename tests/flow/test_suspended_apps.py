"""Tests of applications that the operator suspends: they can do nothing, and afterwards all that they could before."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from privateshare.platform.db.tables import ApplicationRow, ContractRow
from privateshare.platform.runtime import Platform
from tests.flow.command_line import OperatorCommand
from tests.flow.consenting import ask, asking_contract, at_consent, failure, opened
from tests.flow.files import files_below
from tests.flow.people import People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.served import Served
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.storage_calls import cloud
from tests.flow.wire import Wire, check_error, verifier
from tests.patience import wait_for

pytestmark = pytest.mark.protocol("2.2")


@pytest.fixture
def operator(served: Served) -> OperatorCommand:
    return OperatorCommand(served.data)


async def test_a_suspended_app_can_do_nothing(people: People, operator: OperatorCommand) -> None:
    """Its tokens and sessions are refused at once, in reads, new sessions and new links. After that they work again."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    name = wait_until_over(wire, tokens, session)["fileList"][0]["name"]
    path = f"{QUERY}/{session}/{name}"
    assert wire.get(path, access_token=tokens.access).status_code == 200
    assert operator.json("app", "suspend", wire.application_id, "--yes")["suspended"]
    for refused in (
        wire.get(path, access_token=tokens.access),
        wire.get(f"{QUERY}/{session}", access_token=tokens.access),
        wire.post("permission-access/trigger", access_token=tokens.access),
        wire.get("permission-access/contract"),
    ):
        assert "suspended" in check_error(refused, 403, "InvalidClient")
    assert not operator.json("app", "resume", wire.application_id)["suspended"]
    assert wire.get(path, access_token=tokens.access).status_code == 200
    triggered(wire, tokens)


async def test_nobody_can_consent_to_a_suspended_app(people: People, operator: OperatorCommand) -> None:
    """Links that it made before lead nowhere, and a page that is open already does not share anything."""
    wire = await asking_contract(people)
    asking, begun = ask(wire), ask(wire)
    browser = at_consent(begun)
    operator.json("app", "suspend", wire.application_id, "--yes")
    assert "suspended" in check_error(wire.authorize(verifier()), 403, "InvalidClient")
    failure(opened(asking.url), "INITIALIZE_CHECK_FAIL")
    browser.submit("continue")
    failure(browser, "INITIALIZE_CHECK_FAIL")


async def test_session_keys_of_version_1_6_are_refused_too(people: People, operator: OperatorCommand) -> None:
    """There the key alone gives access, so the contract is looked up for each request."""
    wire = await people.contract(legacy=True)
    _, session = await people.user(wire)
    address = f"{wire.origin}/v1.6/{QUERY}/{session}"
    assert wire.http.get(address).status_code == 200
    operator.json("app", "suspend", wire.application_id, "--yes")
    assert wire.http.get(address).status_code != 200


async def test_the_end_of_an_app_is_permanent(people: People, operator: OperatorCommand) -> None:
    """All its contracts end, with all consents to them; contracts of other apps do not."""
    wire, other = await people.contract(), await people.contract()
    sibling = await people.contract(application_id=wire.application_id)
    (tokens, session), (others, others_session) = await people.user(wire), await people.user(other)
    ended = operator.json("app", "end", wire.application_id, "--yes")["ended_contracts"]
    assert sorted(ended) == sorted([wire.contract_id, sibling.contract_id])
    check_error(wire.get(f"{QUERY}/{session}", access_token=tokens.access), 403, "InvalidClient")
    assert other.get(f"{QUERY}/{others_session}", access_token=others.access).status_code == 200


@pytest.mark.parametrize("words", [("suspend", "--yes"), ("resume",), ("end", "--yes"), ("verify",)])
def test_an_unknown_app_is_named(operator: OperatorCommand, words: tuple[str, ...]) -> None:
    """The error names the id."""
    command, *options = words
    assert "there is no application with the id nobody" in operator.error("app", command, "nobody", *options)


async def stopped(platform: Platform, wire: Wire, how: str) -> None:
    """Suspend an application, or let its contract end."""
    now = datetime.now(UTC)
    suspends = update(ApplicationRow).where(ApplicationRow.id == wire.application_id).values(suspended_at=now)
    ends = update(ContractRow).where(ContractRow.id == wire.contract_id).values(expires_at=now - timedelta(seconds=1))
    async with platform.database.transaction() as db:
        await db.execute(suspends if how == "suspended" else ends)


@pytest.mark.parametrize("how", ["suspended", "ended"])
@pytest.mark.parametrize("into", ["library", "storage"])
async def test_uploads_in_progress_are_refused(people: People, platform: Platform, into: str, how: str) -> None:
    """The app is stopped while its file arrives. Nothing of the file is kept."""
    wire, loop = await people.contract(kind="write"), asyncio.get_running_loop()
    tokens, _ = await people.user(wire, sources=())
    storage = wire.post("storage").json()["id"]
    folder = platform.settings.data / "blobs"
    own = folder / ("storage" if into == "storage" else "library")
    own /= storage if into == "storage" else str(await people.library_of(tokens))

    def content() -> Iterator[bytes]:
        yield b"x" * 2_500_000  # A small file is written only when it is complete.
        wait_for(lambda: any((folder / ".aside").iterdir()))  # The file is being received.
        asyncio.run_coroutine_threadsafe(stopped(platform, wire, how), loop).result()
        yield b"y" * 100_000

    if into == "storage":
        answer = await asyncio.to_thread(cloud, wire, "POST", storage, "/file", content=content())
    else:
        options: dict[str, Any] = {"content": content(), "headers": descriptor(wire)}
        answer = await asyncio.to_thread(wire.post, IMPORT, access_token=tokens.access, **options)
    assert answer.status_code in (401, 403), answer.text
    assert not files_below(own)
