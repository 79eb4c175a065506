"""Tests of errors after which a request or a sync may be tried again."""

import psycopg
import pytest
import sqlalchemy.exc
from fastapi import FastAPI, Request, Response
from psycopg.errors import AdminShutdown, ForeignKeyViolation, ReadOnlySqlTransaction
from starlette.middleware.base import RequestResponseEndpoint
from starlette.testclient import TestClient

from privateshare.platform.http.errors import add_error_handlers, render_error
from privateshare.platform.sync.retries import TEMPORARY_ERRORS

LOST = psycopg.InternalError("received 2 results from command 'BEGIN'")


@pytest.mark.parametrize(
    "error",
    [
        LOST,
        sqlalchemy.exc.InternalError("SELECT 1", {}, LOST),
        ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
        AdminShutdown("terminating connection due to administrator command"),
        psycopg.InterfaceError("the connection is closed"),
        ForeignKeyViolation("the library was moved into another one just before"),
        OSError(28, "No space left on device"),
    ],
)
def test_a_lost_database_is_no_failure_of_the_platform(error: Exception) -> None:
    """However a connection ended, the client is told to try again, and a sync is retried."""
    app = FastAPI()
    add_error_handlers(app, {}, render_error)

    @app.get("/v1.7/anything")
    async def fail() -> None:
        raise error

    @app.middleware("http")
    async def name(request: Request, call_next: RequestResponseEndpoint) -> Response:
        request.state.request_id = "1"
        return await call_next(request)

    answer = TestClient(app, raise_server_exceptions=False).get("/v1.7/anything")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert isinstance(error, TEMPORARY_ERRORS)
