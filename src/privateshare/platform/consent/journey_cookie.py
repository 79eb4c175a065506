"""What a browser keeps of a link that it opened, in a cookie.

Opening a link writes nothing in the database, since mail scanners and previews of chats open links too. So the browser
itself keeps what the link said: the code, the page, the parameters, and a secret of its own. With the first form that
one of them sends, the journey becomes that browser's. From then on its secret is what counts, and of the parameters the
language alone, which the person may have changed.

What a browser changes in its cookie it could have changed in the link as well.
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
MAX_COOKIE_BYTES = 3800  # browsers drop a cookie of more than 4096 bytes with its name and attributes


class LinkTooLong(Exception):
    """A link says more than a cookie can hold."""


@dataclass(frozen=True, slots=True)
class JourneyCookie:
    """A browser with a link that it opened. `browser` is that browser's secret."""

    code: str = field(repr=False)
    kind: JourneyKind
    parameters: LinkParameters
    browser: str = field(default_factory=new_secret, repr=False)

    @property
    def tag(self) -> str:
        """What names the journey in addresses and cookies; it opens nothing."""
        return tag_of_code(self.code)

    @property
    def form_token(self) -> str:
        """What every form of this journey in this browser carries, and no other site can know."""
        return form_token(self.browser)

    def in_language(self, language: str) -> "JourneyCookie":
        """The same visit in another language."""
        return replace(self, parameters=self.parameters.model_copy(update={"lng": language}))


def tag_of_code(code: str) -> str:
    """Give the tag of the journey that a code opens."""
    return hash_secret(code).hex()[:TAG_LENGTH]


def form_token(browser: str) -> str:
    """Make the token of forms from a browser's secret, so that it fits this journey in this browser alone."""
    mark = hmac.digest(browser.encode(), b"form token", sha256)
    return urlsafe_b64encode(mark).rstrip(b"=").decode()


def journey_address(request: Request, tag: str, page: str) -> str:
    """Give the address of a page of the journey with this tag."""
    return f"{base_path(request)}{ONBOARD_PATH}journey/{tag}/{page}"


def set_journey_cookie(request: Request, response: Response, cookie: JourneyCookie) -> None:
    """Have the browser keep a visit, away from scripts and from other sites' forms.

    Raises LinkTooLong if it would not.
    """
    said = orjson.dumps([cookie.kind, cookie.parameters.to_row()])
    value = ".".join((cookie.code, cookie.browser, urlsafe_b64encode(said).rstrip(b"=").decode()))
    if len(value) > MAX_COOKIE_BYTES:
        raise LinkTooLong
    response.set_cookie(
        cookie_name(request, cookie.tag),
        value,
        max_age=COOKIE_SECONDS,
        path=f"{base_path(request)}{ONBOARD_PATH}" if base_path(request) else "/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def read_journey_cookie(request: Request, tag: str) -> JourneyCookie | None:
    """Read the visit of this tag that the browser keeps; None if it keeps none, or what it keeps is of another tag."""
    code, _, rest = request.cookies.get(cookie_name(request, tag), "").partition(".")
    browser, _, said = rest.partition(".")
    if not code or not browser or tag_of_code(code) != tag:
        return None
    try:
        kind, row = orjson.loads(urlsafe_b64decode(said + "=" * (-len(said) % 4)))
        parameters = LinkParameters.model_validate(row)
    except (ValueError, TypeError, ValidationError):
        return None
    return JourneyCookie(code, kind, parameters, browser) if kind in get_args(JourneyKind) else None


def cookie_name(request: Request, tag: str) -> str:
    """Name the cookie of a journey so that over https no other host can plant one of this name.

    A name with `__Host-` would send it to everything on this host. Below a path the rest of the host is others'.
    """
    if not is_secure(request):
        return f"journey-{tag}"
    return f"__Secure-journey-{tag}" if base_path(request) else f"__Host-journey-{tag}"
