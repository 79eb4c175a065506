"""Tests of what a session sees of a library: pushed files by their criteria, and what cannot be read any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4
from zlib import decompress

import orjson
import pytest
from sqlalchemy import select

from privateshare.errors import DataUnreadable, FileNotFound, InvalidRequest, Unavailable
from privateshare.platform.blobs.incoming import Received
from privateshare.platform.blobs.sealed import UnreadableBlob, put_sealed
from privateshare.platform.db.tables import AccountRow, ContractRow, FileRow, PushedFileRow, StoredFileRow
from privateshare.platform.grants.consents import Agreed, record_consent
from privateshare.platform.library.archives import add_archive
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import OpenLibrary, create_library
from privateshare.platform.library.lost_files import FOUND
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.pushed_files import IncomingFile, read_descriptor
from privateshare.platform.library.session_view import ACCOUNTS_FILE, SessionView, kind_of_file
from privateshare.platform.library.storages import add_storage, assign_storage, new_blob, put_file
from privateshare.platform.library.unreadable_files import unreadable_error
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sessions import new_session
from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.choice import Choice
from privateshare.protocol.messages import Criterion, SessionOptions
from privateshare.protocol.storage_paths import storage_path
from privateshare.sources.contract import Identity
from tests.flow.people import SPOTIFY, People
from tests.flow.slots import record_files
from tests.flow.waiting_archives import stored_archive

NOW = datetime.now(UTC)
GZIP = 16 + 15  # The window bits with which zlib reads gzip.


@dataclass
class Reader:
    """An app that reads what apps of its partner pushed to somebody's library, or what is in their account."""

    platform: Platform
    library: OpenLibrary
    writer: str
    view: SessionView

    async def push(self, content: bytes, at: datetime = NOW, writer: str = "", **metadata: Any) -> str:
        """Push a file, and return its name."""
        described = {"mimeType": "text/plain", "accounts": [{"accountId": "mine"}]} | metadata
        incoming = IncomingFile(self.library, read_descriptor({"metadata": described}))
        context = self.library.blob_context(incoming.blob)
        put_sealed(self.platform.blobs, incoming.blob, self.library.key.value, context, [content])
        async with self.platform.database.transaction() as db:
            contract = await db.get_one(ContractRow, writer or self.writer)
            received = Received(len(content), sha256(content).hexdigest())
            await incoming.store(db, contract, self.view.consent, received, at)
        return str(incoming.name)

    async def names(self, *criteria: dict[str, Any]) -> list[str]:
        return [entry["name"] for entry in await self.with_criteria(*criteria).entries()]

    def with_criteria(self, *criteria: dict[str, Any]) -> SessionView:
        view, parsed = self.view, [Criterion.model_validate(criterion) for criterion in criteria]
        return SessionView(
            view.platform, view.contract, view.public_key, view.consent, view.session, parsed, view.library
        )


async def content_of(view: SessionView, name: str) -> bytes:
    return decompress(b"".join((await view.delivery(name)).chunks), GZIP)


async def reader(platform: Platform, people: People, kind: Any, choice: Choice | None = None) -> Reader:
    reading = await people.contract(kind=kind)
    async with platform.database.session() as db:
        partner = (await db.get_one(ContractRow, reading.contract_id)).application.partner.name
    writer = (await people.contract(kind="write", partner=partner)).contract_id
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        source = ConnectedSource(platform.sources.connectable[SPOTIFY].info, Identity("ann", "Ann"))
        account = await connect_account(db, platform, library, source)
        contract = await db.get_one(ContractRow, reading.contract_id)
        agreed = Agreed(choice) if choice is not None else None
        consent = await record_consent(db, contract, library.id, [account.id], NOW, agreed=agreed)
        session = (await new_session(db, platform, contract, SessionOptions(), NOW)).row
    view = SessionView(platform, contract, contract.public_key, consent, session, [], library)
    return Reader(platform, library, writer, view)


@pytest.fixture
async def raw(platform: Platform, people: People, erased_afterwards: list[UUID]) -> Reader:
    """Provide a reader of pushed files."""
    made = await reader(platform, people, "read-raw")
    erased_afterwards.append(made.library.id)
    return made


