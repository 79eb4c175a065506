"""A person's way through the consent pages, from the code in the app's link to the end. Protocol 8.

    begun by the app   -> opened in any browser -> taken by the browser that sends the first form -> finished
    (code_hash known)     (nothing is written)     (browser_hash known)                              (finished_at known)

What the app said when it began a journey, and what its link said, is sealed with a key that is made of the code, of
which the platform keeps a hash only.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ContractRow, JourneyRow
from privateshare.platform.keys.secrets import digest, new_secret
from privateshare.platform.keys.wrapping import DataKey, key_of_secret, open_value, seal_value

JourneyKind = Literal["authorize", "onboard", "reauthorize", "user-reauth", "revoke"]

RETURN, PARAMETERS = "journey return", "journey parameters"  # what is sealed


@dataclass(frozen=True, slots=True)
class Start:
    """What an app asked for when it had a journey made. Protocol 4.1, 4.4."""

    contract: ContractRow
    redirect_uri: str
    state: str | None = field(default=None, repr=False)
    challenge: str | None = None
    session_id: UUID | None = None
    library_id: UUID | None = None
    consent_id: UUID | None = None
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """Where an app wants a person back, and the state that it wants with them."""

    redirect_uri: str
    state: str | None = field(default=None, repr=False)


async def begin_journey(db: AsyncSession, start: Start, now: datetime, lifetime: timedelta) -> str:
    """Begin a journey; return the one-time code that opens its pages."""
    code, id_ = new_secret(), uuid4()
    target = orjson.dumps(asdict(ReturnTarget(start.redirect_uri, start.state)))
    journey = JourneyRow(
        id=id_,
        code_hash=digest(code),
        contract_id=start.contract.id,
        sealed_return=seal_value(_key(code), RETURN, id_, target),
        challenge=start.challenge,
        session_id=start.session_id,
        library_id=start.library_id,
        consent_id=start.consent_id,
        account_id=start.account_id,
        expires_at=now + lifetime,
    )
    db.add(journey)
    await db.flush()
    return code


async def find_journey(db: AsyncSession, code: str, *, lock: bool = False) -> JourneyRow | None:
    """Find the journey of a code, whatever has become of it; with `lock`, locked until the transaction ends."""
    query = select(JourneyRow).where(JourneyRow.code_hash == digest(code))
    return await db.scalar(query.with_for_update() if lock else query)


def return_target(journey: JourneyRow, code: str) -> ReturnTarget:
    """Open what the app said of the way back."""
    return ReturnTarget(**orjson.loads(open_value(_key(code), RETURN, journey.id, journey.sealed_return)))


def take_journey(journey: JourneyRow, code: str, browser: str, parameters: dict[str, Any]) -> None:
    """Give a journey that nobody has taken to the browser with this secret, with the parameters of its link."""
    journey.browser_hash = digest(browser)
    journey.sealed_parameters = seal_value(_key(code), PARAMETERS, journey.id, orjson.dumps(parameters))


def taken_parameters(journey: JourneyRow, code: str) -> dict[str, Any]:
    """Open the parameters of the link that the browser came with which took the journey."""
    assert journey.sealed_parameters is not None
    opened: dict[str, Any] = orjson.loads(open_value(_key(code), PARAMETERS, journey.id, journey.sealed_parameters))
    return opened


def holds(journey: JourneyRow, browser: str) -> bool:
    """Tell whether the browser with this secret has taken a journey."""
    return journey.browser_hash == digest(browser)


def _key(code: str) -> DataKey:
    return key_of_secret(code, "journey")
