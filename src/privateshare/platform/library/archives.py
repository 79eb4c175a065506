"""Uploaded archives: a person's exports, from the check after the upload until a sync has imported them."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID, uuid4

import orjson
from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AccountRow, ArchiveRow, BlobToDeleteRow, FileRow, JourneyRow, PreviewRow
from privateshare.platform.keys.wrapping import DataKey
from privateshare.platform.library.export_age import Age
from privateshare.platform.library.libraries import OpenAccount, OpenLibrary
from privateshare.platform.library.read_exports import ExportFile

# The purposes under which an archive's fields are encrypted.
UPLOAD = "upload"
ARCHIVE_KEY = "archive key"


@dataclass(frozen=True, slots=True)
class StoredArchive:
    """An archive in the blob store.

    Attributes:
        blob: Its blob.
        key: The key that the blob is encrypted with.
        file: What the file was that was uploaded, and what is in it.
        was_read: Whether the blob holds the objects of the archive. Otherwise it holds the uploaded file, which was
            recognised and not read.
    """

    blob: str
    key: DataKey
    file: ExportFile = field(repr=False)
    was_read: bool


async def add_archive(
    db: AsyncSession,
    library: OpenLibrary,
    account: AccountRow,
    stored: StoredArchive,
    journey: JourneyRow | None,
) -> ArchiveRow:
    """Record an uploaded archive, to be imported once the person agrees, or at once without a journey.

    Args:
        db: The transaction; the account is locked in it.
        library: The person's library.
        account: The account that the archive belongs to.
        stored: The archive.
        journey: The journey on which the person uploaded it; None if they brought it in on their own pages.

    Returns:
        The new archive, or the one with the same content that is recorded already. That one takes over the new blob,
        because its own may be lost.
    """
    opened = library.account(account.id)
    fingerprint = content_fingerprint(opened, stored.file.summary.content)
    same = select(ArchiveRow).where(
        ArchiveRow.library_id == library.id,
        ArchiveRow.account_id == account.id,
        ArchiveRow.fingerprint == fingerprint,
        # One that was uploaded on another journey goes if the person declines there.
        ArchiveRow.journey_id.is_(None) | (ArchiveRow.journey_id == (journey.id if journey is not None else None)),
    )
    known = await db.scalar(same)
    if known is not None:
        await _replace_blob(db, opened, known, stored)
        return known
    id_ = uuid4()
    archive = ArchiveRow(
        library_id=library.id,
        id=id_,
        account_id=account.id,
        journey_id=journey.id if journey is not None else None,
        blob=stored.blob,
        was_read=stored.was_read,
        sealed_key=opened.seal(ARCHIVE_KEY, id_, stored.key.value),
        fingerprint=fingerprint,
        sealed_upload=_sealed_file(opened, id_, stored),
    )
    db.add(archive)
    await db.flush()
    return archive


async def _replace_blob(db: AsyncSession, account: OpenAccount, archive: ArchiveRow, stored: StoredArchive) -> None:
    """Store an archive that was uploaded again in place of its old blob."""
    replaced = archive.blob
    archive.blob, archive.sealed_key = stored.blob, account.seal(ARCHIVE_KEY, archive.id, stored.key.value)
    archive.was_read, archive.sealed_upload = stored.was_read, _sealed_file(account, archive.id, stored)
    await db.flush()
    await delete_unused_blobs(db, [replaced])


def content_fingerprint(account: OpenAccount, content: bytes) -> bytes:
    """Return what identifies the objects of an export within an account, and nowhere else, from their SHA-256."""
    return hmac.digest(account.key.value, b"archive " + content, sha256)


def upload_fingerprint(account: OpenAccount, upload: bytes) -> bytes:
    """Return what identifies an uploaded file within an account, and nowhere else, from the SHA-256 of its bytes."""
    return hmac.digest(account.key.value, b"upload " + upload, sha256)


def _sealed_file(account: OpenAccount, id_: UUID, stored: StoredArchive) -> bytes:
    return account.seal(UPLOAD, id_, orjson.dumps(stored.file.to_json()))


def file_of(archive: ArchiveRow, library: OpenLibrary) -> ExportFile:
    """Decrypt what the file of an archive was, and what is in it."""
    opened = library.account(archive.account_id)
    return ExportFile.from_json(orjson.loads(opened.open(UPLOAD, archive.id, archive.sealed_upload)))


def archive_key(archive: ArchiveRow, library: OpenLibrary) -> DataKey:
    """Decrypt the key that an archive's blob is encrypted with."""
    return DataKey(library.account(archive.account_id).open(ARCHIVE_KEY, archive.id, archive.sealed_key))


