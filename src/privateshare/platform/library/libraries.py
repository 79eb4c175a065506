"""A person's library and its encryption key."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import DataUnreadable, Unavailable
from privateshare.platform.audit.entries import PersonLog
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.call_lookup import CallRows
from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.former_libraries import FORMER_LIBRARY
from privateshare.platform.db.statements import Statement, StatementTransaction
from privateshare.platform.db.tables import AccountRow, FormerLibraryRow, LibraryRow
from privateshare.platform.keys.wrapping import (
    DataKey,
    MasterKeyNotListed,
    derive_account_key,
    derive_id,
    derive_key_from,
    new_data_key,
    open_value,
    seal_context,
    seal_value,
)
from privateshare.platform.keystore.store import KeyMissing
from privateshare.platform.runtime import Platform

FILES = "file"  # The folder of the mapped files among the blobs of a library.
# The purposes under which fields of a file are encrypted: its hash, the window of its dates, its objects' origins.
FILE_HASH = "file hash"
FILE_DATES = "file dates"
FILE_ORIGINS = "file origins"

KEY_NOT_OPENED_MESSAGE = "This person's data cannot be opened now. The operator of the platform was informed."
KEY_NOT_OPENED_RETRY_SECONDS = 60
KEY_LOST_MESSAGE = "This person's data cannot be read. The operator of the platform was informed; do not retry."

log = structlog.get_logger()


class _LibraryKeys(NamedTuple):
    wrapped_key: bytes
    account_ids: Sequence[UUID]


class _LibraryId(NamedTuple):
    id: UUID


LOCK_LIBRARY = Statement("lock_library", _LibraryId)
LIBRARY = Statement("library", _LibraryKeys)


class LibraryGone(Exception):
    """The library was erased."""


class LibraryMoved(LibraryGone):
    """The library was moved into another one of the same person. A retry finds that one."""


class KeyLost(DataUnreadable):
    """The erasure key of a library or account that was not erased is missing. The operator must restore it."""


class KeyNotOpened(Unavailable):
    """The key of a library that was not erased cannot be unwrapped with the keys that the platform has.

    Nothing is lost: the settings lack a master key, or the key store or the row holds a wrong value, which the operator
    can correct. So apps are told to try again, and never to ask the person again.
    """


class AccountGone(Exception):
    """An account was erased or connected after its library was opened. A retry sees the current state."""


@dataclass(frozen=True, slots=True)
class OpenLibrary:
    """A library with its data key at hand, and the erasure keys of its accounts.

    `lost_accounts` are those whose erasure key is lost.
    """

    id: UUID
    key: DataKey
    account_keys: dict[UUID, bytes] = field(default_factory=dict, repr=False, compare=False)
    lost_accounts: frozenset[UUID] = frozenset()

    @property
    def log(self) -> PersonLog:
        """This library's part of the audit log. Nobody can compute its id or its key without the library's key."""
        return PersonLog(derive_id(self.key, "audit log"), derive_key_from(self.key, "audit log"))

    def account(self, account_id: UUID) -> "OpenAccount":
        """Open an account with its key. Raises AccountGone, or KeyLost if the account's key is lost."""
        if account_id in self.lost_accounts:
            raise KeyLost(KEY_LOST_MESSAGE)
        try:
            erasure_key = self.account_keys[account_id]
        except KeyError as error:
            raise AccountGone from error
        return OpenAccount(self, derive_account_key(self.key, account_id, erasure_key))

    def seal(self, purpose: str, owner: object, value: bytes) -> bytes:
        """Encrypt a small value with the library's key, for one purpose and one owner within the library."""
        return seal_value(self.key, f"{self.id} {purpose}", owner, value)

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """Decrypt a value that `seal` encrypted. Raises SealBroken."""
        return open_value(self.key, f"{self.id} {purpose}", owner, sealed)

    def blob(self, name: object) -> str:
        """Return the key of a blob of this library. It begins with `library_blob_prefix`."""
        return f"{library_blob_prefix(self.id)}{name}"

    def blob_context(self, blob: str) -> bytes:
        """Return the associated data that a blob's encryption is bound to."""
        return seal_context("blob", blob)


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """An account of a library with its key, which encrypts everything that came from its source."""

    library: OpenLibrary
    key: DataKey

    def seal(self, purpose: str, owner: object, value: bytes) -> bytes:
        """Encrypt a small value with the account's key, for one purpose and one owner within the library."""
        return seal_value(self.key, f"{self.library.id} {purpose}", owner, value)

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """Decrypt a value that `seal` encrypted. Raises SealBroken."""
        return open_value(self.key, f"{self.library.id} {purpose}", owner, sealed)


def library_blob_prefix(library_id: UUID) -> str:
    """Return the prefix of the keys of all blobs of a library."""
    return f"library/{library_id}/"


async def create_library(db: AsyncSession, platform: Platform) -> OpenLibrary:
    """Create an empty library.

    Its erasure key is stored durably before the row is committed. If the commit fails, the key encrypts nothing and
    `sweep_orphan_keys` destroys it. Raises KeyStoreUnavailable.
    """
    id_, key = uuid4(), new_data_key()
    library = LibraryRow(id=id_, wrapped_key=b"", log_id=OpenLibrary(id_, key).log.id)
    db.add(library)
    # Insert the row before the key is created: `sweep_orphan_keys` waits for uncommitted rows like this one, and so
    # cannot mistake the new key for one without a library.
    await db.flush()
    erasure_key = await platform.erasure_keys.create(library.id)
    library.wrapped_key = platform.master_key.wrap(key, library.id, erasure_key)
    await db.flush()
    return OpenLibrary(library.id, key)


