"""Where a person comes in: the link that the app sent them to. Protocol 8.1.

A link may be opened any number of times, by mail scanners and previews too: that changes nothing here. It is spent by
the first form that is sent.
"""

from datetime import UTC, datetime

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest
from privateshare.platform.api.requests import check_utf8
from privateshare.platform.consent import steps
from privateshare.platform.consent.error_pages import link_page
from privateshare.platform.consent.pages import redirect
from privateshare.platform.consent.parameters import read_parameters
from privateshare.platform.consent.returning import Failure, destination_of, with_registered_callback
from privateshare.platform.consent.visits import LinkTooLong, Visit, keep_visit, read_visit, tag_of_code
from privateshare.platform.consent.walk import walk_of
from privateshare.platform.db.tables import Contract, Journey
from privateshare.platform.grants.journeys import JourneyKind, find_journey, holds


async def enter(request: Request, db: AsyncSession, kind: JourneyKind) -> Response:
    """Answer a link: lead on to the journey's first page, whose address no longer holds the code.

    A link that does not work leads back to the app as 8.3 says, or to a page where no address of the app is known.
    """
    code = request.query_params.get("code", "")
    journey = await find_journey(db, code)
    if journey is None:
        return link_page(request, Failure.INVALID_CODE if code else Failure.INITIALIZE_CHECK_FAIL)
    contract = await db.get_one(Contract, journey.contract_id)
    try:
        check_utf8(request.scope["query_string"])
        parameters = with_registered_callback(contract, read_parameters(request.query_params))
    except InvalidRequest:
        return redirect(destination_of(journey, code, kind, None).failure(Failure.INITIALIZE_CHECK_FAIL))
    destination = destination_of(journey, code, kind, parameters.callback)
    now, known = datetime.now(UTC), read_visit(request, tag_of_code(code))
    if journey.expires_at <= now:
        return redirect(destination.failure(Failure.INVALID_CODE))
    if journey.browser_hash is None:
        visit = Visit(code, kind, parameters, known.browser) if known else Visit(code, kind, parameters)
    elif known is not None and _may_go_on(journey, known, kind):
        visit = known
    else:
        return redirect(destination.failure(Failure.INVALID_CODE))
    walk = await walk_of(request, db, visit, journey, now)
    response = redirect(walk.address("done") if journey.finished_at else await steps.first_page(walk))
    try:
        keep_visit(request, response, visit)
    except LinkTooLong:
        return redirect(destination.failure(Failure.INITIALIZE_CHECK_FAIL))
    return response


def _may_go_on(journey: Journey, visit: Visit, kind: JourneyKind) -> bool:
    """Tell whether a link leads the browser that took its journey back there, on the page that it took it on."""
    return holds(journey, visit.browser) and (journey.finished_at is not None or journey.kind == kind)
