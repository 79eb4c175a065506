"""Tests of two operations at the same time in the worst order: neither fails or happens twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidToken
from privateshare.platform.blobs.store import put
from privateshare.platform.db.engine import Database, driver_connection
from privateshare.platform.db.tables import (
    AccountRow,
    ApplicationRow,
    BlobToDeleteRow,
    ConsentRow,
    LibraryRow,
    SessionRow,
    StorageRow,
    SyncRow,
    TokenRow,
)
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.grants.tokens import rotate_refresh_token
from privateshare.platform.jobs.queue import SYNC
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library import storages
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.erasure import erase_library, forget_user
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.platform.sync.positions import keep_positions
from privateshare.platform.sync.sessions import sync_for_person
from privateshare.platform.sync.sync_run import AccountSync, check_may_fetch
from privateshare.protocol.bearer import MAX_SKEW
from privateshare.protocol.storage_paths import storage_path
from privateshare.sources.contract import Identity
from tests.flow.consenting import asking_contract, known_person, opened, page_of, refer
from tests.flow.files import blobs
from tests.flow.people import SPOTIFY, People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.storage_calls import cloud
from tests.flow.wire import Tokens, Wire, b64, check_error, verifier
from tests.patience import GIVE_UP_SECONDS, wait_for

TRIGGER = "permission-access/trigger"
Change = Callable[[AsyncSession, Platform, ConsentRow], Awaitable[None]]


async def waiting_for_locks(platform: Platform, number: int) -> None:
    """Wait until this many transactions wait for a lock."""
    waiting = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            async with platform.database.session() as db:
                if (await db.scalar(waiting) or 0) >= number:
                    return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def held(platform: Platform, *locks: Any) -> AsyncIterator[AsyncSession]:
    """Provide a transaction that holds some locks."""
    async with platform.database.transaction() as db:
        for lock in locks:
            await db.execute(lock)
        yield db


async def consent_of(db: AsyncSession, tokens: Tokens) -> ConsentRow:
    return (await db.scalars(select(ConsentRow).where(ConsentRow.id == tokens.claims["consentid"]))).one()


async def test_a_read_that_begins_while_the_library_is_erased(people: People, platform: Platform) -> None:
    """The erasure continues, and the read learns that its token is invalid."""
    wire = await people.contract()
    tokens, _ = await people.user(wire, sources=())
    library = await people.library_of(tokens)
    async with held(platform, select(LibraryRow.id).where(LibraryRow.id == library).with_for_update()) as db:
        reading = asyncio.create_task(asyncio.to_thread(wire.post, TRIGGER, access_token=tokens.access))
        await waiting_for_locks(platform, 1)
        await erase_library(db, platform, library)
    check_error(await reading, 401, "InvalidToken")


async def test_a_read_that_begins_while_the_partner_is_forgotten(people: People, platform: Platform) -> None:
    """The result is the same if the library remains for another partner."""
    wire, other = await people.contract(partner="Forgotten"), await people.contract(partner="Kept")
    tokens, _ = await people.user(wire)
    library = await people.library_of(tokens)
    await people.user(other, library_id=library)
    async with held(platform, select(LibraryRow.id).where(LibraryRow.id == library).with_for_update()) as db:
        reading = asyncio.create_task(asyncio.to_thread(wire.post, TRIGGER, access_token=tokens.access))
        await waiting_for_locks(platform, 1)
        consent = await consent_of(db, tokens)
        partner = (await db.get_one(ApplicationRow, wire.application_id)).partner_id
        await forget_user(db, platform, consent, partner, consent.created_at)
    check_error(await reading, 401, "InvalidToken")


async def test_two_reads_at_once_of_a_one_off_contract(people: People, platform: Platform) -> None:
    """Only one of the two reads is allowed."""
    wire = await people.contract(once=True)
    tokens, _ = await people.user(wire, sources=())
    this = ConsentRow.id == tokens.claims["consentid"]
    async with platform.database.transaction() as db:
        await db.execute(update(ConsentRow).where(this).values(used_at=None))
    async with held(platform, select(ConsentRow.id).where(this).with_for_update()):
        both = [asyncio.create_task(asyncio.to_thread(wire.post, TRIGGER, access_token=tokens.access)) for _ in "ab"]
        await waiting_for_locks(platform, 2)
    assert sorted([(await answer).status_code for answer in both]) == [202, 403]


@pytest.mark.protocol("4.2", "4.3")
@pytest.mark.parametrize("stolen", ["refresh token", "code"])
async def test_a_refresh_while_its_family_is_revoked(people: People, platform: Platform, stolen: str) -> None:
    """New tokens that are being issued while their family is revoked are revoked too."""
    wire, secret = await people.contract(), verifier()
    code = await people.consent(wire.signed(wire.authorize(secret))["preauthorization_code"])
    first = wire.tokens(wire.exchange(code, secret))
    second = wire.tokens(wire.refresh(first.refresh))
    async with platform.database.transaction() as db:
        earlier = datetime.now(UTC) - timedelta(seconds=61)
        await db.execute(
            update(TokenRow).where(TokenRow.token_hash == hash_secret(first.refresh)).values(rotated_at=earlier)
        )
    replay = partial(wire.exchange, code, secret) if stolen == "code" else partial(wire.refresh, first.refresh)
    async with platform.database.statements() as sql:
        now = datetime.now(UTC)
        issued = await rotate_refresh_token(sql, platform, wire.contract_id, second.refresh, now)
        await sql.write_now()
        replaying = asyncio.create_task(asyncio.to_thread(replay))
        await waiting_for_locks(platform, 1)
    check_error(await replaying, 401, "InvalidToken")
    check_error(wire.get("permission-access/accounts", access_token=issued.access.value), 401, "InvalidToken")
    check_error(wire.refresh(issued.refresh.value), 401, "InvalidToken")


@pytest.mark.protocol("4.3")
async def test_a_refresh_that_ends_after_its_family_is_revoked(people: People, platform: Platform) -> None:
    """It waits for the revocation, and issues no tokens. The family has none that work."""
    wire = await people.contract()
    tokens, _ = await people.user(wire, sources=())
    async with platform.database.transaction() as db:
        row = (await db.scalars(select(TokenRow).where(TokenRow.token_hash == hash_secret(tokens.refresh)))).one()
        family = TokenRow.family_id == row.family_id
        await db.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:family, 0))"), {"family": str(row.family_id)}
        )
        refreshing = asyncio.create_task(asyncio.to_thread(wire.refresh, tokens.refresh))
        await waiting_for_locks(platform, 1)
        await db.execute(update(TokenRow).where(family).values(revoked_at=datetime.now(UTC)))
    check_error(await refreshing, 401, "InvalidToken")
    async with platform.database.transaction() as db:
        assert await db.scalar(select(func.count()).where(family, TokenRow.revoked_at.is_(None))) == 0
        assert await db.scalar(select(func.count()).where(family)) == 2


@pytest.mark.protocol("4.3")
async def test_a_queued_refresh_counts_from_its_arrival(people: People, platform: Platform) -> None:
    """Parallel downloads refresh together and may wait in the queue for longer than the grace period."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    rotated = datetime.now(UTC)
    async with platform.database.statements() as sql:
        refresh = partial(rotate_refresh_token, sql, platform, wire.contract_id, tokens.refresh)
        await refresh(rotated)
        await sql.write_now()
        now = rotated + timedelta(seconds=119)
        last = await refresh(now, arrived=rotated + timedelta(seconds=59))
    assert wire.get("permission-access/accounts", access_token=last.access.value).status_code == 200
    async with platform.database.statements() as sql:
        with pytest.raises(InvalidToken):
            await rotate_refresh_token(sql, platform, wire.contract_id, tokens.refresh, now)
    check_error(wire.get("permission-access/accounts", access_token=last.access.value), 401, "InvalidToken")