async def open_library(db: AnyTransaction, platform: Platform, library_id: UUID) -> OpenLibrary:
    """Open a library with its key and the keys of its accounts.

    Raises:
        LibraryGone: The library was erased.
        KeyLost: The library was not erased, and its erasure key is missing.
        KeyNotOpened: The library was not erased, and its key cannot be unwrapped with the keys at hand.
        KeyStoreUnavailable: The key store cannot be reached.
    """
    sql = await statements_of(db)
    return await _open(platform, library_id, await sql.first(LIBRARY, {"library_id": library_id}))


async def open_found_library(platform: Platform, library_id: UUID, found: CallRows) -> OpenLibrary:
    """Open a library as it was found with the rows of a call. Raises what `open_library` raises."""
    keys = None if found.wrapped_key is None else _LibraryKeys(found.wrapped_key, found.account_ids)
    return await _open(platform, library_id, keys)


async def open_with_key(platform: Platform, library_id: UUID, wrapped_key: bytes) -> OpenLibrary:
    """Open a library whose wrapped key was found, without its accounts. Raises what `open_library` raises."""
    return await _open(platform, library_id, _LibraryKeys(wrapped_key, ()))


async def _open(platform: Platform, library_id: UUID, found: _LibraryKeys | None) -> OpenLibrary:
    if found is None:
        raise await _gone(platform, library_id)
    keys = platform.erasure_keys
    try:
        key = platform.master_key.unwrap(found.wrapped_key, library_id, await keys.read(library_id))
    except (KeyMissing, SealBroken) as error:
        if not await _row_exists(platform, LibraryRow.id == library_id):
            raise await _gone(platform, library_id) from error
        if isinstance(error, KeyMissing):
            _report_lost_key(platform, str(error), library=str(library_id))
            raise KeyLost(KEY_LOST_MESSAGE) from error
        keys.forget(library_id)
        log.error("the key of a library cannot be opened", reason=str(error), library=str(library_id))
        platform.metrics.count_lost_key()
        if isinstance(error, MasterKeyNotListed):
            platform.missing_keys.note()
        raise KeyNotOpened(KEY_NOT_OPENED_MESSAGE, retry_after=KEY_NOT_OPENED_RETRY_SECONDS) from error
    accounts = await keys.read_all(found.account_ids)
    lost = [
        id_ for id_ in found.account_ids if id_ not in accounts and await _row_exists(platform, AccountRow.id == id_)
    ]
    for id_ in lost:
        _report_lost_key(platform, "the account has no key", library=str(library_id), account=str(id_))
    return OpenLibrary(library_id, key, accounts, frozenset(lost))


async def _gone(platform: Platform, library_id: UUID) -> LibraryGone:
    """Return the error for a library that does not exist any more."""
    return LibraryMoved() if await _row_exists(platform, FormerLibraryRow.id == library_id) else LibraryGone()


async def add_account_key(platform: Platform, library: OpenLibrary, account_id: UUID) -> None:
    """Create the erasure key of a new account whose row is inserted already. Raises KeyStoreUnavailable."""
    library.account_keys[account_id] = await platform.erasure_keys.create(account_id)


async def _row_exists(platform: Platform, row: ColumnElement[bool]) -> bool:
    """Return whether a row exists now. A new transaction is needed, because the caller's may still see erased rows."""
    async with platform.database.transaction() as db:
        return bool(await db.scalar(select(exists().where(row))))


def _report_lost_key(platform: Platform, reason: str, **whose: str) -> None:
    log.error("a library cannot be opened: its key is lost", reason=reason, **whose)
    platform.metrics.count_lost_key()


async def lock_library(db: AnyTransaction, library_id: UUID) -> None:
    """Lock a library against erasure until the transaction ends.

    A transaction must take this lock before any other lock in the library, so that writing and erasing cannot
    deadlock. Raises LibraryGone if the library was erased, or LibraryMoved.
    """
    sql = await statements_of(db)
    if await sql.first(LOCK_LIBRARY, {"library_id": library_id}) is None:
        raise await _gone_in(sql, library_id)


async def lock_to_erase(db: AsyncSession, library_id: UUID) -> None:
    """Lock a library against any other use until the transaction ends. Raises what `lock_library` raises."""
    if await db.scalar(select(LibraryRow.id).where(LibraryRow.id == library_id).with_for_update()) is None:
        raise await _gone_in(await statements_of(db), library_id)


async def _gone_in(sql: StatementTransaction, library_id: UUID) -> LibraryGone:
    """Return the error for a library that a transaction does not find."""
    return LibraryMoved() if await sql.first(FORMER_LIBRARY, {"id": library_id}) else LibraryGone()


async def next_account_number(db: AsyncSession, library_id: UUID) -> int:
    """Allocate the number of the next account in the library, from 1. No number is used twice."""
    numbered = (
        update(LibraryRow)
        .where(LibraryRow.id == library_id)
        .values(last_account_number=LibraryRow.last_account_number + 1)
    )
    return (await db.scalars(numbered.returning(LibraryRow.last_account_number))).one()
