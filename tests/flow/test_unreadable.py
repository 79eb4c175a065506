"""Tests of files that are recorded and cannot be read: the operator is alarmed, and the app gets a final error."""

import os
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from privateshare import DataUnreadable, UserAccessToken
from privateshare.platform.db.tables import AccountRow, FileRow, PushedFileRow, StoredFileRow
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import Slot
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.sdk.tokens import Token
from privateshare.sources.entries import entry_of
from privateshare.sources.registry import Sources
from tests.flow.people import SPOTIFY, People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.scraping import TOKEN, scraped
from tests.flow.sdk_client import client_of
from tests.flow.served import Served, serving
from tests.flow.sessions import QUERY, read, triggered, wait_until_over
from tests.flow.slots import record_files
from tests.flow.storage_calls import cloud
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, check_error, query_of

COUNTER = re.compile(r"^privateshare_unreadable_files_total (\S+)$", re.MULTILINE)
PLAYS = 406
Damage = Callable[[Path], object]


@dataclass
class Watched:
    """A platform with its metrics on, whose disk the test can reach."""

    served: Served
    people: People

    def blob(self, key: str) -> Path:
        return self.served.data / "blobs" / key

    def alarms(self) -> float:
        found = COUNTER.search(scraped(self.served.origin))
        assert found is not None
        return float(found[1])

    def told(self, blob: str) -> str:
        """Return the newest line of the log about a blob."""
        lines = [line for line in self.served.log.read_text().splitlines() if blob in line and "cannot be read" in line]
        assert "error" in lines[-1]
        return lines[-1]


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Watched]:
    data = tmp_path_factory.mktemp("damaged") / "data"
    with serving(data, environment={"PRIVATESHARE_METRICS_TOKEN": TOKEN}) as served:
        async with operator_platform(Settings(data=data, database_pool_size=5)) as platform:
            yield Watched(served, People(platform, served.origin))


@pytest.fixture(scope="module")
async def wire(watched: Watched) -> Wire:
    return await watched.people.contract()


@dataclass
class Lent:
    """What a person lends, and an app that reads it."""

    wire: Wire
    tokens: Tokens
    session: str
    files: dict[str, FileRow]
    account: str

    def get(self, name: str) -> httpx2.Response:
        return self.wire.get(f"{QUERY}/{self.session}/{name}", access_token=self.tokens.access)


@pytest.fixture
async def lent(watched: Watched, wire: Wire) -> Lent:
    tokens, session = await watched.people.user(wire, sample="default")
    wait_until_over(wire, tokens, session)
    return await files_of(watched, wire, tokens, session)


async def files_of(watched: Watched, wire: Wire, tokens: Tokens, session: str) -> Lent:
    """Return the files that a session lists, by name, and the account that they are of."""
    library = await watched.people.library_of(tokens)
    async with watched.people.platform.database.session() as db:
        files = {file.name: file for file in await db.scalars(select(FileRow).where(FileRow.library_id == library))}
        account = (await db.scalars(select(AccountRow.public_id).where(AccountRow.library_id == library))).one()
    return Lent(wire, tokens, session, files, account)


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def of_another_key(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:1] + os.urandom(len(content) - 1))


DAMAGES = [missing, changed, *(pytest.param(damage, marks=pytest.mark.slow) for damage in (empty, cut, of_another_key))]


@pytest.mark.protocol("13")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_raises_an_alarm_and_a_final_error(watched: Watched, lent: Lent, damage: Damage) -> None:
    """The status is 410, on which no client retries, the log names the owner, and other files can be read."""
    name, *others = lent.files
    blob, before = lent.files[name].blob, watched.alarms()
    damage(watched.blob(blob))
    for times in (1, 2):
        check_error(lent.get(name), 410, "DataUnreadable")
        assert watched.alarms() == before + times
    line = watched.told(blob)
    assert str(lent.files[name].library_id) in line
    assert lent.account in line
    assert lent.get(others[0]).status_code == 200
    listed = lent.wire.get(f"{QUERY}/{lent.session}", access_token=lent.tokens.access).json()
    assert name in {entry["name"] for entry in listed["fileList"]}


