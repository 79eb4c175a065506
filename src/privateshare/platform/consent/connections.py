"""Connecting a source: with a sample data set, with an uploaded export archive, or by signing in there."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID, uuid4

from privateshare.platform.blobs.sealed import put_sealed
from privateshare.platform.consent.choice_draft import load_draft, save_draft
from privateshare.platform.consent.outcome import journey_library
from privateshare.platform.consent.proof import Proof, record_proof
from privateshare.platform.consent.visit import REVIEWED, Visit, extend
from privateshare.platform.db.tables import AccountRow, ArchiveRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.account_identities import account_identity, could_belong_to, is_same_owner
from privateshare.platform.library.archives import StoredArchive, add_archive
from privateshare.platform.library.connected_sources import (
    ConnectedSource,
    adopt_accounts,
    connect_account,
    is_proof_of_person,
)
from privateshare.platform.library.credentials import without_refresh_token
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.read_exports import ExportFile
from privateshare.platform.library.source_calls import call_source
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Connection, Identity, JsonObject, Source


@dataclass(frozen=True, slots=True)
class UploadedArchive:
    """An uploaded archive, and the account that it belongs to."""

    account: AccountRow
    archive: ArchiveRow


async def identify_sample(source: Source, sample: str) -> Identity:
    """Identify the account of a sample data set."""
    return await asyncio.to_thread(source.identify, Connection(sample=sample))


async def connect_sample(visit: Visit, source: Source, identity: Identity, sample: str) -> AccountRow:
    """Add the account of a sample data set to the person's library."""
    return await _connect(visit, ConnectedSource(source.info, identity, sample=sample))


async def identify_signed_in(source: Source, token: JsonObject) -> Identity:
    """Identify the account that the person signed in to. Raises TryLater, NeedsLogin or Broken."""
    return await call_source(source.identify, Connection(token=without_refresh_token(token)))


async def connect_signed_in(visit: Visit, source: Source, identity: Identity, token: JsonObject) -> AccountRow:
    """Add the account that the person signed in to to their library."""
    return await _connect(visit, ConnectedSource(source.info, identity, token=token))


async def is_expected(visit: Visit, identity: Identity, *, signed_in: bool = False) -> bool:
    """Tell whether this is the account that the journey reconnects, if it reconnects one. Protocol 7.3.

    A person who has not proven who they are, or whose account was connected without proof, must sign in to exactly that
    account: a sample or an upload is not enough.
    """
    if visit.journey.account_id is None:
        return True
    account = await visit.db.get_one(AccountRow, (visit.journey.library_id, visit.journey.account_id))
    library = await journey_library(visit)
    if account.id in library.lost_accounts:  # Nothing says whose it was. What is connected becomes a new account.
        return visit.proven
    if account.unproven_on is not None:
        return signed_in and account.signed_in and is_same_owner(account_identity(account, library), identity)
    return visit.proven and could_belong_to(account, library, identity)


async def prove_by_sign_in(visit: Visit, source: Source, identity: Identity) -> None:
    """Record the sign-in as proof of who the person is, if the same account is in their library already."""
    if visit.proven:
        return
    library = await journey_library(visit)
    if await is_proof_of_person(visit.db, library, source.info.id, identity):
        await record_proof(visit.db, visit.platform, visit.journey, Proof.SIGN_IN)
        await adopt_accounts(visit.db, library, visit.journey.id)


async def keep_export(
    platform: Platform, library: OpenLibrary, file: ExportFile, pieces: Iterable[bytes], *, was_read: bool = True
) -> StoredArchive:
    """Store an export, encrypted with a key of its own, until it is imported.

    Args:
        platform: Where it is stored.
        library: The person's library.
        file: The file that was uploaded.
        pieces: The objects of the export, or the file if it was not read.
        was_read: Whether it was read.
    """
    blob, key = library.blob(uuid4()), new_data_key()
    await asyncio.to_thread(put_sealed, platform.blobs, blob, key.value, library.blob_context(blob), pieces)
    return StoredArchive(blob, key, file, was_read)


async def connect_archive(
    visit: Visit,
    source: Source,
    kept: StoredArchive,
    belongs_to: UUID | Literal["another"] | None = None,
) -> UploadedArchive:
    """Add a stored archive and its account to the person's library."""
    is_reviewed = visit.journey.kind in REVIEWED
    identity = kept.file.summary.identity
    connected = ConnectedSource(source.info, identity, belongs_to=belongs_to, may_be_declined=is_reviewed)
    account = await _connect(visit, connected)
    library = await journey_library(visit)
    archive = await add_archive(visit.db, library, account, kept, visit.journey)
    return UploadedArchive(account, archive)


async def _connect(visit: Visit, connected: ConnectedSource) -> AccountRow:
    library = await journey_library(visit)
    unproven_on = None if visit.proven else visit.journey.id
    account = await connect_account(
        visit.db,
        visit.platform,
        library,
        connected,
        expected=visit.journey.account_id,
        unproven_on=unproven_on,
        journey=visit.journey,
    )
    if account.id not in connected_here(visit):  # It was there before, and maybe not ticked. Now the person chose it.
        save_draft(visit, load_draft(visit).without(account.id))
    visit.journey.account_ids = [*(id_ for id_ in visit.journey.account_ids if id_ != str(account.id)), str(account.id)]
    extend(visit)
    return account


def connected_here(visit: Visit) -> set[UUID]:
    """Return the ids of the accounts that the person connected on this journey."""
    return {UUID(id_) for id_ in visit.journey.account_ids}
