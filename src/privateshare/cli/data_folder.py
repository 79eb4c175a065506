"""Access of the operator's commands to the platform in a data folder."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

T = TypeVar("T")

Data = Annotated[
    Path | None,
    typer.Option(help="The folder with all data of the platform. [default: privateshare-data]", show_default=False),
]


def in_transaction(data: Path | None, work: "Callable[[AsyncSession], Awaitable[T]]") -> T:
    """Run `work` in one transaction on the database of the data folder, and return its result.

    The transaction is committed, or rolled back if `work` raises an error.
    """
    return on_platform(data, lambda _, db: work(db))


def on_platform(data: Path | None, work: "Callable[[Platform, AsyncSession], Awaitable[T]]") -> T:
    """Run `work` like `in_transaction`, with the platform as an additional argument."""
    from privateshare.platform.library.credentials import finish_revocations
    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.startup import operator_platform

    settings = load_settings(data=data)
    configure_logging(settings)

    async def run() -> T:
        async with operator_platform(settings) as platform:
            async with platform.database.transaction() as db:
                result = await work(platform, db)
            await finish_revocations()
            return result

    return asyncio.run(run())
