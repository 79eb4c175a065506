"""A person with many files of an exact size, written to the library as a sync writes them."""

import asyncio
import os
from base64 import b64encode
from uuid import UUID

from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.mapped_files import MappedFiles, WrittenFile
from privateshare.platform.library.object_buffer import Slot
from privateshare.platform.runtime import Platform
from privateshare.sources.entries import entry_of
from privateshare.sources.registry import Sources
from tests.flow.people import SPOTIFY
from tests.flow.slots import record_files

PLAYS = 406
BATCH = 250
OBJECT_BYTES = 200


async def add_files(platform: Platform, library_id: UUID, files: int, size: int = 4096, first: int = 0) -> None:
    """Give a person a file of about `size` bytes for each of many months, which begin at month number `first`."""
    schema = Sources().connectable[SPOTIFY].info.schema
    async with platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == library_id))).one()
        mapped_files = MappedFiles(platform.blobs, await open_library(db, platform, library_id))

    def write(number: int) -> list[WrittenFile]:
        things = ({"entityid": f"19_{number}_{n}", "createddate": 0, "text": _text()} for n in range(size // 270))
        return mapped_files.write_slot(account.id, schema, [], [entry_of(schema, thing) for thing in things])

    for start in range(first, first + files, BATCH):
        numbers = range(start, min(start + BATCH, first + files))
        written = await asyncio.to_thread(lambda batch: [write(number) for number in batch], numbers)
        async with platform.database.transaction() as db:
            for number, files_of_month in zip(numbers, written, strict=True):
                year, month = divmod(number, 12)
                await record_files(db, account, Slot(PLAYS, (1000 + year) * 100 + month + 1), schema, files_of_month)


def _text() -> str:
    """Return text that compresses only a little, as real data does."""
    return b64encode(os.urandom(OBJECT_BYTES * 3 // 4)).decode()
