"""Accounts that two libraries of one person both have, and that can become one account without sharing more.

An app may read some kinds of data of an account. So two accounts become one only if no app can read more than before:
for each kind, the objects of one account must be among those of the other, and no app may read that kind of the one
that has fewer. Otherwise both accounts stay.
"""

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    ConsentAccountRow,
    ConsentRow,
    FileRow,
    JourneyRow,
    live_consents,
)
from privateshare.platform.library.account_identities import account_identity
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import id_digest, pair_digest
from privateshare.sources.contract import ObjectSchema
from privateshare.sources.registry import Sources


@dataclass(frozen=True, slots=True)
class SameAccount:
    """An account of the library that is moved, and the equal one of the library that it is moved into.

    Attributes:
        ending: The account that is moved. It ends.
        staying: The account that stays.
        taken_kinds: The kinds of which the moved account has more. Its files replace those of the other one.
        state: The files of both when they were compared, and what apps could read of them.
    """

    ending: UUID
    staying: UUID
    taken_kinds: frozenset[int]
    state: frozenset[str]


@dataclass(frozen=True, slots=True)
class ComparedAccount:
    """An account with its files, and the kinds that apps can read of it at the moment."""

    library: OpenLibrary
    row: AccountRow
    files: Sequence[FileRow]
    reads: Sequence[ConsentRow]

    def files_of(self, object_type: int) -> Sequence[FileRow]:
        """Return the files of one kind."""
        return [file for file in self.files if file.object_type == object_type and file.object_count]

    @property
    def state(self) -> frozenset[str]:
        """What a comparison depends on: the files, and what apps can read of them."""
        return frozenset((*(file.blob for file in self.files), *(f"{c.id} {c.choice!r}" for c in self.reads)))

    def is_read(self, object_type: int) -> bool:
        """Return whether an app can read this kind."""
        return any(consent.choice.allows(self.row.id, object_type) for consent in self.reads)


async def comparable_accounts(
    db: AsyncSession, sources: Sources, ending: OpenLibrary, staying: OpenLibrary, now: datetime
) -> list[tuple[ComparedAccount, ComparedAccount]]:
    """Return the pairs of accounts of the same source that have the same owner, as far as is known."""
    others = await _accounts(db, staying)
    pairs = []
    for account in await _accounts(db, ending):
        for other in others:
            if account.source_id not in sources.connectable or not _may_be_same(account, ending, other, staying):
                continue
            others.remove(other)
            pairs.append((await _compared(db, ending, account, now), await _compared(db, staying, other, now)))
            break
    return pairs


def find_same(
    blobs: BlobStore, sources: Sources, pairs: Iterable[tuple[ComparedAccount, ComparedAccount]]
) -> list[SameAccount]:
    """Find the pairs that can become one account. Blocks, because it reads the files. Raises UnreadableBlob."""
    found = []
    for ending, staying in pairs:
        schema = sources.connectable[ending.row.source_id].info.schema
        taken = _taken_kinds(blobs, schema, ending, staying)
        if taken is not None:
            state = ending.state | staying.state
            found.append(SameAccount(ending.row.id, staying.row.id, frozenset(taken), state))
    return found


def _taken_kinds(
    blobs: BlobStore, schema: ObjectSchema, ending: ComparedAccount, staying: ComparedAccount
) -> Collection[int] | None:
    """Return the kinds of which the moved account has more; None if the accounts must stay apart."""
    taken, differs = set(), False
    for kind in sorted({file.object_type for file in (*ending.files, *staying.files)}):
        ending_objects, staying_objects = (_objects(blobs, schema, one, kind) for one in (ending, staying))
        if ending_objects == staying_objects:
            continue
        differs = True
        if ending_objects < staying_objects and not ending.is_read(kind):
            continue
        if staying_objects < ending_objects and not staying.is_read(kind):
            taken.add(kind)
            continue
        return None
    # Files without a name in them may be of two people. Only equal content shows that they are of one.
    is_named = account_identity(ending.row, ending.library).named
    return taken if is_named or not differs else None


def _objects(blobs: BlobStore, schema: ObjectSchema, account: ComparedAccount, kind: int) -> frozenset[int]:
    files = MappedFiles(blobs, account.library)
    digests = array("q")
    for file in account.files_of(kind):
        digests.extend(pair_digest(id_digest(entry), entry.content) for entry in files.entries(schema, file))
    return frozenset(digests)


def _may_be_same(account: AccountRow, library: OpenLibrary, other: AccountRow, others: OpenLibrary) -> bool:
    if (account.source_id, account.sample, account.type) != (other.source_id, other.sample, other.type):
        return False
    identity, known = account_identity(account, library), account_identity(other, others)
    return identity.provider_account_id == known.provider_account_id and identity.named == known.named


async def _accounts(db: AsyncSession, library: OpenLibrary) -> list[AccountRow]:
    """Return the accounts that the person connected themselves, and that have no upload waiting.

    Accounts of unfinished journeys are left out, because they are erased if the person does not agree in the end.
    """
    waiting = select(ArchiveRow.account_id).where(ArchiveRow.library_id == library.id)
    undecided = select(func.unnest(JourneyRow.account_ids)).where(
        JourneyRow.library_id == library.id, JourneyRow.finished_at.is_(None)
    )
    query = select(AccountRow).where(
        AccountRow.library_id == library.id,
        AccountRow.unproven_on.is_(None),
        AccountRow.id.not_in(waiting),
        cast(AccountRow.id, String).not_in(undecided),
    )
    return list(await db.scalars(query.order_by(AccountRow.number)))


async def _compared(db: AsyncSession, library: OpenLibrary, row: AccountRow, now: datetime) -> ComparedAccount:
    files = select(FileRow).where(FileRow.library_id == library.id, FileRow.account_id == row.id)
    consents = (
        select(ConsentRow)
        .join(ConsentAccountRow)
        .where(
            ConsentAccountRow.library_id == library.id,
            ConsentAccountRow.account_id == row.id,
            live_consents(now),
        )
    )
    return ComparedAccount(library, row, list(await db.scalars(files)), list(await db.scalars(consents)))
