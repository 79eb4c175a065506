"""`privateshare usage`: what apps read and wrote, by contract and month."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, in_report
from privateshare.cli.output import AsJson, show_table
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")


def usage(
    app: Annotated[str | None, typer.Option(help="Only that of an application, by its id.")] = None,
    contract: Annotated[str | None, typer.Option(help="Only that of a contract, by its id.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="The first month, such as 2026-03.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The last month, such as 2026-05.")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what each contract used in each month: calls, people, files and bytes. The newest month is first.

    Months are in UTC, and kept for three years. The numbers are some seconds old, and leave out people who were erased.
    """
    from privateshare.platform.reports.usage import usage as used

    months = {name: _month(option, text) for name, option, text in _periods(since, until) if text is not None}

    async def work(_: "Platform", db: "AsyncSession") -> "Sequence[dict[str, Any]]":
        return await used(db, application_id=app, contract_id=contract, **months)

    show_table(in_report(data, work), as_json)


def _periods(since: str | None, until: str | None) -> tuple[tuple[str, str, str | None], ...]:
    return ("first_month", "--from", since), ("last_month", "--to", until)


def _month(option: str, words: str) -> int:
    found = _MONTH.fullmatch(words)
    if found is None:
        raise ConfigurationError(f"{option} {words!r} must be a month, such as 2026-03")
    return int(found["year"]) * 100 + int(found["month"])
