"""Tests of importing exports that are in the account already: they are done at once, unless anything is not certain."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from privateshare.platform.blobs.store import put
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent.connections import keep_export
from privateshare.platform.consent.drop_zone import DroppedFile, SortedFiles
from privateshare.platform.consent.export_reading import begin_reading
from privateshare.platform.db.engine import driver_connection
from privateshare.platform.db.tables import AccountRow, FileRow, SyncRow
from privateshare.platform.jobs.queue import SYNC
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library import remembered_imports
from privateshare.platform.library.archives import add_archive
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.dropped_files import DroppedFiles
from privateshare.platform.library.erasure import erase_account, remove_files_of_account
from privateshare.platform.library.known_uploads import KnownUploads
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.waiting_exports import WaitingExport, WaitingExports
from privateshare.platform.runtime import Platform
from privateshare.platform.sync import account_sync, object_writing
from privateshare.platform.sync.account_sync import sync_account
from privateshare.platform.sync.sync_run import AccountSync
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Identity
from tests.archives import bundle, play, spotify_zip, zipped
from tests.flow.people import FHIR_FILE, SPOTIFY

ONE, TWO = [play(number) for number in range(5)], [play(number) for number in range(3, 9)]
# A zip archive has the time at which it was made, so each of these is made once.
ZIP_ONE, ZIP_TWO = spotify_zip(ONE), spotify_zip(TWO)
SKIPPED, SKIPPED_PAGES = "an export is in the account already", "a part of an export is in the account already"


def history(*files: Sequence[dict[str, Any]]) -> bytes:
    """Return an export with these files of plays."""
    names = (f"MyData/Streaming_History_Audio_{number}.json" for number in range(len(files)))
    return zipped({name: json.dumps(plays).encode() for name, plays in zip(names, files, strict=True)})


@dataclass
class Person:
    """A person with one account, who uploads exports."""

    platform: Platform
    folder: Path
    source: int = SPOTIFY
    library_id: UUID = field(init=False)
    account_id: UUID = field(init=False)
    skipped_pages: int = 0

    async def begin(self, owner: str = "ann") -> "Person":
        """Create the library and the account."""
        info = self.platform.sources.connectable[self.source].info
        async with self.platform.database.transaction() as db:
            library = await create_library(db, self.platform)
            account = await connect_account(db, self.platform, library, ConnectedSource(info, Identity(owner, owner)))
            self.library_id, self.account_id = library.id, account.id
        return self

    async def waiting(self, data: bytes) -> tuple[WaitingExports, WaitingExport]:
        """Upload a file, as the person's pages do. Return what waits for their decision."""
        source, key = self.platform.sources.connectable[self.source], new_data_key()
        content = SealedTemporary(self.folder)
        content.write(data)
        waiting = WaitingExports(self.platform, uuid4(), key)
        dropped, known = DroppedFiles(self.platform, uuid4(), key), self.known()
        await begin_reading(dropped, waiting, known, SortedFiles([(source, DroppedFile("", "a file", 0, content))]))
        while True:
            (export,) = await waiting.all()
            if export.state != "reading":
                return waiting, export
            await asyncio.sleep(0.02)

    def known(self) -> KnownUploads:
        """Return what recognises the files of this person."""
        return KnownUploads(self.platform, self.library_id, [self.account_id])

    async def add(self, waiting: WaitingExports, export: WaitingExport) -> tuple[SyncRow, bool]:
        """Import an export. Return the sync, and whether all of it was in the account already."""
        async with self.platform.database.transaction() as db:
            library = await open_library(db, self.platform, self.library_id)
        assert export.summary is not None, export.problem
        objects, was_read = waiting.objects(export), export.known_in is None
        kept = await keep_export(self.platform, library, export.export_file, objects, was_read=was_read)
        async with self.platform.database.transaction() as db:
            account = await db.get_one(AccountRow, (self.library_id, self.account_id))
            await add_archive(db, library, account, kept, None)
        return await self.sync()

    async def sync(self) -> tuple[SyncRow, bool]:
        """Import what waits. Return the sync, and whether all of an export was in the account already."""
        async with self.platform.database.transaction() as db:
            sync = SyncRow(library_id=self.library_id, account_id=self.account_id, by_person=True)
            db.add(sync)
            await db.flush()
            sync_id = sync.id
            # The sync runs here. The workers of the platform take one that has no job.
            job = self.platform.queue.configure_task(
                SYNC, connection=await driver_connection(db), schedule_in={"seconds": 250}, allow_unknown=True
            )
            await job.defer_async(library_id=str(self.library_id), sync_id=str(sync_id))
        with capture_logs() as logs:
            await sync_account(self.platform, self.library_id, sync_id, 1)
        async with self.platform.database.transaction() as db:
            done = await db.get_one(SyncRow, (self.library_id, sync_id))
        self.skipped_pages = sum(entry["pages"] for entry in logs if entry["event"] == SKIPPED_PAGES)
        return done, any(entry["event"] == SKIPPED for entry in logs)

    async def upload(self, data: bytes) -> tuple[SyncRow, bool]:
        """Upload and import an export. Return the sync, and whether all of it was in the account already."""
        return await self.add(*await self.waiting(data))

    async def is_known(self, data: bytes) -> bool:
        """Return whether a file is recognised when it is uploaded, and not read. It is not added."""
        waiting, export = await self.waiting(data)
        await waiting.delete([export])
        return export.known_in is not None

    async def objects(self) -> list[dict[str, Any]]:
        """Return all objects of the account, sorted."""
        async with self.platform.database.transaction() as db:
            mapped = MappedFiles(self.platform.blobs, await open_library(db, self.platform, self.library_id))
            files = list(await db.scalars(select(FileRow).where(FileRow.library_id == self.library_id)))
        return sorted((thing for file in files for thing in mapped.objects(file)), key=json.dumps)


