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
ApplicationArgument = Annotated[str, typer.Argument(metavar="APPLICATION_ID", help="The application's id.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
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
    application_id: ApplicationArgument,
    undo: Annotated[bool, typer.Option("--undo", help="Take the verification back.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Record that you verified who is behind an application. Its consent page then says so."""
    from datetime import UTC, datetime

    async def work(db: "AsyncSession") -> dict[str, Any]:
        application = await _application(db, application_id)
        application.verified_at = None if undo else datetime.now(UTC)
        return _facts(application)

    show(in_transaction(data, work, "app verify"), as_json)


@tree.command()
def suspend(application_id: ApplicationArgument, yes: Yes = False, data: Data = None, as_json: AsJson = False) -> None:
    """Refuse everything that an application asks for, until `app resume`. The consents of people are kept."""
    from datetime import UTC, datetime

    async def work(db: "AsyncSession") -> dict[str, Any]:
        application = await _application(db, application_id)
        application.suspended_at = application.suspended_at or datetime.now(UTC)
        return _facts(application)

    if not yes:
        typer.confirm(f"Suspend {application_id}? It can read nothing until you resume it.", abort=True, err=True)
    show(in_transaction(data, work, "app suspend"), as_json)


@tree.command()
def resume(application_id: ApplicationArgument, data: Data = None, as_json: AsJson = False) -> None:
    """Let a suspended application work again, with the consents that it had."""

    async def work(db: "AsyncSession") -> dict[str, Any]:
        application = await _application(db, application_id)
        application.suspended_at = None
        return _facts(application)

    show(in_transaction(data, work, "app resume"), as_json)


@tree.command()
def end(application_id: ApplicationArgument, yes: Yes = False, data: Data = None, as_json: AsJson = False) -> None:
    """End all contracts of an application and all consents to them, permanently."""
    from datetime import UTC, datetime

    from sqlalchemy import select

    from privateshare.platform.db.tables import ContractRow
    from privateshare.platform.grants.consents import end_contract

    async def work(db: "AsyncSession") -> dict[str, Any]:
        application = await _application(db, application_id)
        contracts = list(await db.scalars(select(ContractRow).where(ContractRow.application_id == application.id)))
        for contract in contracts:
            await end_contract(db, contract, datetime.now(UTC))
        return {**_facts(application), "ended_contracts": [contract.id for contract in contracts]}

    if not yes:
        question = f"End all contracts of {application_id}? All consents to them end, and people must consent anew."
        typer.confirm(question, abort=True, err=True)
    show(in_transaction(data, work, "app end"), as_json)


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the applications."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import ApplicationRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [_facts(found) for found in await db.scalars(select(ApplicationRow).order_by(ApplicationRow.created_at))]

    show_table(in_transaction(data, work), as_json)


async def _application(db: "AsyncSession", application_id: str) -> "ApplicationRow":
    from privateshare.errors import ConfigurationError
    from privateshare.platform.db.tables import ApplicationRow

    application = await db.get(ApplicationRow, application_id)
    if application is None:
        raise ConfigurationError(
            f"there is no application with the id {application_id}", hint="List them with: privateshare app list"
        )
    return application


def _facts(application: "ApplicationRow") -> dict[str, Any]:
    return {
        "application_id": application.id,
        "name": application.name,
        "partner": application.partner.name,
        "verified": application.verified_at is not None,
        "suspended": application.suspended_at is not None,
    }