@pytest.mark.protocol("5.2", "6.1")
async def test_a_damaged_file_does_not_break_a_filtered_list(watched: Watched, lent: Lent) -> None:
    """A list that must open files to filter them still has the damaged file, so that reading it shows the error."""
    name = max(lent.files, key=lambda name: lent.files[name].object_count)
    month = int(lent.files[name].month or 0)
    moment = int(datetime(month // 100, month % 100, 10, tzinfo=UTC).timestamp())
    missing(watched.blob(lent.files[name].blob))
    session = triggered(lent.wire, lent.tokens, sourceFetch=False, scope={"timeRanges": [{"from": moment}]})
    listed = wait_until_over(lent.wire, lent.tokens, session)["fileList"]
    counts = {entry["name"]: entry["objectCount"] for entry in listed}
    assert counts.pop(name) == 0
    assert len(counts) > 1
    assert all(counts.values())
    check_error(lent.wire.get(f"{QUERY}/{session}/{name}", access_token=lent.tokens.access), 410, "DataUnreadable")


@pytest.fixture
async def large(watched: Watched, lent: Lent) -> Lent:
    """Provide a person with a single file, which is large and does not compress."""
    platform, schema = watched.people.platform, Sources().connectable[SPOTIFY].info.schema
    library_id = await watched.people.library_of(lent.tokens)
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == library_id))).one()
        mapped_files = MappedFiles(platform.blobs, await open_library(db, platform, library_id))
        things = [{"entityid": f"19_{n}", "createddate": 0, "text": os.urandom(50_000).hex()} for n in range(60)]
        entries = [entry_of(schema, thing) for thing in things]
        await record_files(
            db, account, Slot(PLAYS, 197001), schema, mapped_files.write_slot(account.id, schema, [], entries)
        )
    found = await files_of(watched, lent.wire, lent.tokens, lent.session)
    return replace(found, files={name: file for name, file in found.files.items() if file.size > 5_000_000})


