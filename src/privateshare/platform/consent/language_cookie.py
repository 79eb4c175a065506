"""The cookie in which a browser keeps the language that its person chose, for all pages."""

from starlette.requests import Request
from starlette.responses import Response

from privateshare.platform.consent.locales import known_language
from privateshare.platform.consent.person_cookie import protected_name
from privateshare.platform.http.requests import base_path, is_secure

YEAR_SECONDS = 365 * 24 * 3600
COOKIE = "language"
PARAMETER = "lng"


def read_language(request: Request) -> str | None:
    """Return the language that the person chose in this browser; None if they chose none."""
    return request.cookies.get(protected_name(request, COOKIE))


def note_language(request: Request, language: str) -> None:
    """Note the language that the person chose with a form, for the response's cookie."""
    request.state.language = language


def remember_language(request: Request, response: Response) -> None:
    """Set the cookie if the person just chose a language with a link or button of one of our pages.

    An app's link names a language too (protocol 8.2), beside its code. It applies to that journey only.
    """
    linked = "" if "code" in request.query_params else request.query_params.get(PARAMETER, "")
    language = known_language(getattr(request.state, "language", linked))
    if language is None:
        return
    response.set_cookie(
        protected_name(request, COOKIE),
        language.replace("_", "-"),
        max_age=YEAR_SECONDS,
        path=f"{base_path(request)}/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
