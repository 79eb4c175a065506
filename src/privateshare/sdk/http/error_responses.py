"""The errors of responses: the one that an error response tells, and the one for a redirect. Protocol 13."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from privateshare.errors import MAX_MESSAGE_CHARACTERS, ApiError, InvalidAnswer, printable
from privateshare.sdk.http.requests import Response
from privateshare.sdk.http.responses import read_json

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_WORD_CHARACTERS = 200
"""The limit of a code or a reference."""


def error_of(response: Response) -> ApiError:
    """Build the error that a response tells, in its body or else in its headers.

    It has the class of the code. An unknown code gives a plain `ApiError` that carries it.
    """
    headers, status = response.headers, response.status
    details = _details(response) or {name: headers.get(f"x-error-{name}") for name in ("code", "message", "reference")}
    code = _word(details.get("code")) or _code_of_status(status)
    kind = {error.code: error for error in ApiError.__subclasses__()}.get(code, ApiError)
    return kind(
        str(details.get("message") or f"The platform answered with the status {status}"),
        code=code,
        status=status,
        reference=_word(details.get("reference")) or _word(headers.get("x-request-id")) or None,
        retry_after=_seconds(headers.get("retry-after")),
        hint=_hint(headers.get("x-error-hint")),
    )


def _details(response: Response) -> Mapping[str, object] | None:
    """Return the code, message and reference of a body; None if it has none."""
    try:
        body = read_json(response.body)
    except InvalidAnswer:
        return None
    details = body.get("error") if isinstance(body, Mapping) else None
    if isinstance(details, str):  # Protocol 11.5.
        return {"code": details, "message": body.get("message")}
    return details if isinstance(details, Mapping) else None


def redirect_error(response: Response) -> InvalidAnswer:
    """Build the error for a redirect. The SDK follows none, because its requests carry the user's token."""
    try:
        parts = urlsplit(response.headers.get("location", ""))
    except ValueError:
        parts = urlsplit("")
    # The path of the address may hold a secret, so only the host is named.
    to = f" to {parts.scheme}://{parts.netloc:.200}" if parts.netloc else ""
    hint = "Set base_url to the platform's own address, with https"
    return InvalidAnswer(f"The platform answered with a redirect{to}", hint=hint)


def _hint(text: str | None) -> str | None:
    """Return a platform's hint in a form that can be shown."""
    return printable(text[:MAX_MESSAGE_CHARACTERS]) if text else None


def _word(value: object) -> str:
    """Return a platform's code or reference in a form that can be shown."""
    return printable(str(value)[:MAX_WORD_CHARACTERS]) if value else ""


def _code_of_status(status: int) -> str:
    by_status = {404: "NotFound", 405: "MethodNotAllowed", 413: "RequestTooLarge", 429: "TooManyRequests"}
    return by_status.get(
        status, "Unavailable" if status in (502, 503, 504) else "InternalError" if status >= 500 else "ApiError"
    )


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text is not None else None
    except ValueError:
        return None
