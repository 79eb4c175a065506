"""A person's request that an app deletes what it has read, and the app's confirmation. Protocol 16.3."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import DataUnreadable, NotFound
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.tables import ConsentRow
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.runtime import Platform
from privateshare.platform.webhooks.messages import announce
from privateshare.protocol.webhooks import WebhookEvent


async def ask_deletion(
    db: AsyncSession, platform: Platform, library: OpenLibrary, consent: ConsentRow, now: datetime
) -> None:
    """Ask the app of a consent to delete what it has read. Asking once more changes nothing."""
    if consent.deletion_asked_at is not None:
        return
    consent.deletion_asked_at = now
    facts = {"consent": str(consent.id), "contract": consent.contract_id}
    await record_event(db, library, Event(EventKind.DELETION_ASKED, facts), now)
    await announce(db, platform, WebhookEvent.DELETION_ASKED, consent, now)


async def confirm_deletion(
    db: AsyncSession, platform: Platform, contract_id: str, consent_id: UUID, now: datetime
) -> None:
    """Record that an app has deleted what it read under a consent. Confirming once more changes nothing.

    Raises NotFound unless the person asked for it, and the consent was to this contract.
    """
    consent = await db.scalar(
        select(ConsentRow).where(ConsentRow.id == consent_id, ConsentRow.contract_id == contract_id).with_for_update()
    )
    if consent is None or consent.deletion_asked_at is None:
        raise NotFound("No person asked for a deletion under this consent")
    if consent.deletion_confirmed_at is not None:
        return
    consent.deletion_confirmed_at = now
    try:
        library = await open_library(db, platform, consent.library_id)
    except DataUnreadable:  # The operator was informed when the library was opened.
        return
    facts = {"consent": str(consent.id), "contract": contract_id}
    await record_event(db, library, Event(EventKind.DELETION_CONFIRMED, facts), now)
