"""Whether somebody on a journey has proven that its library is theirs.

An app that knows a person has the library's journey made, and could walk it itself. So what a library holds is neither
shown nor shared before there is proof. Without it a journey is about what is connected on it, and nothing else.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from privateshare.platform.consent.person_cookie import keep_secret
from privateshare.platform.db.tables import BrowserRow, JourneyRow
from privateshare.platform.person.browsers import BrowserSecret, use_browser

Browsers = Mapping[BrowserSecret, BrowserRow]

log = structlog.get_logger()


class Proof(StrEnum):
    """How a person proved that a library is theirs; NONE if they said that they are somebody else.

    CHOSEN is by the browser too, where the link named no library and the person chose one of those it was used for.
    """

    BROWSER = "browser"
    CHOSEN = "chosen"
    RECOVERY_CODE = "recovery code"
    SIGN_IN = "sign-in"
    NONE = "none"


def is_proven(journey: JourneyRow, browsers: Browsers) -> bool:
    """Tell whether the library of a journey is certainly that of the person on it; one that is new is."""
    if journey.library_id is None or journey.provisional:
        return True
    if journey.proof is not None:
        return journey.proof != Proof.NONE
    return any(secret.library_id == journey.library_id for secret in browsers)


def may_be_somebody_else(journey: JourneyRow) -> bool:
    """Tell whether a person may say that they are not whom the browser takes them for.

    Who chose a library has connected nothing in it yet: that would stay there.
    """
    return journey.proof in (None, Proof.BROWSER) or (journey.proof == Proof.CHOSEN and not journey.account_ids)


async def prove_by_browser(
    request: Request, db: AsyncSession, journey: JourneyRow, browsers: Browsers, now: datetime
) -> Browsers:
    """Record the proof of this browser, if the journey waits for one; return the browsers that prove something now."""
    if journey.proof is not None or journey.library_id is None or journey.provisional:
        return browsers
    secret = next((secret for secret in browsers if secret.library_id == journey.library_id), None)
    if secret is None:
        return browsers
    kept = await use_browser(db, secret, now)
    if kept is None:
        return {known: row for known, row in browsers.items() if known != secret}
    record_proof(journey, Proof.BROWSER)
    if kept != secret:
        keep_secret(request, kept)
    return browsers


def record_proof(journey: JourneyRow, proof: Proof) -> None:
    """Record how the person on a journey proved who they are."""
    journey.proof = proof
    log.info("proof on a journey", library=str(journey.library_id), proof=str(proof))
