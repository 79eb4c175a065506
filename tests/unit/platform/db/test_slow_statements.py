"""Slow statements are logged without the values of their parameters."""

from pathlib import Path

from sqlalchemy import text
from structlog.testing import capture_logs

from privateshare.platform.db.engine import Database
from privateshare.platform.db.slow_statements import MAX_STATEMENT_CHARACTERS, note_statement
from privateshare.platform.embedded.postgres import EmbeddedPostgres


async def test_slow_statements_are_logged_without_parameters(tmp_path: Path) -> None:
    """Nothing is logged without the setting. On a busy machine, others may be slow too."""
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        slow, silent = Database(url, 2, slow_statement_ms=100), Database(url, 2)
        with capture_logs() as logs:
            for database in (slow, silent):
                async with database.transaction() as db:
                    await db.execute(text("SELECT :value, pg_sleep(0.2)"), {"value": "secret one"})
                    await db.execute(text("SELECT :value"), {"value": "secret two"})
                await database.close()
    lines = [line for line in logs if line["event"] == "a slow statement"]
    assert [line["milliseconds"] >= 200 for line in lines if "pg_sleep" in line["statement"]] == [True]
    assert all(line["milliseconds"] >= 100 for line in lines)
    assert "secret" not in str(logs)


def test_a_long_statement_is_shortened() -> None:
    """It is one line of the log."""
    with capture_logs() as logs:
        note_statement("SELECT\n    1" + ", 1" * 5000, 0.5, 0.1)
        note_statement("SELECT 2", 0.05, 0.1)
    (line,) = logs
    assert line["statement"].startswith("SELECT 1, 1")
    assert len(line["statement"]) == MAX_STATEMENT_CHARACTERS
