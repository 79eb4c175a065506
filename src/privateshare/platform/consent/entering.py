"""Where a person comes in: the link that the app sent them to. Protocol 8.1."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest, InvalidToken
from privateshare.platform.api.requests import platform_of
from privateshare.platform.consent.pages import Detour, page, redirect
from privateshare.platform.consent.parameters import Parameters, read_parameters
from privateshare.platform.consent.returning import Failure, failure_address, is_withdrawal, with_registered_callback
from privateshare.platform.consent.walk import Walk, cookie_name, extend, journey_tag, keep_cookie, request_words
from privateshare.platform.db.tables import Contract, Journey
from privateshare.platform.grants.journeys import JourneyKind, enter_journey, find_journey, holds
from privateshare.platform.grants.references import take_reference
from privateshare.platform.library.accounts import consented_accounts
from privateshare.protocol.addresses import ONBOARD_PATH

# which code opens which page: that of 4.1 has a challenge, of 4.4 a consent and a session, of 7.4 an account alone
FITS: Mapping[str, Callable[[Journey], bool]] = {
    "authorize": lambda journey: journey.consent_id is None and journey.challenge is not None,
    "onboard": lambda journey: journey.consent_id is not None and journey.session_id is not None,
    "reauthorize": lambda journey: journey.consent_id is not None and journey.session_id is not None,
    "user-reauth": lambda journey: journey.consent_id is not None and journey.challenge is not None,
    "revoke": is_withdrawal,
}


async def enter(request: Request, db: AsyncSession, kind: JourneyKind) -> Walk:
    """The journey that the link's code opens, now held by this browser.

    A link that does not work leads back to the app as 8.3 says, or to a page where no address of the app is known.
    """
    now = datetime.now(UTC)
    code = request.query_params.get("code") or ""
    journey = await find_journey(db, code)
    if journey is None:
        failure = Failure.INVALID_CODE if code else Failure.INITIALIZE_CHECK_FAIL
        raise Detour(error_page(request, failure))
    contract = await db.get_one(Contract, journey.contract_id)
    parameters = _read_parameters(request, contract, journey)
    browser = request.cookies.get(cookie_name(request, journey_tag(journey)))
    try:
        secret = enter_journey(journey, kind, browser, now)
    except InvalidToken as error:
        raise Detour(_refusal(journey, parameters, browser)) from error
    if not _is_startable(journey, contract, now) or not await _finds_its_account(db, journey, parameters, now):
        raise Detour(redirect(failure_address(journey, parameters, Failure.INITIALIZE_CHECK_FAIL)))
    journey.parameters = parameters.to_row()
    words = request_words(request, parameters.lng)
    walk = Walk(platform_of(request), db, journey, contract, parameters, words, secret, now)
    extend(walk)
    return walk


def entered(request: Request, walk: Walk, address: str) -> Response:
    """On to the first page, whose address no longer holds the code."""
    response = redirect(address)
    keep_cookie(request, response, walk.journey, walk.browser)
    return response


def error_page(request: Request, failure: Failure) -> Response:
    """The page for a person whom no app is known to send back to."""
    words = request_words(request, request.query_params.get("lng"))
    status = 410 if failure is Failure.INVALID_CODE else 400
    return page(
        "error.html",
        words,
        {"failure": failure, "status": status, "reference": None, "way_out": None, "languages": ()},
        status=status,
    )


def _read_parameters(request: Request, contract: Contract, journey: Journey) -> Parameters:
    try:
        return with_registered_callback(contract, read_parameters(request.query_params))
    except InvalidRequest as error:
        failed = failure_address(journey, Parameters(), Failure.INITIALIZE_CHECK_FAIL)
        raise Detour(redirect(failed)) from error


def _refusal(journey: Journey, parameters: Parameters, browser: str | None) -> Response:
    """A used code: for the browser that used it the journey's last page, for all others an error."""
    if browser is not None and journey.finished_at is not None and holds(journey, browser):
        return redirect(f"{ONBOARD_PATH}journey/{journey_tag(journey)}/done")
    return redirect(failure_address(journey, parameters, Failure.INVALID_CODE))


def _is_startable(journey: Journey, contract: Contract, now: datetime) -> bool:
    """Whether the contract has not ended or is spent, and the code is for this page. Protocol 8.1."""
    ended = contract.expires_at is not None and contract.expires_at <= now
    spent = contract.once and journey.kind in {"onboard", "reauthorize"}
    return not ended and not spent and FITS[journey.kind or ""](journey)


async def _finds_its_account(db: AsyncSession, journey: Journey, parameters: Parameters, now: datetime) -> bool:
    """Whether a page that is about one account has it, and the app sees it still. A reference is looked up once."""
    if journey.kind not in {"reauthorize", "revoke"}:
        return True
    assert journey.consent_id is not None
    visible = {account.public_id: account.id for account in await consented_accounts(db, journey.consent_id)}
    if journey.account_id is None and parameters.account_ref is not None:
        public_id = await take_reference(db, journey.contract_id, "accountId", parameters.account_ref, now)
        journey.account_id = visible.get(public_id or "")
    return journey.account_id in visible.values()
