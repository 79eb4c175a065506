"""The exports that a person uploaded, from when they were checked until they are imported."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID, uuid4

import orjson
from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AccountRow, ArchiveRow, BlobToDeleteRow, FileRow, JourneyRow
from privateshare.platform.keys.wrapping import DataKey
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.sources.failures import LeftOut, decode_left_out, encode_left_out

LEFT_OUT = "left out"
ARCHIVE_KEY = "archive key"


@dataclass(frozen=True, slots=True)
class KeptArchive:
    """An archive in the blob store, the key that it is sealed with, and the SHA-256 of its content."""

    blob: str
    key: DataKey
    content: bytes = field(repr=False)


async def add_archive(
    db: AsyncSession,
    library: OpenLibrary,
    account: AccountRow,
    kept: KeptArchive,
    left_out: LeftOut,
    journey: JourneyRow,
) -> ArchiveRow:
    """Records an archive of an account that is kept, to be imported once the person agrees.

    Args:
        db: The transaction; the account is locked in it.
        library: The person's library.
        account: Whose archive it is.
        kept: Where it is, and its key. If the same file is there already the new one is not kept.
        left_out: What of it cannot be read.
        journey: On which the person uploaded it.
    """
    opened = library.account(account.id)
    fingerprint = hmac.digest(opened.key.value, b"archive " + kept.content, sha256)
    same = select(ArchiveRow).where(
        ArchiveRow.library_id == library.id, ArchiveRow.account_id == account.id, ArchiveRow.fingerprint == fingerprint
    )
    known = await db.scalar(same)
    if known is not None:
        db.add(BlobToDeleteRow(key=kept.blob))
        return known
    id_ = uuid4()
    archive = ArchiveRow(
        library_id=library.id,
        id=id_,
        account_id=account.id,
        journey_id=journey.id,
        blob=kept.blob,
        sealed_key=opened.seal(ARCHIVE_KEY, id_, kept.key.value),
        fingerprint=fingerprint,
        sealed_left_out=opened.seal(LEFT_OUT, id_, orjson.dumps(encode_left_out(left_out))),
    )
    db.add(archive)
    await db.flush()
    return archive


def left_out_of(archive: ArchiveRow, library: OpenLibrary) -> LeftOut:
    """What of an archive cannot be read."""
    if archive.sealed_left_out is None:
        return LeftOut()
    opened = library.account(archive.account_id)
    return decode_left_out(orjson.loads(opened.open(LEFT_OUT, archive.id, archive.sealed_left_out)))


def archive_key(archive: ArchiveRow, library: OpenLibrary) -> DataKey:
    """The key that an archive's blob is sealed with."""
    if archive.sealed_key is None:
        return library.key
    return DataKey(library.account(archive.account_id).open(ARCHIVE_KEY, archive.id, archive.sealed_key))


async def archives_to_import(db: AsyncSession, account: AccountRow) -> Sequence[ArchiveRow]:
    """The archives of an account that the person agreed to, in the order they came."""
    query = select(ArchiveRow).where(
        ArchiveRow.library_id == account.library_id,
        ArchiveRow.account_id == account.id,
        ArchiveRow.journey_id.is_(None),
    )
    return list(await db.scalars(query.order_by(ArchiveRow.created_at, ArchiveRow.id)))


async def archives_of_journey(db: AsyncSession, journey: JourneyRow) -> Sequence[ArchiveRow]:
    """The archives that a person uploaded on a journey and has not agreed to, in the order they came."""
    query = select(ArchiveRow).where(ArchiveRow.library_id == journey.library_id, ArchiveRow.journey_id == journey.id)
    return list(await db.scalars(query.order_by(ArchiveRow.created_at, ArchiveRow.id)))


async def agree_to_archives(db: AsyncSession, journey: JourneyRow) -> None:
    """Has the archives of a journey imported from now on.

    Their accounts are locked first. A sync that is about to end waits for that and imports them too, or has ended, and
    then the session that begins next starts another.
    """
    mine = (ArchiveRow.library_id == journey.library_id, ArchiveRow.journey_id == journey.id)
    accounts = select(AccountRow.id).where(
        AccountRow.library_id == journey.library_id, AccountRow.id.in_(select(ArchiveRow.account_id).where(*mine))
    )
    if (await db.execute(accounts.order_by(AccountRow.id).with_for_update())).first() is not None:
        await db.execute(update(ArchiveRow).where(*mine).values(journey_id=None))


async def discard_archive(db: AsyncSession, library_id: UUID, archive_id: UUID) -> None:
    """Removes an archive, if it is still there; its blob follows."""
    this = delete(ArchiveRow).where(ArchiveRow.library_id == library_id, ArchiveRow.id == archive_id)
    db.add_all([BlobToDeleteRow(key=blob) for blob in await db.scalars(this.returning(ArchiveRow.blob))])
    await db.flush()


async def holds_nothing(db: AsyncSession, library_id: UUID, account_id: UUID) -> bool:
    """Whether nothing of an account is in the library, neither files nor an archive."""
    of_account = [
        exists().where(table.library_id == library_id, table.account_id == account_id)
        for table in (ArchiveRow, FileRow)
    ]
    return not await db.scalar(select(of_account[0] | of_account[1]))
