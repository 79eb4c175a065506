"""The cookie in which a browser keeps a link that it opened.

Opening a link writes nothing in the database, since mail scanners and previews of chats open links too. So the browser
itself keeps what the link said: the code, the page, the parameters, and a secret of its own. The first form that a
browser sends binds the journey to that browser. From then on only the cookie's secret counts, and of its parameters
only the language, which the person may have changed.

Forging the cookie gains nothing: whatever a browser can change in it, it could have changed in the link.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import get_args

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from privateshare.platform.consent.link_parameters import LinkParameters
from privateshare.platform.grants.journeys import JourneyKind
from privateshare.platform.http.requests import base_path, is_secure
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.protocol.addresses import ONBOARD_PATH

TAG_LENGTH = 16
COOKIE_SECONDS = 24 * 3600
MAX_COOKIE_BYTES = 3800  # Browsers drop a cookie of more than 4096 bytes, its name and attributes included.


class LinkTooLong(Exception):
    """The parameters of a link do not fit into a cookie."""


@dataclass(frozen=True, slots=True)
class JourneyCookie:
    """The content of the cookie: a link that the browser opened, and `browser`, that browser's secret."""

    code: str = field(repr=False)
    kind: JourneyKind
    parameters: LinkParameters
    browser: str = field(default_factory=new_secret, repr=False)

    @property
    def tag(self) -> str:
        """Return the journey's public name in addresses and cookies; it gives no access."""
        return tag_of_code(self.code)

    @property
    def form_token(self) -> str:
        """Return the token that every form of this journey in this browser carries, and that no other site can know."""
        return form_token(self.browser)

    def in_language(self, language: str) -> "JourneyCookie":
        """Return a copy in another language."""
        return replace(self, parameters=self.parameters.model_copy(update={"lng": language}))


def tag_of_code(code: str) -> str:
    """Return the tag of the journey that a code opens."""
    return hash_secret(code).hex()[:TAG_LENGTH]


def form_token(browser: str) -> str:
    """Derive the token of forms from a browser's secret, so that it is valid only for this journey in this browser."""
    mark = hmac.digest(browser.encode(), b"form token", sha256)
    return urlsafe_b64encode(mark).rstrip(b"=").decode()


def journey_address(request: Request, tag: str, page: str) -> str:
    """Build the address of a page of the journey with this tag."""
    return f"{base_path(request)}{ONBOARD_PATH}journey/{tag}/{page}"


def set_journey_cookie(request: Request, response: Response, cookie: JourneyCookie) -> None:
    """Set the cookie, out of reach of scripts (HttpOnly) and of other sites' forms (SameSite).

    Raises LinkTooLong if it does not fit.
    """
    link = orjson.dumps([cookie.kind, cookie.parameters.to_row()])
    value = ".".join((cookie.code, cookie.browser, urlsafe_b64encode(link).rstrip(b"=").decode()))
    if len(value) > MAX_COOKIE_BYTES:
        raise LinkTooLong
    response.set_cookie(
        journey_cookie_name(request, cookie.tag),
        value,
        max_age=COOKIE_SECONDS,
        path=f"{base_path(request)}{ONBOARD_PATH}" if base_path(request) else "/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def read_journey_cookie(request: Request, tag: str) -> JourneyCookie | None:
    """Read the cookie of this tag; None if it is missing or invalid, or belongs to another tag."""
    code, _, rest = request.cookies.get(journey_cookie_name(request, tag), "").partition(".")
    browser, _, link = rest.partition(".")
    if not code or not browser or tag_of_code(code) != tag:
        return None
    try:
        kind, row = orjson.loads(urlsafe_b64decode(link + "=" * (-len(link) % 4)))
        parameters = LinkParameters.model_validate(row)
    except (ValueError, TypeError, ValidationError):
        return None
    return JourneyCookie(code, kind, parameters, browser) if kind in get_args(JourneyKind) else None


def journey_cookie_name(request: Request, tag: str) -> str:
    """Return the name of a journey's cookie, with a prefix so that over https no other host can set it.

    `__Host-` requires the path `/`. Below a path, the rest of the host may belong to others, who must not receive it.
    """
    if not is_secure(request):
        return f"journey-{tag}"
    return f"__Secure-journey-{tag}" if base_path(request) else f"__Host-journey-{tag}"
