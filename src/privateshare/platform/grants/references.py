"""Opaque one-time handles, so that no account or storage id appears in a browser's URL. Protocol 4.5."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest
from privateshare.platform.db.tables import ContractRow, ReferenceRow
from privateshare.platform.keys.secrets import hash_secret, new_secret

KINDS = ("cloudId", "accountId")


async def new_reference(db: AsyncSession, contract: ContractRow, kind: str, value: str, expires_at: datetime) -> str:
    """Create a handle for a storage (`cloudId`) or an account (`accountId`). Raises InvalidRequest for another kind.

    The storage or account is looked up, and access to it checked, only when a person uses the handle.
    """
    if kind not in KINDS:
        raise InvalidRequest(f"type must be one of {', '.join(KINDS)}")
    handle = new_secret()
    row = ReferenceRow(
        handle_hash=hash_secret(handle), contract_id=contract.id, kind=kind, value=value, expires_at=expires_at
    )
    db.add(row)
    await db.flush()
    return handle


async def find_reference(db: AsyncSession, contract_id: str, kind: str, handle: str, now: datetime) -> str | None:
    """Find the value of a contract's handle. Return None if the handle is unknown, expired or used."""
    return await db.scalar(select(ReferenceRow.value).where(*_matches(contract_id, kind, handle, now)))


async def take_reference(db: AsyncSession, contract_id: str, kind: str, handle: str, now: datetime) -> str | None:
    """Find the value of a contract's handle and delete the handle. Return None if it is unknown, expired or used."""
    query = delete(ReferenceRow).where(*_matches(contract_id, kind, handle, now)).returning(ReferenceRow.value)
    return (await db.scalars(query)).one_or_none()


def _matches(contract_id: str, kind: str, handle: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        ReferenceRow.handle_hash == hash_secret(handle),
        ReferenceRow.contract_id == contract_id,
        ReferenceRow.kind == kind,
        ReferenceRow.expires_at > now,
    )