async def test_consent_given_while_the_person_is_erased(people: People, platform: Platform) -> None:
    """One waits for the other: the person returns to the app, and then nothing is left of what the app could read."""
    wire = await asking_contract(people)
    home = httpx2.Client()
    tokens = await asyncio.to_thread(known_person, wire, home)
    library = await people.library_of(tokens)
    again = {"code_challenge": b64(b"c" * 32), "code_challenge_method": "S256"}
    asking = refer(wire, "user-reauth", tokens.access, **again)
    browser = await asyncio.to_thread(opened, asking.url, http=home)
    assert page_of(browser) == "consent"
    async with held(platform, text("LOCK TABLE authorization_codes IN SHARE MODE")):
        agreeing = asyncio.create_task(asyncio.to_thread(browser.submit, "continue"))
        await waiting_for_locks(platform, 1)
        erasing = asyncio.create_task(asyncio.to_thread(wire.call, "DELETE", "user", access_token=tokens.access))
        await waiting_for_locks(platform, 2)
    await agreeing
    assert browser.left_to is not None, browser.page and browser.page.html
    assert (await erasing).status_code == 200
    async with platform.database.session() as db:
        live = select(ConsentRow.id).where(ConsentRow.library_id == library, ConsentRow.revoked_at.is_(None))
        assert (await db.scalars(live)).all() == []


