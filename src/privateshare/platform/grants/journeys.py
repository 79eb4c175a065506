"""Journeys: the progress of a person through the consent pages, from the app's link to the end. Protocol 8.

    begun by the app   -> opened in any browser -> taken by the browser that sends the first form -> finished
    (sets code_hash)      (changes nothing)        (sets browser_hash)                               (sets finished_at)

The app's return address and the parameters of its link are sealed with a key that is derived from the code in the
link. The platform stores only the hash of the code.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import NoRows, Statement
from privateshare.platform.db.tables import ConsentRow, ContractRow, JourneyRow
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.platform.keys.wrapping import DataKey, derive_key, open_value, seal_value

JourneyKind = Literal["authorize", "onboard", "reauthorize", "user-reauth", "revoke"]

INSERT_JOURNEY = Statement("insert_journey", NoRows)
RETURN_PURPOSE, PARAMETERS_PURPOSE = "journey return", "journey parameters"


@dataclass(frozen=True, slots=True)
class Start:
    """The values that an app begins a journey with. Protocol 4.1, 4.4."""

    contract: ContractRow
    redirect_uri: str
    state: str | None = field(default=None, repr=False)
    challenge: str | None = None
    session_id: UUID | None = None
    library_id: UUID | None = None
    consent_id: UUID | None = None
    account_id: UUID | None = None
    linked_consent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ReturnTarget:
    """The address of the app to which the person returns, and the state that the app expects there."""

    redirect_uri: str
    state: str | None = field(default=None, repr=False)


async def begin_journey(db: AnyTransaction, start: Start, now: datetime, lifetime: timedelta) -> str:
    """Begin a journey. Return the one-time code that opens its pages."""
    code, id_ = new_secret(), uuid4()
    target = orjson.dumps(asdict(ReturnTarget(start.redirect_uri, start.state)))
    journey = {
        "id": id_,
        "code_hash": hash_secret(code),
        "contract_id": start.contract.id,
        "sealed_return": seal_value(_key(code), RETURN_PURPOSE, id_, target),
        "challenge": start.challenge,
        "session_id": start.session_id,
        "library_id": start.library_id,
        "consent_id": start.consent_id,
        "account_id": start.account_id,
        "linked_consent_id": start.linked_consent_id,
        "expires_at": now + lifetime,
    }
    await (await statements_of(db)).write(INSERT_JOURNEY, journey)
    return code


async def find_journey(db: AsyncSession, code: str, *, lock: bool = False) -> JourneyRow | None:
    """Find the journey of a code, in whatever state it is. With `lock`, lock its row until the transaction ends."""
    query = select(JourneyRow).where(JourneyRow.code_hash == hash_secret(code))
    return await db.scalar(query.with_for_update() if lock else query)


async def find_consent(db: AsyncSession, journey: JourneyRow, *, lock: bool = False) -> ConsentRow | None:
    """Find the consent of a journey. With `lock`, it stays as it is until the transaction ends."""
    if journey.library_id is None or journey.consent_id is None:
        return None
    named = (journey.library_id, journey.consent_id)
    return await db.get(ConsentRow, named, with_for_update={"key_share": True} if lock else None)


def return_target(journey: JourneyRow, code: str) -> ReturnTarget:
    """Decrypt the return address and state of the app."""
    return ReturnTarget(**orjson.loads(open_value(_key(code), RETURN_PURPOSE, journey.id, journey.sealed_return)))


def bind_journey(journey: JourneyRow, code: str, browser: str, parameters: dict[str, Any]) -> None:
    """Bind a journey to the browser with this secret, and store the parameters of the browser's link."""
    journey.browser_hash = hash_secret(browser)
    journey.sealed_parameters = seal_value(_key(code), PARAMETERS_PURPOSE, journey.id, orjson.dumps(parameters))


def bound_parameters(journey: JourneyRow, code: str) -> dict[str, Any]:
    """Decrypt the link parameters of the browser that took the journey."""
    assert journey.sealed_parameters is not None
    opened: dict[str, Any] = orjson.loads(
        open_value(_key(code), PARAMETERS_PURPOSE, journey.id, journey.sealed_parameters)
    )
    return opened


def is_bound_to(journey: JourneyRow, browser: str) -> bool:
    """Return whether the browser with this secret has taken the journey."""
    return journey.browser_hash == hash_secret(browser)


def _key(code: str) -> DataKey:
    return derive_key(code, "journey")
