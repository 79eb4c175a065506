"""The consent web client: pages, forms, and the way through them. Protocol 8.

    authorize   -> (pick a source -> connect it)* -> consent -> back to the app
    onboard     ->  pick a source -> connect it              -> back to the app
    reauthorize ->                   connect it again        -> back to the app
    user-reauth ->                                   consent -> back to the app
    revoke      ->                   withdraw access         -> back to the app

Every form leads on by redirection, so that reloading repeats nothing.
"""

from typing import cast, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.errors import ApiError, InvalidToken, NotFound
from privateshare.platform.api.callers import Transaction
from privateshare.platform.api.errors import request_id
from privateshare.platform.consent import (
    connect_page,
    consent_page,
    ending,
    sign_in_page,
    source_page,
    steps,
    upload_page,
    withdraw_page,
)
from privateshare.platform.consent.entering import enter, entered
from privateshare.platform.consent.pages import page, redirect, static_file
from privateshare.platform.consent.returning import Failure
from privateshare.platform.consent.walk import AnyWalk, PostedForm, journey_page, request_words, way_out
from privateshare.platform.grants.journeys import JourneyKind

GONE, SERVER_ERROR = 410, 500

router = APIRouter()


def consent_app() -> APIRouter:
    """Everything under the address of the consent web client. Protocol 1."""
    whole = APIRouter(include_in_schema=False)
    for part in (sign_in_page, source_page, connect_page, upload_page, consent_page, withdraw_page):
        whole.include_router(part.router)
    whole.include_router(router)
    return whole


def render_page_error(request: Request, error: ApiError) -> Response:
    """The page for a person whose request failed; it tells them what to do, and support what to look for."""
    failure = Failure.INVALID_CODE if isinstance(error, InvalidToken) else Failure.SERVER_ERROR
    status = GONE if isinstance(error, InvalidToken) else error.status
    values = {
        "failure": failure,
        "status": status,
        "reference": request_id(request),
        "way_out": way_out(request) if status >= SERVER_ERROR else None,
        "languages": (),
    }
    return page("error.html", request_words(request, None), values, status=status)


@router.get("/{kind}")
async def begin(request: Request, db: Transaction, kind: str) -> Response:
    """The link that an app sent a person to."""
    if kind not in get_args(JourneyKind):
        raise NotFound("There is no such page")
    walk = await enter(request, db, cast(JourneyKind, kind))
    return entered(request, walk, await steps.first_page(walk))


@router.post("/journey/{tag}/decline")
async def decline(form: PostedForm) -> Response:
    """Back to the app, and nothing stays. Protocol 8.4."""
    walk = form.walk
    if walk.journey.finished_at is not None:
        return redirect(await ending.usable_outcome(walk) or walk.address("done"))
    return redirect(await ending.abandon(walk, Failure.USER_CANCEL))


@router.post("/journey/{tag}/failed")
async def give_up(form: PostedForm) -> Response:
    """The person goes back to the app because something failed here; the app learns SERVER_ERROR."""
    if form.walk.journey.finished_at is None:
        await ending.abandon(form.walk, Failure.SERVER_ERROR)
    return redirect(form.walk.address("done"))


@router.get("/journey/{tag}/done")
async def done(walk: AnyWalk) -> Response:
    """The last page: for a person who comes back, and for apps that do not open by themselves."""
    if walk.journey.finished_at is None:
        return redirect(await steps.first_page(walk))
    return journey_page(walk, "done.html", {"onward": await ending.usable_outcome(walk)})


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Styles and scripts of the pages."""
    found = static_file(name)
    if found is None:
        raise NotFound("There is no such file")
    return found
