"""A person's library and its key."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import DataUnreadable
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow, LibraryRow
from privateshare.platform.keys.wrapping import (
    DataKey,
    account_key,
    new_data_key,
    open_value,
    seal_context,
    seal_value,
)
from privateshare.platform.keystore.store import KeyMissing
from privateshare.platform.runtime import Platform

FILE_HASH = "file hash"  # what the hash of a file is sealed for
FILE_DATES = "file dates"  # what is sealed that tells between which dates a file's objects lie
FILE_ORIGINS = "file origins"  # what is sealed that tells where a file's objects are from
LOST = "This person's data cannot be read; the operator of the platform was told"

log = structlog.get_logger()


class LibraryGone(Exception):
    """The library was erased."""


class KeyLost(DataUnreadable):
    """A library is there, and its key is not, or is another's: nobody erased it, and the operator must look."""


class AccountGone(Exception):
    """An account was erased, or connected, since its library was opened: whoever asks again sees it as it is."""


@dataclass(frozen=True, slots=True)
class OpenLibrary:
    """A library with its data key at hand, and the erasure keys of its accounts.

    `lost_accounts` are those whose erasure key is lost.
    """

    id: UUID
    key: DataKey
    account_keys: dict[UUID, bytes] = field(default_factory=dict, repr=False, compare=False)
    lost_accounts: frozenset[UUID] = frozenset()

    def account(self, account_id: UUID) -> "OpenAccount":
        """Give an account with its key. Raises AccountGone, or KeyLost if its key is."""
        if account_id in self.lost_accounts:
            raise KeyLost(LOST)
        try:
            erasure_key = self.account_keys[account_id]
        except KeyError as error:
            raise AccountGone from error
        return OpenAccount(self, account_key(self.key, account_id, erasure_key))

    def seal(self, purpose: str, owner: object, value: bytes) -> bytes:
        """A small value sealed with the library's key, for one purpose and one owner within it."""
        return seal_value(self.key, f"{self.id} {purpose}", owner, value)

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """The value that `seal` sealed. Raises SealBroken."""
        return open_value(self.key, f"{self.id} {purpose}", owner, sealed)

    def blob(self, name: object) -> str:
        """The key of a blob of this library; all of them begin with `blob_prefix`."""
        return f"{blob_prefix(self.id)}{name}"

    def blob_context(self, blob: str) -> bytes:
        """What a blob's seal is bound to."""
        return seal_context("blob", blob)


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """An account of a library with its key at hand: all that came from its source is sealed with that."""

    library: OpenLibrary
    key: DataKey

    def seal(self, purpose: str, owner: object, value: bytes) -> bytes:
        """Seal a small value with the account's key, for one purpose and one owner within the library."""
        return seal_value(self.key, f"{self.library.id} {purpose}", owner, value)

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """Open what `seal` sealed. Raises SealBroken."""
        return open_value(self.key, f"{self.library.id} {purpose}", owner, sealed)


def blob_prefix(library_id: UUID) -> str:
    """What the keys of all of a library's blobs begin with."""
    return f"library/{library_id}/"


async def create_library(db: AsyncSession, platform: Platform) -> OpenLibrary:
    """Create an empty library. Its erasure key is durable before the row is committed, and useless if it never is.

    Raises KeyStoreUnavailable.
    """
    library = LibraryRow(id=uuid4(), wrapped_key=b"")
    db.add(library)
    await db.flush()  # the row comes before the key: whoever looks for keys without a row waits for rows like this
    key, erasure_key = new_data_key(), await platform.erasure_keys.create(library.id)
    library.wrapped_key = platform.master_key.wrap(key, library.id, erasure_key)
    await db.flush()
    return OpenLibrary(library.id, key)


async def open_library(db: AsyncSession, platform: Platform, library_id: UUID) -> OpenLibrary:
    """Give a library with its key, and the keys of its accounts.

    Raises LibraryGone if it was erased, KeyLost if its key is missing though it was not, KeyStoreUnavailable.
    """
    with_accounts = select(LibraryRow.wrapped_key, AccountRow.id).outerjoin(AccountRow)
    rows = (await db.execute(with_accounts.where(LibraryRow.id == library_id))).all()
    if not rows:
        raise LibraryGone
    keys = platform.erasure_keys
    try:
        key = platform.master_key.unwrap(rows[0].wrapped_key, library_id, await keys.read(library_id))
    except (KeyMissing, SealBroken) as error:
        if not await _is_there(platform, LibraryRow.id == library_id):
            raise LibraryGone from error
        _tell_lost(platform, str(error), library=str(library_id))
        raise KeyLost(LOST) from error
    account_ids = [id_ for _, id_ in rows if id_ is not None]
    accounts = await keys.read_all(account_ids)
    lost = [id_ for id_ in account_ids if id_ not in accounts and await _is_there(platform, AccountRow.id == id_)]
    for id_ in lost:
        _tell_lost(platform, "there is no key of the account", library=str(library_id), account=str(id_))
    return OpenLibrary(library_id, key, accounts, frozenset(lost))


async def add_account_key(platform: Platform, library: OpenLibrary, account_id: UUID) -> None:
    """Create the erasure key of a new account, whose row comes first, as with libraries. Raises KeyStoreUnavailable."""
    library.account_keys[account_id] = await platform.erasure_keys.create(account_id)


async def _is_there(platform: Platform, row: ColumnElement[bool]) -> bool:
    """Whether the row of a missing key is there: the caller's transaction may still see one that was erased."""
    async with platform.database.transaction() as db:
        return bool(await db.scalar(select(exists().where(row))))


def _tell_lost(platform: Platform, reason: str, **whose: str) -> None:
    log.error("a library cannot be opened: its key is lost", reason=reason, **whose)
    platform.metrics.count_lost_key()


async def hold_library(db: AsyncSession, library_id: UUID, *, to_erase: bool = False) -> None:
    """Keeps a library from being erased until the transaction ends, or, to erase in it, from being written to.

    Comes before anything else that a transaction locks in the library, so that writing and erasing wait for each
    other and never both ways. Raises LibraryGone if it was erased.
    """
    found = select(LibraryRow.id).where(LibraryRow.id == library_id)
    locked = found.with_for_update() if to_erase else found.with_for_update(read=True, key_share=True)
    if await db.scalar(locked) is None:
        raise LibraryGone


async def next_account_number(db: AsyncSession, library_id: UUID) -> int:
    """The number of the next account in the library, from 1; no number is given twice."""
    numbered = (
        update(LibraryRow)
        .where(LibraryRow.id == library_id)
        .values(last_account_number=LibraryRow.last_account_number + 1)
    )
    return (await db.scalars(numbered.returning(LibraryRow.last_account_number))).one()
