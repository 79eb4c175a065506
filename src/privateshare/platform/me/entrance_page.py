"""The page that lets a person into `/me`: by this browser, by a passkey, or by a recovery code."""

from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from privateshare.errors import TooManyRequests
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.consent.known_browser import remember_browser, sender_address
from privateshare.platform.consent.passkey_forms import (
    CODE_PROBLEM,
    MANY_TRIES,
    PASSKEY_PROBLEM,
    json_response,
    proven_library,
    require_site,
)
from privateshare.platform.consent.person_cookie import protected_name, read_secrets
from privateshare.platform.consent.person_description import library_description
from privateshare.platform.consent.rendering import PageRoute, page, redirect, request_words
from privateshare.platform.consent.visit import check_sent_from_here
from privateshare.platform.http.requests import base_path, is_secure, platform_of, public_address
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.secrets import new_secret
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.me.visitor import me_address
from privateshare.platform.person.browsers import find_browsers, proving_browsers
from privateshare.platform.person.challenges import LIFETIME, Purpose, new_challenge
from privateshare.platform.person.passkeys import PasskeyRefused, proof_options, site_of
from privateshare.platform.person.recovery_codes import take_recovery_code

MAX_TYPED = 200
UNPROCESSABLE, TOO_MANY = 422, 429
CHALLENGE_COOKIE = "passkey"

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownPersonLink:
    """Somebody who used this browser before. `confirms` is true if their passkey has to confirm that it is them."""

    address: str
    words: Markup
    confirms: bool


@router.get("/me")
async def redirect_to_my_data(request: Request) -> Response:
    """Redirect to the pages."""
    return redirect(me_address(request, ""))


@router.get("/me/")
async def choose_library(request: Request, db: Transaction, other: str = "") -> Response:
    """Redirect to the library that this browser proves to be the person's; with several or none, ask.

    With `other`, ask in any case: the person wants to sign in to another library of theirs.
    """
    now = datetime.now(UTC)
    known = await find_browsers(db, read_secrets(request), now)
    if not other and len(known) == 1 and await proving_browsers(db, known, now):
        return redirect(me_address(request, str(next(iter(known)).browser_id)))
    return await _entrance(request, db)


@router.post("/me/")
async def recover(request: Request, db: Transaction) -> Response:
    """Accept a recovery code or a passkey as proof. This browser then gets a secret that proves it from now on."""
    check_sent_from_here(request)
    async with request.form(max_files=0, max_fields=20) as form:
        typed, signed = str(form.get("code", ""))[:MAX_TYPED], str(form.get("credential", ""))
    try:
        await platform_of(request).limits.check_proof(sender_address(request))
    except TooManyRequests:
        return await _entrance(request, db, MANY_TRIES, TOO_MANY)
    if signed:
        return await _use_passkey(request, db, signed)
    library_id = await take_recovery_code(db, typed)
    if library_id is None:
        log.warning("a recovery code was refused")
        return await _entrance(request, db, CODE_PROBLEM, UNPROCESSABLE)
    return await _let_in(request, db, await open_library(db, platform_of(request), library_id), "recovery code")


@router.post("/me/passkey-challenge")
async def make_challenge(request: Request, db: Transaction) -> Response:
    """Make the challenge that a passkey has to sign. A cookie binds it to this browser."""
    check_sent_from_here(request)
    site, secret = require_site(request), new_secret()
    await platform_of(request).limits.check_challenge(sender_address(request))
    challenge = await new_challenge(db, Purpose.PROVE, _binding(secret), datetime.now(UTC))
    response = json_response(proof_options(site, challenge))
    response.set_cookie(
        protected_name(request, CHALLENGE_COOKIE),
        secret,
        max_age=int(LIFETIME.total_seconds()),
        path=f"{base_path(request)}/",
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )
    return response


async def _use_passkey(request: Request, db: Transaction, signed: str) -> Response:
    secret = request.cookies.get(protected_name(request, CHALLENGE_COOKIE), "")
    try:
        library = await proven_library(request, db, signed, _binding(secret), datetime.now(UTC))
    except PasskeyRefused as error:
        log.warning("a passkey was refused", reason=str(error))
        return await _entrance(request, db, PASSKEY_PROBLEM, UNPROCESSABLE)
    return await _let_in(request, db, library, "passkey")


async def _let_in(request: Request, db: Transaction, library: OpenLibrary, method: str) -> Response:
    await record_event(db, library, Event(EventKind.SIGNED_IN, {"method": method}))
    secret = await remember_browser(request, db, library, datetime.now(UTC))
    log.info("a person signed in", library=str(library.id), browser=str(secret.browser_id))
    return redirect(me_address(request, str(secret.browser_id)))


def _binding(secret: str) -> str:
    return f"browser {secret}"


async def _entrance(request: Request, db: Transaction, problem: str = "", status: int = 200) -> Response:
    words, now = request_words(request, request.query_params.get("lng")), datetime.now(UTC)
    browsers = await find_browsers(db, read_secrets(request), now)
    proving = await proving_browsers(db, browsers, now)
    known = [
        KnownPersonLink(
            me_address(request, str(row.id)),
            await library_description(db, words, row.library_id),
            confirms=secret not in proving,
        )
        for secret, row in browsers.items()
    ]
    values = {
        "known": known,
        "address": me_address(request, ""),
        "challenge": me_address(request, "passkey-challenge"),
        "passkeys": site_of(public_address(request)) is not None,
        "problem": words.say(problem),
        "problem_field": "code" if problem == CODE_PROBLEM else "",
    }
    return page("me-entrance.html", words, values, settings=platform_of(request).settings, status=status)
