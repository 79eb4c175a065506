"""The messages to apps: stored in the transaction of what happened, and then delivered by jobs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from procrastinate import App
from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import NoRows, Statement, StatementTransaction
from privateshare.platform.db.tables import (
    AccountRow,
    ApplicationRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    LibraryPartnerRow,
    SessionRow,
    SessionSyncRow,
    WebhookEndpointRow,
    WebhookMessageRow,
    live_consents,
)
from privateshare.platform.jobs.queue import defer_webhook
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.runtime import Platform
from privateshare.protocol.webhooks import WebhookEvent, encode_message


class _WhenReady(NamedTuple):
    endpoint_id: str
    user_id: str
    consent_id: str
    contract_id: str


WEBHOOKS_WHEN_READY = Statement("webhooks_when_ready", _WhenReady)
INSERT_MESSAGE = Statement("insert_webhook_message", NoRows)


async def announce(
    db: AsyncSession,
    platform: Platform,
    event: WebhookEvent,
    consent: ConsentRow,
    now: datetime,
    *,
    account_id: str | None = None,
) -> None:
    """Tell the apps of a consent's contract what happened: to each of its endpoints, once the transaction is committed.

    A message holds only ids that the app has. Contracts without endpoints cost one small query.
    """
    query = (
        select(WebhookEndpointRow.id, LibraryPartnerRow.sub)
        .join(ContractRow, ContractRow.id == WebhookEndpointRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .join(LibraryPartnerRow, LibraryPartnerRow.partner_id == ApplicationRow.partner_id)
        .where(
            WebhookEndpointRow.contract_id == consent.contract_id, LibraryPartnerRow.library_id == consent.library_id
        )
    )
    for endpoint_id, user_id in (await db.execute(query)).all():
        data = {"user_id": consent.sub or user_id, "consent_id": str(consent.id), "contract_id": consent.contract_id}
        if account_id is not None:
            data["account_id"] = account_id
        await _send(await statements_of(db), platform, endpoint_id, event, data, now)


async def _send(
    sql: StatementTransaction,
    platform: Platform,
    endpoint_id: str,
    event: WebhookEvent,
    data: Mapping[str, str],
    now: datetime,
) -> None:
    """Store a message to an endpoint, and the job that delivers it."""
    body, id_ = encode_message(event, now, data), f"msg_{new_id()}"
    await sql.write(INSERT_MESSAGE, {"id": id_, "endpoint_id": endpoint_id, "event": event.value, "body": body})
    await defer_webhook(sql, platform.queue, id_)


async def announce_data(db: AsyncSession, platform: Platform, library_id: UUID, sync_id: UUID, now: datetime) -> None:
    """Tell apps whose sessions waited for a sync that all their data is there. The sync's end is recorded already.

    The sessions are locked, so that of two syncs that end at the same time, the second one sees the end of the first.
    """
    waiting = (
        select(SessionRow.id)
        .join(SessionSyncRow)
        .where(SessionSyncRow.library_id == library_id, SessionSyncRow.sync_id == sync_id, _is_told(SessionRow))
    )
    sessions = list(await db.scalars(waiting.order_by(SessionRow.id).with_for_update(of=SessionRow)))
    if sessions:
        await announce_ready(db, platform, library_id, sessions, now)


async def announce_ready(
    db: AnyTransaction, platform: Platform, library_id: UUID, session_ids: Sequence[UUID], now: datetime
) -> None:
    """Tell the apps of these sessions that all their data is there, unless a sync is unfinished."""
    sql = await statements_of(db)
    told = await sql.rows(WEBHOOKS_WHEN_READY, {"library_id": library_id, "session_ids": list(session_ids)})
    for told_once in dict.fromkeys(told):
        data = {
            "user_id": told_once.user_id,
            "consent_id": told_once.consent_id,
            "contract_id": told_once.contract_id,
        }
        await _send(sql, platform, told_once.endpoint_id, WebhookEvent.DATA_READY, data, now)


async def announce_login(db: AsyncSession, platform: Platform, account: AccountRow, now: datetime) -> None:
    """Tell the apps that read an account that the person has to sign in to its source again."""
    query = (
        select(ConsentRow)
        .join(ConsentAccountRow)
        .where(
            ConsentAccountRow.library_id == account.library_id,
            ConsentAccountRow.account_id == account.id,
            live_consents(now),
            _is_told(ConsentRow),
        )
    )
    for consent in list(await db.scalars(query)):
        await announce(db, platform, WebhookEvent.ACCOUNT_NEEDS_LOGIN, consent, now, account_id=account.public_id)


def _is_told(row: type[SessionRow] | type[ConsentRow]) -> ColumnElement[bool]:
    """Select rows whose contract has an endpoint."""
    return exists().where(WebhookEndpointRow.contract_id == row.contract_id)


async def find_messages(
    db: AsyncSession, contract_id: str | None = None, *, failed_only: bool = False, limit: int = 100
) -> Sequence[tuple[WebhookMessageRow, WebhookEndpointRow]]:
    """List messages with their endpoints, the newest first."""
    query = select(WebhookMessageRow, WebhookEndpointRow).join(WebhookEndpointRow)
    if contract_id is not None:
        query = query.where(WebhookEndpointRow.contract_id == contract_id)
    if failed_only:
        query = query.where(WebhookMessageRow.given_up_at.is_not(None))
    found = await db.execute(query.order_by(WebhookMessageRow.created_at.desc()).limit(limit))
    return [(message, endpoint) for message, endpoint in found]


async def replay(db: AsyncSession, platform: Platform, message: WebhookMessageRow) -> None:
    """Send a message once more, with its id, whether it was delivered before or not."""
    message.delivered_at = message.given_up_at = message.status = message.problem = None
    message.attempts = 0
    await db.flush()
    await defer_webhook(db, platform.queue, message.id)


async def send_held_messages(db: AsyncSession, queue: App) -> None:
    """Send the messages that were held while their app was suspended, of apps that are resumed."""
    of_resumed = (
        select(WebhookEndpointRow.id)
        .join(ContractRow, ContractRow.id == WebhookEndpointRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(ApplicationRow.suspended_at.is_(None))
    )
    released = (
        update(WebhookMessageRow)
        .where(WebhookMessageRow.held_at.is_not(None), WebhookMessageRow.endpoint_id.in_(of_resumed))
        .values(held_at=None)
        .returning(WebhookMessageRow.id)
    )
    for message_id in list(await db.scalars(released)):
        await defer_webhook(db, queue, message_id)


async def delete_old_messages(db: AsyncSession, before: datetime) -> None:
    """Delete messages that were stored before a moment."""
    await db.execute(delete(WebhookMessageRow).where(WebhookMessageRow.created_at < before))
