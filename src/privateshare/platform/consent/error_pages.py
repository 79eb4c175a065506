"""The error pages: what happened, what to do, and a reference for support."""

from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response

from privateshare.errors import ApiError, InvalidToken
from privateshare.platform.consent.app_redirect import Failure
from privateshare.platform.consent.journey_cookie import journey_address, read_journey_cookie
from privateshare.platform.consent.rendering import isolated, page, request_words
from privateshare.platform.http.errors import request_id
from privateshare.platform.http.requests import platform_of

GONE, BAD_REQUEST, SERVER_ERROR = 410, 400, 500


class LostReason(StrEnum):
    """Why a browser cannot use a journey.

    NO_COOKIE: the browser has not opened the link, or stores no cookies.
    ELSEWHERE: another browser sent the first form.
    LATE: the journey expired before the person finished.
    OVER: the journey ended long ago, or never existed.
    """

    NO_COOKIE = "no-cookie"
    ELSEWHERE = "elsewhere"
    LATE = "late"
    OVER = "over"


def lost_page(request: Request, reason: LostReason, app: str = "", onward: str = "") -> Response:
    """Render the page for a browser that cannot use a journey; `onward` is the address that returns to the app."""
    return _error_page(request, Failure.INVALID_CODE, GONE, reason=reason, app=app, onward=onward)


def link_page(request: Request, failure: Failure) -> Response:
    """Render the page for a link that names no journey, so that there is no app to return to."""
    return _error_page(
        request, failure, GONE if failure is Failure.INVALID_CODE else BAD_REQUEST, reason=LostReason.OVER
    )


def render_page_error(request: Request, error: ApiError) -> Response:
    """Render the page for a person whose request failed."""
    gone = isinstance(error, InvalidToken)
    failure, status = (Failure.INVALID_CODE, GONE) if gone else (Failure.SERVER_ERROR, error.status)
    return _error_page(request, failure, status, reason=LostReason.OVER)


def _error_page(
    request: Request, failure: Failure, status: int, *, reason: LostReason, app: str = "", onward: str = ""
) -> Response:
    tag = request.path_params.get("tag")
    cookie = read_journey_cookie(request, tag) if isinstance(tag, str) else None
    asked = cookie.parameters.lng if cookie else request.query_params.get("lng")
    values = {
        "failure": failure,
        "status": status,
        "reason": reason,
        "reference": request_id(request),
        "app": isolated(app),
        "onward": onward,
        # This uses only the cookie, because the database may be what failed.
        "way_out": (journey_address(request, cookie.tag, "failed"), cookie.form_token)
        if cookie and status >= SERVER_ERROR
        else None,
        "languages": (),
    }
    words = request_words(request, asked)
    return page("error.html", words, values, settings=platform_of(request).settings, status=status)
