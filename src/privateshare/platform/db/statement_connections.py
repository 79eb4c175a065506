"""The connections on which named statements run.

A pool of psycopg takes half as long to hand out a connection as PostgreSQL takes for a small statement: it has locks,
statistics and tasks of its own. Here a request takes a connection that is free, or opens one, and gives it back.
"""

import asyncio

from psycopg import OperationalError
from psycopg.pq import TransactionStatus

from privateshare.platform.db.watched_connection import WatchedConnection


class StatementConnections:
    """At most `limit` connections, opened when they are needed.

    Each runs its statements without a transaction around them, unless one is begun. A connection that was lost, or
    that is given back in a transaction, is closed.
    """

    def __init__(self, url: str, limit: int, *, timeout_seconds: float, keeps_prepared: bool) -> None:
        self._url, self._timeout, self._keeps_prepared = url, timeout_seconds, keeps_prepared
        self._places = asyncio.Semaphore(limit)
        self._free: list[WatchedConnection] = []
        self._is_closed = False

    async def take(self) -> WatchedConnection:
        """Take a connection, which must be given back. Raises OperationalError."""
        if self._places.locked():
            try:
                async with asyncio.timeout(self._timeout):
                    await self._places.acquire()
            except TimeoutError as error:
                raise OperationalError("no connection to the database became free") from error
        else:
            await self._places.acquire()
        if self._free:
            return self._free.pop()
        try:
            return await WatchedConnection.open(self._url, keeps_prepared=self._keeps_prepared)
        except BaseException:
            self._places.release()
            raise

    def give_back(self, connection: WatchedConnection) -> None:
        """Give back a connection."""
        if self._is_closed or connection.pgconn.transaction_status != TransactionStatus.IDLE:
            connection.discard()
        else:
            self._free.append(connection)
        self._places.release()

    def discard_free(self) -> None:
        """Close the connections that nobody uses, such as after PostgreSQL was restarted."""
        while self._free:
            self._free.pop().discard()

    def close(self) -> None:
        """Close all connections: those that are in use when they are given back."""
        self._is_closed = True
        self.discard_free()
