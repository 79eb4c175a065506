"""Tests of background work: syncs are retried, and expired data is cleaned up."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from privateshare.platform.blobs.store import put
from privateshare.platform.db.tables import (
    AccountRow,
    ContractRow,
    FileRow,
    SessionRow,
    SigningKeyRow,
    TokenRow,
)
from privateshare.platform.grants.tokens import find_token_of_partner, issue_code, redeem_code, rotate_refresh_token
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library.erasure import withdraw_access
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.session_view import SessionView
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform, running_platform
from privateshare.platform.sync.orphans import sweep_orphans
from privateshare.platform.sync.retries import (
    MAX_REQUESTED_PAUSE_SECONDS,
    MAX_TRIES,
    RETRY_PAUSES_SECONDS,
    pause_before_retry,
)
from privateshare.platform.sync.sessions import session_status
from privateshare.platform.sync.sweep import sweep
from privateshare.platform.sync.worker import add_tasks, recover_jobs
from privateshare.sources.contract import Connection, Page, TryLater
from privateshare.sources.spotify.source import Spotify
from tests.flow.consents import consent_by_id
from tests.flow.databases import copy_database
from tests.flow.people import SPOTIFY, People
from tests.flow.served import serving
from tests.flow.syncing import begun
from tests.flow.wire import b64, ps512
from tests.patience import GIVE_UP_SECONDS, LOOK_SECONDS
from tests.processes import kill_group

DAYS = timedelta(days=2)
SYNC_JOB = "task_name = 'sync_account'"
END_CONNECTION = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%procrastinate_finish_job%'"
    " AND wait_event_type = 'Lock'"
)


class Unreliable(Spotify):
    """A source that fails some times before it works."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.before_failing: list[Page] = []
        self.fetching, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        self.fetching.set()
        self.go_on.wait()
        if self.failures:
            yield from self.before_failing
            raise self.failures.pop(0)
        yield from super().fetch(connection, cursors)


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Platform]:
    """Provide a platform that serves nobody, and whose jobs run when the test says so."""
    copy_database(tmp_path / "data")
    async with running_platform(Settings(data=tmp_path / "data", database_pool_size=5)) as (platform, _):
        add_tasks(platform)
        yield platform


@pytest.fixture
def source(alone: Platform, monkeypatch: pytest.MonkeyPatch) -> Unreliable:
    """Provide an unreliable source in place of Spotify."""
    unreliable = Unreliable()
    assert isinstance(alone.sources.connectable, dict)
    monkeypatch.setitem(alone.sources.connectable, SPOTIFY, unreliable)
    return unreliable


async def work(platform: Platform) -> None:
    """Runs the jobs that are due."""
    await platform.queue.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)


async def execute(platform: Platform, statement: str) -> int:
    """Execute a statement, and return its rows."""
    async with platform.database.transaction() as db:
        return int((await db.execute(text(statement))).rowcount)  # type: ignore[attr-defined]


async def until_executed(platform: Platform, statement: str) -> None:
    """Execute a statement until it returns or changes a row."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while not await execute(platform, statement):
            await asyncio.sleep(LOOK_SECONDS)


async def change_job(platform: Platform, change: str) -> None:
    """Changes the one sync job that waits."""
    waiting = f"UPDATE procrastinate_jobs SET {change} WHERE {SYNC_JOB} AND status = 'todo'"
    assert await execute(platform, waiting) == 1


async def hurry(platform: Platform) -> None:
    """Lets the pauses be over."""
    await change_job(platform, "scheduled_at = now()")


async def status(platform: Platform, session: SessionRow) -> dict[str, Any]:
    """Return the session's status as the app sees it. Protocol 6.1."""
    async with platform.database.transaction() as db:
        row = await db.get_one(SessionRow, (session.library_id, session.id))
        contract = await db.get_one(ContractRow, row.contract_id)
        consent = await consent_by_id(db, str(row.consent_id))
        library = await open_library(db, platform, consent.library_id)
    view = SessionView(platform, contract, contract.public_key, consent, row, [], library)
    told = await session_status(row, view, datetime.now(UTC))
    return told.to_wire()


async def error(platform: Platform, session: SessionRow) -> dict[str, Any]:
    """Return the error of the one account of a session that is over."""
    told = await status(platform, session)
    assert told["state"] == "partial"
    (account,) = told["details"].values()
    assert account["state"] == "partial"
    found: dict[str, Any] = account["error"]
    return found


