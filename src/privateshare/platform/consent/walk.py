"""One person, one browser, one journey: what every page begins with."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest, InvalidToken, NotFound
from privateshare.platform.api.callers import Transaction
from privateshare.platform.api.requests import origin, platform_of
from privateshare.platform.consent.locales import choose_language
from privateshare.platform.consent.pages import Detour, page, redirect
from privateshare.platform.consent.parameters import Parameters
from privateshare.platform.consent.wording import Words
from privateshare.platform.db.tables import Contract, Journey
from privateshare.platform.grants.journeys import JourneyKind, resume_journey
from privateshare.platform.library.keys import DataKey, key_of_secret
from privateshare.platform.runtime import Platform
from privateshare.protocol.addresses import ONBOARD_PATH

TAG_LENGTH = 16
COOKIE_SECONDS = 24 * 3600
REVIEWED: tuple[JourneyKind, ...] = ("authorize", "user-reauth")  # the journeys that end with the person's consent
TOKEN_FIELD = "token"  # noqa: S105 - the name of a form's field


@dataclass(frozen=True, slots=True)
class Walk:
    """A journey in the browser that holds it. `browser` is the secret of that browser's cookie."""

    platform: Platform
    db: AsyncSession
    journey: Journey
    contract: Contract
    parameters: Parameters
    words: Words
    browser: str = field(repr=False)
    now: datetime

    @property
    def form_token(self) -> str:
        """What every form of this journey carries, and no other site can know."""
        return form_token(self.browser)

    def key(self, purpose: str) -> DataKey:
        """The key of what only this browser can have opened: the platform keeps a hash of its secret."""
        return key_of_secret(self.browser, purpose)

    def address(self, page: str) -> str:
        """The address of a page of this journey."""
        return f"{ONBOARD_PATH}journey/{journey_tag(self.journey)}/{page}"


def journey_page(walk: Walk, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
    """A page of a journey. Its forms may lead back to the app."""
    shared = {
        "app": walk.contract.application.name,
        "kind": walk.journey.kind,
        "contract_kind": walk.contract.kind,
        "reviewed": walk.journey.kind in REVIEWED,
        "token": walk.form_token,
        "address": walk.address,
        "return_host": urlsplit(walk.journey.redirect_uri).netloc,
    }
    leads_to = (walk.journey.redirect_uri, *filter(None, [walk.parameters.callback]))
    return page(template, walk.words, shared | dict(values), status=status, leads_to=leads_to)


def journey_tag(journey: Journey) -> str:
    """What names a journey in addresses and cookies; it opens nothing."""
    return journey.code_hash.hex()[:TAG_LENGTH]


def cookie_name(request: Request, tag: str) -> str:
    """The cookie of a journey; over https no other host can plant one of this name."""
    return f"__Host-journey-{tag}" if _secure(request) else f"journey-{tag}"


def keep_cookie(request: Request, response: Response, journey: Journey, browser: str) -> None:
    """Has the browser keep the journey's secret, away from scripts and from other sites' forms."""
    response.set_cookie(
        cookie_name(request, journey_tag(journey)),
        browser,
        max_age=COOKIE_SECONDS,
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="lax",
    )


def _secure(request: Request) -> bool:
    return origin(request).startswith("https:")


def request_words(request: Request, asked: str | None) -> Words:
    """The language for this browser. Protocol 8.2, `lng`."""
    return Words(choose_language(asked, request.headers.get("accept-language", "")))


async def open_walk(request: Request, db: AsyncSession, tag: str) -> Walk:
    """The journey of this name that this browser holds, finished or not.

    Raises InvalidToken if this browser holds none of this name, or it has expired.
    """
    browser = request.cookies.get(cookie_name(request, tag))
    if browser is None:
        raise InvalidToken("The token (code) is invalid", detail="no cookie of this journey")
    now = datetime.now(UTC)
    journey = await resume_journey(db, browser, now)
    contract = await db.get_one(Contract, journey.contract_id)
    parameters = Parameters.model_validate(journey.parameters)
    if (chosen := request.query_params.get("lng")) is not None:
        journey.parameters = journey.parameters | {"lng": chosen[:35]}
        parameters = parameters.model_copy(update={"lng": chosen})
    words = request_words(request, parameters.lng)
    return Walk(platform_of(request), db, journey, contract, parameters, words, browser, now)


async def _walk(request: Request, db: Transaction, tag: str) -> Walk:
    return await open_walk(request, db, tag)


AnyWalk = Annotated[Walk, Depends(_walk, scope="function")]
"""The journey of this browser, even if it is over."""


async def _open_walk(walk: AnyWalk) -> Walk:
    check_open(walk)
    return walk


OpenWalk = Annotated[Walk, Depends(_open_walk, scope="function")]
"""The journey of this browser; one that is over leads to its last page."""


def check_open(walk: Walk) -> None:
    """Leads to the last page if the journey is over."""
    if walk.journey.finished_at is not None:
        raise Detour(redirect(walk.address("done")))


def require_kind(walk: Walk, *kinds: JourneyKind) -> None:
    """Raises NotFound if this journey has no such page."""
    if walk.journey.kind not in kinds:
        raise NotFound("This journey has no such page")


def extend(walk: Walk) -> None:
    """Gives a person who is still at it the full time again."""
    walk.journey.expires_at = walk.now + walk.platform.settings.preauthorization_lifetime


# --- forms come from our own pages ---


def form_token(browser: str) -> str:
    """Made from the browser's secret, so that it fits this journey in this browser and nowhere else."""
    mark = hmac.digest(browser.encode(), b"form token", sha256)
    return urlsafe_b64encode(mark).rstrip(b"=").decode()


def check_form_token(walk_browser: str, token: object) -> None:
    """Raises InvalidRequest (403) if a form does not carry the token of this journey."""
    if not isinstance(token, str) or not hmac.compare_digest(form_token(walk_browser).encode(), token.encode()):
        raise _foreign("a form without its token")


def check_sent_from_here(request: Request) -> None:
    """Raises InvalidRequest (403) if the browser says that another site had the form sent."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    sender = request.headers.get("origin", "null")  # "null": what our pages send, since they tell no referrer
    host = urlsplit(origin(request)).netloc
    if site not in {"same-origin", "none"} or (sender != "null" and urlsplit(sender).netloc != host):
        raise _foreign(f"a form from {site} {sender}")


def _foreign(detail: str) -> InvalidRequest:
    return InvalidRequest("This form was not sent by its own page", status=403, detail=detail)


def way_out(request: Request) -> tuple[str, str] | None:
    """The address and the token of the form that ends this request's journey; made without a database."""
    tag = request.path_params.get("tag")
    browser = request.cookies.get(cookie_name(request, tag)) if isinstance(tag, str) else None
    return (f"{ONBOARD_PATH}journey/{tag}/failed", form_token(browser)) if browser else None


@dataclass(frozen=True, slots=True)
class Posted:
    """A form that a page of this journey sent."""

    walk: Walk
    fields: dict[str, list[str]]

    def first(self, name: str) -> str:
        """A field's first value, or an empty text."""
        return next(iter(self.fields.get(name, [])), "")


async def _posted(request: Request, walk: AnyWalk) -> Posted:
    check_sent_from_here(request)
    async with request.form(max_files=0, max_fields=1000) as form:
        fields = {name: [str(value) for value in form.getlist(name)] for name in form}
    posted = Posted(walk, fields)
    check_form_token(walk.browser, posted.first(TOKEN_FIELD))
    return posted


PostedForm = Annotated[Posted, Depends(_posted, scope="function")]