async def test_a_truncated_large_file_is_detected_before_it_is_sent(watched: Watched, large: Lent) -> None:
    """The file's end is checked first, so the client gets an error and not half of the file."""
    ((name, file),) = large.files.items()
    assert large.get(name).status_code == 200
    path = watched.blob(file.blob)
    whole = path.read_bytes()
    for content in (whole[:-1], whole[: len(whole) // 2], whole[:1000], whole + b"x"):
        path.write_bytes(content)
        check_error(large.get(name), 410, "DataUnreadable")


async def test_damage_within_a_large_file_interrupts_its_stream(watched: Watched, large: Lent) -> None:
    """The client notices that the file is incomplete, and its retry gets a clear error."""
    ((name, file),) = large.files.items()
    before = watched.alarms()
    changed(watched.blob(file.blob))
    with pytest.raises(httpx2.RemoteProtocolError):
        large.get(name)
    assert watched.alarms() == before + 1
    assert large.account in watched.told(file.blob)
    check_error(large.get(name), 410, "DataUnreadable")
    with client_of(large.wire, retries=2) as app, pytest.raises(DataUnreadable):
        app.read_file(large.session, name, access_of(large.tokens))


def access_of(tokens: Tokens) -> UserAccessToken:
    """Return the tokens of a wire as the SDK has them."""
    until = time.time() + 3600
    return UserAccessToken(Token(tokens.access, until), Token(tokens.refresh, until), "user", "consent")


@pytest.mark.protocol("10.3")
@pytest.mark.parametrize("size", [1000, 3_000_000])
@pytest.mark.parametrize("damage", [missing, cut])
async def test_a_damaged_pushed_file_gives_the_same_error(watched: Watched, size: int, damage: Damage) -> None:
    """Pushed files raise the same alarm and error."""
    write = await watched.people.contract(kind="write", partner="Lost")
    raw = await watched.people.contract(kind="read-raw", partner="Lost")
    pusher, _ = await watched.people.user(write, sources=())
    library = await watched.people.library_of(pusher)
    tokens, session = await watched.people.user(raw, sources=(), library_id=library)
    sent = write.post(IMPORT, access_token=pusher.access, content=os.urandom(size), headers=descriptor(write))
    assert sent.status_code == 200
    async with watched.people.platform.database.session() as db:
        blob = (await db.scalars(select(PushedFileRow.blob).where(PushedFileRow.library_id == library))).one()
    damage(watched.blob(blob))
    name = raw.get(f"{QUERY}/{session}", access_token=tokens.access).json()["fileList"][0]["name"]
    check_error(raw.get(f"{QUERY}/{session}/{name}", access_token=tokens.access), 410, "DataUnreadable")
    assert str(library) in watched.told(blob)


@pytest.mark.protocol("11.3", "11.5")
@pytest.mark.parametrize("damage", [missing, cut, empty])
async def test_a_damaged_stored_file_gives_the_same_error(watched: Watched, wire: Wire, damage: Damage) -> None:
    """Files in storage give the error in storage's format."""
    storage = str(wire.post("storage").json()["id"])
    assert cloud(wire, "POST", storage, "/file", content=b"x" * 1000).status_code == 201
    async with watched.people.platform.database.session() as db:
        blob = (await db.scalars(select(StoredFileRow.blob).where(StoredFileRow.storage_id == storage))).one()
    damage(watched.blob(blob))
    answer = cloud(wire, "GET", storage, "/file")
    assert (answer.status_code, answer.json()["error"]) == (410, "DataUnreadable")
    assert storage in watched.told(blob)


@pytest.mark.protocol("6.1")
@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_sync_replaces_a_damaged_file(watched: Watched, lent: Lent, damage: Damage) -> None:
    """The source has its objects still, so the next read has all of them, and the account has no error."""
    name, *others = lent.files
    file, before = lent.files[name], watched.alarms()
    whole = read(lent.wire, lent.tokens, lent.session, name)[0]
    damage(watched.blob(file.blob))
    session = triggered(lent.wire, lent.tokens)
    listed = wait_until_over(lent.wire, lent.tokens, session)
    (account,) = listed["status"]["details"].values()
    assert account == {"state": "completed"}
    assert len(listed["fileList"]) == len(lent.files)
    again = await files_of(watched, lent.wire, lent.tokens, session)
    assert read(lent.wire, lent.tokens, session, name)[0] == whole
    assert again.files[name].lost is None
    assert again.files[name].updated_at > file.updated_at
    assert [again.files[other].blob for other in others] == [lent.files[other].blob for other in others]
    assert watched.alarms() >= before
    assert [line for line in watched.served.log.read_text().splitlines() if lent.account in line and name in line]


async def test_the_sdk_reads_the_rest_and_does_not_retry(watched: Watched, wire: Wire) -> None:
    """It sends one request for the damaged file and reports one error to the app."""
    with client_of(wire) as app:
        asked = app.get_authorize_url(REDIRECT_URI)
        code = await watched.people.consent(query_of(asked.url)["code"], sources=(SPOTIFY,))
        token = app.exchange_code_for_token(code, asked.code_verifier)
        whole = app.read_all_files(asked.session, token, on_file_data=lambda _: None).result()
        tokens = Tokens(token.access_token.value, "", {"consentid": token.consent_id})
        lent = await files_of(watched, wire, tokens, asked.session.key)
        name = next(iter(lent.files))
        missing(watched.blob(lent.files[name].blob))
        before = watched.alarms()
        result = app.read_all_files(asked.session, token, on_file_data=lambda _: None).result()
    (error,) = result.errors
    assert (error.name, type(error.error)) == (name, DataUnreadable)
    assert result.files == whole.files - 1
    assert watched.alarms() == before + 1


async def test_a_restored_file_can_be_read_again(watched: Watched, lent: Lent) -> None:
    """After the operator has restored a damaged file, reading it works."""
    name = next(iter(lent.files))
    path = watched.blob(lent.files[name].blob)
    content: Any = path.read_bytes()
    missing(path)
    check_error(lent.get(name), 410, "DataUnreadable")
    path.write_bytes(content)
    assert read(lent.wire, lent.tokens, lent.session, name)[0]
