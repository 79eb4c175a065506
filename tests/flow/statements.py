"""The statements that a platform sends to its database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from privateshare.platform.runtime import Platform


@asynccontextmanager
async def statements(platform: Platform, heard: Callable[[str], Any]) -> AsyncIterator[None]:
    """Record every statement that the platform sends to its database."""

    def hear(*said: Any) -> None:
        heard(said[2])

    event.listen(platform.database.engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield
    finally:
        event.remove(platform.database.engine.sync_engine, "before_cursor_execute", hear)