async def test_files_of_the_partner_are_read_as_they_were_pushed(raw: Reader, people: People) -> None:
    """With their metadata. Those of another partner are not there, and neither are names that nobody gave."""
    first = await raw.push(b"one", reference=["r"], tags=["t"])
    large = await raw.push(bytes(600_000), NOW + timedelta(seconds=1))
    other = await raw.push(b"theirs", writer=(await people.contract(kind="write")).contract_id)
    assert await raw.names() == [first, large]
    assert await content_of(raw.view, first) == b"one"
    assert await content_of(raw.view, large) == bytes(600_000)
    delivery = await raw.view.delivery(first)
    header = delivery.to_header()
    assert (header["size"], header["sha256"]) == (3, sha256(b"one").hexdigest())
    assert (header["metadata"]["reference"], header["metadata"]["tags"]) == (["r"], ["t"])
    assert kind_of_file(delivery) == "pushed"
    for name in (other, str(uuid4()), first.upper(), f"{{{first}}}", "x", ""):
        with pytest.raises(FileNotFound):
            await raw.view.delivery(name)
    assert orjson.loads(await content_of(raw.view, ACCOUNTS_FILE))[0]["username"] == "Ann"
    older = await raw.view.older_accounts()
    assert orjson.loads(b"".join(older.chunks))["accounts"][0]["name"] == "Ann"
    assert kind_of_file(older) == "accounts"


async def test_each_field_of_a_criterion_must_match(raw: Reader) -> None:
    """Each lists accepted values. Of several criteria one is enough; an empty one matches everything."""
    plain = await raw.push(b"1", tags=["a", "b"])
    image = await raw.push(b"2", NOW + timedelta(seconds=1), mimeType="image/png", accounts=[{"accountId": "other"}])
    both, none = [plain, image], list[str]()
    for metadata, matching in (
        ({"mimeType": ["image/png"]}, [image]),
        ({"mimeType": ["image/png", "text/plain"]}, both),
        ({"tags": ["b", "c"]}, [plain]),
        ({"tags": ["b"], "mimeType": ["image/png"]}, none),
        ({"reference": ["r"]}, none),
        ({"accounts": [{"accountId": "other"}]}, [image]),
        ({"accounts": [{"accountid": "mine"}]}, [plain]),
        ({"accounts": [{}]}, none),
        ({"contractId": [raw.writer]}, both),
        ({"contractId": ["another"]}, none),
        ({"appId": ["another"]}, none),
        ({}, both),
    ):
        assert await raw.names({"metadata": metadata}) == matching
    assert await raw.names({"metadata": {"tags": ["a"]}}, {"metadata": {"mimeType": ["image/png"]}}) == both
    with pytest.raises(FileNotFound):
        await raw.with_criteria({"metadata": {"tags": ["a"]}}).delivery(image)


async def test_a_criterion_limits_the_time_of_the_push(raw: Reader) -> None:
    """By a moment, or by how long ago it was when the session began."""
    old, new = await raw.push(b"old", NOW - timedelta(days=3)), await raw.push(b"new")
    yesterday = int((NOW - timedelta(days=1)).timestamp())
    assert await raw.names({"from": yesterday}) == [new]
    assert await raw.names({"last": "2d"}) == [new]
    assert await raw.names({"last": "9d"}) == [old, new]


async def test_a_person_shares_pushed_files_from_a_date_on(platform: Platform, people: People) -> None:
    """And after a merge only those of the library for which they agreed."""
    yesterday = int((NOW - timedelta(days=1)).timestamp())
    found = await reader(platform, people, "read-raw", Choice(since=yesterday))
    old, new = await found.push(b"old", NOW - timedelta(days=3)), await found.push(b"new")
    assert await found.names() == [new]
    with pytest.raises(FileNotFound):
        await found.view.delivery(old)
    found.view.consent.library_before = uuid4()
    assert await found.names() == []


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        (None, "not an object"),
        ([], "not an object"),
        ({"accounts": []}, "mimeType"),
        ({"mimeType": "text/plain", "accounts": [{"accountId": 5}]}, "accounts.0.accountId"),
        ({"mimeType": 5, "accounts": "x"}, "accounts, mimeType"),
    ],
)
def test_a_descriptor_names_its_faults(metadata: object, told: str) -> None:
    """The app's developer reads it."""
    with pytest.raises(InvalidRequest, match=told):
        read_descriptor({"metadata": metadata})


@pytest.mark.parametrize("size", [3, 600_000])
async def test_a_lost_pushed_file_is_final_and_one_that_was_just_deleted_is_not(raw: Reader, size: int) -> None:
    """The list goes on. What was interrupted by damage before is refused at once, so that no stream breaks again."""
    name = await raw.push(bytes(size))
    blob = raw.library.blob(f"pushed/{name}")
    raw.platform.blobs.delete([blob])
    with pytest.raises(DataUnreadable):
        await raw.view.delivery(name)
    assert await raw.names() == [name]
    other = await raw.push(bytes(size))
    raw.platform.unreadable.remember(raw.library.blob(f"pushed/{other}"))
    with pytest.raises(DataUnreadable):
        await raw.view.delivery(other)


