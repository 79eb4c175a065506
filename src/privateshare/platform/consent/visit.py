"""One person, one browser, one journey: what every page begins with."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest, NotFound
from privateshare.platform.consent.app_redirect import Destination, Failure, destination_of, with_registered_callback
from privateshare.platform.consent.error_pages import Reason, lost_page
from privateshare.platform.consent.journey_cookie import (
    JourneyCookie,
    form_token,
    journey_address,
    read_journey_cookie,
    set_journey_cookie,
)
from privateshare.platform.consent.link_parameters import LinkParameters, is_language
from privateshare.platform.consent.person_cookie import read_secrets
from privateshare.platform.consent.proof import Browsers, is_proven, prove_by_browser
from privateshare.platform.consent.rendering import RedirectInstead, isolated, page, redirect, request_words
from privateshare.platform.consent.starting import start
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import ContractRow, JourneyRow
from privateshare.platform.grants.journeys import (
    JourneyKind,
    find_journey,
    holds,
    take_journey,
    taken_parameters,
)
from privateshare.platform.http.requests import base_path, platform_of, public_address
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.wrapping import DataKey, derive_key
from privateshare.platform.person.browsers import find_browsers
from privateshare.platform.runtime import Platform

REVIEWED: tuple[JourneyKind, ...] = ("authorize", "user-reauth")  # the journeys that end with the person's consent
TOKEN_FIELD = "token"  # noqa: S105 - the name of a form's field


@dataclass(frozen=True, slots=True)
class Visit:
    """A journey in a browser that has opened its link. `browser` is the secret of that browser's cookie.

    `browsers`: whose libraries this browser proves to be those of the person who uses it. Until a form is sent
    `journey` is not the session's: what a page assumes of it is written nowhere.
    """

    request: Request = field(repr=False)
    db: AsyncSession
    journey: JourneyRow
    contract: ContractRow
    cookie: JourneyCookie
    parameters: LinkParameters
    destination: Destination
    words: Translator
    now: datetime
    browsers: Browsers = field(repr=False)

    @property
    def proven(self) -> bool:
        """Whether the library of this journey is certainly that of the person on it."""
        return is_proven(self.journey, self.browsers)

    @property
    def platform(self) -> Platform:
        """The platform that serves the request."""
        return platform_of(self.request)

    @property
    def browser(self) -> str:
        """The secret of this browser."""
        return self.cookie.browser

    @property
    def form_token(self) -> str:
        """What every form of this journey carries, and no other site can know."""
        return self.cookie.form_token

    def key(self, purpose: str) -> DataKey:
        """Make the key of what only this browser can have opened: the platform keeps a hash of its secret."""
        return derive_key(self.browser, purpose)

    def address(self, page: str) -> str:
        """Give the address of a page of this journey."""
        return journey_address(self.request, self.cookie.tag, page)


def journey_page(visit: Visit, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
    """Make a page of a journey. Its forms may lead back to the app."""
    shared = {
        "app": isolated(visit.contract.application.name),
        "kind": visit.journey.kind,
        "contract_kind": visit.contract.kind,
        "reviewed": visit.journey.kind in REVIEWED,
        "token": visit.form_token,
        "address": visit.address,
        "return_host": urlsplit(visit.destination.redirect_uri).netloc,
    }
    base, leads_to = base_path(visit.request), visit.destination.addresses
    response = page(template, visit.words, shared | dict(values), base=base, status=status, leads_to=leads_to)
    if "lng" in visit.request.query_params:
        set_journey_cookie(visit.request, response, visit.cookie)
    return response


# --- opening the journey of a request ---


async def view_visit(request: Request, db: AsyncSession, tag: str) -> Visit:
    """Open the journey of this tag for a page, which writes nothing.

    Raises Detour to a page that tells why this browser cannot have it, or back to the app if it cannot start.
    """
    cookie, now = require_cookie(request, tag), datetime.now(UTC)
    return await visit_of(request, db, cookie, await _find(request, db, cookie, now, lock=False), now)


async def open_visit(request: Request, db: AsyncSession, tag: str) -> Visit:
    """Open the journey of this tag for a form, which takes it for this browser; locked until the transaction ends.

    Raises Detour as `view_walk`.
    """
    cookie, now = require_cookie(request, tag), datetime.now(UTC)
    return await visit_of(request, db, cookie, await _find(request, db, cookie, now, lock=True), now, takes=True)


async def resume_visit(request: Request, db: AsyncSession, tag: str) -> Visit:
    """Open a journey that this browser has taken; locked until the transaction ends. Raises Detour as `view_walk`."""
    cookie, now = require_cookie(request, tag), datetime.now(UTC)
    journey = await _find(request, db, cookie, now, lock=True)
    if journey.browser_hash is None:
        raise RedirectInstead(lost_page(request, Reason.OVER))
    return await visit_of(request, db, cookie, journey, now)


def require_cookie(request: Request, tag: str) -> JourneyCookie:
    """Read what this browser keeps of a journey, in the language that was just chosen. Raises Detour."""
    cookie = read_journey_cookie(request, tag)
    if cookie is None:
        raise RedirectInstead(lost_page(request, Reason.NO_COOKIE))
    chosen = request.query_params.get("lng", "")
    return cookie.in_language(chosen) if is_language(chosen) else cookie


async def _find(request: Request, db: AsyncSession, cookie: JourneyCookie, now: datetime, *, lock: bool) -> JourneyRow:
    journey = await find_journey(db, cookie.code, lock=lock)
    if journey is None or journey.expires_at <= now:
        raise RedirectInstead(lost_page(request, Reason.OVER))
    if journey.browser_hash is not None and not holds(journey, cookie.browser):
        contract = await db.get_one(ContractRow, journey.contract_id)
        destination = destination_of(journey, cookie.code, cookie.kind, None)
        onward = destination.failure(Failure.INVALID_CODE)
        raise RedirectInstead(lost_page(request, Reason.ELSEWHERE, contract.application.name, onward))
    return journey


async def visit_of(
    request: Request,
    db: AsyncSession,
    cookie: JourneyCookie,
    journey: JourneyRow,
    now: datetime,
    *,
    takes: bool = False,
) -> Visit:
    """Begin the page of a journey that this browser has taken, or that nobody has, which `takes` changes.

    Raises Detour back to the app if the journey cannot start.
    """
    contract = await db.get_one(ContractRow, journey.contract_id)
    if journey.browser_hash is not None:
        taken = LinkParameters.model_validate(taken_parameters(journey, cookie.code))
        parameters = taken.model_copy(update={"lng": cookie.parameters.lng})
    else:
        parameters = with_registered_callback(contract, cookie.parameters)
        if not takes:
            db.expunge(journey)  # what is set here is for this page alone
    kind = cast(JourneyKind, journey.kind) if journey.browser_hash is not None else cookie.kind
    destination = destination_of(journey, cookie.code, kind, parameters.callback)
    words = request_words(request, parameters.lng)
    browsers = await find_browsers(db, read_secrets(request), now)
    if takes:
        browsers = await prove_by_browser(request, db, journey, browsers, now)
    visit = Visit(request, db, journey, contract, cookie, parameters, destination, words, now, browsers)
    if journey.browser_hash is None:
        if not await start(db, journey, contract, cookie, now, takes=takes):
            late = request.method == "POST" and kind in {
                "onboard",
                "reauthorize",
            }  # it ended while the person was connecting
            failure = Failure.ONBOARD_ERROR if late else Failure.INITIALIZE_CHECK_FAIL
            raise RedirectInstead(redirect(destination.failure(failure)))
        if takes:
            take_journey(journey, cookie.code, cookie.browser, parameters.to_row())
            extend(visit)
    return visit


async def _view(request: Request, db: Transaction, tag: str) -> Visit:
    return await view_visit(request, db, tag)


AnyVisit = Annotated[Visit, Depends(_view, scope="function")]
"""The journey of this browser for a page, even if it is over."""


async def _view_open(visit: AnyVisit) -> Visit:
    check_open(visit)
    return visit


OpenVisit = Annotated[Visit, Depends(_view_open, scope="function")]
"""The journey of this browser for a page; one that is over leads to its last page."""


def check_open(visit: Visit) -> None:
    """Lead to the last page if the journey is over. Raises Detour."""
    if visit.journey.finished_at is not None:
        raise RedirectInstead(redirect(visit.address("done")))


def require_kind(visit: Visit, *kinds: JourneyKind) -> None:
    """Raises NotFound if this journey has no such page."""
    if visit.journey.kind not in kinds:
        raise NotFound("This journey has no such page")


def extend(visit: Visit) -> None:
    """Give a person who is still at it the full time again."""
    visit.journey.expires_at = visit.now + visit.platform.settings.preauthorization_lifetime


# --- forms come from our own pages ---


def check_form_token(browser: str, token: object) -> None:
    """Raises InvalidRequest (403) if a form does not carry the token of this journey in this browser."""
    if not isinstance(token, str) or not hmac.compare_digest(form_token(browser).encode(), token.encode()):
        raise foreign_form("a form without its token")


def check_sent_from_here(request: Request) -> None:
    """Raises InvalidRequest (403) if the browser says that another site had the form sent."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    sender = request.headers.get("origin", "null")  # "null": what our pages send, since they tell no referrer
    host = urlsplit(public_address(request)).netloc
    if site not in {"same-origin", "none"} or (sender != "null" and urlsplit(sender).netloc != host):
        raise foreign_form(f"a form from {site} {sender}")


def foreign_form(detail: str) -> InvalidRequest:
    """Make the error for a form that none of our own pages sent."""
    return InvalidRequest("This form was not sent by its own page", status=403, detail=detail)


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A form that a page of this journey sent."""

    visit: Visit
    fields: dict[str, list[str]]

    def first(self, name: str) -> str:
        """A field's first value, or an empty text."""
        return next(iter(self.fields.get(name, [])), "")


async def _posted(request: Request, db: Transaction, tag: str) -> SubmittedForm:
    check_sent_from_here(request)
    cookie = require_cookie(request, tag)
    async with request.form(max_files=0, max_fields=1000) as form:
        fields = {name: [str(value) for value in form.getlist(name)] for name in form}
    check_form_token(cookie.browser, next(iter(fields.get(TOKEN_FIELD, [])), ""))
    return SubmittedForm(await open_visit(request, db, tag), fields)


PostedForm = Annotated[SubmittedForm, Depends(_posted, scope="function")]
"""A form of this journey, which takes it for this browser if nobody has."""
