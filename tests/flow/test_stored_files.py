"""Tests of storages in the database: whose they are, what a path is, and what is deleted."""

from collections.abc import Sequence
from uuid import uuid4

import pytest
from sqlalchemy import select

from privateshare.platform.blobs import store
from privateshare.platform.db.tables import BlobToDeleteRow, ConsentRow, ContractRow
from privateshare.platform.library import storages
from privateshare.platform.library.libraries import create_library
from privateshare.platform.library.storages import (
    add_storage,
    assign_storage,
    delete_files,
    find_storage,
    find_stored_file,
    find_user_storage,
    list_page,
    new_blob,
    put_file,
    storage_blob_prefix,
)
from privateshare.platform.runtime import Platform
from privateshare.protocol.storage_paths import storage_path
from tests.flow.people import People


@pytest.fixture
async def contract(platform: Platform, people: People) -> ContractRow:
    contract_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        return await db.get_one(ContractRow, contract_id)


async def test_a_storage_belongs_to_one_person_of_one_application(
    platform: Platform, people: People, contract: ContractRow
) -> None:
    """Assigning it again to the same person changes nothing; to another, or by another application, is refused."""
    other_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        other = await db.get_one(ContractRow, other_id)
        ann, bob = [await create_library(db, platform) for _ in range(2)]
        first, second = [await add_storage(db, contract) for _ in range(2)]
        consents = {one.id: ConsentRow(library_id=one.id) for one in (ann, bob)}
        assert await find_user_storage(db, contract, consents[ann.id]) is None
        for storage in (first, second, first):
            assert await assign_storage(db, contract, storage.id, ann.id)
        assert not await assign_storage(db, contract, first.id, bob.id)
        assert not await assign_storage(db, other, first.id, ann.id)
        assert not await assign_storage(db, contract, str(uuid4()), ann.id)
        found = await find_user_storage(db, contract, consents[ann.id])
        assert found is not None
        assert found.id == first.id
        assert await find_user_storage(db, contract, consents[bob.id]) is None
        assert await find_user_storage(db, other, consents[ann.id]) is None
        assert await find_user_storage(db, contract, ConsentRow(library_id=ann.id, sub="before a merge")) is None
        assert await find_storage(db, first.id, contract.application_id) is not None
        assert await find_storage(db, first.id, other.application_id) is None
        assert await find_storage(db, "x", contract.application_id) is None


async def put(platform: Platform, storage_id: str, paths: Sequence[str]) -> list[str]:
    """Store files, and return their blobs."""
    async with platform.database.transaction() as db:
        blobs = [new_blob(storage_id) for _ in paths]
        for path, blob in zip(paths, blobs, strict=True):
            store.put(platform.blobs, blob, [b"x"])
            await put_file(db, storage_id, storage_path(path), blob, 1)
    return blobs


async def listed(platform: Platform, storage_id: str, folder: str, *, recursive: bool = False) -> list[str]:
    """Return the paths in a folder, page by page."""
    found: list[str] = []
    after = ""
    async with platform.database.transaction() as db:
        while page := await list_page(db, storage_id, storage_path(folder), after, recursive=recursive):
            found += [file.path for file in page]
            after = page[-1].key
    return found


async def test_folders_are_listed_and_deleted_with_what_is_in_them(
    platform: Platform, contract: ContractRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names with characters that patterns use, or that sort beside a folder's, are not in it."""
    monkeypatch.setattr(storages, "FILES_PER_PAGE", 2)
    async with platform.database.transaction() as db:
        storage_id = (await add_storage(db, contract)).id
    paths = ["/a/1", "/a/2", "/a/b/3", "/a/b/4", "/a0", "/a.txt", "/A%/x", "/a_/y"]
    blobs = dict(zip(paths, await put(platform, storage_id, paths), strict=True))
    assert all(blob.startswith(storage_blob_prefix(storage_id)) for blob in blobs.values())
    assert await listed(platform, storage_id, "/a/") == ["/a/1", "/a/2"]
    assert await listed(platform, storage_id, "/a/", recursive=True) == ["/a/1", "/a/2", "/a/b/3", "/a/b/4"]
    assert sorted(await listed(platform, storage_id, "/", recursive=True)) == sorted(paths)
    async with platform.database.transaction() as db:
        assert await find_stored_file(db, storage_id, storage_path("/A/B/3")) is not None
        assert await find_stored_file(db, storage_id, storage_path("/a/b")) is None
        deleted = [
            await delete_files(db, platform, storage_id, storage_path(path))
            for path in ("/a/", "/a/", "/A.TXT", "/a/1", "/missing/")
        ]
        assert deleted == [4, 0, 1, 0, 0]
        listed_blobs = select(BlobToDeleteRow.key).where(BlobToDeleteRow.key.in_(blobs.values()))
        assert set(await db.scalars(listed_blobs)) == {blobs[path] for path in (*paths[:4], "/a.txt")}
    assert sorted(await listed(platform, storage_id, "/", recursive=True)) == ["/A%/x", "/a0", "/a_/y"]