@pytest.fixture
async def person(platform: Platform, tmp_path: Path, erased_afterwards: list[UUID]) -> Person:
    person = await Person(platform, tmp_path).begin()
    erased_afterwards.append(person.library_id)
    return person


async def test_an_identical_export_is_done_at_once(person: Person) -> None:
    """It is reported with the same counts, and the objects stay as they are."""
    data = spotify_zip([*ONE, play(1, ts="?")])
    first, skipped = await person.upload(data)
    objects = await person.objects()
    assert (skipped, len(objects)) == (False, 5)
    again, skipped = await person.upload(data)
    assert (skipped, await person.objects()) == (True, objects)
    assert first.error is not None
    assert (again.outcome, again.error) == (first.outcome, first.error)


async def test_a_file_that_is_there_already_is_not_read_again(person: Person) -> None:
    """The person sees the same of it, and what its import reports is the same."""
    data = ZIP_ONE
    waiting, export = await person.waiting(data)
    first, _ = await person.add(waiting, export)
    objects = await person.objects()
    waiting, known = await person.waiting(data)
    assert (export.known_in, known.known_in) == (None, person.account_id)
    assert (known.state, known.summary, known.sha256) == ("ready", export.summary, export.sha256)
    again, skipped = await person.add(waiting, known)
    assert (skipped, again.outcome, again.error) == (True, first.outcome, first.error)
    assert await person.objects() == objects
    assert await person.is_known(data)


async def test_a_file_is_read_if_one_byte_differs(person: Person) -> None:
    """A file of another name or size is read too, even if it has the same objects."""
    data = ZIP_ONE
    await person.upload(data)
    other = data.replace(b"Streaming_History_Audio", b"streaming_History_Audio")
    assert other != data
    assert not await person.is_known(other)
    assert not await person.is_known(data + b"\0")


async def test_a_file_with_entries_that_cannot_be_read_is_read_each_time(person: Person) -> None:
    """They may be readable at another time."""
    data = spotify_zip([*ONE, play(1, ts="?")])
    await person.upload(data)
    assert not await person.is_known(data)
    assert (await person.upload(data))[1]


async def test_a_file_is_not_recognised_before_it_is_imported(person: Person) -> None:
    """Nothing is known of a file that the person looked at and did not add."""
    assert not await person.is_known(ZIP_ONE)
    assert not await person.is_known(ZIP_ONE)


