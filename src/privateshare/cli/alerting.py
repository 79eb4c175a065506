"""`privateshare alert …`: telling the operator of problems."""

from typing import TYPE_CHECKING, Any

import typer

from privateshare.cli.data_folder import Data, in_transaction, with_platform
from privateshare.cli.output import AsJson, show_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Tell the operator of problems, by mail or webhook.", no_args_is_help=True)


@tree.command("test")
def send_test_message(data: Data = None, as_json: AsJson = False) -> None:
    """Send a test message in each way that the settings name. Exits with status 1 if one fails."""
    from privateshare.platform.alerts import send_test

    async def work(platform: "Platform") -> list[dict[str, Any]]:
        return [
            {"way": tried.way, "sent": not tried.problem, "problem": tried.problem}
            for tried in await send_test(platform)
        ]

    results = with_platform(data, work)
    show_table(results, as_json)
    if not all(result["sent"] for result in results):
        raise typer.Exit(1)


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the problems that a serving platform found, and whether the operator was told."""
    from privateshare.platform.alerts import open_problems

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [
            {
                "subject": row.subject,
                "found": row.found,
                "advice": row.advice,
                "since": row.since.isoformat(timespec="seconds"),
                "told_at": row.told_at.isoformat(timespec="seconds") if row.told_at else None,
            }
            for row in await open_problems(db)
        ]

    show_table(in_transaction(data, work), as_json)
