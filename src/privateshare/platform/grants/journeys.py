"""A person's way through the consent pages, from the one-time code in the URL to the end. Protocol 8."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidToken
from privateshare.platform.db.tables import Contract, Journey
from privateshare.platform.grants.secrets import digest, new_secret

JourneyKind = Literal["authorize", "onboard", "reauthorize", "user-reauth", "revoke"]


@dataclass(frozen=True, slots=True)
class Start:
    """What an app asked for when it had a journey made. Protocol 4.1, 4.4."""

    contract: Contract
    redirect_uri: str
    state: str | None = None
    challenge: str | None = None
    session_id: UUID | None = None
    library_id: UUID | None = None
    consent_id: UUID | None = None
    account_id: UUID | None = None


async def begin_journey(db: AsyncSession, start: Start, now: datetime, lifetime: timedelta) -> str:
    """The one-time code that opens the new journey's page."""
    code = new_secret()
    db.add(
        Journey(
            code_hash=digest(code),
            contract_id=start.contract.id,
            redirect_uri=start.redirect_uri,
            state=start.state,
            challenge=start.challenge,
            session_id=start.session_id,
            library_id=start.library_id,
            consent_id=start.consent_id,
            account_id=start.account_id,
            expires_at=now + lifetime,
        )
    )
    await db.flush()
    return code


async def find_journey(db: AsyncSession, code: str) -> Journey | None:
    """The journey of a code, whatever has become of it; locked until the transaction ends."""
    return await db.scalar(select(Journey).where(Journey.code_hash == digest(code)).with_for_update())


def enter_journey(journey: Journey, kind: JourneyKind, browser: str | None, now: datetime) -> str:
    """Opens a journey to the browser that came with its code; the secret that the browser keeps to go on with it.

    The first browser to come gets it; the same one may come again. Raises InvalidToken for anyone else, and for a
    code that is expired or whose journey is over: the page tells INVALID_CODE (protocol 8.3).
    """
    if journey.expires_at <= now or journey.finished_at is not None:
        raise InvalidToken("The token (code) is invalid")
    if journey.browser_hash is None:
        secret = new_secret()
        journey.browser_hash, journey.kind = digest(secret), kind
        return secret
    if browser is None or not holds(journey, browser) or journey.kind != kind:
        raise InvalidToken("The token (code) is invalid", detail="the journey is another browser's")
    return browser


async def resume_journey(db: AsyncSession, browser: str, now: datetime) -> Journey:
    """The journey that this browser is on or has finished; locked until the transaction ends.

    Raises InvalidToken if there is none, or it has expired.
    """
    journey = await db.scalar(select(Journey).where(Journey.browser_hash == digest(browser)).with_for_update())
    if journey is None or journey.expires_at <= now:
        raise InvalidToken("The token (code) is invalid")
    return journey


def holds(journey: Journey, browser: str) -> bool:
    """Whether a journey is in the hands of the browser with this secret."""
    return journey.browser_hash == digest(browser)
