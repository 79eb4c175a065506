"""The link with which an app sends a person to the consent pages. Protocol 8.1.

A link may be opened any number of times, also by mail scanners and previews, since opening it writes nothing. The first
form that is sent binds the journey to its browser.
"""

from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest
from privateshare.platform.consent import navigation
from privateshare.platform.consent.app_redirect import Failure, destination_of, with_registered_callback
from privateshare.platform.consent.error_pages import link_page
from privateshare.platform.consent.journey_cookie import (
    JourneyCookie,
    LinkTooLong,
    read_journey_cookie,
    set_journey_cookie,
    tag_of_code,
)
from privateshare.platform.consent.link_parameters import read_parameters
from privateshare.platform.consent.rendering import redirect
from privateshare.platform.consent.visit import visit_of
from privateshare.platform.db.tables import ContractRow, JourneyRow
from privateshare.platform.grants.journeys import JourneyKind, find_journey, is_bound_to
from privateshare.platform.http.requests import check_utf8


async def enter(request: Request, db: AsyncSession, kind: JourneyKind) -> Response:
    """Answer a link with a redirect to the journey's first page, whose address no longer holds the code.

    A link that does not work redirects to the app (protocol 8.3), or shows a page if no address of the app is known.
    """
    code = request.query_params.get("code", "")
    journey = await find_journey(db, code)
    if journey is None:
        return link_page(request, Failure.INVALID_CODE if code else Failure.INITIALIZE_CHECK_FAIL)
    contract = await db.get_one(ContractRow, journey.contract_id)
    try:
        check_utf8(request.scope["query_string"])
        parameters = with_registered_callback(contract, read_parameters(request.query_params))
    except InvalidRequest:
        return redirect(destination_of(journey, code, kind, None).failure(Failure.INITIALIZE_CHECK_FAIL))
    destination = destination_of(journey, code, kind, parameters.callback)
    now, known = datetime.now(UTC), read_journey_cookie(request, tag_of_code(code))
    if journey.expires_at <= now:
        return redirect(destination.failure(Failure.INVALID_CODE))
    if journey.browser_hash is None:
        cookie = (
            JourneyCookie(code, kind, parameters, known.browser) if known else JourneyCookie(code, kind, parameters)
        )
    elif known is not None and _may_go_on(journey, known, kind):
        cookie = known
    else:
        return redirect(destination.failure(Failure.INVALID_CODE))
    visit = await visit_of(request, db, cookie, journey, now)
    response = redirect(visit.address("done") if journey.finished_at else await navigation.first_page(visit))
    try:
        set_journey_cookie(request, response, cookie)
    except LinkTooLong:
        return redirect(destination.failure(Failure.INITIALIZE_CHECK_FAIL))
    return response


def _may_go_on(journey: JourneyRow, cookie: JourneyCookie, kind: JourneyKind) -> bool:
    """Tell whether the journey is bound to this browser, and either is finished or has the kind of the link."""
    return is_bound_to(journey, cookie.browser) and (journey.finished_at is not None or journey.kind == kind)