async def test_a_file_is_not_recognised_in_other_accounts(person: Person) -> None:
    """Neither in the library of somebody else, nor in an account that this person may not see, nor without one."""
    data = ZIP_ONE
    await person.upload(data)
    other = await Person(person.platform, person.folder).begin()
    assert not await other.is_known(data)
    source, sha256 = person.platform.sources.connectable[SPOTIFY], hashlib.sha256(data).digest()
    assert await person.known().find(source, sha256) is not None
    for library_id, account_ids in (
        (person.library_id, []),
        (person.library_id, [other.account_id]),
        (other.library_id, [person.account_id]),
        (uuid4(), [person.account_id]),
        (None, [person.account_id]),
    ):
        assert await KnownUploads(person.platform, library_id, account_ids).find(source, sha256) is None
    fhir = person.platform.sources.connectable[FHIR_FILE]
    assert await person.known().find(fhir, sha256) is None


async def test_a_damaged_account_does_not_keep_files_from_being_read(person: Person) -> None:
    """A file is read if it cannot be found out whether it was added before."""
    await person.upload(ZIP_ONE)
    async with person.platform.database.transaction() as db:
        of_person = AccountRow.library_id == person.library_id
        await db.execute(update(AccountRow).where(of_person).values(sealed_details=b"damaged"))
    assert not await person.is_known(ZIP_ONE)


async def test_a_known_file_is_read_for_another_account(person: Person) -> None:
    """The person may say that it is of somebody else, or of an account that has not got it."""
    data = ZIP_ONE
    await person.upload(data)
    waiting, known = await person.waiting(data)
    other = await Person(person.platform, person.folder).begin("bob")
    _, skipped = await other.add(waiting, known)
    assert (known.known_in, skipped) == (person.account_id, False)
    assert [thing["entityid"].replace("bob", "ann") for thing in await other.objects()] == [
        thing["entityid"] for thing in await person.objects()
    ]
    assert await other.is_known(data)


async def test_an_export_stays_known_while_others_only_add_to_the_account(person: Person) -> None:
    """Parts of one export come in any order, and some of them again."""
    await person.upload(ZIP_ONE)
    await person.upload(ZIP_TWO)
    objects = await person.objects()
    for known in (ZIP_ONE, ZIP_TWO, ZIP_ONE):
        assert await person.is_known(known)
        assert (await person.upload(known))[1]
    assert await person.objects() == objects


async def test_an_export_is_merged_again_after_another_has_replaced_objects(person: Person) -> None:
    """Of two exports that are equally new, the one that is added later says what is right."""
    other = history([play(number, shuffle=True) for number in range(5)])
    await person.upload(ZIP_ONE)
    objects = await person.objects()
    await person.upload(other)
    assert await person.objects() != objects
    assert not await person.is_known(ZIP_ONE)
    assert not (await person.upload(ZIP_ONE))[1]
    assert await person.objects() == objects


async def test_another_owner_merges_for_themselves(person: Person) -> None:
    """What is remembered of one account says nothing about another one."""
    await person.upload(ZIP_ONE)
    other = await Person(person.platform, person.folder).begin("bob")
    assert not (await other.upload(ZIP_ONE))[1]
    assert len(await other.objects()) == 5


async def lose_a_blob(person: Person) -> None:
    async with person.platform.database.transaction() as db:
        blob = await db.scalar(select(FileRow.blob).where(FileRow.library_id == person.library_id).limit(1))
    assert blob is not None
    person.platform.blobs.delete([blob])


