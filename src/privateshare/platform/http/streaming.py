"""Answers that take long: they go on only for as long as the same call would be allowed to begin."""

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
from privateshare.platform.db.tables import ConsentAccountRow, ConsentRow, ContractRow, StorageRow
from privateshare.platform.library.unreadable import unreadable_error
from privateshare.platform.operating.admission import current_request
from privateshare.platform.runtime import Platform

LOOK_SECONDS = 2.0  # how often an answer that takes long looks whether it may go on
PIECE_BYTES = 256 * 1024  # between two looks

Allowed = Callable[[AsyncSession], Awaitable[bool]]


async def stream_answer(
    platform: Platform,
    allowed: Allowed,
    chunks: Iterable[bytes],
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    media_type: str,
) -> StreamingResponse:
    """Answer with a stream, once there is a place for one. No transaction may be open.

    The first piece is made before the answer begins, so that what fails at once is told as every error is. What fails
    later breaks the answer off, which clients notice. Raises TooManyRequests, DataUnreadable.
    """
    began = monotonic()
    await current_request().stream()
    pieces = aiter(_readable(platform, iterate_in_threadpool(_cut(chunks))))
    first = await anext(pieces, b"")
    return StreamingResponse(_while_allowed(platform, allowed, first, pieces, began), status, headers, media_type)


async def _readable(platform: Platform, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the pieces, and tell the operator if they cannot be read to the end."""
    try:
        async for piece in pieces:
            yield piece
    except UnreadableBlob as error:
        platform.unreadable.remember(error.blob)
        raise await unreadable_error(platform, error) from error


async def _while_allowed(
    platform: Platform, allowed: Allowed, first: bytes, others: AsyncIterator[bytes], looked: float
) -> AsyncIterator[bytes]:
    """The bytes for as long as they may be read: what allows it may end, while a slow reader reads.

    Raises InvalidToken, which breaks the answer off.
    """
    piece: bytes | None = first
    while piece is not None:
        if monotonic() - looked > LOOK_SECONDS:
            async with platform.database.transaction() as db:
                if not await allowed(db):
                    raise InvalidToken("The token (access_token) is invalid")
            looked = monotonic()
        yield piece
        piece = await anext(others, None)


def _cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are not large: what was compressed well comes in very large ones."""
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]


@dataclass(frozen=True, slots=True)
class ConsentIsLive:
    """Whether a consent still lends these accounts. Its contract must not have ended either."""

    consent_id: UUID
    account_ids: frozenset[UUID] = frozenset()

    async def __call__(self, db: AsyncSession) -> bool:
        now = datetime.now(UTC)
        live = (
            select(ConsentRow.id)
            .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
            .where(
                ConsentRow.id == self.consent_id,
                ConsentRow.revoked_at.is_(None),
                ConsentRow.expires_at.is_(None) | (ConsentRow.expires_at > now),
                ContractRow.expires_at.is_(None) | (ContractRow.expires_at > now),
            )
        )
        accounts = select(func.count()).where(
            ConsentAccountRow.consent_id == self.consent_id, ConsentAccountRow.account_id.in_(self.account_ids)
        )
        return await db.scalar(live) is not None and await db.scalar(accounts) == len(self.account_ids)


@dataclass(frozen=True, slots=True)
class StorageIsOpen:
    """Whether a storage is still there, and the contract that reads it has not ended."""

    storage_id: str
    contract_id: str

    async def __call__(self, db: AsyncSession) -> bool:
        now = datetime.now(UTC)
        live = select(ContractRow.id).where(
            ContractRow.id == self.contract_id, ContractRow.expires_at.is_(None) | (ContractRow.expires_at > now)
        )
        there = select(StorageRow.id).where(StorageRow.id == self.storage_id)
        return await db.scalar(live) is not None and await db.scalar(there) is not None
