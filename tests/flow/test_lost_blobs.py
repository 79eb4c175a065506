"""Tests of lost blobs: what a source still has comes back by itself, and `privateshare check` tells the rest."""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.blobs.store_errors import BlobStoreUnavailable
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    BlobToDeleteRow,
    ContractRow,
    FileRow,
    JourneyRow,
    SessionRow,
    SyncRow,
)
from privateshare.platform.library.archives import add_archive, archive_key, note_age
from privateshare.platform.library.export_age import Age
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.lost_files import ASKED, FOUND
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import running_platform
from privateshare.platform.sync import object_writing
from privateshare.platform.sync.account_sync import sync_account
from privateshare.platform.sync.blob_check import check_blobs
from privateshare.platform.sync.retries import RetryLater
from privateshare.platform.sync.sessions import make_session, start_session
from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.messages import SessionOptions
from privateshare.sources.contract import Connection, JsonObject, Page
from privateshare.sources.registry import Sources
from privateshare.sources.spotify.source import Spotify
from tests.flow.command_line import OperatorCommand, run_command
from tests.flow.consents import consent_by_id
from tests.flow.databases import copy_database
from tests.flow.people import SPOTIFY
from tests.flow.syncing import begun
from tests.flow.waiting_archives import stored_archive

JANUARY, FEBRUARY = 1_704_100_000_000, 1_706_800_000_000
DAY = 24 * 3600 * 1000
PLAYS = ObjectType.PLAY_HISTORY


def play(number: int, moment: int) -> JsonObject:
    return {"entityid": f"19_{number}", "createddate": moment, "number": number}


class Incremental(Spotify):
    """A source that gives only what is new since the cursor, and everything it has without one."""

    def __init__(self) -> None:
        self.plays: list[JsonObject] = []
        self.asked: list[str | None] = []

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the plays after the cursor, which is a position in the list."""
        cursor = cursors[PLAYS]
        self.asked.append(cursor)
        yield Page(PLAYS, self.plays[int(cursor or 0) :], cursor=str(len(self.plays)))


@pytest.fixture
def source() -> Incremental:
    return Incremental()


@pytest.fixture(scope="module")
async def without_worker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """Provide a platform on which only the test runs syncs."""
    data = tmp_path_factory.mktemp("lost") / "data"
    copy_database(data)
    async with running_platform(Settings(data=data, database_pool_size=5)) as (platform, _):
        yield platform


@pytest.fixture
def platform(without_worker: Platform, source: Incremental) -> Platform:
    sources = Sources()
    sources.connectable = {**sources.connectable, SPOTIFY: source}
    return replace(without_worker, sources=sources)


async def sync(platform: Platform, session: SessionRow) -> SyncRow:
    """Run the sync of a session, or start another session under its consent and run that one's."""
    library_id, consent_id = session.library_id, session.consent_id
    assert library_id is not None
    async with platform.database.transaction() as db:
        unfinished = select(SyncRow.id).where(SyncRow.library_id == library_id, SyncRow.finished_at.is_(None))
        sync_id = await db.scalar(unfinished)
        if sync_id is None:
            consent = await consent_by_id(db, str(consent_id))
            contract = await db.get_one(ContractRow, consent.contract_id)
            now = datetime.now(UTC)
            again = make_session(contract, SessionOptions(), now, now + timedelta(hours=1)).row
            await start_session(db, platform, again, contract, consent, now)
            sync_id = (await db.scalars(unfinished)).one()
    await sync_account(platform, library_id, sync_id, 1)
    async with platform.database.transaction() as db:
        return await db.get_one(SyncRow, (library_id, sync_id))


async def files(platform: Platform, session: SessionRow) -> dict[int, FileRow]:
    """Return the files of a session's library by their months."""
    async with platform.database.transaction() as db:
        found = await db.scalars(select(FileRow).where(FileRow.library_id == session.library_id))
        return {file.month or 0: file for file in found}


async def numbers(platform: Platform, session: SessionRow) -> list[int]:
    """Return the numbers of all plays that can be read."""
    assert session.library_id is not None
    async with platform.database.transaction() as db:
        mapped = MappedFiles(platform.blobs, await open_library(db, platform, session.library_id))
    return sorted(
        thing["number"] for file in (await files(platform, session)).values() for thing in mapped.objects(file)
    )


def path(platform: Platform, blob: str) -> Path:
    return platform.settings.data / "blobs" / blob


def missing(file: Path) -> None:
    file.unlink()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.protocol("6.1")
