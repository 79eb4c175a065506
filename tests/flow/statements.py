"""The statements that a platform sends to its database."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from privateshare.platform.db.statements import Runnable
from privateshare.platform.runtime import Platform


@asynccontextmanager
async def statements(platform: Platform, heard: Callable[[str], Any]) -> AsyncIterator[None]:
    """Record every statement that the platform sends to its database."""

    def hear(*said: Any) -> None:
        heard(said[2])

    rows = platform.database.rows

    async def heard_rows(statement: Runnable[Any], parameters: Mapping[str, object]) -> list[Any]:
        heard(statement.sql.decode())
        return await rows(statement, parameters)

    event.listen(platform.database.engine.sync_engine, "before_cursor_execute", hear)
    platform.database.rows = heard_rows  # type: ignore[method-assign]
    try:
        yield
    finally:
        platform.database.rows = rows  # type: ignore[method-assign]
        event.remove(platform.database.engine.sync_engine, "before_cursor_execute", hear)
