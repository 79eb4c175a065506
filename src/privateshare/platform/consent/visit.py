"""The journey that a request belongs to: loading it, and checking its browser and its forms."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest, NotFound
from privateshare.platform.consent.app_redirect import Destination, Failure, destination_of, with_registered_callback
from privateshare.platform.consent.error_pages import LostReason, lost_page
from privateshare.platform.consent.journey_cookie import (
    JourneyCookie,
    form_token,
    journey_address,
    read_journey_cookie,
    set_journey_cookie,
)
from privateshare.platform.consent.journey_start import start
from privateshare.platform.consent.link_parameters import LinkParameters, is_language
from privateshare.platform.consent.person_cookie import read_secrets
from privateshare.platform.consent.proof import Browsers, is_proven, prove_by_browser
from privateshare.platform.consent.rendering import RedirectInstead, isolated, page, redirect, request_words
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import ContractRow, JourneyRow
from privateshare.platform.grants.contracts import is_usable
from privateshare.platform.grants.journeys import (
    JourneyKind,
    bind_journey,
    bound_parameters,
    find_journey,
    is_bound_to,
)
from privateshare.platform.http.requests import base_path, platform_of, public_address
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.wrapping import DataKey, derive_key
from privateshare.platform.operating.access_log import note_contract
from privateshare.platform.person.browsers import find_browsers, proving_browsers
from privateshare.platform.runtime import Platform

# The journeys that end with the person's consent.
REVIEWED: tuple[JourneyKind, ...] = ("authorize", "user-reauth")
# The journeys on which the person connects sources.
CONNECTING: tuple[JourneyKind, ...] = (*REVIEWED, "onboard", "reauthorize")
MAX_FORM_FIELDS = 10_000  # A person may have many accounts, of a hundred kinds of data each.
TOKEN_FIELD = "token"  # noqa: S105 - the name of a form's field


@dataclass(frozen=True, slots=True)
class Visit:
    """A journey in a browser that has opened its link. `browser` is the secret of that browser's cookie.

    `browsers` lists the libraries that this browser proves to be the person's, and `known_browsers` also those for
    which a passkey has to confirm it. Until a form is sent, `journey` is detached from the database session: changes to
    it are not saved.
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
    known_browsers: Browsers = field(repr=False)

    @property
    def proven(self) -> bool:
        """Tell whether the person on this journey has proven that its library is theirs."""
        return is_proven(self.journey, self.browsers)

    @property
    def platform(self) -> Platform:
        """Return the platform that serves the request."""
        return platform_of(self.request)

    @property
    def browser(self) -> str:
        """Return the secret of this browser."""
        return self.cookie.browser

    @property
    def form_token(self) -> str:
        """Return the token that every form of this journey carries, and that no other site can know."""
        return self.cookie.form_token

    def key(self, purpose: str) -> DataKey:
        """Derive a key that only a request of this browser yields: the platform stores a hash of the secret alone."""
        return derive_key(self.browser, purpose)

    def address(self, page: str) -> str:
        """Build the address of a page of this journey."""
        return journey_address(self.request, self.cookie.tag, page)


