"""What follows when a person gives, changes or withdraws a consent: audit entry, receipt and webhooks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import DataUnreadable
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.tables import ConsentAccountRow, ConsentRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.grants.receipts import Shown, issue_receipt
from privateshare.platform.jobs.queue import defer_sweep
from privateshare.platform.library.accounts import accounts_of
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.runtime import Platform
from privateshare.platform.webhooks.messages import announce
from privateshare.protocol.webhooks import WebhookEvent

PERSON, OPERATOR = "the person", "the operator"
INDICATED_BY = {PERSON: "dpv:DataSubject", OPERATOR: "dpv:DataProcessor"}


async def consent_agreed(
    db: AsyncSession,
    platform: Platform,
    library: OpenLibrary,
    consent: ConsentRow,
    shown: Shown,
    now: datetime,
    *,
    changed: bool,
) -> None:
    """Record that a person gave a consent, or changed one. Call it once the consent and its accounts are stored."""
    kind = EventKind.CONSENT_CHANGED if changed else EventKind.CONSENT_GIVEN
    accounts = select(ConsentAccountRow.account_id).where(*accounts_of(consent))
    shared = sorted(str(id_) for id_ in await db.scalars(accounts))
    facts = _facts(consent) | {
        "accounts": shared,
        "until": _moment(consent.expires_at),
        "once": consent.once,
        "choice": consent.choice.to_json(),
        "proven": not consent.unproven,
    }
    await record_event(db, library, Event(kind, facts), now)
    await issue_receipt(db, platform, library, consent, kind, shown, INDICATED_BY[PERSON], now)
    event = WebhookEvent.CONSENT_CHANGED if changed else WebhookEvent.CONSENT_GIVEN
    await announce(db, platform, event, consent, now)


async def withdraw_consent(
    db: AsyncSession, platform: Platform, consent: ConsentRow, now: datetime, by: str, shown: Shown | None = None
) -> None:
    """Withdraw a consent: its codes, tokens and sessions stop working at once. Does nothing if it ended before.

    `by` says who did it. While the library's key is lost, a withdrawal works too, without an entry and a receipt.
    """
    if consent.revoked_at is not None:
        return
    await revoke_consent(db, consent, now)
    await defer_sweep(db, platform.queue)  # It records the withdrawal in the journal of erasures.
    await announce(db, platform, WebhookEvent.CONSENT_WITHDRAWN, consent, now)
    try:
        library = await open_library(db, platform, consent.library_id)
    except DataUnreadable:  # The operator was informed when the library was opened.
        return
    await record_event(db, library, Event(EventKind.CONSENT_WITHDRAWN, _facts(consent) | {"by": by}), now)
    withdrawn = EventKind.CONSENT_WITHDRAWN
    await issue_receipt(db, platform, library, consent, withdrawn, shown or Shown(), INDICATED_BY[by], now)


async def announce_erasure(db: AsyncSession, platform: Platform, library_id: UUID, now: datetime) -> None:
    """Tell apps that a person is erased: their consents end, and the apps are asked to delete what they have read.

    Call it in the transaction of the erasure, before it. Nobody can see afterwards whether an app confirms it.
    """
    consents = await db.scalars(select(ConsentRow).where(ConsentRow.library_id == library_id))
    for consent in list(consents):
        if consent.revoked_at is None:
            await announce(db, platform, WebhookEvent.CONSENT_WITHDRAWN, consent, now)
        await announce(db, platform, WebhookEvent.DELETION_ASKED, consent, now)


def _facts(consent: ConsentRow) -> dict[str, object]:
    return {"consent": str(consent.id), "contract": consent.contract_id}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
