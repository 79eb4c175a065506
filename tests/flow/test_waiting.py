"""Tests of protocol 6.7: responses that are held until something changes, and their cost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.api.files import MAX_WAIT_SECONDS
from privateshare.platform.app import create_app
from privateshare.platform.db.engine import Database
from privateshare.platform.db.session_watch import SessionWatch
from privateshare.platform.db.statements import Runnable
from privateshare.platform.db.tables import AccountRow, ConsentRow, PushedFileRow, SessionRow, SyncRow
from privateshare.platform.library.mapped_files import WrittenFile
from privateshare.platform.library.object_buffer import Slot
from privateshare.platform.operating.admission import Admission
from privateshare.platform.operating.fair_queue import FairQueue
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from privateshare.protocol.choice import Choice
from privateshare.protocol.messages import SessionOptions
from privateshare.sources.registry import Sources
from tests.flow.people import SPOTIFY, People
from tests.flow.served import serving
from tests.flow.slots import record_files
from tests.flow.statements import statements
from tests.flow.wire import Tokens, Wire
from tests.patience import GIVE_UP_SECONDS, until
from tests.ports import free_port

PLAYS = 406
LOOK = "AS waiting (library_id"  # What only the query for changes has.


@dataclass
class Held:
    """A session whose sync never comes to an end, since nobody works; and the app of its platform in this process."""

    platform: Platform
    http: httpx2.AsyncClient
    wire: Wire
    tokens: Tokens
    session: str
    library_id: UUID

    async def ask(self, wait: int, etag: str) -> httpx2.Response:
        """Return the file list, once it is another than that of the etag."""
        path = f"/v1.7/permission-access/query/{self.session}?wait={wait}"
        bearer = f"Bearer {self.wire.jwt(access_token=self.tokens.access)}"
        return await self.http.get(path, headers={"Authorization": bearer, "If-None-Match": etag})


@pytest.fixture(scope="module")
async def idle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    """Provide a platform without workers."""
    data = tmp_path_factory.mktemp("idle") / "data"
    with serving(data, environment={"PRIVATESHARE_WORKERS": "0"}) as served:
        async with operator_platform(Settings(data=data, database_pool_size=5)) as platform:
            yield People(platform, served.origin)


@pytest.fixture
async def held(idle: People) -> AsyncIterator[Held]:
    """Provide a new person on the platform without workers."""
    wire = await idle.contract()
    tokens, session = await idle.user(wire)
    transport = httpx2.ASGITransport(create_app(idle.platform))
    async with httpx2.AsyncClient(transport=transport, base_url=idle.origin) as http:
        yield Held(idle.platform, http, wire, tokens, session, await idle.library_of(tokens))


async def new_file(db: AsyncSession, library_id: UUID) -> None:
    account = await db.scalar(select(AccountRow).where(AccountRow.library_id == library_id))
    assert account is not None
    schema = Sources().connectable[SPOTIFY].info.schema
    await record_files(
        db, account, Slot(PLAYS, 202610), schema, [WrittenFile(1, 1, "library/none", 1, b"", None, None)]
    )


async def changed_file(db: AsyncSession, library_id: UUID) -> None:
    await new_file(db, library_id)


async def sync_ended(db: AsyncSession, library_id: UUID) -> None:
    now = datetime.now(UTC)
    await db.execute(update(SyncRow).where(SyncRow.library_id == library_id).values(outcome="done", finished_at=now))


async def less_shared(db: AsyncSession, library_id: UUID) -> None:
    shared = update(ConsentRow).where(ConsentRow.library_id == library_id)
    await db.execute(shared.values(choice=Choice(accounts={})))


async def consent_withdrawn(db: AsyncSession, library_id: UUID) -> None:
    await db.execute(update(ConsentRow).where(ConsentRow.library_id == library_id).values(revoked_at=datetime.now(UTC)))


async def account_erased(db: AsyncSession, library_id: UUID) -> None:
    account = await db.scalar(select(AccountRow).where(AccountRow.library_id == library_id))
    await db.delete(account)


async def session_ended(db: AsyncSession, library_id: UUID) -> None:
    session = await db.scalar(select(SessionRow).where(SessionRow.library_id == library_id))
    await db.delete(session)


async def time_for_fetching_ends(db: AsyncSession, library_id: UUID) -> None:
    ended = {
        "options": SessionOptions.model_validate({"limits": {"duration": {"sourceFetch": 1}}}),
        "started_at": datetime.now(UTC) - timedelta(minutes=1),
    }
    await db.execute(update(SessionRow).where(SessionRow.library_id == library_id).values(ended))


Change = Callable[[AsyncSession, UUID], Awaitable[None]]


@pytest.mark.protocol("6.7")
@pytest.mark.parametrize(
    ("change", "status", "state"),
    [
        (new_file, 200, "running"),
        (changed_file, 200, "running"),
        (sync_ended, 200, "completed"),
        (time_for_fetching_ends, 200, "partial"),
        (account_erased, 200, "completed"),
        (less_shared, 200, "running"),
        (consent_withdrawn, 401, None),
        (session_ended, 404, None),
    ],
)
async def test_a_change_ends_the_wait(held: Held, change: Change, status: int, state: str | None) -> None:
    """Every change of the response ends the wait, long before the time limit."""
    if change in (changed_file, less_shared):
        async with held.platform.database.transaction() as db:
            await new_file(db, held.library_id)
    etag = (await held.ask(0, "")).headers["etag"]
    async with asyncio.timeout(20), looking(held.platform) as looked:
        call = asyncio.create_task(held.ask(30, etag))
        await looked.wait()
        async with held.platform.database.transaction() as db:
            await change(db, held.library_id)
        answer = await call
    assert answer.status_code == status, answer.text
    if state is not None:
        assert answer.json()["status"]["state"] == state
        assert answer.headers["etag"] != etag


@asynccontextmanager
async def looking(platform: Platform) -> AsyncIterator[asyncio.Event]:
    """Provide an event that is set once the platform has checked for changes."""
    looked = asyncio.Event()
    async with statements(platform, lambda text: looked.set() if LOOK in text else None):
        yield looked


@pytest.mark.protocol("6.1")
async def test_a_held_response_shows_one_state_of_the_session(held: Held) -> None:
    """A session that is erased while the response is built is not reported as completed with no files."""
    url = held.platform.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ended: list[Any] = []

    def end(text: str) -> None:
        if "session_syncs" in text and not ended:
            with psycopg.connect(url) as connection:
                ended.append(connection.execute("DELETE FROM sessions WHERE library_id = %s", [held.library_id]))

    async with statements(held.platform, end):
        answer = await held.ask(0, "")
    assert ended
    assert answer.status_code == 404, answer.text
    assert (await held.ask(0, "")).status_code == 404


@pytest.mark.protocol("5.1", "6.1")
async def test_a_fetch_that_runs_out_of_time_is_partial(held: Held) -> None:
    """When limits.duration.sourceFetch has passed, existing files are published with an error."""
    assert (await held.ask(0, "")).json()["status"]["state"] == "running"
    async with held.platform.database.transaction() as db:
        await new_file(db, held.library_id)
        await time_for_fetching_ends(db, held.library_id)
    answer = (await held.ask(0, "")).json()
    (detail,) = answer["status"]["details"].values()
    assert (answer["status"]["state"], detail["state"]) == ("partial", "partial")
    assert detail["error"]["code"] == "SourceFetchDurationQuotaReached"
    assert len(answer["fileList"]) == 1


@pytest.mark.protocol("6.7")
async def test_waiting_is_cheap(held: Held) -> None:
    """Without changes neither the list nor the caller's check is repeated."""
    etag = (await held.ask(0, "")).headers["etag"]
    sent: list[str] = []

    def count(part: str) -> int:
        return len([text for text in sent if part in text])

    async with statements(held.platform, sent.append):
        assert (await held.ask(1, etag)).status_code == 304
        assert count("FROM tokens") <= 2  # The list is built once at the beginning and once at the end.
        sent.clear()
        call = asyncio.create_task(held.ask(MAX_WAIT_SECONDS, etag))
        await until(lambda: count(LOOK) > 4 or call.done())
        assert count("FROM tokens") <= (2 if call.done() else 1)
        async with held.platform.database.transaction() as db:
            await sync_ended(db, held.library_id)
        await call


