"""Streamed responses, which are aborted soon after the permission to read them ends.

That is when the consent is withdrawn or expires, or no longer covers the account, or when its contract ends or its
application is suspended.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from privateshare.errors import InvalidToken
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import ConsentAccountRow, ConsentRow, ContractRow, StorageRow, live_consents
from privateshare.platform.grants.contracts import usable_contracts
from privateshare.platform.library.unreadable_files import unreadable_error
from privateshare.platform.operating.admission import current_request
from privateshare.platform.runtime import Platform
from privateshare.protocol.choice import Choice

PERMISSION_CHECK_SECONDS = 0.5
MAX_PIECE_BYTES = 256 * 1024

PermissionCheck = Callable[[AsyncSession], Awaitable[bool]]


async def stream_response(
    platform: Platform,
    is_allowed: PermissionCheck,
    chunks: Iterable[bytes],
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    media_type: str,
) -> StreamingResponse:
    """Make a streamed response, once there is a place for one. No transaction may be open.

    The first piece is read before the response starts, so that an early failure becomes a normal error response. A
    later failure aborts the response, which clients notice. Raises TooManyRequests, DataUnreadable.
    """
    began = monotonic()
    await current_request().stream()
    pieces = aiter(_readable(platform, iterate_in_threadpool(_split(chunks))))
    first = await anext(pieces, b"")
    return StreamingResponse(_while_allowed(platform, is_allowed, first, pieces, began), status, headers, media_type)


async def _readable(platform: Platform, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces, and report to the operator if a blob cannot be read to the end."""
    try:
        async for piece in pieces:
            yield piece
    except UnreadableBlob as error:
        platform.unreadable.remember(error.blob)
        raise await unreadable_error(platform, error) from error


async def _while_allowed(
    platform: Platform, is_allowed: PermissionCheck, first: bytes, others: AsyncIterator[bytes], checked: float
) -> AsyncIterator[bytes]:
    """Yield the pieces while reading them is allowed: permission may end while a slow client reads.

    Raises InvalidToken, which aborts the response.
    """
    piece: bytes | None = first
    while piece is not None:
        if monotonic() - checked > PERMISSION_CHECK_SECONDS:
            async with platform.database.transaction() as db:
                if not await is_allowed(db):
                    raise InvalidToken(
                        "The token (access_token) is invalid", detail="permission ended during the response"
                    )
            checked = monotonic()
        yield piece
        piece = await anext(others, None)


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split chunks into small pieces, since well-compressed data is decompressed into very large chunks."""
    for chunk in chunks:
        for start in range(0, len(chunk), MAX_PIECE_BYTES):
            yield chunk[start : start + MAX_PIECE_BYTES]


@dataclass(frozen=True, slots=True)
class ConsentIsLive:
    """A check that a consent still covers what is sent of these accounts, and that its contract can still be used.

    `choice` is what the person shared when the response began. If they share less since, the response is aborted.
    """

    library_id: UUID
    consent_id: UUID
    choice: Choice
    account_ids: frozenset[UUID] = frozenset()

    async def __call__(self, db: AsyncSession) -> bool:
        now = datetime.now(UTC)
        live = (
            select(ConsentRow.choice)
            .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
            .where(
                ConsentRow.library_id == self.library_id,
                ConsentRow.id == self.consent_id,
                live_consents(now),
                usable_contracts(now),
            )
        )
        accounts = select(func.count()).where(
            ConsentAccountRow.library_id == self.library_id,
            ConsentAccountRow.consent_id == self.consent_id,
            ConsentAccountRow.account_id.in_(self.account_ids),
        )
        choice = await db.scalar(live)
        if choice is None or await db.scalar(accounts) != len(self.account_ids):
            return False
        return choice.covers(self.choice, self.account_ids)


@dataclass(frozen=True, slots=True)
class StorageIsOpen:
    """A check that a storage still exists, and that the contract that reads it can still be used."""

    storage_id: str
    contract_id: str

    async def __call__(self, db: AsyncSession) -> bool:
        now = datetime.now(UTC)
        live = select(ContractRow.id).where(ContractRow.id == self.contract_id, usable_contracts(now))
        there = select(StorageRow.id).where(StorageRow.id == self.storage_id)
        return await db.scalar(live) is not None and await db.scalar(there) is not None