@pytest.mark.protocol("2.3")
async def test_a_repeated_erasure_gets_the_same_response(people: People) -> None:
    """A client that lost the response sends the same request again."""
    wire = await people.contract()
    tokens, _ = await people.user(wire, sources=())
    jwt = wire.jwt(access_token=tokens.access)
    for _ in "ab":
        answer = wire.call("DELETE", "user", jwt=jwt)
        assert (answer.status_code, answer.json()) == (200, {})
    check_error(wire.call("DELETE", "user", access_token=tokens.access), 401, "InvalidToken")


@pytest.mark.slow
async def test_a_person_with_very_many_files_is_erased(people: People, platform: Platform) -> None:
    """The partner has more files than one statement can name."""
    wire, other = await people.contract(kind="write", partner="Diligent"), await people.contract(partner="Other")
    tokens, _ = await people.user(wire, sources=())
    library = await people.library_of(tokens)
    await people.user(other, library_id=library)
    pushed = text(
        "INSERT INTO pushed_files (library_id, name, contract_id, sealed_metadata, blob, size, sealed_sha256) SELECT "
        "CAST(:library AS uuid), gen_random_uuid(), :contract, '', "
        "'library/' || CAST(:library AS text) || '/pushed/' || n, 0, '' "
        "FROM generate_series(1, 70000) AS n"
    )
    async with platform.database.transaction() as db:
        await db.execute(pushed, {"library": str(library), "contract": wire.contract_id})
    answer = await asyncio.to_thread(wire.call, "DELETE", "user", access_token=tokens.access)
    assert answer.status_code == 200, answer.text


# --- files that arrive ---


async def pushing(people: People) -> tuple[Wire, Tokens]:
    wire = await people.contract(kind="write")
    return wire, (await people.user(wire, sources=()))[0]


@pytest.mark.protocol("2.3")
async def test_a_repeated_push_is_stored_once(people: People, platform: Platform) -> None:
    """The repeat gets the first response, and its bytes are deleted."""
    wire, tokens = await pushing(people)
    jwt, headers = wire.jwt(access_token=tokens.access), descriptor(wire)
    for _ in "ab":
        assert wire.post(IMPORT, jwt=jwt, content=b"once", headers=headers).status_code == 200
    assert len(blobs(platform, f"library/{await people.library_of(tokens)}")) == 1


@pytest.mark.protocol("2.3", "10.1")
async def test_another_file_under_the_same_jwt_is_a_replay(people: People, platform: Platform) -> None:
    """It is rejected, and nothing of it is stored."""
    wire, tokens = await pushing(people)
    jwt, headers = wire.jwt(access_token=tokens.access), descriptor(wire)
    assert wire.post(IMPORT, jwt=jwt, content=b"one", headers=headers).status_code == 200
    check_error(wire.post(IMPORT, jwt=jwt, content=b"two", headers=headers), 400, "InvalidRequest")
    check_error(wire.post(IMPORT, jwt=jwt, content=b"one", headers=descriptor(wire)), 400, "InvalidRequest")
    assert len(blobs(platform, f"library/{await people.library_of(tokens)}")) == 1


async def withdraw(db: AsyncSession, platform: Platform, consent: ConsentRow) -> None:
    """Withdraw the consent."""
    await revoke_consent(db, consent, consent.created_at)


async def erase(db: AsyncSession, platform: Platform, consent: ConsentRow) -> None:
    """Erase the person."""
    await erase_library(db, platform, consent.library_id)


async def use(db: AsyncSession, platform: Platform, consent: ConsentRow) -> None:
    """Note that the consent was used, which allows and forbids nothing."""
    consent.used_at = datetime.now(UTC)


async def pushed_while(people: People, platform: Platform, change: Change) -> tuple[httpx2.Response, int]:
    """Push a file while something changes. Return the response, and how many blobs the person has then."""
    wire, tokens = await pushing(people)
    library, loop = await people.library_of(tokens), asyncio.get_running_loop()

    async def make_change() -> None:
        async with platform.database.transaction() as db:
            await change(db, platform, await consent_of(db, tokens))

    def content() -> Iterator[bytes]:
        yield b"x" * 100_000
        asyncio.run_coroutine_threadsafe(make_change(), loop).result()
        yield b"y" * 100_000

    options: dict[str, Any] = {"content": content(), "headers": descriptor(wire)}
    answer = await asyncio.to_thread(wire.post, IMPORT, access_token=tokens.access, **options)
    return answer, len(blobs(platform, f"library/{library}"))


