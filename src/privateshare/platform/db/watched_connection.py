"""A connection to PostgreSQL whose socket the event loop watches from one statement to the next.

psycopg adds the socket to the event loop for each statement and removes it again. That takes as long as everything
else that it does for a small statement.
"""

import asyncio
from contextlib import suppress
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.errors import QueryCanceled
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

from privateshare.platform.db.prepared_statements import PreparedStatements

CANCEL_SECONDS = 5.0
CHECK_SECONDS = 1.0

ResultT = TypeVar("ResultT")


class WatchedConnection(AsyncConnection[Any]):
    """A connection that stays in the event loop between two statements.

    It leaves the event loop before its socket is closed or anything else waits for it, and when the server sends
    something that nobody waits for, such as the end of the connection.
    """

    statements: PreparedStatements
    _watched: int | None = None
    _response: asyncio.Future[None] | None = None
    _check: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, url: str, *, keeps_prepared: bool) -> "WatchedConnection":
        """Open a connection that runs each statement without a transaction around it, unless one is begun."""
        connection = await cls.connect(url, autocommit=True, prepare_threshold=None)
        connection.statements = PreparedStatements(connection, are_kept=keeps_prepared)
        return connection

    async def wait(  # These are the parameters of psycopg.
        self,
        gen: PQGen[ResultT],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> ResultT:
        """Run a generator that works on the connection, as `AsyncConnection.wait` does.

        Waiting for a response is done here. Everything else is left to psycopg.
        """
        try:
            wanted = next(gen)
            while wanted == Wait.R and timeout is None:
                await self._until_response(gen)
                wanted = gen.send(Ready.R)
        except StopIteration as done:
            result: ResultT = done.value
            return result
        except BaseException:  # The connection may be lost, and then its socket is closed.
            self._stop_watching()
            raise
        self._stop_watching()
        return await super().wait(_continued(gen, wanted), interval, timeout)

    async def close(self) -> None:
        """Close the connection."""
        self.discard()

    def discard(self) -> None:
        """Close the connection at once. PostgreSQL rolls back what was not committed."""
        self._stop_watching()
        self.pgconn.finish()

    async def _until_response(self, gen: PQGen[ResultT]) -> None:
        """Wait until the server sends something. If the task is cancelled, cancel the statement first."""
        loop = asyncio.get_running_loop()
        if self._watched is None:
            self._watched = self.pgconn.socket
            loop.add_reader(self._watched, self._note_response)
        self._response = loop.create_future()
        if self._check is None:
            self._check = loop.call_later(CHECK_SECONDS, self._look)
        try:
            await self._response
        except asyncio.CancelledError:
            self._stop_watching()
            await self._cancel_statement(gen)
            raise
        finally:
            self._response = None

    async def _cancel_statement(self, gen: PQGen[ResultT]) -> None:
        if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
            return
        try:
            with suppress(QueryCanceled):
                await self.cancel_safe(timeout=CANCEL_SECONDS)
                await super().wait(_continued(gen, Wait.R), timeout=CANCEL_SECONDS)
        except BaseException:  # What the server does now is not known.
            self.pgconn.finish()
            raise

    def _look(self) -> None:
        """Let the statement that runs look whether there is something to read, and do so again later.

        If a connection ends before the server has read the statement, such as when PostgreSQL is stopped, its socket
        has an error, and uvloop may stop watching it without calling anybody.
        """
        self._check = None
        if self._response is not None:
            self._check = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._look)
            self._note_response()

    def _note_response(self) -> None:
        if self._response is None:
            self._stop_watching()
        elif not self._response.done():
            self._response.set_result(None)

    def _stop_watching(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None


def _continued(gen: PQGen[ResultT], wanted: Wait) -> PQGen[ResultT]:
    """Continue a generator that has said what it waits for."""
    while True:
        ready = yield wanted
        try:
            wanted = gen.send(ready)
        except StopIteration as done:
            result: ResultT = done.value
            return result
