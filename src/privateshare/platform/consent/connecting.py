"""Connecting a source: a sample data set, the export archive that a person uploads, or by signing in there."""

import asyncio
from collections.abc import Iterator
from io import BufferedReader
from uuid import UUID, uuid4

from privateshare.platform.blobs.sealed import put_sealed
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent.ending import journey_library
from privateshare.platform.consent.walk import Walk, extend
from privateshare.platform.db.tables import Account
from privateshare.platform.library.accounts import Connected, account_identity, connect_account
from privateshare.platform.library.credentials import for_source
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Connection, Identity, JsonObject, Source

PIECE_BYTES = 256 * 1024


async def identify_sample(source: Source, sample: str) -> Identity:
    """Whose account a sample data set is."""
    return await asyncio.to_thread(source.identify, Connection(sample=sample))


async def connect_sample(walk: Walk, source: Source, identity: Identity, sample: str) -> Account:
    """The account of a sample data set, in the person's library."""
    return await _connect(walk, Connected(source.info, identity, sample=sample))


async def identify_archive(source: Source, archive: SealedTemporary) -> Identity:
    """Whose archive it is, once all of it was checked. Raises Broken, whose message is for the person."""
    archive.seek(0)
    # a reader of its own, which must not close the archive when it goes
    reader = BufferedReader(archive, PIECE_BYTES)
    try:
        return await asyncio.to_thread(source.identify, Connection(archive=reader))
    finally:
        reader.detach()


async def identify_signed_in(source: Source, token: JsonObject) -> Identity:
    """Whose account the person signed in to. Raises TryLater, NeedsLogin or Broken."""
    return await asyncio.to_thread(source.identify, Connection(token=for_source(token)))


async def connect_signed_in(walk: Walk, source: Source, identity: Identity, token: JsonObject) -> Account:
    """The account that the person signed in to, in their library."""
    return await _connect(walk, Connected(source.info, identity, token=token))


async def is_expected(walk: Walk, identity: Identity) -> bool:
    """Whether it is the account that the journey is about, if it is about one. Protocol 7.3."""
    if walk.journey.account_id is None:
        return True
    account = await walk.db.get_one(Account, (walk.journey.library_id, walk.journey.account_id))
    known = account_identity(account, await journey_library(walk))
    return known.provider_account_id == identity.provider_account_id


async def keep_archive(platform: Platform, library: OpenLibrary, archive: SealedTemporary) -> str:
    """The blob of an archive, sealed with the library's key: it waits there for the first sync."""
    blob = library.blob(uuid4())
    await asyncio.to_thread(_keep, platform, library, blob, archive)
    return blob


async def connect_archive(walk: Walk, source: Source, identity: Identity, blob: str) -> Account:
    """The account of an archive that was kept, in the person's library."""
    return await _connect(walk, Connected(source.info, identity, archive_blob=blob))


def _keep(platform: Platform, library: OpenLibrary, blob: str, archive: SealedTemporary) -> None:
    put_sealed(platform.blobs, blob, library.key.value, library.blob_context(blob), _pieces(archive))


def _pieces(archive: SealedTemporary) -> Iterator[bytes]:
    archive.seek(0)
    while piece := archive.read(PIECE_BYTES):
        yield piece


async def _connect(walk: Walk, connected: Connected) -> Account:
    library = await journey_library(walk)
    account = await connect_account(walk.db, library, connected)
    walk.journey.account_ids = [*(id_ for id_ in walk.journey.account_ids if id_ != str(account.id)), str(account.id)]
    extend(walk)
    return account


def connected_here(walk: Walk) -> set[UUID]:
    """The accounts that the person connected on this journey."""
    return {UUID(id_) for id_ in walk.journey.account_ids}
