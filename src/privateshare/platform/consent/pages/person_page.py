"""The page that asks who a person is: somebody who used this browser before, or somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import Response

from privateshare.errors import TooManyRequests
from privateshare.platform.consent import navigation
from privateshare.platform.consent.known_browser import remember_browser, sender_address
from privateshare.platform.consent.passkey_forms import (
    CODE_PROBLEM,
    MANY_TRIES,
    PASSKEY_PROBLEM,
    json_response,
    proven_library,
    require_site,
)
from privateshare.platform.consent.person_cookie import keep_secret
from privateshare.platform.consent.person_description import describe_library_owner
from privateshare.platform.consent.proof import Proof, may_be_somebody_else, record_proof
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.visit import (
    PostedForm,
    UnfinishedVisit,
    Visit,
    check_unfinished,
    journey_page,
    require_kind,
)
from privateshare.platform.http.requests import public_address
from privateshare.platform.library.connected_sources import adopt_accounts
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.person.browsers import BrowserSecret, use_browser
from privateshare.platform.person.challenges import Purpose, new_challenge
from privateshare.platform.person.passkeys import PasskeyRefused, proof_options, site_of
from privateshare.platform.person.recovery_codes import take_recovery_code

SOMEONE_ELSE = "someone-else"
MAX_TYPED = 200
UNPROCESSABLE, TOO_MANY = 422, 429

router = APIRouter(route_class=PageRoute)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who used this browser before; `id` is that of the browser in their library.

    `confirms` is true if their passkey has to confirm that it is them, because other people use this browser too.
    """

    id: UUID
    words: Markup
    confirms: bool


@router.get("/journey/{tag}/person")
async def show_person(visit: UnfinishedVisit) -> Response:
    """Ask who the person is, if that is not certain already."""
    require_kind(visit, "authorize", "onboard", "reauthorize", "user-reauth")
    if not _is_open_question(visit):
        return redirect(await navigation.first_page(visit))
    return await _ask(visit)


@router.post("/journey/{tag}/person")
async def tell_person(form: PostedForm) -> Response:
    """Continue as somebody who used this browser before, or as somebody else."""
    visit = form.visit
    check_unfinished(visit)
    require_kind(visit, "authorize", "onboard", "reauthorize", "user-reauth")
    chosen, typed, signed = form.first("person"), form.first("code"), form.first("credential")
    if typed and _is_open_question(visit):
        return await _recover(visit, typed[:MAX_TYPED])
    if signed and _is_open_question(visit):
        return await _use_passkey(visit, signed)
    if chosen == SOMEONE_ELSE:
        await _be_somebody_else(visit)
    else:
        await _be_known(visit, chosen)
    return redirect(await navigation.first_page(visit))


@router.post("/journey/{tag}/passkey-challenge")
async def make_challenge(form: PostedForm) -> Response:
    """Make the challenge that a passkey has to sign to prove who the person is."""
    visit, site = form.visit, require_site(form.visit.request)
    check_unfinished(visit)
    require_kind(visit, "authorize", "onboard", "reauthorize", "user-reauth")
    await visit.platform.limits.check_challenge(sender_address(visit.request))
    challenge = await new_challenge(visit.db, Purpose.PROVE, _binding(visit), visit.now)
    return json_response(proof_options(site, challenge))


async def _use_passkey(visit: Visit, signed: str) -> Response:
    """Accept a passkey's answer to this journey's challenge as proof."""
    try:
        await visit.platform.limits.check_proof(sender_address(visit.request))
    except TooManyRequests:
        return await _ask(visit, MANY_TRIES, TOO_MANY)
    try:
        library = await proven_library(visit.request, visit.db, signed, _binding(visit), visit.now)
    except PasskeyRefused as error:
        log.warning("a passkey was refused", library=str(visit.journey.library_id), reason=str(error))
        return await _ask(visit, PASSKEY_PROBLEM, UNPROCESSABLE)
    if visit.journey.library_id not in (None, library.id):
        log.warning("a passkey of another person was refused", library=str(visit.journey.library_id))
        return await _ask(visit, N_("This passkey is not the one of the person whom the app knows."), UNPROCESSABLE)
    return await _continue_in(visit, library, Proof.PASSKEY)


