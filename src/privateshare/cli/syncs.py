"""`privateshare sync …`: which syncs run, and which failed and why."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, in_report
from privateshare.cli.output import AsJson, show_table
from privateshare.cli.people import library_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Look at syncs, in which data is fetched from sources.", no_args_is_help=True)


@tree.callback()
def _group() -> None:
    """Keep `list` a command of its own: typer runs the only command of a group without its name."""


@tree.command("list")
def list_(
    running: Annotated[bool, typer.Option("--running", help="Only those that run or wait.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those that succeeded or were not needed.")] = False,
    person: Annotated[
        str | None, typer.Option(help="Only those of a person: their id for an app, or that of their library.")
    ] = None,
    source: Annotated[int | None, typer.Option(help="Only those of a source, by its id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 100,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List the syncs that run, wait or failed, with the reason in plain words. Data and names of people are not shown.

    A sync is listed until a day after the last session that waited for it.
    """
    from privateshare.platform.sync.outcomes import DONE, STOPPED
    from privateshare.platform.sync.sync_list import PROBLEMS, SyncFilter, list_syncs

    outcomes = [] if running and not (failed or everything) else list(PROBLEMS)
    if everything:
        outcomes += [DONE, STOPPED]

    async def work(platform: "Platform", db: "AsyncSession") -> "Sequence[dict[str, Any]]":
        library_id = await library_of(db, person) if person is not None else None
        wanted = SyncFilter(not failed or running or everything, outcomes, library_id, source, limit)
        return await list_syncs(db, platform.sources, wanted, datetime.now(UTC))

    show_table(in_report(data, work), as_json)