@pytest.mark.parametrize("damage", [missing, cut, empty])
async def test_a_sync_that_asks_for_new_objects_fetches_everything_of_a_lost_file(
    platform: Platform, source: Incremental, damage: Callable[[Path], None]
) -> None:
    """The source is asked from its beginning once, before anything is written, and then for new objects again."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY), play(2, JANUARY), play(3, FEBRUARY)]
    assert (await sync(platform, session)).error is None
    old = await files(platform, session)
    damage(path(platform, old[202401].blob))
    source.plays.append(play(4, JANUARY))
    done = await sync(platform, session)
    assert (done.outcome, done.error) == ("done", None)
    assert await numbers(platform, session) == [1, 2, 3, 4]
    now = await files(platform, session)
    assert now[202401].blob != old[202401].blob
    assert now[202402].blob == old[202402].blob
    assert {file.lost for file in now.values()} == {None}
    assert (await sync(platform, session)).error is None
    assert source.asked[-2:] == [None, "4"]


@pytest.mark.parametrize("limit", ["MAX_SLOTS_OF_TRANSACTION", "MAX_SECONDS_OF_TRANSACTION"])
async def test_months_are_written_in_several_transactions(
    platform: Platform, source: Incremental, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """None is lost where one transaction ends and the next begins, at first and when there is more for each."""
    monkeypatch.setattr(object_writing, limit, 2 if "SLOTS" in limit else -1)
    session = await begun(platform)
    for count in (7, 14):
        source.plays += [play(number, JANUARY + 31 * DAY * (number % 7)) for number in range(count - 7, count)]
        source.plays.append({"entityid": f"undated {count}", "number": -count})
        assert (await sync(platform, session)).error is None
        assert await numbers(platform, session) == sorted([*range(count), *range(-count, 0, 7)])
    found = await files(platform, session)
    assert len(found) == 8
    async with platform.database.transaction() as db:
        replaced = await db.scalars(
            select(BlobToDeleteRow.key).where(BlobToDeleteRow.key.contains(str(session.library_id)))
        )
        assert len(set(replaced)) == 8


async def test_a_missing_file_is_noticed_even_if_the_source_has_nothing_new(
    platform: Platform, source: Incremental
) -> None:
    """The sync looks which blobs there are."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY)]
    await sync(platform, session)
    (file,) = (await files(platform, session)).values()
    missing(path(platform, file.blob))
    assert (await sync(platform, session)).error is None
    assert await numbers(platform, session) == [1]


