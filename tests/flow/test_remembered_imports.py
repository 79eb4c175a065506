"""Tests of importing exports that are in the account already: they are done at once, unless anything is not certain."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from privateshare.platform.blobs.store import put
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent.connections import keep_objects, reading_export
from privateshare.platform.db.tables import AccountRow, FileRow, SyncRow
from privateshare.platform.library import remembered
from privateshare.platform.library.accounts import ConnectedSource, connect_account
from privateshare.platform.library.archives import add_archive
from privateshare.platform.library.erasure import erase_account, remove_files_of_account
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.account_sync import sync_account
from privateshare.sources.contract import Identity
from tests.archives import bundle, play, spotify_zip
from tests.flow.people import FHIR_FILE, SPOTIFY

ONE, TWO = [play(number) for number in range(5)], [play(number) for number in range(3, 9)]
SKIPPED = "an export is in the account already"


@dataclass
class Person:
    """A person with one account, who uploads exports."""

    platform: Platform
    folder: Path
    source: int = SPOTIFY
    library_id: UUID = field(init=False)
    account_id: UUID = field(init=False)

    async def begin(self, owner: str = "ann") -> "Person":
        """Create the library and the account."""
        info = self.platform.sources.connectable[self.source].info
        async with self.platform.database.transaction() as db:
            library = await create_library(db, self.platform)
            account = await connect_account(db, self.platform, library, ConnectedSource(info, Identity(owner, owner)))
            self.library_id, self.account_id = library.id, account.id
        return self

    async def upload(self, data: bytes) -> tuple[SyncRow, bool]:
        """Import an export. Return the sync, and whether all of it was in the account already."""
        source = self.platform.sources.connectable[self.source]
        async with self.platform.database.transaction() as db:
            library = await open_library(db, self.platform, self.library_id)
        file = SealedTemporary(self.folder)
        file.write(data)
        async with reading_export(self.platform, source, file) as read:
            kept = await keep_objects(self.platform, library, read.summary, read.objects.pieces())
            async with self.platform.database.transaction() as db:
                account = await db.get_one(AccountRow, (self.library_id, self.account_id))
                await add_archive(db, library, account, kept, read.summary.left_out, None)
                sync = SyncRow(library_id=self.library_id, account_id=self.account_id, by_person=True)
                db.add(sync)
                await db.flush()
                sync_id = sync.id
        file.close()
        with capture_logs() as logs:
            await sync_account(self.platform, self.library_id, sync_id, 1)
        async with self.platform.database.transaction() as db:
            done = await db.get_one(SyncRow, (self.library_id, sync_id))
        return done, any(entry["event"] == SKIPPED for entry in logs)

    async def objects(self) -> list[dict[str, Any]]:
        """Return all objects of the account, sorted."""
        async with self.platform.database.transaction() as db:
            mapped = MappedFiles(self.platform.blobs, await open_library(db, self.platform, self.library_id))
            files = list(await db.scalars(select(FileRow).where(FileRow.library_id == self.library_id)))
        return sorted((thing for file in files for thing in mapped.objects(file)), key=json.dumps)


@pytest.fixture
async def person(platform: Platform, tmp_path: Path) -> Person:
    return await Person(platform, tmp_path).begin()


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


async def test_an_export_is_merged_again_after_any_change(person: Person) -> None:
    """It is remembered again if it was all there."""
    await person.upload(spotify_zip(ONE))
    assert not (await person.upload(spotify_zip(TWO)))[1]
    objects = await person.objects()
    assert not (await person.upload(spotify_zip(ONE)))[1]
    assert (await person.upload(spotify_zip(ONE)))[1]
    assert (await person.upload(spotify_zip(TWO)))[1]
    assert await person.objects() == objects


async def test_another_owner_merges_for_themselves(person: Person) -> None:
    """What is remembered of one account says nothing about another one."""
    await person.upload(spotify_zip(ONE))
    other = await Person(person.platform, person.folder).begin("bob")
    assert not (await other.upload(spotify_zip(ONE)))[1]
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


@pytest.mark.parametrize(
    "change", [lose_a_blob, damage_a_blob, cut_a_blob, delete_a_file, remove_all_files, damage_what_is_remembered]
)
async def test_an_export_is_merged_again_if_its_objects_may_not_be_there(
    person: Person, change: Callable[[Person], Awaitable[None]]
) -> None:
    """Whatever happened to the files, they are all there after the second import."""
    await person.upload(spotify_zip(ONE))
    objects = await person.objects()
    await change(person)
    assert not (await person.upload(spotify_zip(ONE)))[1]
    assert await person.objects() == objects


async def test_another_version_of_the_platform_merges_again(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may decide otherwise about the same objects."""
    await person.upload(spotify_zip(ONE))
    monkeypatch.setattr(remembered, "VERSION", "another")
    assert not (await person.upload(spotify_zip(ONE)))[1]
    assert (await person.upload(spotify_zip(ONE)))[1]


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
    await person.upload(spotify_zip(ONE))
    query = select(AccountRow.sealed_imports).where(AccountRow.library_id == person.library_id)
    async with person.platform.database.transaction() as db:
        stored = await db.scalar(query)
        assert stored is not None
        assert b"fingerprints" not in stored
        account = await db.get_one(AccountRow, (person.library_id, person.account_id))
        await erase_account(db, person.platform, account)
        assert (await db.execute(query)).first() is None