async def archives_to_import(
    db: AsyncSession, account: AccountRow, sync_id: UUID | None = None
) -> Sequence[ArchiveRow]:
    """Return the archives of an account that wait to be imported, in the order of upload.

    These are the archives that the person agreed to, and those of the journey for which the sync `sync_id` shows what
    is in them.
    """
    previewed = select(PreviewRow.journey_id).where(
        PreviewRow.library_id == account.library_id, PreviewRow.sync_id == sync_id
    )
    query = select(ArchiveRow).where(
        ArchiveRow.library_id == account.library_id,
        ArchiveRow.account_id == account.id,
        ArchiveRow.imported.is_(False),
        ArchiveRow.journey_id.is_(None) | ArchiveRow.journey_id.in_(previewed),
    )
    return list(await db.scalars(query.order_by(ArchiveRow.created_at, ArchiveRow.id)))


async def archives_of_journey(db: AsyncSession, journey: JourneyRow) -> Sequence[ArchiveRow]:
    """Return the archives that a person uploaded on a journey and has not agreed to yet, in the order of upload."""
    query = select(ArchiveRow).where(ArchiveRow.library_id == journey.library_id, ArchiveRow.journey_id == journey.id)
    return list(await db.scalars(query.order_by(ArchiveRow.created_at, ArchiveRow.id)))


async def agree_to_archives(db: AsyncSession, journey: JourneyRow) -> None:
    """Let the next sync import the archives of a journey. Those that are imported already are deleted.

    An account whose sign-in is not accepted any more goes on with its files.

    The accounts are locked first. A sync that is about to finish waits for the lock and imports these archives too.
    If it has finished already, the session that begins next starts another sync.
    """
    mine = (ArchiveRow.library_id == journey.library_id, ArchiveRow.journey_id == journey.id)
    accounts = select(AccountRow.id).where(
        AccountRow.library_id == journey.library_id, AccountRow.id.in_(select(ArchiveRow.account_id).where(*mine))
    )
    if (await db.execute(accounts.order_by(AccountRow.id).with_for_update())).first() is not None:
        without_sign_in = update(AccountRow).where(
            AccountRow.library_id == journey.library_id,
            AccountRow.id.in_(select(ArchiveRow.account_id).where(*mine)),
            AccountRow.needs_login,
        )
        await db.execute(without_sign_in.values(sealed_credentials=None, needs_login=False))
        imported = delete(ArchiveRow).where(*mine, ArchiveRow.imported.is_(True)).returning(ArchiveRow.blob)
        await delete_unused_blobs(db, list(await db.scalars(imported)))
        await db.execute(update(ArchiveRow).where(*mine).values(journey_id=None))


async def note_age(db: AsyncSession, archive: ArchiveRow, age: Age | None) -> None:
    """Record how old an export is, compared with what the library has, when its import begins; None forgets it."""
    this = (ArchiveRow.library_id == archive.library_id, ArchiveRow.id == archive.id)
    archive.age = None if age is None else age.name
    await db.execute(update(ArchiveRow).where(*this).values(age=archive.age))


async def finish_archive(db: AsyncSession, library_id: UUID, archive_id: UUID) -> None:
    """Delete an archive that was imported, or keep it until the person agrees. Its account must be locked."""
    this = (ArchiveRow.library_id == library_id, ArchiveRow.id == archive_id)
    waits = update(ArchiveRow).where(*this, ArchiveRow.journey_id.is_not(None)).values(imported=True)
    if await db.scalar(waits.returning(ArchiveRow.id)) is None:
        await discard_archive(db, library_id, archive_id)


async def discard_archive(db: AsyncSession, library_id: UUID, archive_id: UUID) -> None:
    """Delete an archive, if it still exists. Its blob is deleted later, by a job."""
    this = delete(ArchiveRow).where(ArchiveRow.library_id == library_id, ArchiveRow.id == archive_id)
    await delete_unused_blobs(db, list(await db.scalars(this.returning(ArchiveRow.blob))))


async def delete_unused_blobs(db: AsyncSession, blobs: Sequence[str]) -> None:
    """List the blobs of deleted archives for deletion, except those that other accounts' archives still use.

    An archive from another PrivateShare is one blob for all of its accounts.
    """
    unused = await unused_blobs(db, blobs)
    if unused:
        await db.execute(insert(BlobToDeleteRow).on_conflict_do_nothing(), [{"key": key} for key in unused])


async def unused_blobs(db: AsyncSession, blobs: Sequence[str]) -> list[str]:
    """Return those of the blobs of deleted archives that no other archive uses."""
    used = set(await db.scalars(select(ArchiveRow.blob).where(ArchiveRow.blob.in_(blobs)))) if blobs else set()
    return sorted(set(blobs) - used)


async def is_account_empty(db: AsyncSession, library_id: UUID, account_id: UUID) -> bool:
    """Return whether an account has neither files nor an archive in the library."""
    of_account = [
        exists().where(table.library_id == library_id, table.account_id == account_id)
        for table in (ArchiveRow, FileRow)
    ]
    return not await db.scalar(select(of_account[0] | of_account[1]))