@pytest.mark.protocol("6.7")
async def test_a_held_response_takes_no_place(held: Held) -> None:
    """An app with a single place can make other calls while its responses are held."""
    admission = Admission(FairQueue(1), FairQueue(1), FairQueue(1))
    transport = httpx2.ASGITransport(create_app(replace(held.platform, admission=admission)))
    async with httpx2.AsyncClient(transport=transport, base_url=held.wire.origin) as http:
        narrow = replace(held, http=http)
        etag = (await narrow.ask(0, "")).headers["etag"]
        async with asyncio.timeout(30), looking(held.platform) as looked:
            calls = [asyncio.create_task(narrow.ask(30, etag)) for _ in range(5)]
            await looked.wait()
            for _ in range(3):
                assert (await narrow.ask(0, "")).status_code == 200
            assert not any(call.done() for call in calls)
            async with held.platform.database.transaction() as db:
                await sync_ended(db, held.library_id)
            for call in calls:
                assert (await call).json()["status"]["state"] == "completed"


async def test_one_query_looks_at_all_sessions_that_are_waited_for(held: Held, idle: People) -> None:
    """However many requests wait. Only those whose session changed are told."""
    platform, wire = held.platform, await idle.contract()
    other = await idle.library_of((await idle.user(wire))[0])
    async with platform.database.transaction() as db:
        found = [
            await db.scalar(select(SessionRow).where(SessionRow.library_id == id_)) for id_ in (held.library_id, other)
        ]
    watch, (changing, unchanged), looks = platform.session_watch, [row for row in found if row], list[str]()
    with ExitStack() as stack:

        async def waiting(session: SessionRow) -> asyncio.Future[None]:
            version = await watch.version(session.library_id, session.id)
            return stack.enter_context(watch.change_of(session.library_id, session.id, version))

        told = [await waiting(changing) for _ in range(20)]
        untold = [await waiting(unchanged) for _ in range(20)]
        async with asyncio.timeout(GIVE_UP_SECONDS), statements(platform, looks.append):
            async with platform.database.transaction() as db:
                await sync_ended(db, held.library_id)
            await asyncio.gather(*told)
    assert not any(future.done() for future in untold)
    assert len([text for text in looks if LOOK in text]) < len(told)


