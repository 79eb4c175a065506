"""Every refusal, in the one form of protocol 13."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from obstore.exceptions import BaseError as StoreError
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from privateshare.errors import (
    ApiError,
    InternalError,
    InvalidRequest,
    InvalidToken,
    MethodNotAllowed,
    NotFound,
    PrivateShareError,
    RequestTooLarge,
    Unavailable,
)
from privateshare.platform.http.requests import add_safe_headers
from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.libraries import AccountGone, LibraryGone
from privateshare.platform.operating.metrics import route_of

log = structlog.get_logger()

_HTTP_ERRORS: dict[int, type[ApiError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RequestTooLarge,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
}

# the database is away or has no connection left, a store of blobs or keys is away or the disk full, or someone else
# changed or deleted what this was about
PASSING = (
    OperationalError,
    InterfaceError,
    TimeoutError,
    IntegrityError,
    StaleDataError,
    ConnectorException,
    StoreError,
    KeyStoreUnavailable,
    AccountGone,
    OSError,
)
RETRY_SECONDS = 1
MAX_MESSAGE = 1000  # characters: a message repeats names that the caller made up, and stands in a header

Render = Callable[[Request, ApiError], Response]


def add_error_handlers(app: FastAPI, renderers: dict[str, Render]) -> None:
    """Answers every error as its part of the site does: `renderers` by path prefix, and else as JSON."""

    def answer(request: Request, error: ApiError) -> Response:
        error.reference, error.message = request_id(request), error.message[:MAX_MESSAGE]
        log.info("refused", code=error.code, status=error.status, path=route_of(request.scope), detail=error.detail)
        path = request.scope["path"]
        render = next((render for prefix, render in renderers.items() if path.startswith(prefix)), render_error)
        return render(request, error)

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, PrivateShareError)
        return answer(request, error if isinstance(error, ApiError) else InternalError("Something went wrong here"))

    async def refuse_form(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, invalid_form(error))

    async def refuse_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _HTTP_ERRORS.get(error.status_code)
        told = kind(_told(error)) if kind else InvalidRequest(_told(error), status=error.status_code)
        response = answer(request, told)
        response.headers.update({k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"})
        return response

    async def refuse_text(request: Request, error: Exception) -> Response:
        message = "A text holds a character that cannot be stored"
        return answer(request, InvalidRequest(message, detail=type(error).__name__))

    async def refuse_erased(request: Request, error: Exception) -> Response:
        return answer(request, InvalidToken("The token (access_token) is invalid", detail=repr(error)))

    async def refuse_for_now(request: Request, error: Exception) -> Response:
        log.error("unavailable", path=route_of(request.scope), exc_info=error)
        return answer(request, Unavailable("The platform could not do this now", retry_after=RETRY_SECONDS))

    async def refuse_unknown(request: Request, error: Exception) -> Response:
        if isinstance(error.__cause__, ApiError):  # Starlette's word for a refusal in the middle of an answer
            log.info("broken off", path=route_of(request.scope), code=error.__cause__.code)
        else:
            log.error("failed", path=route_of(request.scope), exc_info=error)
        response = answer(request, InternalError("Something went wrong here"))
        add_safe_headers(response.headers, request_id(request))  # this answer passes no middleware
        return response

    app.add_exception_handler(PrivateShareError, refuse)
    app.add_exception_handler(RequestValidationError, refuse_form)
    app.add_exception_handler(HTTPException, refuse_http)
    app.add_exception_handler(DataError, refuse_text)
    app.add_exception_handler(UnicodeEncodeError, refuse_text)  # a lone surrogate
    app.add_exception_handler(LibraryGone, refuse_erased)
    for passing in PASSING:
        app.add_exception_handler(passing, refuse_for_now)
    app.add_exception_handler(Exception, refuse_unknown)


def render_error(request: Request, error: ApiError) -> Response:
    """Body and headers of protocol 13."""
    return JSONResponse({"error": told_of(request, error)}, error.status, error_headers(request, error))


def told_of(request: Request, error: ApiError) -> dict[str, str]:
    """What a refusal tells. Protocol 13."""
    return {"code": error.code, "message": error.message, "reference": request_id(request)}


def error_headers(request: Request, error: ApiError) -> dict[str, str]:
    """What every refusal tells in its headers too, when to come back, and what to do if its code does not say it.

    Protocol 13: the body has no more than its three fields, for clients that know these alone.
    """
    told = told_of(request, error)
    headers = headers_of(told | ({"hint": error.hint} if "hint" in vars(error) else {}))
    if error.retry_after is not None:
        headers["retry-after"] = str(int(error.retry_after))
    return headers


def headers_of(told: Mapping[str, str]) -> dict[str, str]:
    """What a refusal tells, for clients that read no body: their answer would be octets."""
    return {f"x-error-{name}": _header_safe(value) for name, value in told.items()}


def invalid_form(error: RequestValidationError) -> InvalidRequest:
    """The refusal of a body, header or parameter of the wrong form; the message names each field, never its value."""
    fields = {
        ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]): item["msg"] for item in error.errors()
    }
    return InvalidRequest("; ".join(f"{field}: {message}" for field, message in fields.items()))


def request_id(request: Request) -> str:
    """The id of this request: `reference` of protocol 13, and the header X-Request-Id."""
    return str(request.state.request_id)


def _told(error: HTTPException) -> str:
    return str(error.detail or HTTPStatus(error.status_code).phrase)


def _header_safe(value: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in value)
