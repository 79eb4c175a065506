"""The watch over sessions for which requests of apps wait: one query for all of them, and not one for each."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from privateshare.platform.db.engine import Database
from privateshare.platform.db.statements import Statement

MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS = 0.25, 5.0
# The watch pauses for this many times as long as its last query took. So thousands of waiting requests leave nearly all
# of the machine to others.
PAUSE_PER_QUERY = 60

log = structlog.get_logger()


class _Changed(NamedTuple):
    number: int
    version: str | None


SESSION_VERSIONS = Statement("session_versions", _Changed)


@dataclass(eq=False, frozen=True, slots=True)
class _Waiting:
    """A request that waits until a session has another version."""

    library_id: UUID
    session_id: UUID
    version: str | None
    changed: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self) -> None:
        """Let the request look for itself."""
        if not self.changed.done():
            self.changed.set_result(None)


def _by_session(waiting: Iterable[_Waiting]) -> Sequence[Sequence[_Waiting]]:
    """Group the requests that wait for the same, so that an app cannot make the query larger by asking many times."""
    found = defaultdict[tuple[UUID, UUID, str | None], list[_Waiting]](list)
    for one in waiting:
        found[one.library_id, one.session_id, one.version].append(one)
    return list(found.values())


class SessionWatch:
    """Tells the requests of one process that wait for changes when their session may have changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: set[_Waiting] = set()
        self._looking: asyncio.Task[None] | None = None

    async def version(self, library_id: UUID, session_id: UUID) -> str | None:
        """Return the version of a session. Read it before the files that it is the version of."""
        for changed in await self._look([_Waiting(library_id, session_id, None)]):
            return changed.version
        return None

    @contextmanager
    def change_of(self, library_id: UUID, session_id: UUID, version: str | None) -> Iterator[asyncio.Future[None]]:
        """Provide a future that is done once a session may have another version than this one."""
        waiting = _Waiting(library_id, session_id, version)
        self._waiting.add(waiting)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_while_somebody_waits())
        try:
            yield waiting.changed
        finally:
            self._waiting.discard(waiting)

    async def _look_while_somebody_waits(self) -> None:
        try:
            pause = MIN_INTERVAL_SECONDS
            while self._waiting:
                await asyncio.sleep(pause)
                groups, began = _by_session(self._waiting), perf_counter()
                for changed in await self._look([same[0] for same in groups]):
                    for one in groups[changed.number - 1]:
                        one.end()
                pause = min(max((perf_counter() - began) * PAUSE_PER_QUERY, MIN_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS)
        except (psycopg.Error, SQLAlchemyError) as error:
            log.warning("sessions for which apps wait cannot be looked at", reason=type(error).__name__)
        finally:
            self._looking = None
            for waiting in self._waiting:  # Each of them meets the problem itself, and its response reports it.
                waiting.end()

    async def _look(self, asked: Sequence[_Waiting]) -> Sequence[_Changed]:
        parameters = {
            "library_ids": [one.library_id for one in asked],
            "session_ids": [one.session_id for one in asked],
            "versions": [one.version for one in asked],
        }
        return await self._database.rows(SESSION_VERSIONS, parameters)
