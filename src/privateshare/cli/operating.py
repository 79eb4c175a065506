"""What every operator's command does: open the platform of the data folder, work in one transaction, show."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from privateshare.errors import printable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

T = TypeVar("T")

Data = Annotated[
    Path | None,
    typer.Option(help="The folder that holds everything. [default: privateshare-data]", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def in_transaction(data: Path | None, work: "Callable[[AsyncSession], Awaitable[T]]") -> T:
    """What `work` gives, on the database of the data folder; committed, unless an error passes."""
    return on_platform(data, lambda _, db: work(db))


def on_platform(data: Path | None, work: "Callable[[Platform, AsyncSession], Awaitable[T]]") -> T:
    """The same for work that needs more of the platform than its database."""
    from privateshare.platform.library.credentials import finish_revocations
    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.startup import operator_platform

    settings = load_settings(data=data)
    configure_logging(settings)

    async def run() -> T:
        async with operator_platform(settings) as platform:
            async with platform.database.transaction() as db:
                done = await work(platform, db)
            await finish_revocations()
            return done

    return asyncio.run(run())


def show(facts: Mapping[str, Any], as_json: bool) -> None:
    """Prints facts, one a line; the names are those of the JSON form."""
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        typer.echo(f"{name:<{width}}  {printable(shown) if isinstance(value, str) else shown}")


def show_table(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Prints rows of the same facts."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        typer.echo("none")
        return
    lines = [list(rows[0]), *([printable(str(value)) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