async def test_damaged_metadata_takes_no_other_file_with_it(raw: Reader) -> None:
    """The file is listed where nothing is asked of its metadata; reading it is a final error."""
    damaged, whole = await raw.push(b"1", tags=["t"]), await raw.push(b"2", NOW + timedelta(seconds=1), tags=["t"])
    async with raw.platform.database.transaction() as db:
        row = await db.get_one(PushedFileRow, (raw.library.id, UUID(damaged)))
        row.sealed_metadata = row.sealed_metadata[:-1] + bytes([row.sealed_metadata[-1] ^ 1])
    assert await raw.names() == [damaged, whole]
    assert await raw.names({"last": "1d"}) == [damaged, whole]
    assert await raw.names({"metadata": {"tags": ["t"]}}) == [whole]
    assert await content_of(raw.view, whole) == b"2"
    with pytest.raises(DataUnreadable):
        await raw.view.delivery(damaged)


async def write_files(found: Reader, things: Sequence[dict[str, Any]]) -> list[FileRow]:
    """Write the account's files, and return their rows."""
    platform, schema = found.platform, found.platform.sources.connectable[SPOTIFY].info.schema
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == found.library.id))).one()
        mapped_files = MappedFiles(platform.blobs, found.library)
        with ObjectBuffer(schema) as buffer:
            for thing in things:
                buffer.add(ObjectType.PLAY_HISTORY, thing)
            for slot in buffer.slots():
                written = mapped_files.write_slot(account.id, schema, [], buffer.entries(slot))
                await record_files(db, account, slot, schema, written)
        files = select(FileRow).where(FileRow.library_id == found.library.id).order_by(FileRow.name)
        return list(await db.scalars(files))


async def test_a_lost_file_stays_in_the_list(platform: Platform, people: People, erased_afterwards: list[UUID]) -> None:
    """Reading it is a final error, the operator is told, and the next sync asks the source for it. The rest is read."""
    choice = Choice(since=1_000)  # With a limit of time, each file's dates are looked at.
    found = await reader(platform, people, "read", choice)
    erased_afterwards.append(found.library.id)
    plays = [{"entityid": str(moment), "createddate": moment} for moment in (1_704_100_000_000, 1_706_800_000_000)]
    lost, kept = await write_files(found, plays)
    platform.blobs.delete([lost.blob])
    listed = {entry["name"]: entry["objectCount"] for entry in await found.view.entries()}
    assert listed == {lost.name: 1, kept.name: 1}
    assert orjson.loads(await content_of(found.view, kept.name)) == plays[1:]
    with pytest.raises(DataUnreadable):
        await found.view.delivery(lost.name)
    async with platform.database.session() as db:
        marks = [(await db.get_one(FileRow, (row.library_id, row.id))).lost for row in (lost, kept)]
    assert marks == [FOUND, None]
    with pytest.raises(FileNotFound):
        await found.view.delivery("18_5_19_1_406_D197001_1.json")


async def test_a_list_waits_for_a_file_that_is_replaced(platform: Platform, people: People) -> None:
    """A blob that no row refers to any more is no loss, so the app tries again and finds the new one."""
    found = await reader(platform, people, "read", Choice(since=1_704_100_000))
    play = {"entityid": "1", "createddate": 1_704_100_000_000}
    (file,) = await write_files(found, [play, {"entityid": "2", "createddate": 1_704_099_999_000}])
    assert [entry["objectCount"] for entry in await found.view.entries()] == [1]
    assert orjson.loads(await content_of(found.view, file.name)) == [play]
    for error in (UnreadableBlob(f"{file.blob}x", "it is missing"), UnreadableBlob("", "it is missing")):
        assert isinstance(await unreadable_error(platform, error), Unavailable)


async def test_every_kind_of_lost_file_names_its_owner(
    platform: Platform, people: People, erased_afterwards: list[UUID]
) -> None:
    """The operator finds archives and stored files too, by ids that commands take."""
    found = await reader(platform, people, "read")
    erased_afterwards.append(found.library.id)
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == found.library.id))).one()
        stored = stored_archive(found.library)
        await add_archive(db, found.library, account, stored, None)
        contract = await db.get_one(ContractRow, found.writer)
        storage = await add_storage(db, contract)
        assert await assign_storage(db, contract, storage.id, found.library.id)  # It is erased with the library.
        blob = new_blob(storage.id)
        id_ = await put_file(db, storage.id, storage_path("/folder/File"), blob, 5)
        assert isinstance(id_, UUID)
    for lost in (stored.blob, blob):
        assert isinstance(await unreadable_error(platform, UnreadableBlob(lost, "it is missing")), DataUnreadable)
    async with platform.database.transaction() as db:
        replaced = await put_file(db, storage.id, storage_path("/FOLDER/file"), new_blob(storage.id), 6)
        assert replaced == id_
        row = (await db.scalars(select(StoredFileRow).where(StoredFileRow.storage_id == storage.id))).one()
        assert (row.path, row.size) == ("/FOLDER/file", 6)
    assert isinstance(await unreadable_error(platform, UnreadableBlob(blob, "it is missing")), Unavailable)
