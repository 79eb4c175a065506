"""Connecting a source: a sample data set, the export archive that a person uploads, or by signing in there."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedReader
from uuid import UUID, uuid4

from privateshare.platform.archive_readers import CheckedArchive
from privateshare.platform.blobs.sealed import put_sealed
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent.ending import journey_library
from privateshare.platform.consent.walk import Walk, extend
from privateshare.platform.db.tables import Account, Archive
from privateshare.platform.library.accounts import Connected, connect_account, may_be_of
from privateshare.platform.library.archives import KeptArchive, add_archive
from privateshare.platform.library.credentials import for_source
from privateshare.platform.library.keys import DataKey, new_data_key
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Connection, Identity, JsonObject, Source

PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """An archive that was uploaded, and the account that it belongs to."""

    account: Account
    archive: Archive


async def identify_sample(source: Source, sample: str) -> Identity:
    """Whose account a sample data set is."""
    return await asyncio.to_thread(source.identify, Connection(sample=sample))


async def connect_sample(walk: Walk, source: Source, identity: Identity, sample: str) -> Account:
    """The account of a sample data set, in the person's library."""
    return await _connect(walk, Connected(source.info, identity, sample=sample))


async def check_archive(platform: Platform, source: Source, archive: SealedTemporary) -> CheckedArchive:
    """Read an archive to its end. Raises Broken, whose message is for the person, or ReaderFailed."""
    # A reader of its own, which must not close the archive when it goes.
    reader = BufferedReader(archive, PIECE_BYTES)
    try:
        return await platform.archive_readers.check(source, reader)
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
    return may_be_of(account, await journey_library(walk), identity)


async def keep_archive(platform: Platform, library: OpenLibrary, archive: SealedTemporary) -> KeptArchive:
    """Keep an archive, sealed with a key of its own, until the person agrees and it is imported."""
    blob, key = library.blob(uuid4()), new_data_key()
    content = await asyncio.to_thread(_keep, platform, key, blob, library.blob_context(blob), archive)
    return KeptArchive(blob, key, content)


async def connect_archive(walk: Walk, source: Source, checked: CheckedArchive, kept: KeptArchive) -> Upload:
    """The account of an archive that was kept, in the person's library, and the archive."""
    account = await _connect(walk, Connected(source.info, checked.identity))
    library = await journey_library(walk)
    archive = await add_archive(walk.db, library, account, kept, checked.left_out, walk.journey)
    return Upload(account, archive)


def _keep(platform: Platform, key: DataKey, blob: str, context: bytes, archive: SealedTemporary) -> bytes:
    content = sha256()
    put_sealed(platform.blobs, blob, key.value, context, _pieces(archive, content.update))
    return content.digest()


def _pieces(archive: SealedTemporary, see: Callable[[bytes], None]) -> Iterator[bytes]:
    archive.seek(0)
    while piece := archive.read(PIECE_BYTES):
        see(piece)
        yield piece


async def _connect(walk: Walk, connected: Connected) -> Account:
    library = await journey_library(walk)
    account = await connect_account(walk.db, walk.platform, library, connected, expected=walk.journey.account_id)
    walk.journey.account_ids = [*(id_ for id_ in walk.journey.account_ids if id_ != str(account.id)), str(account.id)]
    extend(walk)
    return account


def connected_here(walk: Walk) -> set[UUID]:
    """The accounts that the person connected on this journey."""
    return {UUID(id_) for id_ in walk.journey.account_ids}