def test_pauses_grow_up_to_a_limit() -> None:
    """Each pause is longer than the previous one, and none is shorter than the source asked for."""
    pauses = [pause_before_retry(tries) for tries in range(1, MAX_TRIES)]
    assert pauses == sorted(set(RETRY_PAUSES_SECONDS))
    assert pause_before_retry(MAX_TRIES) is None
    assert [pause_before_retry(tries, 45) for tries in range(1, MAX_TRIES)] == [
        max(pause, 45) for pause in RETRY_PAUSES_SECONDS
    ]
    assert pause_before_retry(1, MAX_REQUESTED_PAUSE_SECONDS) == MAX_REQUESTED_PAUSE_SECONDS
    assert pause_before_retry(1, MAX_REQUESTED_PAUSE_SECONDS + 1) is None


@pytest.mark.protocol("6.1")
async def test_an_unavailable_source_is_retried(alone: Platform, source: Unreliable) -> None:
    """The session keeps running until the source answers, and no request is sent before the requested time."""
    source.failures = [TryLater("busy", 45), TryLater("busy", 1)]
    session, before = await begun(alone), datetime.now(UTC)
    for waits in (45, RETRY_PAUSES_SECONDS[1]):
        await work(alone)
        assert (await status(alone, session))["state"] == "running"
        async with alone.database.session() as db:
            again = await db.scalar(text(f"SELECT scheduled_at FROM procrastinate_jobs WHERE {SYNC_JOB}"))
        assert again is not None
        assert again >= before + timedelta(seconds=waits)
        await work(alone)  # No job is due.
        await hurry(alone)
    assert source.failures == []
    await work(alone)
    assert (await status(alone, session))["state"] == "completed"


@pytest.mark.protocol("6.1")
@pytest.mark.parametrize(
    ("asked", "tries"), [(MAX_REQUESTED_PAUSE_SECONDS, MAX_TRIES), (MAX_REQUESTED_PAUSE_SECONDS + 1, 1)]
)
async def test_a_source_that_stays_unavailable_is_given_up(
    alone: Platform, source: Unreliable, asked: int, tries: int
) -> None:
    """After the last try, or a long requested pause, the account's error says when to come back."""
    source.failures = [TryLater("busy", asked)] * (tries + 1)
    session = await begun(alone)
    for _ in range(tries - 1):
        await work(alone)
        await hurry(alone)
    await work(alone)
    told = await error(alone, session)
    assert (told["code"], told["statusCode"], told["retryAfter"]) == ("ServiceUnavailable", 503, asked)
    assert len(source.failures) == 1
    assert await execute(alone, f"SELECT FROM procrastinate_jobs WHERE {SYNC_JOB} AND status <> 'succeeded'") == 0


class Endless(Spotify):
    """A source that always has another page."""

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        page = Page(next(iter(self.info.object_types)), (), None)
        while True:
            yield page


