"""What operators see of people, syncs and usage: ids, reasons and numbers, but no name, key or content."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from privateshare.platform.db.tables import SyncRow
from privateshare.platform.db.usage_counts import UsageCounts, delete_old_usage, month_of
from privateshare.platform.reports.usage import usage
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sync_list import SyncFilter, list_syncs
from tests.flow.command_line import OperatorCommand
from tests.flow.consenting import asking_contract
from tests.flow.people import People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.security.attacking import Victim, victim
from tests.flow.served import Served
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.wire import Wire
from tests.patience import wait_for


@pytest.fixture
def command(served: Served) -> OperatorCommand:
    return OperatorCommand(served.data)


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who shares Spotify, and connected a health record too."""
    return await victim(platform, wire)


async def test_people_are_listed_by_ids_and_numbers(command: OperatorCommand, mia: Victim) -> None:
    """Both commands agree on the numbers, and neither shows a secret, a name or a file."""
    files = wait_until_over(mia.wire, mia.tokens, mia.session)["fileList"]
    rows = command.json("person", "list", "--app", mia.wire.application_id)
    assert [row["library_id"] for row in rows] == [str(mia.library)]
    assert rows[0]["live_consents"] == 1
    assert rows[0]["accounts_number"] == 2
    assert rows[0]["files"] >= len(files)
    for user_id in (mia.tokens.claims["sub"], str(mia.library)):
        shown = command.json("person", "show", user_id)
        assert {name: shown[name] for name in rows[0]} == rows[0]
        assert mia.tokens.claims["sub"] in [entry["user_id"] for entry in shown["known_as"]]
        assert [entry["consent_id"] for entry in shown["consents"]] == [mia.tokens.claims["consentid"]]
        assert {account["source"] for account in shown["accounts"]} == {"Spotify", "Health record file"}
        assert shown["browsers"] == 1
    printed = json.dumps([rows, shown]) + command("person", "show", str(mia.library)).stdout
    secrets = [mia.tokens.access, mia.session, *(file["name"] for file in files), "private"]
    assert not [secret for secret in secrets if secret in printed]
    assert "there is no person nobody" in command.error("person", "show", "nobody")
    assert command.json("person", "list", "--app", "nobody") == []


OUTCOMES = [
    ("later", "ServiceUnavailable", "come back later"),
    ("needs-login", "ServiceAuthorizationError", "sign in again"),
    ("broken", "SourceBroken", "could not be read"),
    ("too-long", "SourceTooSlow", "took longer"),
    ("failed", "InternalError", "the platform itself failed"),
    ("failed", "DataUnreadable", "privateshare check"),
]