async def test_what_its_source_does_not_have_any_more_is_asked_for_once(
    platform: Platform, source: Incremental
) -> None:
    """The account goes on: new objects come in, also in the month of the lost file, and no sync fails."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY), play(2, FEBRUARY)]
    await sync(platform, session)
    old = await files(platform, session)
    missing(path(platform, old[202401].blob))
    source.plays = [play(3, FEBRUARY), play(4, FEBRUARY)]
    for _ in range(2):
        done = await sync(platform, session)
        assert (done.outcome, done.error) == ("done", None)
    assert source.asked[1:] == [None, "2"]
    now = await files(platform, session)
    assert (now[202401].blob, now[202401].lost) == (old[202401].blob, ASKED)
    result = await check_blobs(platform, lambda _: None)
    (loss,) = [loss for loss in result.losses if loss.blobs == [old[202401].blob]]
    assert (loss.source, loss.remedy) == ("Spotify", "its source does not have it any more")
    source.plays.append(play(5, JANUARY))
    assert (await sync(platform, session)).error is None
    assert (await files(platform, session))[202401].lost is None
    assert await numbers(platform, session) == [2, 3, 4, 5]


async def test_a_failed_fetch_leaves_the_lost_file_to_the_next_sync(platform: Platform, source: Incremental) -> None:
    """Nothing is written of the type before the source has given everything again."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY), play(2, JANUARY)]
    await sync(platform, session)
    (old,) = (await files(platform, session)).values()
    cut(path(platform, old.blob))
    source.plays.append(play(3, JANUARY))
    whole, calls = Incremental.fetch, []

    def failing(self: Incremental, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        calls.append(cursors[PLAYS])
        if cursors[PLAYS] is None:
            raise RuntimeError("it stopped")
        return whole(self, connection, cursors)

    source.fetch = failing.__get__(source)  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await sync(platform, session)
    (file,) = (await files(platform, session)).values()
    assert (file.blob, file.lost, calls) == (old.blob, FOUND, ["2", None])
    source.fetch = whole.__get__(source)  # type: ignore[method-assign]
    assert (await sync(platform, session)).error is None
    assert await numbers(platform, session) == [1, 2, 3]


async def test_a_file_that_is_put_back_is_kept(platform: Platform, source: Incremental) -> None:
    """Objects that only it has are still there, and its mark ends."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY)]
    await sync(platform, session)
    (file,) = (await files(platform, session)).values()
    content = path(platform, file.blob).read_bytes()
    missing(path(platform, file.blob))
    source.plays = [play(2, FEBRUARY)]
    await sync(platform, session)
    path(platform, file.blob).write_bytes(content)
    source.plays = [play(2, FEBRUARY), play(3, JANUARY)]
    await sync(platform, session)
    assert await numbers(platform, session) == [1, 2, 3]
    assert {file.lost for file in (await files(platform, session)).values()} == {None}


async def test_a_store_that_is_away_is_no_loss(platform: Platform, source: Incremental, tmp_path: Path) -> None:
    """An empty folder in place of the store, such as of a disk that is not mounted, makes nothing count as lost."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY)]
    await sync(platform, session)
    other = replace(platform, blobs=LocalBlobs(tmp_path / "empty"), blob_owner="this database")
    with pytest.raises(RetryLater):
        await sync(other, session)
    with pytest.raises(BlobStoreUnavailable):
        await check_blobs(other, lambda _: None)
    assert {file.lost for file in (await files(platform, session)).values()} == {None}


async def test_an_archive_that_is_uploaded_again_replaces_a_lost_one(platform: Platform) -> None:
    """It has the same content, so it is the same archive, with the new blob."""
    session = await begun(platform)
    assert session.library_id is not None
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == session.library_id))).one()
        library = await open_library(db, platform, session.library_id)
        later = datetime.now(UTC) + timedelta(hours=1)
        journey = JourneyRow(
            code_hash=os.urandom(32), contract_id=session.contract_id, sealed_return=b"", expires_at=later
        )
        db.add(journey)
        await db.flush()
        uploads = [stored_archive(library) for _ in range(2)]
        blobs = [upload.blob for upload in uploads]
        archives = [await add_archive(db, library, account, upload, journey) for upload in uploads]
        assert archives[0] is archives[1]
        assert archives[0].blob == blobs[1]
        assert archive_key(archives[0], library) == uploads[1].key
        assert list(await db.scalars(select(BlobToDeleteRow.key).where(BlobToDeleteRow.key.in_(blobs)))) == blobs[:1]


async def add_lost_archive(db: AsyncSession, platform: Platform, account: AccountRow) -> ArchiveRow:
    """Record an archive of an account whose blob is not there. Its import began before it was lost."""
    library = await open_library(db, platform, account.library_id)
    archive = await add_archive(db, library, account, stored_archive(library), None)
    await note_age(db, archive, Age.NEWER)
    return archive


