"""Tests of syncs: they survive crashes, are shared by parallel sessions, and stop when no session waits."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow, ConsentRow, SessionRow, SessionSyncRow, SyncRow
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library.account_identities import DETAILS
from privateshare.platform.library.erasure import erase_account, erase_library, withdraw_access
from privateshare.platform.library.libraries import open_library
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from privateshare.platform.sync.account_sync import sync_account
from privateshare.platform.sync.retries import MAX_TRIES
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.sweeping import sweep_whole
from tests.flow.syncing import SOME_FILES, contents, file_count
from tests.patience import GIVE_UP_SECONDS
from tests.processes import kill_group


@asynccontextmanager
async def held_up(platform: Platform, library_id: UUID) -> AsyncIterator[None]:
    """While this holds, a sync that has written some files of the library, and not all, cannot write another.

    The sync waits for its own row before it locks any other, so a test can change everything else meanwhile.
    """
    running = select(SyncRow).where(SyncRow.library_id == library_id, SyncRow.finished_at.is_(None))
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        async with platform.database.transaction() as db:
            sync = await db.scalar(running.with_for_update(key_share=True))
            if sync is not None and await file_count(platform, library_id) >= SOME_FILES:
                yield
                return
        await asyncio.sleep(0.01)
    raise AssertionError("the sync has written too few files, or has ended")


async def syncs(platform: Platform, library_id: UUID) -> list[SyncRow]:
    """Return the library's syncs, once none of them runs."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            async with platform.database.session() as db:
                found = list(await db.scalars(select(SyncRow).where(SyncRow.library_id == library_id)))
            if all(sync.finished_at for sync in found):
                return found
            await asyncio.sleep(0.02)


async def cancel_retries(platform: Platform, account_id: UUID) -> None:
    """Cancel the retries of an account's syncs, which later syncs would wait for."""
    jobs, lock = platform.queue.job_manager, f"account {account_id}"
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await jobs.list_jobs_async(task="sync_account", lock=lock, status="doing"):
            await asyncio.sleep(0.02)
    for job in await jobs.list_jobs_async(task="sync_account", lock=lock, status="todo"):
        assert job.id is not None
        await jobs.cancel_job_by_id_async(job.id)


async def joined(platform: Platform, session: str) -> UUID | None:
    """Return the sync that a session waits for."""
    async with platform.database.session() as db:
        waiting = select(SessionSyncRow.sync_id).join(SessionRow, SessionRow.id == SessionSyncRow.session_id)
        return await db.scalar(waiting.where(SessionRow.key_hash == hash_secret(session)))


async def test_a_sync_survives_a_crash_of_the_server(tmp_path: Path) -> None:
    """A sync that was killed while writing continues after the restart and has the same result."""
    data = tmp_path / "data"
    settings = Settings(data=data, database_pool_size=5)
    with serving(data) as first:
        async with operator_platform(settings) as platform:
            people = People(platform, first.origin)
            wire = await people.contract()
            tokens, session = await people.user(wire, sample="default")
            library_id = await people.library_of(tokens)
            with suppress(OperationalError):  # Its database ends with it.
                async with held_up(platform, library_id):
                    killed_at = await file_count(platform, library_id)
                    kill_group(first.process.pid)
                    first.process.wait()
    with serving(data) as second:
        wire.origin = second.origin
        disturbed = contents(wire, tokens, session)
        async with operator_platform(settings) as platform:
            people = People(platform, second.origin)
            other = await people.contract()
            undisturbed = contents(other, *await people.user(other, sample="default"))
            (sync,) = await syncs(platform, library_id)
    assert SOME_FILES <= killed_at < len(disturbed)
    assert disturbed == undisturbed
    assert sync.outcome == "done"
    log = second.log.read_text()
    assert "its worker" not in log
    assert "Traceback" not in log


async def test_sessions_at_the_same_time_share_a_sync(people: People, platform: Platform) -> None:
    """A session that begins during a sync joins it, and one that begins later starts another."""
    wire = await people.contract()
    tokens, first = await people.user(wire, sample="default")
    library_id = await people.library_of(tokens)
    async with held_up(platform, library_id):
        others = [triggered(wire, tokens) for _ in range(2)]
        for session in (first, *others):
            assert (
                wire.get(f"permission-access/query/{session}", access_token=tokens.access).json()["status"]["state"]
                == "running"
            )
    expected, files = contents(wire, tokens, first), wait_until_over(wire, tokens, first)["fileList"]
    assert [wait_until_over(wire, tokens, session)["fileList"] for session in others] == [files, files]
    assert len({await joined(platform, session) for session in (first, *others)}) == 1
    later = triggered(wire, tokens)
    assert contents(wire, tokens, later) == expected
    assert await joined(platform, later) != await joined(platform, first)


