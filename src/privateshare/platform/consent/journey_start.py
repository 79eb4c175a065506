"""Whether a journey can start on the page that a link names. Protocol 8.1."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.consent.app_redirect import is_withdrawal
from privateshare.platform.consent.journey_cookie import JourneyCookie
from privateshare.platform.consent.link_parameters import LinkParameters
from privateshare.platform.db.tables import ContractRow, JourneyRow
from privateshare.platform.grants.contracts import is_usable
from privateshare.platform.grants.references import find_reference, take_reference
from privateshare.platform.library.accounts import consented_accounts

# Which page a code may open. A code of protocol 4.1 has a challenge, of 4.4 a consent and a session, of 7.4 only an
# account.
CODE_FITS_PAGE: Mapping[str, Callable[[JourneyRow], bool]] = {
    "authorize": lambda journey: journey.consent_id is None and journey.challenge is not None,
    "onboard": lambda journey: journey.consent_id is not None and journey.session_id is not None,
    "reauthorize": lambda journey: journey.consent_id is not None and journey.session_id is not None,
    "user-reauth": lambda journey: journey.consent_id is not None and journey.challenge is not None,
    "revoke": is_withdrawal,
}


async def start(
    db: AsyncSession, journey: JourneyRow, contract: ContractRow, cookie: JourneyCookie, now: datetime, *, binds: bool
) -> bool:
    """Set a journey's kind and account from the link that opened it; return False if it cannot start.

    With `binds`, the link's reference to an account is used up. Without it nothing is, so any number of browsers may
    open the link.
    """
    spent = contract.once and cookie.kind in {"onboard", "reauthorize"}
    if not is_usable(contract, now) or spent or not CODE_FITS_PAGE[cookie.kind](journey):
        return False
    journey.kind = cookie.kind
    return await _set_account(db, journey, cookie.parameters, now, binds=binds)


async def _set_account(
    db: AsyncSession, journey: JourneyRow, parameters: LinkParameters, now: datetime, *, binds: bool
) -> bool:
    """Set the account of a journey that has one; return False if the app may no longer see that account."""
    if journey.kind not in {"reauthorize", "revoke"}:
        return True
    if journey.library_id is None or journey.consent_id is None:  # The person was erased meanwhile.
        return False
    covered = await consented_accounts(db, journey.library_id, journey.consent_id)
    visible = {account.public_id: account.id for account in covered}
    if journey.account_id is None and parameters.account_ref is not None:
        look_up = take_reference if binds else find_reference
        public_id = await look_up(db, journey.contract_id, "accountId", parameters.account_ref, now)
        journey.account_id = visible.get(public_id or "")
    return journey.account_id in visible.values()