@pytest.mark.parametrize("change", [withdraw, erase])
async def test_a_push_without_consent_leaves_nothing(people: People, platform: Platform, change: Change) -> None:
    """If the consent is withdrawn or the person erased during the upload, the file is rejected and deleted."""
    answer, stored = await pushed_while(people, platform, change)
    check_error(answer, 401, "InvalidToken")
    assert stored == 0


async def test_a_change_that_forbids_nothing_does_not_stop_a_push(people: People, platform: Platform) -> None:
    """The file is stored once, although its first attempt found that the consent has changed."""
    answer, stored = await pushed_while(people, platform, use)
    assert (answer.status_code, stored) == (200, 1)


async def test_a_push_waits_for_an_erasure_that_is_taken_back(people: People, platform: Platform) -> None:
    """The file is stored, once nobody has the library locked any more."""
    wire, tokens = await pushing(people)
    library = await people.library_of(tokens)
    send = partial(wire.post, IMPORT, access_token=tokens.access, content=b"x", headers=descriptor(wire))
    async with held(platform, select(LibraryRow.id).where(LibraryRow.id == library).with_for_update()):
        sending = asyncio.create_task(asyncio.to_thread(send))
        await waiting_for_locks(platform, 1)
    assert (await sending).status_code == 200
    assert len(blobs(platform, f"library/{library}")) == 1


async def trigger_while(platform: Platform, wire: Wire, tokens: Tokens, change: Change) -> httpx2.Response:
    """Start a session that fetches nothing, while a transaction that changes its consent is open."""
    start = partial(wire.post, TRIGGER, access_token=tokens.access, body={"sourceFetch": False})
    async with platform.database.transaction() as db:
        await change(db, platform, await consent_of(db, tokens))
        await db.flush()
        starting = asyncio.create_task(asyncio.to_thread(start))
        await waiting_for_locks(platform, 1)
    return await starting


@pytest.mark.protocol("5.1")
@pytest.mark.parametrize(("change", "status", "sessions"), [(withdraw, 401, 0), (use, 202, 1)])
async def test_a_session_that_starts_while_its_consent_changes(
    people: People, platform: Platform, change: Change, status: int, sessions: int
) -> None:
    """It waits for the change, and starts under what that left."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    async with platform.database.transaction() as db:
        of_consent = select(func.count()).where(SessionRow.consent_id == (await consent_of(db, tokens)).id)
        before = await db.scalar(of_consent) or 0
    assert (await trigger_while(platform, wire, tokens, change)).status_code == status
    async with platform.database.transaction() as db:
        assert await db.scalar(of_consent) == before + sessions


@pytest.mark.protocol("2.3")
@pytest.mark.slow
async def test_a_push_may_take_longer_than_its_jwt_is_valid(people: People) -> None:
    """Protocol 2.3 limits when a request begins, not the duration of its body."""
    wire, tokens = await pushing(people)

    stamped = time.time() - MAX_SKEW.total_seconds() + 30  # This gives the request time to arrive.

    def content() -> Iterator[bytes]:
        yield b"x"
        wait_for(lambda: time.time() > stamped + MAX_SKEW.total_seconds())
        yield b"y"

    options: dict[str, Any] = {"content": content(), "headers": descriptor(wire)}
    answer = await asyncio.to_thread(wire.post, IMPORT, access_token=tokens.access, timestamp=stamped * 1000, **options)
    assert answer.status_code == 200, answer.text


async def test_two_files_at_once_for_one_path(people: People, platform: Platform) -> None:
    """The later file is kept, and the other's blob is listed for deletion."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    first, second = storages.new_blob(storage), storages.new_blob(storage)

    for blob in (first, second):
        put(platform.blobs, blob, [b"x"])

    async def replace_file() -> None:
        async with platform.database.transaction() as db:
            await storages.put_file(db, storage, storage_path("a.txt"), second, 1)
            assert await db.get(BlobToDeleteRow, first) is not None  # Once this is committed, the server may delete it.

    async with platform.database.transaction() as db:
        await storages.put_file(db, storage, storage_path("a.txt"), first, 1)
        later = asyncio.create_task(replace_file())
        await waiting_for_locks(platform, 1)
    await later
    async with platform.database.session() as db:
        file = await storages.find_stored_file(db, storage, storage_path("A.txt"))
        assert file is not None
        assert file.blob == second


