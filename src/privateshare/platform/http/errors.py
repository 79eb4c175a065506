"""Error responses, in the form of protocol 13."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from obstore.exceptions import BaseError as StoreError
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.exc import InternalError as DatabaseInternalError
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
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.blobs.store_errors import BlobStoreUnavailable, describe_store_error
from privateshare.platform.db.statements import CONNECTION_ERRORS
from privateshare.platform.http.requests import add_safe_headers, is_secure
from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.libraries import AccountGone, LibraryGone, LibraryMoved
from privateshare.platform.operating.metrics import route_of

log = structlog.get_logger()

_HTTP_ERRORS: dict[int, type[ApiError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: RequestTooLarge,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
}

# These mean that the database, the blob store or the key store is not available, that the disk is full, or that another
# request changed or deleted the same rows. A retry may succeed.
TEMPORARY_ERRORS = (
    OperationalError,
    InterfaceError,
    DatabaseInternalError,
    *CONNECTION_ERRORS,
    TimeoutError,
    IntegrityError,
    psycopg.IntegrityError,
    StaleDataError,
    ConnectorException,
    StoreError,
    KeyStoreUnavailable,
    BlobStoreUnavailable,
    AccountGone,
    OSError,
)
# PostgreSQL does not store NUL, and a lone surrogate cannot be encoded.
INVALID_TEXT_ERRORS = (DataError, psycopg.DataError, UnicodeEncodeError)
STORE_FAILURES = (StoreError, KeyStoreUnavailable, BlobStoreUnavailable)
RETRY_SECONDS = 1
FAULT_MESSAGE = "Something went wrong here"
MOVED_MESSAGE = "The person's data has just been moved. Try again"
RETRY_UNOPENED_SECONDS = 60  # An operator must act first.
MAX_MESSAGE_CHARACTERS = 1000  # A message can repeat names that the caller made up, and is sent in a header.

Render = Callable[[Request, ApiError], Response]


def add_error_handlers(app: FastAPI, renderers: Mapping[str, Render], render_page: Render) -> None:
    """Add handlers that turn every error into a response.

    Args:
        app: The application.
        renderers: The renderers of paths that begin with a prefix. Other errors are rendered as JSON.
        render_page: Renders a page, for a browser that asks for an address that does not exist.
    """
    handlers = _ErrorHandlers(renderers, render_page)
    app.add_exception_handler(PrivateShareError, handlers.handle_known_error)
    app.add_exception_handler(RequestValidationError, handlers.handle_invalid_form)
    app.add_exception_handler(HTTPException, handlers.handle_http_error)
    for invalid in INVALID_TEXT_ERRORS:
        app.add_exception_handler(invalid, handlers.handle_invalid_text)
    app.add_exception_handler(LibraryGone, handlers.handle_erased_library)
    app.add_exception_handler(SealBroken, handlers.handle_unopened_value)
    for temporary in TEMPORARY_ERRORS:
        app.add_exception_handler(temporary, handlers.handle_temporary_error)
    app.add_exception_handler(Exception, handlers.handle_unknown_error)


class _ErrorHandlers:
    """The handlers of an application: one for each kind of error."""

    def __init__(self, renderers: Mapping[str, Render], render_page: Render) -> None:
        self._renderers, self._render_page = renderers, render_page

    def respond(self, request: Request, error: ApiError) -> Response:
        """Log an error, and render it as the path of the request needs it."""
        error.reference, error.message = request_id(request), error.message[:MAX_MESSAGE_CHARACTERS]
        log.info("refused", code=error.code, status=error.status, path=route_of(request.scope), detail=error.detail)
        path = request.scope["path"]
        other = self._render_page if isinstance(error, NotFound) and wants_page(request) else render_error
        own = (render for prefix, render in self._renderers.items() if path.startswith(prefix))
        return next(own, other)(request, error)

    async def handle_known_error(self, request: Request, error: Exception) -> Response:
        """Handle an error of our own. Only those of the API are shown; others are a fault of the platform."""
        return self.respond(request, error if isinstance(error, ApiError) else InternalError(FAULT_MESSAGE))

    async def handle_invalid_form(self, request: Request, error: Exception) -> Response:
        """Handle a body, header or parameter that FastAPI could not parse."""
        assert isinstance(error, RequestValidationError)
        return self.respond(request, invalid_form_error(error))

    async def handle_http_error(self, request: Request, error: Exception) -> Response:
        """Handle an error of Starlette, such as a path that does not exist."""
        assert isinstance(error, HTTPException)
        kind = _HTTP_ERRORS.get(error.status_code)
        api_error = kind(_http_detail(error)) if kind else InvalidRequest(_http_detail(error), status=error.status_code)
        response = self.respond(request, api_error)
        response.headers.update({k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"})
        return response

    async def handle_invalid_text(self, request: Request, error: Exception) -> Response:
        """Handle a text that PostgreSQL cannot store."""
        message = "A string contains a character that cannot be stored"
        return self.respond(request, InvalidRequest(message, detail=type(error).__name__))

    async def handle_erased_library(self, request: Request, error: Exception) -> Response:
        """Handle a call whose library was erased, or moved into another one, since its token was checked."""
        if isinstance(error, LibraryMoved):  # The next call finds the consent in the other library.
            return self.respond(request, Unavailable(MOVED_MESSAGE, retry_after=RETRY_SECONDS))
        return self.respond(request, InvalidToken("The token (access_token) is invalid", detail=repr(error)))

    async def handle_temporary_error(self, request: Request, error: Exception) -> Response:
        """Handle an error after which a retry may succeed."""
        if isinstance(error, STORE_FAILURES):  # Their whole text may hold the response of the store, with ids of keys.
            log.error("unavailable", path=route_of(request.scope), reason=describe_store_error(error))
        else:
            log.error("unavailable", path=route_of(request.scope), exc_info=error)
        message = "The platform cannot process this request now. Try again later"
        return self.respond(request, Unavailable(message, retry_after=RETRY_SECONDS))

    async def handle_unopened_value(self, request: Request, error: Exception) -> Response:
        """Handle a stored value that cannot be decrypted."""
        log.error("a stored value cannot be decrypted", path=route_of(request.scope), exc_info=error)
        message = "Stored data cannot be decrypted now. The operator of the platform was informed."
        return self.respond(request, Unavailable(message, retry_after=RETRY_UNOPENED_SECONDS))

    async def handle_unknown_error(self, request: Request, error: Exception) -> Response:
        """Handle a bug, or an error after the response began."""
        if isinstance(error.__cause__, ApiError):  # Starlette wraps an error that is raised after the response started.
            log.info("response aborted", path=route_of(request.scope), code=error.__cause__.code)
        else:
            log.error("failed", path=route_of(request.scope), exc_info=error)
        response = self.respond(request, InternalError(FAULT_MESSAGE))
        # This response does not pass through the middleware.
        add_safe_headers(response.raw_headers, request_id(request), secure=is_secure(request))
        return response


def wants_page(request: Request) -> bool:
    """Return whether a browser opens an address: clients of the API do not accept HTML."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "").lower()


