"""`privateshare app …`: registering applications."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, in_transaction
from privateshare.cli.output import AsJson, show, show_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import ApplicationRow

tree = typer.Typer(help="Register the applications that may ask people for data.", no_args_is_help=True)

Partner = Annotated[str | None, typer.Option(help="The organisation that the application belongs to. [default: NAME]")]
ApplicationId = Annotated[
    str | None, typer.Option("--id", help="The application's id, if it already has one. [default: a new id]")
]


@tree.command()
def create(
    name: Annotated[str, typer.Argument(help="The name that people see.")],
    partner: Partner = None,
    id_: ApplicationId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Register an application."""
    from privateshare.platform.grants.contracts import create_application

    async def work(db: "AsyncSession") -> dict[str, Any]:
        return _facts(await create_application(db, name, partner=partner, application_id=id_))

    show(in_transaction(data, work, "app create"), as_json)


@tree.command()
def verify(
    application_id: Annotated[str, typer.Argument(help="The application's id.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take the verification back.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Record that you verified who is behind an application. Its consent page then says so."""
    from datetime import UTC, datetime

    from privateshare.errors import ConfigurationError
    from privateshare.platform.db.tables import ApplicationRow

    async def work(db: "AsyncSession") -> dict[str, Any]:
        application = await db.get(ApplicationRow, application_id)
        if application is None:
            raise ConfigurationError(f"there is no application with the id {application_id}")
        application.verified_at = None if undo else datetime.now(UTC)
        return _facts(application)

    show(in_transaction(data, work), as_json)


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the applications."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import ApplicationRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [_facts(found) for found in await db.scalars(select(ApplicationRow).order_by(ApplicationRow.created_at))]

    show_table(in_transaction(data, work), as_json)


def _facts(application: "ApplicationRow") -> dict[str, Any]:
    return {
        "application_id": application.id,
        "name": application.name,
        "partner": application.partner.name,
        "verified": application.verified_at is not None,
    }