async def test_a_list_that_is_read_while_its_storage_is_deleted(people: People, platform: Platform) -> None:
    """The app learns that the storage has ended. An empty list would say that all its files are gone."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    assert cloud(wire, "POST", storage, "/a.txt", content=b"x").status_code == 201
    async with held(platform, text("LOCK TABLE stored_files IN ACCESS EXCLUSIVE MODE")) as db:
        listing = asyncio.create_task(asyncio.to_thread(cloud, wire, "GET", storage, "/"))
        await waiting_for_locks(platform, 1)
        await db.execute(delete(StorageRow).where(StorageRow.id == storage))
    assert (await listing).status_code == 404


@pytest.mark.parametrize("name", ["empty", "full"])
async def test_a_stored_file_of_any_size_comes_back(people: People, name: str) -> None:
    """An empty file is a file too."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    content = b"" if name == "empty" else b"x" * 300_000
    assert cloud(wire, "POST", storage, f"/{name}", content=content).status_code == 201
    assert cloud(wire, "GET", storage, f"/{name}").content == content


@pytest.mark.protocol("2.3")
async def test_a_commit_with_a_lost_response_keeps_its_blob(people: People, platform: Platform) -> None:
    """The row exists, so the blob is kept. A blob without a row is deleted at once."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    away = replace(platform, database=Database("postgresql://nobody@127.0.0.1:1/none", 2))

    async def record(database: Platform, name: str, commit: bool) -> str:
        """Fail before or after the commit, and return the name of the blob."""
        blob = storages.new_blob(storage)
        put(platform.blobs, blob, [b"x"])
        with suppress(ConnectionError, OperationalError):
            async with delete_blob_on_failure(database, blob):
                async with database.database.transaction() as db:
                    await storages.put_file(db, storage, storage_path(name), blob, 1)
                    if not commit:
                        raise ConnectionError
                raise ConnectionError
        return blob.rsplit("/", 1)[1]

    lost, _, unknown = (
        await record(platform, "a", True),
        await record(platform, "b", False),
        await record(away, "c", True),
    )
    assert {path.name for path in blobs(platform, f"storage/{storage}")} == {lost, unknown}
    assert cloud(wire, "GET", storage, "/a").content == b"x"


@pytest.mark.parametrize("step", [check_may_fetch, keep_positions])
async def test_a_file_is_added_while_its_account_is_synced(
    platform: Platform, erased_afterwards: list[UUID], step: Callable[[AccountSync], Coroutine[Any, Any, None]]
) -> None:
    """The one has locked the account, and the other the sync. Neither waits for what the other has locked."""
    sync, account = await synced_elsewhere(platform, erased_afterwards, by_person=True)
    source = platform.sources.connectable[SPOTIFY]
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, sync.library_id)
    run = AccountSync(platform, library, sync.id, account, source, datetime.now(UTC) + timedelta(minutes=1))
    async with asyncio.TaskGroup() as tasks, platform.database.transaction() as db:
        account = await connect_account(db, platform, library, ConnectedSource(source.info, Identity("ann", "Ann")))
        tasks.create_task(step(run))
        await waiting_for_locks(platform, 1)
        await sync_for_person(db, platform, account)


async def test_whoever_joins_a_sync_does_not_wait_for_its_worker(
    platform: Platform, erased_afterwards: list[UUID]
) -> None:
    """The worker locks the sync, and may wait for the account, which whoever joins may have locked."""
    sync, account = await synced_elsewhere(platform, erased_afterwards, by_person=False)
    this = select(SyncRow).where(SyncRow.library_id == sync.library_id, SyncRow.id == sync.id)
    async with (
        held(platform, this.with_for_update(read=True)),
        asyncio.timeout(GIVE_UP_SECONDS),
        platform.database.transaction() as db,
    ):
        await sync_for_person(db, platform, account)
    async with platform.database.transaction() as db:
        await sync_for_person(db, platform, account)
    async with platform.database.session() as db:
        assert [one.by_person for one in await db.scalars(this)] == [True]


async def synced_elsewhere(
    platform: Platform, erased_afterwards: list[UUID], *, by_person: bool
) -> tuple[SyncRow, AccountRow]:
    """Create an account with a sync in progress. Its job begins much later, so that no worker of the platform runs it.

    The workers also run a sync that has no job.
    """
    connected = ConnectedSource(platform.sources.connectable[SPOTIFY].info, Identity("ann", "Ann"))
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        account = await connect_account(db, platform, library, connected)
        sync = SyncRow(library_id=library.id, account_id=account.id, by_person=by_person)
        db.add(sync)
        await db.flush()
        job = platform.queue.configure_task(
            SYNC, connection=await driver_connection(db), schedule_in={"seconds": 250}, allow_unknown=True
        )
        await job.defer_async(library_id=str(sync.library_id), sync_id=str(sync.id))
    erased_afterwards.append(library.id)
    return sync, account