@pytest.mark.protocol("6.1")
async def test_a_source_without_end_is_ended(alone: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tries of a sync together have one limit of time, and the app learns why its session is incomplete."""
    assert isinstance(alone.sources.connectable, dict)
    monkeypatch.setitem(alone.sources.connectable, SPOTIFY, Endless())
    session = await begun(alone)
    longest = alone.settings.max_sync_duration
    await execute(alone, f"UPDATE syncs SET started_at = now() - interval '{longest.total_seconds() - 1} seconds'")
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await work(alone)
    told = await error(alone, session)
    assert (told["code"], told["statusCode"]) == ("SourceTooSlow", 504)
    assert await execute(alone, f"SELECT FROM procrastinate_jobs WHERE {SYNC_JOB} AND status <> 'succeeded'") == 0


async def test_an_interrupted_fetch_starts_again(alone: Platform, source: Unreliable) -> None:
    """The cursors of a failed fetch are not kept, so the next sync fetches the data again."""
    source.before_failing = [Page(next(iter(source.info.object_types)), (), "so far")]
    source.failures = [TryLater("away", MAX_REQUESTED_PAUSE_SECONDS + 1)]
    session = await begun(alone)
    await work(alone)
    assert (await error(alone, session))["code"] == "ServiceUnavailable"
    async with alone.database.transaction() as db:
        assert list(await db.scalars(select(AccountRow.sealed_cursors))) == [None]


async def test_an_unavailable_blob_store_is_retried(alone: Platform) -> None:
    """The next try writes the data, and the session is complete."""
    session = await begun(alone)
    folder = alone.settings.data / "blobs" / ".aside"
    folder.rename(folder.with_name("away"))
    await work(alone)
    assert (await status(alone, session))["state"] == "running"
    folder.with_name("away").rename(folder)
    await hurry(alone)
    await work(alone)
    assert (await status(alone, session))["state"] == "completed"


async def test_a_sync_that_kills_its_workers_is_given_up(alone: Platform) -> None:
    """Each crash counts as a try, and in the end the account's error says that the platform failed."""
    session = await begun(alone)
    for _ in range(MAX_TRIES):
        await change_job(alone, "status = 'doing'")
        await recover_jobs(alone, 0)
    await work(alone)
    told = await error(alone, session)
    assert (told["code"], told["statusCode"]) == ("InternalError", 500)


async def test_a_stopped_worker_returns_its_sync(alone: Platform, source: Unreliable) -> None:
    """A worker that stops during a sync puts the job back for another worker."""
    source.go_on.clear()
    session = await begun(alone)
    worker = asyncio.create_task(
        alone.queue.run_worker_async(install_signal_handlers=False, shutdown_graceful_timeout=0.1)
    )
    await asyncio.to_thread(source.fetching.wait)
    worker.cancel()
    await asyncio.wait([worker])
    source.go_on.set()
    await work(alone)
    assert (await status(alone, session))["state"] == "completed"


async def test_a_job_ends_although_its_connection_ends(alone: Platform, source: Unreliable) -> None:
    """Otherwise it would count as running while its worker lives, and its account would never be fetched again."""
    source.go_on.clear()
    session = await begun(alone)
    worker = asyncio.create_task(alone.queue.run_worker_async(install_signal_handlers=False))
    await asyncio.to_thread(source.fetching.wait, GIVE_UP_SECONDS)
    async with alone.database.transaction() as db:  # The end of the job cannot be recorded meanwhile.
        await db.execute(text(f"SELECT FROM procrastinate_jobs WHERE {SYNC_JOB} FOR UPDATE"))
        source.go_on.set()
        await until_executed(alone, END_CONNECTION)
    await until_executed(alone, f"SELECT FROM procrastinate_jobs WHERE {SYNC_JOB} AND status = 'succeeded'")
    worker.cancel()
    await asyncio.wait([worker])
    assert (await status(alone, session))["state"] == "completed"


@pytest.mark.protocol("7.4")
async def test_access_that_is_withdrawn_during_a_sync_stays_withdrawn(alone: Platform, source: Unreliable) -> None:
    """The running sync does not restore the platform's access, and the app is told."""
    source.go_on.clear()
    session = await begun(alone)
    working = asyncio.create_task(work(alone))
    await asyncio.to_thread(source.fetching.wait, GIVE_UP_SECONDS)
    async with alone.database.transaction() as db:
        account = (await db.scalars(select(AccountRow))).one()
        await withdraw_access(db, alone, account)
    source.go_on.set()
    await working
    assert (await error(alone, session))["code"] == "ServiceAuthorizationError"
    async with alone.database.session() as db:
        assert (await db.scalars(select(AccountRow.needs_login))).one()


async def test_a_sync_without_a_job_gets_one(alone: Platform) -> None:
    """No session waits for a sync that nobody runs. A sync that has a job gets no second one."""
    session = await begun(alone)
    await recover_jobs(alone, 0)
    await change_job(alone, "status = 'failed'")
    await recover_jobs(alone, 0)
    await work(alone)
    assert (await status(alone, session))["state"] == "completed"


async def test_ended_syncs_and_jobs_are_deleted(alone: Platform) -> None:
    """Jobs are deleted a day after their end; syncs only after the last session that shows them."""
    session = await begun(alone)
    await work(alone)
    await begun(alone)
    await change_job(alone, "status = 'failed'")
    await execute(alone, "UPDATE syncs SET finished_at = now()")
    await sweep(alone)
    jobs = f"SELECT FROM procrastinate_jobs WHERE {SYNC_JOB} AND status IN ('succeeded', 'failed')"
    assert await execute(alone, jobs) == 2
    await execute(alone, "UPDATE syncs SET finished_at = now() - interval '2 days'")
    await execute(alone, "UPDATE procrastinate_events SET at = now() - interval '2 days'")
    await sweep(alone)
    assert await execute(alone, jobs) == 0
    assert await execute(alone, "SELECT FROM syncs") == 2
    async with alone.database.transaction() as db:
        await db.execute(
            update(SessionRow).where(SessionRow.id == session.id).values(expires_at=datetime.now(UTC) - DAYS)
        )
    await sweep(alone)
    assert await execute(alone, "SELECT FROM sessions") == 1
    assert await execute(alone, "SELECT FROM syncs") == 1


@pytest.mark.protocol("4.1", "4.4")
async def test_the_last_access_token_of_a_grant_outlives_its_end(alone: Platform) -> None:
    """For a year it can renew a lapsed grant. Earlier and revoked tokens are deleted."""
    session = await begun(alone)
    now, lapsed = datetime.now(UTC), datetime.now(UTC) - timedelta(days=200)
    for revoked in (False, True):
        async with alone.database.transaction() as db:
            consent = await consent_by_id(db, str(session.consent_id))
            wire_id = consent.contract_id
            code = await issue_code(db, alone, consent, b64(sha256(b"v" * 43).digest()), lapsed)
            first = await redeem_code(db, alone, wire_id, code, "v" * 43, lapsed)
        async with alone.database.statements() as sql:
            second = await rotate_refresh_token(sql, alone, wire_id, first.refresh.value, lapsed + DAYS)
        if revoked:
            async with alone.database.transaction() as db:
                of_family = TokenRow.token_hash == hash_secret(second.access.value)
                await db.execute(update(TokenRow).where(of_family).values(revoked_at=now))
        else:
            last = second.access.value
    await sweep(alone)
    async with alone.database.session() as db:
        assert [token.token_hash for token in await db.scalars(select(TokenRow))] == [hash_secret(last)]
        partner = (await db.get_one(ContractRow, wire_id)).application.partner_id
        assert (await find_token_of_partner(db, alone.hints, partner, last)).consent_id == session.consent_id
    await execute(alone, "UPDATE tokens SET expires_at = expires_at - interval '200 days'")
    await sweep(alone)
    assert await execute(alone, "SELECT FROM tokens") == 0


def aged(platform: Platform, key: str, age: timedelta) -> str:
    """Return a blob that is this old by the store's clock."""
    moment = (datetime.now(UTC) - age).timestamp()
    os.utime(platform.settings.data / "blobs" / key, (moment, moment))
    return key


async def test_only_orphans_are_deleted(alone: Platform) -> None:
    """A blob is deleted if it is old and no row refers to it, but not if it is older than the database."""
    await begun(alone)
    await work(alone)
    orphan, young, foreign = (f"library/4f2a/file/{name}" for name in ("orphan", "young", "foreign"))
    for key in (orphan, young, foreign):
        put(alone.blobs, key, [b"x"])
    half_written = alone.settings.data / "blobs" / ".aside" / "dead"
    half_written.touch()
    async with alone.database.transaction() as db:
        await db.execute(update(SigningKeyRow).values(created_at=datetime.now(UTC) - 4 * DAYS))
        named = set(await db.scalars(select(FileRow.blob)))
    assert named
    for key in (*named, orphan, ".aside/dead"):
        aged(alone, key, 2 * DAYS)
    aged(alone, foreign, 5 * DAYS)
    assert await sweep_orphans(alone) == 1
    assert set(alone.blobs.keys("library/")) == named | {young, foreign}
    assert not half_written.exists()
    assert await sweep_orphans(alone) == 0


async def test_a_blob_of_a_killed_writer_is_deleted(tmp_path: Path) -> None:
    """A server that is killed between storing and recording a file leaves a blob, which is deleted."""
    data = tmp_path / "data"
    settings = Settings(data=data, database_pool_size=5)
    with serving(data) as served:
        async with operator_platform(settings) as platform:
            push = await pushing(platform, served.origin)
            assert (await asyncio.to_thread(push)).status_code == 200
            (kept,) = pushed(platform)
            with suppress(OperationalError):  # Its database ends with it.
                async with platform.database.transaction() as db, asyncio.timeout(GIVE_UP_SECONDS):
                    await db.execute(text("LOCK TABLE pushed_files IN SHARE MODE"))
                    call = asyncio.create_task(asyncio.to_thread(push))
                    while len(pushed(platform)) < 2:
                        await asyncio.sleep(0.01)
                    kill_group(served.process.pid)
                    served.process.wait()
    with pytest.raises(httpx2.TransportError):
        await call
    async with running_platform(settings, GIVE_UP_SECONDS) as (platform, _):
        assert len(pushed(platform)) == 2
        assert await sweep_orphans(platform) == 0  # The blob is too young to be an orphan.
        assert await sweep_orphans(platform, timedelta(0)) == 1
        assert pushed(platform) == [kept]


def pushed(platform: Platform) -> list[str]:
    """Return the blobs of pushed files."""
    return [key for key in platform.blobs.keys("library/") if "/pushed/" in key]


async def pushing(platform: Platform, origin: str) -> Callable[[], httpx2.Response]:
    """Return a call that pushes a file. Protocol 10.1."""
    people = People(platform, origin)
    wire = await people.contract(kind="write")
    tokens, _ = await people.user(wire, sources=())
    told = {"metadata": {"mimeType": "text/plain", "accounts": [{"accountId": "mine"}]}}
    headers = {"FileDescriptor": ps512({"alg": "PS512", "typ": "JWT"}, told, wire.key)}
    return lambda: wire.post("permission-access/import", access_token=tokens.access, content=b"x", headers=headers)