async def test_a_withdrawn_consent_stops_its_sync(people: People, platform: Platform) -> None:
    """Nothing more is fetched. A new consent starts a new sync and gets everything."""
    wire = await people.contract()
    tokens, _ = await people.user(wire, sample="default")
    library_id = await people.library_of(tokens)
    async with held_up(platform, library_id), platform.database.transaction() as db:
        stopped_at = await file_count(platform, library_id)
        await db.execute(
            update(ConsentRow).where(ConsentRow.library_id == library_id).values(revoked_at=datetime.now(UTC))
        )
    (sync,) = await syncs(platform, library_id)
    assert sync.outcome == "stopped"
    assert await file_count(platform, library_id) <= stopped_at + 1  # This is the file that was being written.
    other = await people.contract()
    everything = contents(other, *await people.user(other, sample="default", library_id=library_id))
    assert len(everything) > stopped_at + 1
    assert {one.outcome for one in await syncs(platform, library_id)} == {"stopped", "done"}


@pytest.mark.protocol("6.1", "7.4")
async def test_withdrawing_access_stops_a_running_sync(people: People, platform: Platform) -> None:
    """Nothing more is fetched from the source, the app learns the reason, and access stays withdrawn."""
    wire = await people.contract()
    tokens, session = await people.user(wire, sample="default")
    library_id = await people.library_of(tokens)
    async with held_up(platform, library_id), platform.database.transaction() as db:
        stopped_at = await file_count(platform, library_id)
        account = await db.scalar(select(AccountRow).where(AccountRow.library_id == library_id))
        assert account is not None
        await withdraw_access(db, platform, account)
    status = wait_until_over(wire, tokens, session)["status"]
    assert status["state"] == "partial"
    (told,) = status["details"].values()
    assert (told["error"]["code"], told["error"]["reauth"]) == ("ServiceAuthorizationError", True)
    assert await file_count(platform, library_id) <= stopped_at + 1  # This is the file that was being written.
    (listed,) = wire.get("permission-access/accounts", access_token=tokens.access).json()
    assert listed["accessTokenStatus"]["authorized"] is False


async def test_a_sync_continues_for_the_remaining_consent(people: People, platform: Platform) -> None:
    """If one of two waiting apps loses its consent, the other still gets everything."""
    wire, other = await people.contract(), await people.contract()
    tokens, _ = await people.user(wire, sample="default")
    library_id = await people.library_of(tokens)
    async with held_up(platform, library_id):
        left, session = await people.user(other, sample="default", library_id=library_id)
        async with platform.database.transaction() as db:
            gone = update(ConsentRow).where(ConsentRow.id == UUID(tokens.claims["consentid"]))
            await db.execute(gone.values(revoked_at=datetime.now(UTC)))
    assert contents(other, left, session)
    assert [sync.outcome for sync in await syncs(platform, library_id)] == ["done"]


@pytest.mark.parametrize("damage", ["details without a name", "no details"])
async def test_an_internal_error_ends_the_sync(people: People, platform: Platform, damage: str) -> None:
    """Waiting sessions get an error without private data, and the next session starts a new sync.

    Details that cannot be decrypted are tried again later, since the operator may have to add a key. The last try ends
    the sync.
    """
    wire = await people.contract()
    tokens, first = await people.user(wire)
    expected = contents(wire, tokens, first)
    library_id = await people.library_of(tokens)
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, library_id)
        account = await db.scalar(select(AccountRow).where(AccountRow.library_id == library_id))
        assert account is not None
        details = account.sealed_details
        account.sealed_details = (
            b"damaged" if damage == "no details" else library.account(account.id).seal(DETAILS, account.id, b"{}")
        )
    broken = triggered(wire, tokens)
    if damage == "no details":
        sync_id = await joined(platform, broken)
        assert sync_id is not None
        with pytest.raises(SealBroken):
            await sync_account(platform, library_id, sync_id, MAX_TRIES)
        await cancel_retries(platform, account.id)
    status: dict[str, Any] = wait_until_over(wire, tokens, broken)["status"]
    async with platform.database.transaction() as db:
        await db.execute(update(AccountRow).where(AccountRow.library_id == library_id).values(sealed_details=details))
    assert status["state"] == "partial"
    (told,) = status["details"].values()
    assert (told["error"]["code"], told["error"]["statusCode"]) == ("InternalError", 500)
    assert contents(wire, tokens, triggered(wire, tokens)) == expected


@pytest.mark.parametrize("what", ["library", "account"])
async def test_an_erasure_ends_the_sync(people: People, platform: Platform, what: str) -> None:
    """Erasing a library or an account during its sync removes everything, and nothing is written afterwards."""
    wire = await people.contract()
    tokens, session = await people.user(wire, sample="default")
    library_id = await people.library_of(tokens)
    async with held_up(platform, library_id):
        pass
    async with platform.database.transaction() as db:
        if what == "library":
            await erase_library(db, platform, library_id)
        else:
            account = await db.scalar(select(AccountRow).where(AccountRow.library_id == library_id))
            assert account is not None
            await erase_account(db, platform, account)
    assert await syncs(platform, library_id) == []
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await platform.queue.job_manager.list_jobs_async(task="sync_account", status="doing"):
            await asyncio.sleep(0.02)
    await sweep_whole(platform)
    assert await file_count(platform, library_id) == 0
    assert list(platform.blobs.keys(f"library/{library_id}/")) == []
    assert wire.get(f"permission-access/query/{session}", access_token=tokens.access).status_code in {200, 401, 404}
