"""Files of a slot, as tests put them into a library without a sync."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.library.mapped_files import WrittenFile, files_of_slots, replace_files
from privateshare.platform.library.object_buffer import Slot
from privateshare.sources.contract import ObjectSchema


async def slot_files(db: AsyncSession, account: AccountRow, slot: Slot) -> list[FileRow]:
    """Return the files of a slot, ordered by part."""
    return (await files_of_slots(db, account, slot.object_type, [slot]))[slot]


async def record_files(
    db: AsyncSession, account: AccountRow, slot: Slot, schema: ObjectSchema, written: Sequence[WrittenFile]
) -> None:
    """Record written files as the current ones of a slot. See `replace_files`."""
    replace_files(db, account, slot, schema, await slot_files(db, account, slot), written)
    await db.flush()
