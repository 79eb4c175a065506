"""The people of a platform as its operator sees them: ids, dates and numbers, but nothing of their data."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from privateshare.platform.db.tables import (
    AccountRow,
    BrowserRow,
    ConsentRow,
    ContractRow,
    FileRow,
    LibraryPartnerRow,
    LibraryRow,
    PartnerRow,
    PasskeyRow,
    PushedFileRow,
    RecoveryCodeRow,
    SyncRow,
    live_consents,
)
from privateshare.sources.registry import Sources


async def list_people(
    db: AsyncSession, now: datetime, *, application_id: str | None = None, limit: int = 100
) -> Sequence[dict[str, Any]]:
    """List people with the numbers of what they have, the newest first: all, or those who agreed with an app."""
    query = select(LibraryRow.id, LibraryRow.created_at).order_by(LibraryRow.created_at.desc(), LibraryRow.id)
    if application_id is not None:
        agreed = select(ConsentRow.id).join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        of_app = agreed.where(ConsentRow.library_id == LibraryRow.id, ContractRow.application_id == application_id)
        query = query.where(of_app.exists())
    rows = []
    for library_id, created in (await db.execute(query.limit(limit))).all():
        rows.append(
            {"library_id": str(library_id), "created_at": _moment(created), **await _numbers(db, library_id, now)}
        )
    return rows


async def show_person(db: AsyncSession, sources: Sources, library_id: UUID, now: datetime) -> dict[str, Any]:
    """Describe one person: by which ids apps know them, their accounts, consents and ways to sign in."""
    library = await db.get_one(LibraryRow, library_id)
    ids = (
        select(PartnerRow.name, LibraryPartnerRow.sub)
        .join(PartnerRow, PartnerRow.id == LibraryPartnerRow.partner_id)
        .where(LibraryPartnerRow.library_id == library_id)
        .order_by(PartnerRow.name)
    )
    return {
        "library_id": str(library_id),
        "created_at": _moment(library.created_at),
        **await _numbers(db, library_id, now),
        "known_as": [{"partner": name, "user_id": sub} for name, sub in await db.execute(ids)],
        "accounts": await _accounts(db, sources, library_id),
        "consents": await _consents(db, library_id, now),
        "browsers": await _count(db, BrowserRow.library_id, library_id),
        "passkeys": await _count(db, PasskeyRow.library_id, library_id),
        "has_recovery_code": await _count(db, RecoveryCodeRow.library_id, library_id) > 0,
    }


async def _numbers(db: AsyncSession, library_id: UUID, now: datetime) -> dict[str, Any]:
    """Count what a person has."""
    mine = ConsentRow.library_id == library_id
    live = (mine, live_consents(now))
    query = select(
        _number(AccountRow.library_id, library_id),
        select(func.count()).select_from(ConsentRow).where(*live).scalar_subquery(),
        _number(FileRow.library_id, library_id),
        select(func.coalesce(func.sum(FileRow.size), 0)).where(FileRow.library_id == library_id).scalar_subquery(),
        _number(PushedFileRow.library_id, library_id),
        select(func.max(ConsentRow.used_at)).where(mine).scalar_subquery(),
    )
    accounts, consents, files, size, pushed, used = (await db.execute(query)).one()
    return {
        "accounts_number": accounts,
        "live_consents": consents,
        "files": files,
        "bytes": int(size),
        "pushed_files": pushed,
        "last_used_at": _moment(used),
    }


def _number(column: InstrumentedAttribute[UUID], library_id: UUID) -> ScalarSelect[int]:
    return select(func.count()).where(column == library_id).scalar_subquery()


async def _count(db: AsyncSession, column: InstrumentedAttribute[UUID], library_id: UUID) -> int:
    return await db.scalar(select(func.count()).where(column == library_id)) or 0


async def _accounts(db: AsyncSession, sources: Sources, library_id: UUID) -> list[dict[str, Any]]:
    files = (
        select(func.count())
        .where(FileRow.library_id == AccountRow.library_id, FileRow.account_id == AccountRow.id)
        .scalar_subquery()
    )
    last = (
        select(SyncRow.outcome)
        .where(
            SyncRow.library_id == AccountRow.library_id,
            SyncRow.account_id == AccountRow.id,
            SyncRow.finished_at.is_not(None),
        )
        .order_by(SyncRow.finished_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(AccountRow, files, last).where(AccountRow.library_id == library_id).order_by(AccountRow.number)
    return [
        {
            "account_id": account.public_id,
            "source": source_name(sources, account.source_id),
            "sample": account.sample is not None,
            "needs_login": account.needs_login,
            "paused": account.paused,
            "files": number,
            "last_sync": outcome or "none in the last day",
            "connected_at": _moment(account.created_at),
        }
        for account, number, outcome in await db.execute(query)
    ]


async def _consents(db: AsyncSession, library_id: UUID, now: datetime) -> list[dict[str, Any]]:
    query = (
        select(ConsentRow, ContractRow)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .where(ConsentRow.library_id == library_id)
        .order_by(ConsentRow.created_at)
    )
    return [
        {
            "consent_id": str(consent.id),
            "application": contract.application.name,
            "contract_id": contract.id,
            "revision": str(consent.document.raw.get("revision", "1")),
            "live": consent.revoked_at is None and (consent.expires_at is None or consent.expires_at > now),
            "given_at": _moment(consent.created_at),
            "expires_at": _moment(consent.expires_at),
            "withdrawn_at": _moment(consent.revoked_at),
            "last_used_at": _moment(consent.used_at),
        }
        for consent, contract in await db.execute(query)
    ]


def source_name(sources: Sources, source_id: int) -> str:
    """Name a source; by its number if the settings do not have it any more."""
    known = sources.listed.get(source_id)
    return known.name if known is not None else f"source {source_id}"


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
