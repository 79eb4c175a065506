"""Tests of libraries' keys that are created, lost, unavailable or interrupted; only an erasure destroys them."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.db.tables import AccountRow, FileRow, KeyToDestroyRow, LibraryRow
from privateshare.platform.keystore.store import KeyMissing, KeyStoreUnavailable
from privateshare.platform.library.account_identities import account_display_name
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.erasure import erase_account, erase_library
from privateshare.platform.library.libraries import KeyLost, KeyNotOpened, LibraryGone, create_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import running_platform
from privateshare.platform.sync.orphans import sweep_orphan_keys
from privateshare.sources.contract import Connection
from privateshare.sources.registry import Sources
from tests.flow.command_line import run_command
from tests.flow.consenting import ask, asking_contract, opened, page_of
from tests.flow.databases import copy_database
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served
from tests.flow.sessions import wait_until_over
from tests.flow.sweeping import record_erasures, sweep_whole
from tests.flow.wire import Tokens, Wire, check_error
from tests.patience import GIVE_UP_SECONDS
from tests.s3 import serving_s3

ACCOUNTS = "permission-access/accounts"


def key_file(platform: Platform, library: UUID) -> Path:
    return platform.settings.data / "keys" / str(library)


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@asynccontextmanager
async def away(platform: Platform) -> AsyncIterator[None]:
    """As if the disk of the key store was not mounted: there is an empty folder.

    It begins when earlier erasures are recorded in the journal, which is on the same disk.
    """
    keys = platform.settings.data / "keys"
    aside = keys.with_name("keys-elsewhere")
    await nothing_to_record(platform)
    keys.rename(aside)
    keys.mkdir(mode=0o700)
    try:
        yield
        assert list(keys.iterdir()) == []
    finally:
        shutil.rmtree(keys)
        aside.rename(keys)


async def nothing_to_record(platform: Platform) -> None:
    """Return when no sweep of the server is under way, and every erasure is recorded in the journal.

    A sweep records many erasures, one after the other, and erases what has expired.
    """
    sweeps = text(
        "SELECT count(*) FROM procrastinate_jobs"
        " WHERE task_name IN ('sweep', 'sweep_blobs') AND status IN ('todo', 'doing')"
    )
    async with asyncio.timeout(GIVE_UP_SECONDS):
        left = 1
        while left:
            await asyncio.sleep(0.05)
            async with platform.database.session() as db:
                left = await db.scalar(sweeps) or 0
    await record_erasures(platform)


@pytest.fixture
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.fixture
async def person(people: People, wire: Wire) -> tuple[Tokens, UUID]:
    """Somebody whose key the server has not read yet."""
    tokens, _ = await people.user(wire, sources=())
    return tokens, await people.library_of(tokens)


async def test_each_library_has_a_key_of_its_own(platform: Platform, person: tuple[Tokens, UUID]) -> None:
    """The key is in the key store, and not in the library's row."""
    key = platform.erasure_keys.store.read(person[1])
    async with platform.database.session() as db:
        row = await db.get_one(LibraryRow, person[1])
    assert key not in row.wrapped_key
    assert await platform.erasure_keys.read(person[1]) == key
    assert key_file(platform, person[1]).stat().st_mode & 0o777 == 0o600


# --- the store is away ---