async def test_failed_syncs_have_reasons(command: OperatorCommand, platform: Platform, mia: Victim) -> None:
    """Each outcome is explained in plain words; what succeeded is only listed with --all."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    of_person = ("sync", "list", "--person", mia.tokens.claims["sub"])
    done = command.json(*of_person, "--all")
    assert {row["state"] for row in done} == {"done"}
    assert {row["library_id"] for row in done} == {str(mia.library)}
    assert command.json(*of_person) == command.json(*of_person, "--failed") == []
    for outcome, code, words in OUTCOMES:
        await _spoil(platform, mia.library, outcome, code)
        (row, *_) = command.json(*of_person, "--failed")
        assert row["state"] == outcome
        assert words in row["reason"], row
    async with platform.database.transaction() as db:
        await db.execute(update(SyncRow).where(SyncRow.library_id == mia.library).values(outcome="done", error=None))


async def _spoil(platform: Platform, library_id: UUID, outcome: str, code: str) -> None:
    async with platform.database.transaction() as db:
        values = update(SyncRow).where(SyncRow.library_id == library_id)
        await db.execute(values.values(outcome=outcome, error={"error": {"code": code}}))


async def test_syncs_that_wait_say_what_for(command: OperatorCommand, platform: Platform, mia: Victim) -> None:
    """A sync without a worker, one that is tried again later, and one whose job was lost."""
    wait_until_over(mia.wire, mia.tokens, mia.session)
    now = datetime.now(UTC)
    async with platform.database.transaction() as db:
        syncs = list(await db.scalars(select(SyncRow).where(SyncRow.library_id == mia.library)))
        syncs[0].finished_at = syncs[0].outcome = None
        await db.flush()
        (row,) = await list_syncs(db, platform.sources, SyncFilter(library_id=mia.library), now)
        assert (row["state"], "its job was lost" in row["reason"]) == ("waiting", True)
        await db.rollback()


async def test_usage_is_counted_by_contract_and_month(command: OperatorCommand, mia: Victim, people: People) -> None:
    """Calls, files, bytes and people of reading and of pushing; other contracts are not mixed in."""
    wire, before = mia.wire, month_of(datetime.now(UTC))
    listed = wait_until_over(wire, mia.tokens, mia.session)
    for file in listed["fileList"][:3]:
        assert wire.get(f"{QUERY}/{mia.session}/{file['name']}", access_token=mia.tokens.access).status_code == 200
    writing = await people.contract(kind="write")
    tokens, _ = await people.user(writing, sources=())
    pushed = writing.post(IMPORT, access_token=tokens.access, content=b"x" * 1000, headers=descriptor(writing))
    assert pushed.status_code == 200

    def counted(contract: str, what: str) -> int:
        """Return the sum of all months, since one may begin meanwhile."""
        return sum(row[what] for row in command.json("usage", "--contract", contract))

    wait_for(lambda: counted(writing.contract_id, "files_received") == 1)
    assert counted(writing.contract_id, "people") >= 1
    assert [counted(writing.contract_id, what) for what in ("files_read", "bytes_received")] == [0, 1000]
    wait_for(lambda: counted(wire.contract_id, "files_read") == 3)
    assert counted(wire.contract_id, "people") >= 1
    assert [counted(wire.contract_id, what) for what in ("files_received", "bytes_received")] == [0, 0]
    assert counted(wire.contract_id, "calls") >= 5
    months = {f"{month // 100}-{month % 100:02}" for month in (before, month_of(datetime.now(UTC)))}
    rows = command.json("usage", "--contract", wire.contract_id)
    assert {row["month"] for row in rows} <= months
    assert {row["application_id"] for row in rows} == {wire.application_id}
    assert command.json("usage", "--contract", wire.contract_id, "--to", "2020-01") == []
    assert "must be a month" in command.error("usage", "--from", "2020")


async def test_usage_survives_a_database_that_is_away(platform: Platform, mia: Victim) -> None:
    """What could not be written is written later, once; months of long ago are deleted."""
    then = datetime(2020, 1, 31, 23, 59, tzinfo=UTC)
    counts = UsageCounts(platform.database, now=lambda: then)
    consent = UUID(mia.tokens.claims["consentid"])
    away = UsageCounts(_Away(platform), now=lambda: then)  # type: ignore[arg-type]
    for one in (counts, away):
        one.count_call(mia.wire.contract_id)
        one.count_call("made-up")
        one.count_read(mia.wire.contract_id, consent, 2, 500)
        await one.write()
    away._database = platform.database
    for _ in range(2):
        await away.write()
    async with platform.database.transaction() as db:
        (row,) = await usage(db, last_month=202001)
        assert (row["month"], row["calls"], row["files_read"], row["bytes_read"]) == ("2020-01", 2, 4, 1000)
        assert row["people"] == 1
        await delete_old_usage(db, then + timedelta(days=36 * 30))
        assert len(await usage(db, last_month=202001)) == 1
        await delete_old_usage(db, then + timedelta(days=38 * 31))
        assert await usage(db, last_month=202001) == []


class _Away:
    """A database that does not respond."""

    def __init__(self, platform: Platform) -> None:
        del platform

    def transaction(self) -> object:
        raise OSError("the database is away")