async def test_a_lost_archive_does_not_stop_the_rest(platform: Platform, source: Incremental) -> None:
    """The sync says that something that the person uploaded is lost, and keeps what the source has given."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY)]
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == session.library_id))).one()
        archive = await add_lost_archive(db, platform, account)
    for _ in range(2):
        done = await sync(platform, session)
        assert done.error is not None
        assert done.error["code"] == "DataUnreadable"
    assert await numbers(platform, session) == [1]
    assert source.asked[-1] == "1"
    async with platform.database.transaction() as db:  # It is compared anew if it is uploaded again.
        assert (await db.get_one(ArchiveRow, (archive.library_id, archive.id))).age is None


# --- the command ---


@pytest.fixture(scope="module")
def operator(without_worker: Platform) -> OperatorCommand:
    return OperatorCommand(without_worker.settings.data)


async def test_the_check_tells_whose_sources_can_bring_it_back(
    platform: Platform, source: Incremental, operator: OperatorCommand
) -> None:
    """It names the account and its source, ends with status 1, and changes nothing; --repair starts the way back."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY)]
    await sync(platform, session)
    (file,) = (await files(platform, session)).values()
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == session.library_id))).one()
    missing(path(platform, file.blob))
    done = operator("check", "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    (loss,) = [loss for loss in told["losses"] if loss["account"] == account.public_id]
    assert (loss["source"], loss["number"], loss["blobs"]) == ("Spotify", 1, [file.blob])
    assert loss["remedy"] == "the next sync fetches it again"
    assert (await files(platform, session))[202401].lost is None
    as_text = operator("check")
    assert account.public_id in as_text.stdout
    assert "Spotify" in as_text.stdout
    operator("check", "--repair")
    assert (await files(platform, session))[202401].lost == FOUND
    assert (await sync(platform, session)).error is None
    assert await numbers(platform, session) == [1]


async def test_the_check_can_read_every_file(
    platform: Platform, source: Incremental, operator: OperatorCommand
) -> None:
    """Damage within a file is found with --read only."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY)]
    await sync(platform, session)
    (file,) = (await files(platform, session)).values()
    content = path(platform, file.blob).read_bytes()
    cut(path(platform, file.blob))
    assert file.blob not in operator("check", "--json").stdout
    assert file.blob in operator("check", "--read", "--json").stdout
    path(platform, file.blob).write_bytes(content)
    assert file.blob not in operator("check", "--read", "--json").stdout


async def test_orphans_are_counted_and_old_ones_are_deleted(platform: Platform, operator: OperatorCommand) -> None:
    """A young one may belong to an upload in progress. What is older than the database is not ours."""
    before = json.loads(operator("check", "--json").stdout)["orphans"]
    young, old = (path(platform, f"library/{uuid4()}/file/{uuid4()}") for _ in range(2))
    for file in (young, old):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    assert json.loads(operator("check", "--json").stdout)["orphans"] == before + 2
    moment = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(old, (moment, moment))
    told = json.loads(operator("check", "--repair", "--json").stdout)
    assert told["orphans"] == before + 2
    assert young.exists()
    assert old.exists()  # This database is younger.


async def test_what_nobody_can_bring_back_is_forgotten_only_on_request(
    platform: Platform, source: Incremental, operator: OperatorCommand
) -> None:
    """An archive, a stored file, and a file of an account without a source: --forget deletes their records."""
    session = await begun(platform)
    source.plays = [play(1, JANUARY), play(2, FEBRUARY)]
    await sync(platform, session)
    found = await files(platform, session)
    missing(path(platform, found[202401].blob))
    async with platform.database.transaction() as db:
        await db.execute(update(AccountRow).where(AccountRow.library_id == session.library_id).values(sample=None))
        await add_lost_archive(
            db, platform, await db.get_one(AccountRow, (session.library_id, found[202401].account_id))
        )
    told = json.loads(operator("check", "--repair", "--json").stdout)
    mine = [loss for loss in told["losses"] if loss["library_or_storage"] == str(session.library_id)]
    assert [(loss["what"], loss["remedy"]) for loss in mine] == [
        ("file", "the person can upload the archive again"),
        ("archive", "the person can upload the archive again"),
    ]
    asked = operator("check", "--forget")
    assert asked.returncode == 1
    assert 202401 in await files(platform, session)
    operator("check", "--forget", "--yes")
    assert list(await files(platform, session)) == [202402]
    assert await numbers(platform, session) == [2]
    assert str(session.library_id) not in operator("check", "--json").stdout


# --- whose store it is ---


async def start(settings: Settings) -> None:
    async with running_platform(settings):
        pass


async def test_a_store_of_files_belongs_to_one_database(tmp_path: Path) -> None:
    """A platform with files starts neither with an empty store nor with another's; --claim-store takes one over."""
    one, empty_folder = (SecretStr((tmp_path / name).as_uri()) for name in ("one", "empty"))
    keys, other_keys = (SecretStr((tmp_path / name).as_uri()) for name in ("keys", "other-keys"))
    first = Settings(data=tmp_path / "data", blob_url=one, key_url=keys)
    copy_database(tmp_path / "data")
    copy_database(tmp_path / "other")
    async with running_platform(first) as (platform, _):
        await sync(platform, await begun(platform))
    with pytest.raises(ConfigurationError, match="belongs to another database"):
        await start(Settings(data=tmp_path / "other", blob_url=one, key_url=other_keys))
    with pytest.raises(ConfigurationError, match="does not hold the files of this database"):
        await start(first.model_copy(update={"blob_url": empty_folder}))
    await start(first)
    environment = {
        **os.environ,
        "BLOB_URL": empty_folder.get_secret_value(),
        "PRIVATESHARE_KEY_URL": keys.get_secret_value(),
    }
    refused = run_command("check", "--data", first.data, environment=environment)
    assert refused.returncode == 1
    assert "does not belong to this database" in refused.stderr
    claimed = run_command("check", "--claim-store", "--repair", "--data", first.data, environment=environment)
    assert claimed.returncode == 0, claimed.stderr
    await start(first.model_copy(update={"blob_url": empty_folder}))