@pytest.mark.protocol("13")
async def test_an_unavailable_key_store_is_reported(
    platform: Platform, wire: Wire, person: tuple[Tokens, UUID]
) -> None:
    """The status is 503, never 401; nobody counts as erased or is erased, and later everything works again."""
    tokens, library = person
    token = wire.jwt(access_token=tokens.access)
    async with away(platform):
        answer = wire.get(ACCOUNTS, access_token=tokens.access)
        check_error(answer, 503, "Unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        check_error(wire.call("DELETE", "user", jwt=token), 503, "Unavailable")
    assert wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200
    assert wire.call("DELETE", "user", jwt=token).status_code == 200
    assert not key_file(platform, library).exists()


async def test_no_library_is_created_without_a_key_store(platform: Platform) -> None:
    """There would be no key that an erasure could destroy."""
    async with away(platform):
        with pytest.raises(KeyStoreUnavailable):
            async with platform.database.transaction() as db:
                await create_library(db, platform)


async def test_a_person_can_continue_after_the_key_store_was_unavailable(people: People, platform: Platform) -> None:
    """The page says that it did not work now, and the same step works later. Protocol 8."""
    browser = opened(ask(await asking_contract(people)).url)
    assert browser.page is not None
    browser.page.choose("source-id", str(SPOTIFY))
    browser.submit("continue")
    browser.page.choose("dataset", "small")
    before = browser.page
    async with away(platform):
        browser.submit("continue")
        assert page_of(browser) == "error"
    browser.page = before
    browser.submit("continue")
    assert page_of(browser) == "consent"


async def test_an_operator_is_told_what_was_erased_and_what_was_not(
    served: Served, platform: Platform, wire: Wire, person: tuple[Tokens, UUID]
) -> None:
    """One line says that nothing is erased while the store is unavailable, or that only the key is left."""
    user_id, file = person[0].claims["sub"], key_file(platform, person[1])
    aside = platform.settings.data / "aside"
    async with away(platform):
        # The library's id from the logs is accepted too.
        assert "PRIVATESHARE_KEY_URL" in refused(served, str(person[1]))
    assert wire.get(ACCOUNTS, access_token=person[0].access).status_code == 200
    file.rename(aside)
    file.mkdir()
    assert "All data is deleted, but its key is not destroyed yet" in refused(served, user_id)
    check_error(wire.get(ACCOUNTS, access_token=person[0].access), 401, "InvalidToken")
    file.rmdir()
    aside.rename(file)
    assert "If they were erased before, their key is destroyed too" in refused(served, user_id)
    assert not file.exists()


def refused(served: Served, user_id: str) -> str:
    """Return the line that the command ends with."""
    done = erase(served, user_id)
    assert done.returncode == 1
    return done.stderr.strip().splitlines()[-1]


async def test_an_erasure_succeeds_only_once_the_key_is_destroyed(
    platform: Platform, wire: Wire, person: tuple[Tokens, UUID]
) -> None:
    """The app gets 200 only then, however often it asks before."""
    tokens, library = person
    token = wire.jwt(access_token=tokens.access)
    file, aside = key_file(platform, library), platform.settings.data / "aside"
    file.rename(aside)
    file.mkdir()
    for _ in range(2):
        check_error(wire.call("DELETE", "user", jwt=token), 503, "Unavailable")
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    async with platform.database.session() as db:
        assert await db.get(KeyToDestroyRow, library) is not None
    file.rmdir()
    aside.rename(file)
    assert wire.call("DELETE", "user", jwt=token).status_code == 200
    assert not file.exists()
    await sweep_whole(platform)
    async with platform.database.session() as db:
        assert await db.get(KeyToDestroyRow, library) is None


# --- a key is lost ---


async def test_a_lost_key_raises_an_alarm(
    served: Served, platform: Platform, wire: Wire, person: tuple[Tokens, UUID]
) -> None:
    """The app learns that the platform failed, the operator whose key it is, and the person can be erased."""
    tokens, library = person
    key_file(platform, library).unlink()
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 410, "DataUnreadable")
    told = [line for line in served.log.read_text().splitlines() if str(library) in line and "lost" in line]
    assert told
    assert "error" in told[0]
    async with platform.database.transaction() as db:
        with pytest.raises(KeyLost):
            await open_library(db, platform, library)
    async with platform.database.transaction() as db:
        await erase_library(db, platform, library)
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"x" * 32])
async def test_a_damaged_key_is_a_lost_key(
    platform: Platform, person: tuple[Tokens, UUID], content: bytes, erased_afterwards: list[UUID]
) -> None:
    """The key may be truncated or overwritten."""
    erased_afterwards.append(person[1])
    key_file(platform, person[1]).write_bytes(content)
    async with platform.database.transaction() as db:
        with pytest.raises(KeyLost):
            await open_library(db, platform, person[1])


async def test_a_key_of_another_library_does_not_mean_that_data_is_lost(
    platform: Platform, person: tuple[Tokens, UUID]
) -> None:
    """The operator can restore the right one, so apps are told to try again, and then it works at once."""
    file = key_file(platform, person[1])
    whole = file.read_bytes()
    file.write_bytes(b"x" * 4096)
    async with platform.database.transaction() as db:
        for _ in range(2):
            with pytest.raises(KeyNotOpened):
                await open_library(db, platform, person[1])
        file.write_bytes(whole)
        await open_library(db, platform, person[1])


async def test_a_lost_key_of_an_account_does_not_affect_others(
    people: People, platform: Platform, wire: Wire, erased_afterwards: list[UUID]
) -> None:
    """Other accounts are read as before. This one is listed, and reading its data raises an alarm."""
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    listed = wait_until_over(wire, tokens, session)["fileList"]
    library = await people.library_of(tokens)
    erased_afterwards.append(library)
    async with platform.database.session() as db:
        lost, kept = await library_accounts(db, library)
    key_file(platform, lost.id).unlink()
    async with platform.database.transaction() as db:
        opened = await open_library(db, platform, library)
        names = [account_display_name(account, opened) for account in (lost, kept)]
        assert [name is None for name in names] == [True, False]
        files = {file.name: file for file in await db.scalars(select(FileRow).where(FileRow.library_id == library))}
        shelf = MappedFiles(platform.blobs, opened)
        for entry in listed:
            file = files[entry["name"]]
            if file.account_id == lost.id:
                with pytest.raises(KeyLost):
                    shelf.objects(file)
            else:
                assert len(shelf.objects(file)) == entry["objectCount"]
    assert {file.account_id for file in files.values()} == {lost.id, kept.id}