async def test_a_query_does_not_grow_with_the_requests_for_one_session(held: Held) -> None:
    """Otherwise an app that holds thousands of requests would occupy the database, and all other apps would wait."""
    platform, asked, rows = held.platform, list[int](), held.platform.database.rows

    async def counted_rows(statement: Runnable[Any], parameters: Mapping[str, Any]) -> list[Any]:
        asked.append(len(parameters["session_ids"]))
        return await rows(statement, parameters)

    async with platform.database.session() as db:
        session = await db.scalar(select(SessionRow).where(SessionRow.library_id == held.library_id))
    assert session is not None
    watch = SessionWatch(platform.database)
    version = await watch.version(session.library_id, session.id)
    platform.database.rows = counted_rows  # type: ignore[method-assign]
    try:
        with ExitStack() as stack:
            told = [stack.enter_context(watch.change_of(session.library_id, session.id, version)) for _ in range(500)]
            async with platform.database.transaction() as db:
                await sync_ended(db, held.library_id)
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await asyncio.gather(*told)
    finally:
        platform.database.rows = rows  # type: ignore[method-assign]
    assert max(asked) == 1


async def test_files_that_are_counted_alike_are_another_version(held: Held) -> None:
    """A pushed file that was deleted, and another that came since, before anybody looked."""
    watch = held.platform.session_watch
    async with held.platform.database.session() as db:
        session = await db.scalar(select(SessionRow).where(SessionRow.library_id == held.library_id))
    assert session is not None
    versions = list[str | None]()
    for _ in range(2):
        async with held.platform.database.transaction() as db:
            await db.execute(delete(PushedFileRow).where(PushedFileRow.library_id == held.library_id))
            content = {"sealed_metadata": b"", "blob": "none", "size": 1, "sealed_sha256": b""}
            db.add(PushedFileRow(library_id=held.library_id, contract_id=held.wire.contract_id, **content))
        versions.append(await watch.version(session.library_id, session.id))
    assert versions[0] != versions[1]


async def test_a_database_that_does_not_answer_ends_the_wait() -> None:
    """The request then finds out for itself, and its response tells the app."""
    database = Database(f"postgresql+psycopg://127.0.0.1:{free_port()}/none", pool_size=2)
    with SessionWatch(database).change_of(uuid4(), uuid4(), None) as changed:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await changed
    await database.close()
