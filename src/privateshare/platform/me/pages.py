"""`/me`: what a person shares and how to stop it, and the browsers and recovery code that prove who they are."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.errors import TooManyRequests
from privateshare.platform.consent.person_cookie import forget_secrets, keep_secret, read_secrets
from privateshare.platform.consent.person_description import library_description
from privateshare.platform.consent.rendering import PageRoute, page, redirect, request_words
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.visit import check_sent_from_here
from privateshare.platform.db.tables import ConsentRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.http.requests import platform_of
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.library.libraries import open_library
from privateshare.platform.me.overview import app_cards, browser_cards, recovery_code_made, source_cards
from privateshare.platform.me.visitor import MyForm, MyPage, me_address
from privateshare.platform.person.browsers import add_browser, find_browsers, revoke_browser
from privateshare.platform.person.recovery_codes import new_recovery_code, take_recovery_code

MAX_TYPED = 200
UNPROCESSABLE, TOO_MANY = 422, 429

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@router.get("/me")
async def redirect_to_my_data(request: Request) -> Response:
    """Redirect to the pages."""
    return redirect(me_address(request, ""))


@router.get("/me/")
async def choose_library(request: Request, db: Transaction) -> Response:
    """Redirect to the library that this browser proves to be the person's; with several or none, ask."""
    browsers = list((await find_browsers(db, read_secrets(request), datetime.now(UTC))).values())
    if len(browsers) == 1:
        return redirect(me_address(request, str(browsers[0].id)))
    return await _entrance(request, db)


@router.post("/me/")
async def recover(request: Request, db: Transaction) -> Response:
    """Accept a recovery code as proof. This browser then gets a secret that proves it from now on."""
    check_sent_from_here(request)
    platform = platform_of(request)
    async with request.form(max_files=0, max_fields=20) as form:
        typed = str(form.get("code", ""))[:MAX_TYPED]
    try:
        platform.limits.check_recovery(request.client.host if request.client else "unknown")
    except TooManyRequests:
        return await _entrance(request, db, N_("These were many tries. Wait a minute, then try again."), TOO_MANY)
    library_id = await take_recovery_code(db, typed)
    if library_id is None:
        log.warning("a recovery code was refused")
        problem = N_("This is not your code, or it was used before. Check every character.")
        return await _entrance(request, db, problem, UNPROCESSABLE)
    library = await open_library(db, platform, library_id)
    secret = await add_browser(db, library, request.headers.get("user-agent", ""), datetime.now(UTC))
    keep_secret(request, secret)
    return redirect(me_address(request, str(secret.browser_id)))


async def _entrance(request: Request, db: Transaction, problem: str = "", status: int = 200) -> Response:
    words = request_words(request, request.query_params.get("lng"))
    browsers = await find_browsers(db, read_secrets(request), datetime.now(UTC))
    known = [
        (me_address(request, str(row.id)), await library_description(db, words, row.library_id))
        for row in browsers.values()
    ]
    values = {"known": known, "address": me_address(request, ""), "problem": words.say(problem)}
    return page("me-entrance.html", words, values, settings=platform_of(request).settings, status=status)


@router.get("/me/{browser_id}")
async def show_my_data(visitor: MyPage, stopped: str = "") -> Response:
    """Show what the person shares."""
    cards = await app_cards(visitor)
    values = {
        "live": [card for card in cards if not card.ended],
        "ended": [card for card in cards if card.ended],
        "stopped": any(str(card.consent_id) == stopped and card.ended for card in cards),
        "sources": await source_cards(visitor),
        "browsers": await browser_cards(visitor),
        "code_made": await recovery_code_made(visitor),
    }
    return visitor.page("me.html", values)


@router.post("/me/{browser_id}/stop")
async def stop(form: MyForm) -> Response:
    """Withdraw a consent: the app's next read fails, and a running one ends."""
    visitor, stopped = form.visitor, ""
    with suppress(ValueError):
        consent = await visitor.db.get(ConsentRow, UUID(form.fields.get("consent", "")))
        if consent is not None and consent.library_id == visitor.library.id:
            await revoke_consent(visitor.db, consent.id, visitor.now)
            stopped = f"?stopped={consent.id}"
            log.info("a person stopped sharing", library=str(visitor.library.id), consent=str(consent.id))
    return redirect(visitor.address() + stopped)


@router.post("/me/{browser_id}/forget")
async def forget(form: MyForm) -> Response:
    """Revoke a browser, this one or another: it no longer proves who the person is."""
    visitor = form.visitor
    with suppress(ValueError):
        browser_id = UUID(form.fields.get("browser", ""))
        await revoke_browser(visitor.db, visitor.library.id, browser_id)
        if browser_id == visitor.browser.id:
            forget_secrets(visitor.request, [visitor.library.id])
    return redirect(visitor.address())


@router.get("/me/{browser_id}/recovery")
async def show_my_recovery(visitor: MyPage) -> Response:
    """Explain what a recovery code is for."""
    return visitor.page("me-recovery.html", {"code": ""})


@router.post("/me/{browser_id}/recovery")
async def make_my_recovery_code(form: MyForm) -> Response:
    """Make a new recovery code and show it; it cannot be shown a second time."""
    code = await new_recovery_code(form.visitor.db, form.visitor.library.id)
    return form.visitor.page("me-recovery.html", {"code": code})
