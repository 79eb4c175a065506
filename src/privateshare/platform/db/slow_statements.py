"""Slow statements of the database, for the log. Their parameters are never logged: they are people's data."""

from time import perf_counter
from typing import Any

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

MAX_STATEMENT_CHARACTERS = 1000
_BEGAN = "began"

log = structlog.get_logger()


def log_slow_statements(engine: AsyncEngine, slow_seconds: float) -> None:
    """Log the statements of an engine that take at least so long."""

    def begin(connection: Any, _cursor: Any, _statement: str, _parameters: Any, _context: Any, _many: bool) -> None:
        connection.info[_BEGAN] = perf_counter()

    def end(connection: Any, _cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool) -> None:
        note_statement(statement, perf_counter() - connection.info[_BEGAN], slow_seconds)

    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)


def note_statement(statement: str, seconds: float, slow_seconds: float) -> None:
    """Log a statement if it was slow: its text has names of parameters, not their values."""
    if seconds >= slow_seconds:
        text = " ".join(statement.split())[:MAX_STATEMENT_CHARACTERS]
        log.warning("a slow statement", milliseconds=round(seconds * 1000), statement=text)
