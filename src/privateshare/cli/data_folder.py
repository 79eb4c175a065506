"""Access of the operator's commands to the platform in a data folder."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from privateshare.errors import ConfigurationError, PrivateShareError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

T = TypeVar("T")
# The ids among a command's result, beside the names that end in `_id`; and those that name a person.
IDS = ("kid", "erased")
IDS_OF_PEOPLE = ("library_id", "erased")

Data = Annotated[
    Path | None,
    typer.Option(help="The folder with all data of the platform. [default: privateshare-data]", show_default=False),
]


def in_transaction(data: Path | None, work: "Callable[[AsyncSession], Awaitable[T]]", action: str | None = None) -> T:
    """Run `work` in one transaction on the database of the data folder, and return its result.

    The transaction is committed, or rolled back if `work` raises an error. `action` names a command that changes
    something, for the log and the audit log.
    """
    return on_platform(data, lambda _, db: work(db), action)


def in_report(data: Path | None, work: "Callable[[Platform, AsyncSession], Awaitable[T]]") -> T:
    """Run `work`, which only reads and decides nothing, on a replica of the database if there is one that fits."""
    return with_platform(data, lambda platform: platform.reports.read(lambda db: work(platform, db)))


def on_platform(
    data: Path | None, work: "Callable[[Platform, AsyncSession], Awaitable[T]]", action: str | None = None
) -> T:
    """Run `work` like `in_transaction`, with the platform as an additional argument."""

    async def in_one_transaction(platform: "Platform") -> T:
        async with platform.database.transaction() as db:
            result = await work(platform, db)
            if action is not None:
                await _record_in_audit_log(db, action, result)
            return result

    return _with_platform(data, in_one_transaction, action)


def with_platform(data: Path | None, work: "Callable[[Platform], Awaitable[T]]", action: str | None = None) -> T:
    """Run `work`, which opens its own transactions, with the platform of the data folder, and return its result."""

    async def recorded(platform: "Platform") -> T:
        result = await work(platform)
        if action is not None:
            async with platform.database.transaction() as db:
                await _record_in_audit_log(db, action, result)
        return result

    return _with_platform(data, recorded, action)


def _with_platform(data: Path | None, work: "Callable[[Platform], Awaitable[T]]", action: str | None) -> T:
    from privateshare.platform.library.credentials import finish_revocations
    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.startup import operator_platform
    from privateshare.platform.sync.retries import TEMPORARY_ERRORS, describe_error

    settings = load_settings(data=data)
    configure_logging(settings)

    async def run() -> T:
        async with operator_platform(settings) as platform:
            result = await work(platform)
            await finish_revocations()
            return result

    try:
        result = asyncio.run(run())
    except (PrivateShareError, OSError):
        raise
    except TEMPORARY_ERRORS as error:
        raise ConfigurationError(
            f"the command was interrupted: {describe_error(error)}",
            hint="What was not finished is undone. Run it again",
        ) from error
    if action is not None:
        record_action(action, result)
    return result


def record_action(action: str, result: object = None) -> None:
    """Write a line to the log: which command changed something, what it changed, and who ran it."""
    import structlog

    structlog.get_logger(__name__).info("operator's command", action=action, user=_user_name(), **_ids(result))


async def _record_in_audit_log(db: "AsyncSession", action: str, result: object) -> None:
    """Record a command in the audit log, whose public entries name no person."""
    from privateshare.platform.audit.entries import Event, EventKind, record_public_event

    about = {name: value for name, value in _ids(result).items() if name not in IDS_OF_PEOPLE}
    await record_public_event(db, Event(EventKind.OPERATOR, {"action": action, "user": _user_name(), **about}))


def _user_name() -> str:
    """Return the name of the user who runs the command, or their number: some containers have no names."""
    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _ids(result: object) -> dict[str, str]:
    """Pick the ids from a command's result, which say what it was about."""
    facts = result if isinstance(result, dict) else {}
    return {name: str(value) for name, value in facts.items() if name in IDS or name.endswith("_id")}