def journey_page(visit: Visit, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
    """Render a page of a journey. Its forms may redirect to the app."""
    shared = {
        "app": isolated(visit.contract.application.name),
        "kind": visit.journey.kind,
        "contract_kind": visit.contract.kind,
        "reviewed": visit.journey.kind in REVIEWED,
        "token": visit.form_token,
        "address": visit.address,
        "return_host": urlsplit(visit.destination.redirect_uri).netloc,
        # The app's link may name another language than the browser. The person goes on in the one that they read.
        "my_data": f"{base_path(visit.request)}/me/?lng={visit.words.tag}",
    }
    response = page(
        template,
        visit.words,
        shared | dict(values),
        settings=platform_of(visit.request).settings,
        status=status,
        leads_to=visit.destination.addresses,
        query=visit.request.query_params.multi_items(),
    )
    if "lng" in visit.request.query_params:
        set_journey_cookie(visit.request, response, visit.cookie)
    return response


# --- loading the journey of a request ---


async def view_visit(request: Request, db: AsyncSession, tag: str) -> Visit:
    """Load the journey of this tag for a page, which writes nothing.

    Raises RedirectInstead to a page that says why this browser cannot use it, or to the app if it cannot start.
    """
    cookie, now = require_cookie(request, tag), datetime.now(UTC)
    return await visit_of(request, db, cookie, await _find(request, db, cookie, now, lock=False), now)


async def lock_visit(request: Request, db: AsyncSession, tag: str) -> Visit:
    """Load the journey of this tag for a form, which binds it to this browser; locked until the transaction ends.

    Raises RedirectInstead as `view_visit` does.
    """
    cookie, now = require_cookie(request, tag), datetime.now(UTC)
    return await visit_of(request, db, cookie, await _find(request, db, cookie, now, lock=True), now, binds=True)


async def view_unfinished(request: Request, db: AsyncSession, kinds: Sequence[JourneyKind]) -> Visit:
    """Load the journey of a request as `view_visit` does, if it is of these kinds.

    Raises RedirectInstead also if the journey is finished, and NotFound if it is of another kind.
    """
    return _checked(await view_visit(request, db, request.path_params["tag"]), kinds)


async def lock_unfinished(request: Request, db: AsyncSession, kinds: Sequence[JourneyKind]) -> Visit:
    """Load the journey of a request as `lock_visit` does, with the checks of `view_unfinished`."""
    return _checked(await lock_visit(request, db, request.path_params["tag"]), kinds)


def _checked(visit: Visit, kinds: Sequence[JourneyKind]) -> Visit:
    check_unfinished(visit)
    require_kind(visit, *kinds)
    return visit


async def resume_visit(request: Request, db: AsyncSession, tag: str) -> Visit:
    """Load a journey that is bound to this browser; locked until the transaction ends.

    Raises RedirectInstead as `view_visit` does.
    """
    cookie, now = require_cookie(request, tag), datetime.now(UTC)
    journey = await _find(request, db, cookie, now, lock=True)
    if journey.browser_hash is None:
        raise RedirectInstead(lost_page(request, LostReason.OVER))
    return await visit_of(request, db, cookie, journey, now)


def require_cookie(request: Request, tag: str) -> JourneyCookie:
    """Read the journey's cookie, with the language that was just chosen. Raises RedirectInstead if it is missing."""
    cookie = read_journey_cookie(request, tag)
    if cookie is None:
        raise RedirectInstead(lost_page(request, LostReason.NO_COOKIE))
    chosen = request.query_params.get("lng", "")
    return cookie.in_language(chosen) if is_language(chosen) else cookie


async def _find(request: Request, db: AsyncSession, cookie: JourneyCookie, now: datetime, *, lock: bool) -> JourneyRow:
    journey = await find_journey(db, cookie.code, lock=lock)
    is_late = journey is not None and journey.expires_at <= now
    if journey is None or (is_late and journey.finished_at is not None):
        raise RedirectInstead(lost_page(request, LostReason.OVER))
    is_elsewhere = journey.browser_hash is not None and not is_bound_to(journey, cookie.browser)
    if is_elsewhere or is_late:
        reason = LostReason.ELSEWHERE if is_elsewhere else LostReason.LATE
        contract = await db.get_one(ContractRow, journey.contract_id)
        destination = destination_of(journey, cookie.code, cookie.kind, None)
        onward = destination.failure(Failure.INVALID_CODE)
        raise RedirectInstead(lost_page(request, reason, contract.application.name, onward))
    return journey


async def visit_of(
    request: Request,
    db: AsyncSession,
    cookie: JourneyCookie,
    journey: JourneyRow,
    now: datetime,
    *,
    binds: bool = False,
) -> Visit:
    """Build the visit of a journey that is bound to this browser, or to none yet; with `binds`, bind it now.

    Raises RedirectInstead to the app if the journey cannot start.
    """
    contract = await db.get_one(ContractRow, journey.contract_id)
    note_contract(request.scope, contract.id, contract.application_id)
    if journey.browser_hash is not None:
        taken = LinkParameters.model_validate(bound_parameters(journey, cookie.code))
        parameters = taken.model_copy(update={"lng": cookie.parameters.lng})
    else:
        parameters = with_registered_callback(contract, cookie.parameters)
        if not binds:
            db.expunge(journey)  # Changes below are for this page only and must not be saved.
    kind = cast(JourneyKind, journey.kind) if journey.browser_hash is not None else cookie.kind
    destination = destination_of(journey, cookie.code, kind, parameters.callback)
    words = request_words(request, parameters.lng)
    known = await find_browsers(db, read_secrets(request), now)
    browsers = await proving_browsers(db, known, now)
    if binds:
        browsers = await prove_by_browser(request, db, journey, browsers, now)
    visit = Visit(request, db, journey, contract, cookie, parameters, destination, words, now, browsers, known)
    if journey.browser_hash is None:
        if not await start(db, journey, contract, cookie, now, binds=binds):
            # The contract may have ended while the person was connecting a source.
            late = request.method == "POST" and kind in {"onboard", "reauthorize"}
            failure = Failure.ONBOARD_ERROR if late else Failure.INITIALIZE_CHECK_FAIL
            raise RedirectInstead(redirect(destination.failure(failure)))
        if binds:
            bind_journey(journey, cookie.code, cookie.browser, parameters.to_row())
            extend(visit)
    elif journey.finished_at is None and kind != "revoke" and not is_usable(contract, now):
        # The contract ended, or its app was suspended, after the journey began. People may withdraw all the same.
        raise RedirectInstead(redirect(destination.failure(Failure.INITIALIZE_CHECK_FAIL)))
    return visit


async def _view(request: Request, db: Transaction, tag: str) -> Visit:
    return await view_visit(request, db, tag)


AnyVisit = Annotated[Visit, Depends(_view, scope="function")]
"""The journey of this browser for a page, even if it is finished."""


async def _view_open(visit: AnyVisit) -> Visit:
    check_unfinished(visit)
    return visit


UnfinishedVisit = Annotated[Visit, Depends(_view_open, scope="function")]
"""The journey of this browser for a page; a finished one redirects to its last page."""


def check_unfinished(visit: Visit) -> None:
    """Raise RedirectInstead to the last page if the journey is finished."""
    if visit.journey.finished_at is not None:
        raise RedirectInstead(redirect(visit.address("done")))


def require_kind(visit: Visit, *kinds: JourneyKind) -> None:
    """Raise NotFound if this journey has no such page."""
    if visit.journey.kind not in kinds:
        raise NotFound("This journey has no such page")


def extend(visit: Visit) -> None:
    """Restart the time limit of a journey whose person is still active."""
    visit.journey.expires_at = visit.now + visit.platform.settings.preauthorization_lifetime


# --- forms come from our own pages ---


def check_form_token(browser: str, token: object) -> None:
    """Raise InvalidRequest (403) if a form does not carry the token of this journey in this browser."""
    if not isinstance(token, str) or not hmac.compare_digest(form_token(browser).encode(), token.encode()):
        raise foreign_form("a form without its token")


def check_sent_from_here(request: Request) -> None:
    """Raise InvalidRequest (403) if the browser says that another site sent the form."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    # Browsers send "null" for our own pages, because of their Referrer-Policy: no-referrer.
    sender = request.headers.get("origin", "null")
    host = urlsplit(public_address(request)).netloc
    if site not in {"same-origin", "none"} or (sender != "null" and urlsplit(sender).netloc != host):
        raise foreign_form(f"a form from {site} {sender}")


def foreign_form(detail: str) -> InvalidRequest:
    """Build the error for a form that none of our own pages sent."""
    return InvalidRequest("This form was not sent by its own page", status=403, detail=detail)


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """A form that a page of this journey sent."""

    visit: Visit
    fields: dict[str, list[str]]

    def first(self, name: str) -> str:
        """Return a field's first value, or an empty string."""
        return next(iter(self.fields.get(name, [])), "")


async def _posted(request: Request, db: Transaction, tag: str) -> SubmittedForm:
    check_sent_from_here(request)
    cookie = require_cookie(request, tag)
    async with request.form(max_files=0, max_fields=MAX_FORM_FIELDS) as form:
        fields = {name: [str(value) for value in form.getlist(name)] for name in form}
    check_form_token(cookie.browser, next(iter(fields.get(TOKEN_FIELD, [])), ""))
    return SubmittedForm(await lock_visit(request, db, tag), fields)


PostedForm = Annotated[SubmittedForm, Depends(_posted, scope="function")]
"""A form of this journey. It binds the journey to this browser if no browser has it yet."""