# --- transactions ---


@pytest.mark.parametrize("what", ["library", "account"])
async def test_an_erasure_that_is_rolled_back_destroys_no_key(people: People, platform: Platform, what: str) -> None:
    """Nothing changes before the commit. Afterwards exactly the keys of the erased data are destroyed."""
    tokens, _ = await people.user(await people.contract(), sources=(SPOTIFY, FHIR_FILE))
    library = await people.library_of(tokens)
    async with platform.database.session() as db:
        accounts = await library_accounts(db, library)
    names = {library, *(account.id for account in accounts)}

    async def erase_it(db: AsyncSession) -> None:
        if what == "library":
            await erase_library(db, platform, library)
        else:
            await erase_account(db, platform, await db.get_one(AccountRow, (library, accounts[0].id)))

    def left() -> set[UUID]:
        return {name for name in names if key_file(platform, name).exists()}

    with suppress(ZeroDivisionError):
        async with platform.database.transaction() as db:
            await erase_it(db)
            raise ZeroDivisionError
    await sweep_whole(platform)
    assert left() == names
    async with platform.database.transaction() as db:
        assert (await open_library(db, platform, library)).account_keys.keys() == names - {library}
    async with platform.database.transaction() as db:
        await erase_it(db)
    assert left() == (set() if what == "library" else names - {accounts[0].id})


async def test_a_transaction_from_before_the_erasure_sees_the_library_as_erased(
    platform: Platform, person: tuple[Tokens, UUID]
) -> None:
    """A missing key of a row that was just erased is not reported as lost."""
    async with platform.database.snapshot() as db:
        assert await db.scalar(select(LibraryRow.id).where(LibraryRow.id == person[1])) is not None
        async with platform.database.transaction() as other:
            await erase_library(other, platform, person[1])
        with pytest.raises(LibraryGone):
            await open_library(db, platform, person[1])


async def test_keys_without_a_library_are_destroyed(platform: Platform, person: tuple[Tokens, UUID]) -> None:
    """The key of a library whose creation was rolled back is destroyed, and no other."""
    with suppress(ZeroDivisionError):
        async with platform.database.transaction() as db:
            rolled_back = (await create_library(db, platform)).id
            raise ZeroDivisionError
    assert key_file(platform, rolled_back).exists()
    await sweep_orphan_keys(platform)  # The key is too young to be an orphan.
    assert key_file(platform, rolled_back).exists()
    await sweep_orphan_keys(platform, timedelta(days=-1))
    assert not key_file(platform, rolled_back).exists()
    async with platform.database.transaction() as db:
        await open_library(db, platform, person[1])


async def test_keys_of_libraries_in_creation_are_kept(platform: Platform) -> None:
    """They are kept however wrong the clock is and however long the creation takes."""
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        identity = Sources().connectable[SPOTIFY].identify(Connection(sample="small"))
        connected = ConnectedSource(Sources().connectable[SPOTIFY].info, identity, sample="small")
        account = await connect_account(db, platform, library, connected)
        sweeping = asyncio.create_task(sweep_orphan_keys(platform, timedelta(days=-400)))
        await waiting_for_a_table(platform)
    await sweeping
    async with platform.database.transaction() as db:
        opened = await open_library(db, platform, library.id)
        assert (opened, opened.account_keys) == (library, library.account_keys)
        assert account_display_name(account, opened) == identity.display_name


async def waiting_for_a_table(platform: Platform) -> None:
    """Until somebody waits for a whole table."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock' AND relation IS NOT NULL")
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            async with platform.database.session() as db:
                if await db.scalar(waiting):
                    return
            await asyncio.sleep(0.02)


# --- killed ---

KILLED = """
import os, signal, sys, threading
from pathlib import Path

left = int(sys.argv.pop(1))

def counted(call):
    def counting(*arguments, **options):
        global left
        if threading.current_thread().name.startswith("keys"):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        return call(*arguments, **options)
    return counting

for place, name in ((os, "open"), (os, "fsync"), (os, "unlink"), (Path, "read_text")):
    setattr(place, name, counted(getattr(place, name)))

