"""Access of the operator's commands to the platform in a data folder."""

import asyncio
from collections.abc import Awaitable, Callable
from getpass import getuser
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


def in_transaction(data: Path | None, work: "Callable[[AsyncSession], Awaitable[T]]", action: str | None = None) -> T:
    """Run `work` in one transaction on the database of the data folder, and return its result.

    The transaction is committed, or rolled back if `work` raises an error. `action` names a command that changes
    something, for the audit log.
    """
    return on_platform(data, lambda _, db: work(db), action)


def on_platform(
    data: Path | None, work: "Callable[[Platform, AsyncSession], Awaitable[T]]", action: str | None = None
) -> T:
    """Run `work` like `in_transaction`, with the platform as an additional argument."""
    from privateshare.platform.audit.entries import Event, EventKind, record_public_event
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
                if action is not None:
                    facts = {"action": action, "user": _user_name(), **_ids(result)}
                    await record_public_event(db, Event(EventKind.OPERATOR, facts))
            await finish_revocations()
            return result

    return asyncio.run(run())


def _user_name() -> str:
    """Return the name of the user who runs the command. Some containers have none."""
    try:
        return getuser()
    except (KeyError, OSError):
        return ""


def _ids(result: object) -> dict[str, str]:
    """Pick the ids from a command's result, so that the audit log says what it was about."""
    facts = result if isinstance(result, dict) else {}
    return {name: str(value) for name, value in facts.items() if name == "kid" or name.endswith("_id")}
