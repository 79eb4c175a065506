"""Whether somebody on a journey has proven that its library is theirs.

An app that holds a person's token can start a journey in that person's library, and could submit the forms itself. So
what a library holds is neither shown nor shared before there is proof. Without proof, a person can share only what they
connect on this journey.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from privateshare.errors import DataUnreadable
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.consent.person_cookie import keep_secret
from privateshare.platform.db.tables import BrowserRow, JourneyRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.libraries import open_library
from privateshare.platform.person.browsers import BrowserSecret, use_browser
from privateshare.platform.runtime import Platform

Browsers = Mapping[BrowserSecret, BrowserRow]

log = structlog.get_logger()


class Proof(StrEnum):
    """How a person proved that a library is theirs.

    BROWSER: the link named the library, and the browser's cookie belongs to it.
    CHOSEN: the link named no library, and the person chose one of those that the browser's cookie belongs to.
    PASSKEY: their passkey signed a challenge that was made for this journey.
    RECOVERY_CODE: they typed the library's recovery code.
    SIGN_IN: they signed in at a source to an account that was theirs before.
    NONE: they said that they are somebody else, so the browser's cookie no longer counts on this journey.
    """

    BROWSER = "browser"
    CHOSEN = "chosen"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery code"
    SIGN_IN = "sign-in"
    NONE = "none"


METHODS = {
    Proof.BROWSER: "browser",
    Proof.CHOSEN: "browser",
    Proof.PASSKEY: "passkey",
    Proof.RECOVERY_CODE: "recovery code",
    Proof.SIGN_IN: "source",
}
"""The names of the methods in the audit log."""


def is_proven(journey: JourneyRow, browsers: Browsers) -> bool:
    """Tell whether the person on a journey has proven that its library is theirs. A new library always is."""
    if journey.library_id is None or journey.provisional:
        return True
    if journey.proof is not None:
        return journey.proof != Proof.NONE
    return any(secret.library_id == journey.library_id for secret in browsers)


def may_be_somebody_else(journey: JourneyRow) -> bool:
    """Tell whether a person may still say that they are not the person whom the browser's cookie names.

    After they chose a library, they may only until they connect an account, because that account stays in the library.
    """
    return journey.proof in (None, Proof.BROWSER) or (journey.proof == Proof.CHOSEN and not journey.account_ids)


async def prove_by_browser(
    request: Request, db: AsyncSession, journey: JourneyRow, browsers: Browsers, now: datetime
) -> Browsers:
    """Record this browser's cookie as the journey's proof, if it has none; return the browsers that are still valid."""
    if journey.proof is not None or journey.library_id is None or journey.provisional:
        return browsers
    secret = next((secret for secret in browsers if secret.library_id == journey.library_id), None)
    if secret is None:
        return browsers
    kept = await use_browser(db, secret, now)
    if kept is None:
        return {known: row for known, row in browsers.items() if known != secret}
    await record_proof(db, platform_of(request), journey, Proof.BROWSER)
    if kept != secret:
        keep_secret(request, kept)
    return browsers


async def record_proof(db: AsyncSession, platform: Platform, journey: JourneyRow, proof: Proof) -> None:
    """Record how the person on a journey proved who they are, or that they did not; the former in the audit log too."""
    journey.proof = proof
    if proof is not Proof.NONE and journey.library_id is not None:
        with suppress(DataUnreadable):  # The operator was informed. The person may go on, and change what is readable.
            library = await open_library(db, platform, journey.library_id)
            facts = {"method": METHODS[proof], "contract": journey.contract_id}
            await record_event(db, library, Event(EventKind.SIGNED_IN, facts))
    log.info("proof on a journey", library=str(journey.library_id), proof=str(proof))