async def _recover(visit: Visit, typed: str) -> Response:
    """Accept a recovery code as proof, and use it up."""
    try:
        await visit.platform.limits.check_proof(sender_address(visit.request))
    except TooManyRequests:
        return await _ask(visit, MANY_TRIES, TOO_MANY)
    library_id = await take_recovery_code(visit.db, typed, visit.journey.library_id)
    if library_id is None:
        log.warning("a recovery code was refused", library=str(visit.journey.library_id))
        return await _ask(visit, CODE_PROBLEM, UNPROCESSABLE)
    return await _continue_in(visit, await open_library(visit.db, visit.platform, library_id), Proof.RECOVERY_CODE)


async def _continue_in(visit: Visit, library: OpenLibrary, proof: Proof) -> Response:
    """Continue in a library whose owner has just proved who they are. From now on this browser is known too."""
    visit.journey.library_id = library.id
    await record_proof(visit.db, visit.platform, visit.journey, proof)
    await adopt_accounts(visit.db, library, visit.journey.id)
    await remember_browser(visit.request, visit.db, library, visit.now)
    return redirect(await navigation.first_page(visit))


def _binding(visit: Visit) -> str:
    """Return what the challenges of this journey are bound to: the journey, and the browser that it belongs to."""
    return f"journey {visit.journey.id} {visit.browser}"


def _is_open_question(visit: Visit) -> bool:
    """Tell whether the person has not proven yet who they are. A new person needs no proof."""
    if visit.journey.provisional:
        return False
    return visit.journey.library_id is None or not visit.proven


async def _be_somebody_else(visit: Visit) -> None:
    journey = visit.journey
    if journey.provisional or not may_be_somebody_else(journey):
        return
    if journey.proof == Proof.CHOSEN:
        journey.library_id = None
    await record_proof(visit.db, visit.platform, journey, Proof.NONE)


async def _be_known(visit: Visit, chosen: str) -> None:
    """Continue in a library that this browser proves to be the person's; do nothing if it does not prove it."""
    selectable = (secret for secret in _selectable(visit) if secret in visit.browsers)
    secret = next((secret for secret in selectable if str(secret.browser_id) == chosen), None)
    if secret is None or not _is_open_question(visit):
        return
    kept = await use_browser(visit.db, secret, visit.now)
    if kept is None:
        return
    if kept != secret:
        keep_secret(visit.request, kept)
    linked = visit.journey.library_id is not None
    visit.journey.library_id = secret.library_id
    await record_proof(visit.db, visit.platform, visit.journey, Proof.BROWSER if linked else Proof.CHOSEN)
    library = await open_library(visit.db, visit.platform, secret.library_id)
    await adopt_accounts(visit.db, library, visit.journey.id)


def _selectable(visit: Visit) -> Sequence[BrowserSecret]:
    """List the secrets of the libraries to choose from: that of the link, or if it names none, any of this browser."""
    library_id = visit.journey.library_id
    return [secret for secret in visit.known_browsers if library_id in (None, secret.library_id)]


async def _ask(visit: Visit, problem: str = "", status: int = 200) -> Response:
    known = [
        KnownPerson(
            secret.browser_id,
            await describe_library_owner(visit, secret.library_id),
            confirms=secret not in visit.browsers,
        )
        for secret in _selectable(visit)
    ]
    values = {
        "known": known,
        "linked": visit.journey.library_id is not None,
        "needed": await navigation.needs_proof(visit),
        "signs_in": visit.contract.kind == "read",
        "passkeys": site_of(public_address(visit.request)) is not None,
        "problem": visit.words.say(problem),
        "problem_field": "code" if problem == CODE_PROBLEM else "",
    }
    return journey_page(visit, "person.html", values, status=status)