def render_error(request: Request, error: ApiError) -> Response:
    """Make the response to an error, with the body and headers of protocol 13."""
    return JSONResponse({"error": error_fields(request, error)}, error.status, error_headers(request, error))


def error_fields(request: Request, error: ApiError) -> dict[str, str]:
    """Return the fields of an error in its response. Protocol 13."""
    return {"code": error.code, "message": error.message, "reference": request_id(request)}


def error_headers(request: Request, error: ApiError) -> dict[str, str]:
    """Return the headers of an error: its fields, when to retry, and a hint if its code does not say what to do.

    The body has only the three fields that clients know. Protocol 13.
    """
    fields = error_fields(request, error)
    headers = headers_of(fields | ({"hint": error.hint} if "hint" in vars(error) else {}))
    if error.retry_after is not None:
        headers["retry-after"] = str(int(error.retry_after))
    return headers


def headers_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of an error as headers, for clients that expect a binary body and do not read errors in it."""
    return {f"x-error-{name}": _header_safe(value) for name, value in fields.items()}


def invalid_form_error(error: RequestValidationError) -> InvalidRequest:
    """Build the error for an invalid body, header or parameter. The message names the fields, never their values."""
    fields = {
        ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]): item["msg"] for item in error.errors()
    }
    return InvalidRequest("; ".join(f"{field}: {message}" for field, message in fields.items()))


def request_id(request: Request) -> str:
    """Return the id of a request: `reference` in protocol 13, and the header X-Request-Id."""
    return str(request.state.request_id)


def _http_detail(error: HTTPException) -> str:
    return str(error.detail or HTTPStatus(error.status_code).phrase)


def _header_safe(value: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in value)