async def damage_a_blob(person: Person) -> None:
    """Change one byte in the middle of a file, which its beginning and its end do not show."""
    async with person.platform.database.transaction() as db:
        blob = await db.scalar(select(FileRow.blob).where(FileRow.library_id == person.library_id).limit(1))
    assert blob is not None
    stored = bytearray(b"".join(person.platform.blobs.read(blob)))
    stored[len(stored) // 2] ^= 1
    put(person.platform.blobs, blob, [bytes(stored)])


async def cut_a_blob(person: Person) -> None:
    async with person.platform.database.transaction() as db:
        blob = await db.scalar(select(FileRow.blob).where(FileRow.library_id == person.library_id).limit(1))
    assert blob is not None
    stored = b"".join(person.platform.blobs.read(blob))
    put(person.platform.blobs, blob, [stored[: len(stored) // 2]])


async def delete_a_file(person: Person) -> None:
    async with person.platform.database.transaction() as db:
        name = await db.scalar(select(FileRow.name).where(FileRow.library_id == person.library_id).limit(1))
        await db.execute(delete(FileRow).where(FileRow.library_id == person.library_id, FileRow.name == name))


async def remove_all_files(person: Person) -> None:
    async with person.platform.database.transaction() as db:
        account = await db.get_one(AccountRow, (person.library_id, person.account_id))
        await remove_files_of_account(db, person.platform, account)


async def damage_what_is_remembered(person: Person) -> None:
    async with person.platform.database.transaction() as db:
        of_person = AccountRow.library_id == person.library_id
        await db.execute(update(AccountRow).where(of_person).values(sealed_imports=b"damaged"))


Damage = Callable[[Person], Awaitable[None]]


def quickly(*some: Damage, of: Sequence[Damage]) -> list[Any]:
    """Return all damages, of which only some are tried by `make test`: what is missing is noticed in the same way."""
    return [damage if damage in some else pytest.param(damage, marks=pytest.mark.slow) for damage in of]


DAMAGES: list[Damage] = [lose_a_blob, damage_a_blob, cut_a_blob, delete_a_file, remove_all_files]


@pytest.mark.parametrize(
    "change",
    quickly(lose_a_blob, delete_a_file, damage_what_is_remembered, of=[*DAMAGES, damage_what_is_remembered]),
)
async def test_an_export_is_merged_again_if_its_objects_may_not_be_there(person: Person, change: Damage) -> None:
    """Whatever happened to the files, they are all there after the second import."""
    await person.upload(ZIP_ONE)
    objects = await person.objects()
    await change(person)
    assert not (await person.upload(ZIP_ONE))[1]
    assert await person.objects() == objects


@pytest.mark.parametrize("change", quickly(lose_a_blob, damage_a_blob, of=DAMAGES))
async def test_a_known_file_is_read_if_its_objects_are_lost_before_it_is_added(person: Person, change: Damage) -> None:
    """The file itself was kept until then, so that nothing has to be uploaded again."""
    await person.upload(ZIP_ONE)
    objects = await person.objects()
    waiting, known = await person.waiting(ZIP_ONE)
    assert known.known_in == person.account_id
    await change(person)
    assert not (await person.add(waiting, known))[1]
    assert await person.objects() == objects
    await person.upload(ZIP_ONE)  # What was repaired is looked at once more before it is relied on.
    assert await person.is_known(ZIP_ONE)


@pytest.mark.parametrize(
    "change",
    quickly(lose_a_blob, of=[lose_a_blob, delete_a_file, remove_all_files, damage_what_is_remembered]),
)
async def test_a_file_is_read_when_it_is_uploaded_if_its_objects_are_known_to_be_lost(
    person: Person, change: Damage
) -> None:
    """A file that is missing is noticed by the next sync."""
    await person.upload(ZIP_ONE)
    await change(person)
    await person.upload(ZIP_TWO)
    assert not await person.is_known(ZIP_ONE)


async def test_an_import_that_broke_off_is_not_remembered(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of its files may have been written."""

    async def stop(*_: object) -> None:
        raise RuntimeError("the worker was stopped")

    monkeypatch.setattr(account_sync, "_finish", stop)
    with pytest.raises(RuntimeError):
        await person.upload(ZIP_ONE)
    monkeypatch.undo()
    assert len(await person.objects()) == 5
    assert not await person.is_known(ZIP_ONE)


async def test_other_code_reads_and_merges_again(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may map the same file otherwise."""
    await person.upload(ZIP_ONE)
    monkeypatch.setattr(remembered_imports, "reading_version", lambda _: "another")
    assert not await person.is_known(ZIP_ONE)
    assert not (await person.upload(ZIP_ONE))[1]
    assert await person.is_known(ZIP_ONE)


async def test_another_version_of_the_platform_merges_again(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may decide otherwise about the same objects."""
    await person.upload(ZIP_ONE)
    monkeypatch.setattr(remembered_imports, "VERSION", "another")
    assert not (await person.upload(ZIP_ONE))[1]
    assert (await person.upload(ZIP_ONE))[1]


LATER = [play(number) for number in range(9, 12)]
CHANGED = [play(number, shuffle=True) for number in range(4)]


@pytest.mark.parametrize(
    ("first", "second", "skipped"),
    [
        ([ONE, TWO], [ONE, TWO, LATER], 2),
        pytest.param([ONE], [ONE, TWO], 1, marks=pytest.mark.slow),
        pytest.param([TWO, ONE], [ONE, LATER], 1, marks=pytest.mark.slow),
        ([ONE], [TWO], 0),
        pytest.param([ONE], [ONE, CHANGED], None, marks=pytest.mark.slow),
        ([ONE], [CHANGED, ONE], None),
        pytest.param([ONE, CHANGED], [ONE, CHANGED, LATER], None, marks=pytest.mark.slow),
        ([ONE, LATER], [CHANGED, ONE, [play(5, shuffle=True)], LATER], None),
    ],
)
async def test_a_newer_export_is_imported_as_far_as_it_is_new(
    person: Person, first: list[Any], second: list[Any], skipped: int | None
) -> None:
    """The result is that of importing all of it. If the new objects are versions of others, all are compared."""
    await person.upload(history(*first))
    other = await Person(person.platform, person.folder).begin()
    await other.upload(history(*first))
    async with person.platform.database.transaction() as db:
        of_other = AccountRow.library_id == other.library_id
        await db.execute(update(AccountRow).where(of_other).values(sealed_imports=None))
    assert not (await person.upload(history(*second)))[1]
    assert not (await other.upload(history(*second)))[1]
    if skipped is not None:
        assert (person.skipped_pages, other.skipped_pages) == (skipped, 0)
    assert await person.objects() == await other.objects()
    assert (await person.upload(history(*second, LATER)))[0].outcome == "done"
    await other.upload(history(*second, LATER))
    assert await person.objects() == await other.objects()


async def forget(person: Person) -> None:
    """Forget what is known, so that the next export is imported completely."""
    async with person.platform.database.transaction() as db:
        of_person = AccountRow.library_id == person.library_id
        await db.execute(update(AccountRow).where(of_person).values(sealed_imports=None))


PLAYS = [play(number, ts=f"2020-01-0{number}T10:00:00Z") for number in range(1, 4)]


def account_data(playlists: Sequence[str], tracks: Sequence[str], plays: Sequence[dict[str, Any]] = PLAYS) -> bytes:
    """Return an export with plays, playlists that were changed on these days, and the complete list of saved tracks."""
    saved = [{"artist": "A", "album": "B", "track": name, "uri": f"spotify:track:{name[0] * 22}"} for name in tracks]
    listed = [
        {"name": f"Of {day}", "lastModifiedDate": day, "items": [{"track": None, "addedDate": day}]}
        for day in playlists
    ]
    files: dict[str, Any] = {"Streaming_History_Audio_0.json": list(plays), "YourLibrary.json": {"tracks": saved}}
    files["Playlist1.json"] = {"playlists": listed}
    return zipped({f"MyData/{name}": json.dumps(content).encode() for name, content in files.items()})


async def test_an_export_does_not_seem_older_after_a_part_of_it_is_written(person: Person) -> None:
    """A playlist is written before it turns out that all is needed, since a track is not saved any more."""
    older = account_data(["2020-02-01"], ["First", "Second", "Third"])
    newer = account_data(["2020-02-01", "2020-03-01"], ["First", "Second"])
    other = await Person(person.platform, person.folder).begin()
    for one in (person, other):
        await one.upload(older)
    await forget(other)
    for one in (person, other):
        await one.upload(newer)
    assert await person.objects() == await other.objects()
    about_third = [thing for thing in await person.objects() if "Third" in json.dumps(thing)]
    assert len(about_third) == 1  # The track itself, which does not say that it is saved.


AT_ONE_TIME = {"ts": "2020-02-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            account_data(["2020-02-01"], ["First", "Second", "Third"]),
            account_data(["2020-02-01", "2020-03-01"], ["First", "Second"]),
        ),
        (
            history([play(1, shuffle=True, **AT_ONE_TIME), play(2, ts="2020-02-02T10:00:00Z")]),
            account_data(["2020-03-01"], ["First"], [play(1, **AT_ONE_TIME)]),
        ),
    ],
    ids=["newer", "older"],
)
async def test_an_import_that_is_interrupted_ends_like_one_that_is_not(
    person: Person, monkeypatch: pytest.MonkeyPatch, first: bytes, second: bytes
) -> None:
    """What was written before that does not make the rest of the export seem as old as what is stored."""
    other = await Person(person.platform, person.folder).begin()
    for one in (person, other):
        await one.upload(first)
    await forget(person)  # Otherwise the pages that are known are left out at first.
    await other.upload(second)
    write_type = object_writing._write_type

    async def stop(run: AccountSync, buffer: ObjectBuffer, object_type: int, **how: Any) -> bool:
        if object_type >= ObjectType.SAVED_TRACK:
            raise RuntimeError("the worker was stopped")
        return await write_type(run, buffer, object_type, **how)

    monkeypatch.setattr(object_writing, "_write_type", stop)
    with pytest.raises(RuntimeError):
        await person.upload(second)
    monkeypatch.undo()
    assert await person.objects() != await other.objects()
    await person.sync()
    assert await person.objects() == await other.objects()


async def test_an_older_export_is_not_taken_to_be_there_after_a_newer_one_removed_some_of_it(person: Person) -> None:
    """It adds what is missing. Then the newer one is not newer than what is there, so it removes nothing. ADR 64."""
    older = account_data(["2020-02-01"], ["First", "Second", "Third"])
    newer = account_data(["2020-02-01", "2020-03-01"], ["First", "Second"])
    await person.upload(older)
    with_older = await person.objects()
    await person.upload(newer)
    removed = [thing for thing in with_older if thing not in await person.objects()]
    assert [thing["track"]["name"] for thing in removed] == ["Third"]
    for export in (older, newer):
        assert not await person.is_known(export)
        assert not (await person.upload(export))[1]
        assert removed[0] in await person.objects()


@pytest.mark.parametrize("change", quickly(lose_a_blob, damage_a_blob, of=DAMAGES))
async def test_pages_are_imported_if_their_objects_may_not_be_there(person: Person, change: Damage) -> None:
    """Damage of a file shows only when it is read."""
    await person.upload(history(ONE, TWO))
    objects = await person.objects()
    await change(person)
    await person.upload(history(ONE, TWO, ONE))
    assert person.skipped_pages == 0
    assert await person.objects() == objects


async def test_health_records_are_remembered_until_another_one_comes(person: Person) -> None:
    """Whether a record is the newest depends on what else is there."""
    person = await Person(person.platform, person.folder, FHIR_FILE).begin()
    one, two = (
        bundle([{"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/1"}}])
        for number in (1, 2)
    )
    await person.upload(one)
    assert (await person.upload(one))[1]
    await person.upload(two)
    assert not (await person.upload(one))[1]
    assert len(await person.objects()) == 2


async def test_what_is_remembered_is_sealed_and_erased_with_the_account(person: Person) -> None:
    """The fingerprints of a person's files are personal data."""
    await person.upload(ZIP_ONE)
    query = select(AccountRow.sealed_imports).where(AccountRow.library_id == person.library_id)
    async with person.platform.database.transaction() as db:
        stored = await db.scalar(query)
        assert stored is not None
        assert b"fingerprint" not in stored
        account = await db.get_one(AccountRow, (person.library_id, person.account_id))
        await erase_account(db, person.platform, account)
        assert (await db.execute(query)).first() is None
