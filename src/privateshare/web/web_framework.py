"""What the consent routes need from a web framework."""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from privateshare.errors import PrivateShareError
from privateshare.web.cookies import CookieFlags

RequestT = TypeVar("RequestT", contravariant=True)
ResponseT = TypeVar("ResponseT")

ALREADY_SHARED = "You have already shared your data with this app."
TEXT_TYPE = "text/plain; charset=utf-8"


class WebFramework(Protocol[RequestT, ResponseT]):
    """Reads requests and builds responses of a framework."""

    def url(self, request: RequestT) -> str:
        """Return the whole address of a request."""

    def return_address(self, request: RequestT) -> str:
        """Return the address of the route that people come back to."""

    def cookies(self, request: RequestT) -> Mapping[str, str]:
        """Return the cookies of a request."""

    def redirect(self, url: str) -> ResponseT:
        """Build a redirect."""

    def forbid_caching(self, response: ResponseT) -> None:
        """Make a response one that no cache stores, because its address or cookies hold secrets."""

    def set_cookie(self, response: ResponseT, name: str, value: str, seconds: int, flags: CookieFlags) -> None:
        """Set a cookie that lives for some seconds."""

    def delete_cookie(self, response: ResponseT, name: str, flags: CookieFlags) -> None:
        """Delete a cookie."""


def not_shared_text(error: PrivateShareError) -> str:
    """Return what a person reads by default if the data was not shared."""
    return f"The data was not shared ({error.code})."


def not_used_text(error: PrivateShareError) -> str:
    """Return what a person reads by default if the data was shared, and the app then failed."""
    return f"The data was shared, but could not be used now ({error.code})."