from privateshare.cli import main
main()
"""
BEFORE_THE_COMMIT = 1  # This is the only check of the key store before it.
LAST_CERTAIN_STEP = 3  # The server may have been faster and have left nothing to do.


def erase(served: Served, user_id: str, *, killed_at: int | None = None) -> "subprocess.CompletedProcess[str]":
    """`privateshare person erase`, which may be killed before its system call of this number on the key store."""
    command = ["person", "erase", user_id, "--yes", "--data", str(served.data)]
    if killed_at is None:
        return run_command(*command)
    program = [sys.executable, "-c", KILLED, str(killed_at)]
    return subprocess.run([*program, *command], capture_output=True, text=True)


@pytest.mark.parametrize("step", [1, *(pytest.param(step, marks=pytest.mark.slow) for step in (0, 2, 3, 4, 5, 6))])
async def test_an_erasure_that_is_killed_is_undone_or_completed(
    served: Served, platform: Platform, wire: Wire, person: tuple[Tokens, UUID], step: int
) -> None:
    """Before the commit nothing has happened. After it everything is gone, and the server destroys the key soon."""
    tokens, library = person
    key, file = platform.erasure_keys.store.read(library), key_file(platform, library)
    ended = erase(served, tokens.claims["sub"], killed_at=step).returncode
    assert ended == -signal.SIGKILL or (ended == 0 and step > LAST_CERTAIN_STEP)
    if step < BEFORE_THE_COMMIT:
        assert wire.get(ACCOUNTS, access_token=tokens.access).status_code == 200
        assert platform.erasure_keys.store.read(library) == key
        return
    check_error(wire.get(ACCOUNTS, access_token=tokens.access), 401, "InvalidToken")
    wait_until(lambda: not file.exists())
    with pytest.raises(KeyMissing):
        platform.erasure_keys.store.read(library)


# --- starting ---


@pytest.fixture(scope="module")
async def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide the data folder of a platform that was killed while it erased one of its two libraries."""
    data = tmp_path_factory.mktemp("stopped") / "data"
    copy_database(data)
    async with running_platform(Settings(data=data, database_pool_size=2)) as (platform, _):
        async with platform.database.transaction() as db:
            erased, _kept = [(await create_library(db, platform)).id for _ in "ab"]
        # This is what `erase_library` commits, before the key is destroyed.
        async with platform.database.transaction() as db:
            await db.delete(await db.get_one(LibraryRow, erased))
            db.add(KeyToDestroyRow(name=erased))
    return data


async def test_an_interrupted_erasure_is_completed_at_the_start(stopped: Path) -> None:
    """Listed keys are destroyed before the first request is served."""
    async with (
        running_platform(Settings(data=stopped, database_pool_size=2)) as (platform, _),
        platform.database.transaction() as db,
    ):
        (kept,) = await db.scalars(select(LibraryRow.id))
        await open_library(db, platform, kept)
        assert {path.name for path in (stopped / "keys").iterdir()} == {"database", "journal", str(kept)}
        assert (await db.scalars(select(KeyToDestroyRow))).all() == []


async def start(data: Path, **settings: Any) -> None:
    if not data.exists():
        copy_database(data)
    async with running_platform(Settings(data=data, database_pool_size=2, **settings)):
        pass


async def test_a_platform_starts_with_its_own_key_store_only(stopped: Path, tmp_path: Path) -> None:
    """An empty store may not be mounted, and another one belongs to another database. Nothing is written there."""
    keys = stopped / "keys"
    shutil.move(keys, tmp_path / "aside")
    for found in (None, "folder"):
        if found is not None:
            keys.mkdir(mode=0o700)
        with pytest.raises(ConfigurationError, match="nothing was changed") as told:
            await start(stopped)
        assert "\n" not in str(told.value)
        assert not keys.exists() or list(keys.iterdir()) == []
    keys.rmdir()
    shutil.move(tmp_path / "aside", keys)
    with pytest.raises(ConfigurationError, match="another database"):
        await start(tmp_path / "other", key_url=keys.as_uri())
    await start(stopped)


async def test_keys_are_stored_in_a_bucket(tmp_path: Path) -> None:
    """A platform with keys in S3 starts with a bucket without versions, and destroys them there."""
    with serving_s3() as s3:
        data, keeps, forgets = tmp_path / "data", s3.bucket("Enabled"), s3.bucket()
        with pytest.raises(ConfigurationError, match="PRIVATESHARE_KEY_URL to a bucket without versioning"):
            await start(data, key_url=f"s3://{keeps}/keys")
        settings = Settings(data=data, database_pool_size=2, key_url=SecretStr(f"s3://{forgets}/keys"))
        async with running_platform(settings) as (platform, _):
            async with platform.database.transaction() as db:
                library = await create_library(db, platform)
            key = await platform.erasure_keys.read(library.id)
            assert key in s3.everything(forgets)
            async with platform.database.transaction() as db:
                assert await open_library(db, platform, library.id) == library
                await erase_library(db, platform, library.id)
            assert key not in s3.everything(forgets)
        assert not (data / "keys").exists()
