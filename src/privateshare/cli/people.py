"""`privateshare person …`: listing and withdrawing consents and erasing data, at a person's request."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from privateshare.cli.data_folder import Data, in_report, in_transaction, on_platform
from privateshare.cli.output import AsJson, show, show_table
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import ConsentRow
    from privateshare.platform.runtime import Platform

tree = typer.Typer(
    help="Look at people by their ids, and answer their requests: list and withdraw consents, erase data.",
    no_args_is_help=True,
)

UserId = Annotated[
    str, typer.Argument(help="The person's id, as one of their apps shows it (`user.id`), or the id of their library.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@tree.command("list")
def list_(
    app: Annotated[str | None, typer.Option(help="Only people who agreed with an application, by its id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 100,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List people by the ids of their libraries, the newest first, with the numbers of what they have.

    Nothing is shown that says who they are, or what their data is.
    """
    from privateshare.platform.reports.people import list_people

    async def work(_: "Platform", db: "AsyncSession") -> "Sequence[dict[str, Any]]":
        return await list_people(db, datetime.now(UTC), application_id=app, limit=limit)

    show_table(in_report(data, work), as_json)


@tree.command("show")
def show_(user_id: UserId, data: Data = None, as_json: AsJson = False) -> None:
    """Show one person: the ids by which apps know them, their accounts, consents and ways to sign in.

    Only ids, sources, dates and numbers are shown, never names or data.
    """
    from privateshare.platform.reports.people import show_person

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        return await show_person(db, platform.sources, await library_of(db, user_id), datetime.now(UTC))

    show(on_platform(data, work), as_json)


@tree.command()
def consents(user_id: UserId, data: Data = None, as_json: AsJson = False) -> None:
    """List all consents of a person, for all apps."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import ConsentRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        of_person = select(ConsentRow).where(ConsentRow.library_id == await library_of(db, user_id))
        return [await _facts(db, consent) for consent in await db.scalars(of_person.order_by(ConsentRow.created_at))]

    show_table(in_transaction(data, work), as_json)


@tree.command()
def withdraw(
    consent_id: Annotated[UUID, typer.Argument(help="The consent's id, as `person consents` shows it.")],
    yes: Yes = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a consent for a person: the app can read nothing more, and running syncs for it stop."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import ConsentRow
    from privateshare.platform.grants.consent_events import OPERATOR, withdraw_consent

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        consent = await db.scalar(select(ConsentRow).where(ConsentRow.id == consent_id))
        if consent is None:
            raise ConfigurationError(
                f"there is no consent {consent_id}",
                hint="List a person's consents with: privateshare person consents USER_ID",
            )
        await withdraw_consent(db, platform, consent, datetime.now(UTC), OPERATOR)
        await db.refresh(consent)
        return await _facts(db, consent)

    if not yes:
        typer.confirm(f"Withdraw the consent {consent_id}?", abort=True, err=True)
    show(on_platform(data, work, "person withdraw"), as_json)


@tree.command("recovery-code")
def recovery_code(
    user_id: UserId,
    minutes: Annotated[
        int | None, typer.Option(min=1, help="How long the code is valid; if not given, always.")
    ] = None,
    yes: Yes = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make a recovery code for a person who cannot show any more that it is them.

    Whoever has the code has the person's library: be sure that it is them. The code that they had stops working.
    """
    from datetime import timedelta

    from privateshare.platform.library.libraries import open_library
    from privateshare.platform.person.recovery_codes import new_recovery_code

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        library = await open_library(db, platform, await library_of(db, user_id))
        lifetime = timedelta(minutes=minutes) if minutes is not None else None
        return {"recovery_code": await new_recovery_code(db, library, lifetime), "library_id": str(library.id)}

    if not yes:
        typer.confirm(f"Are you sure that who asks is {user_id}?", abort=True, err=True)
    show(on_platform(data, work, "person recovery-code"), as_json)


@tree.command()
def erase(user_id: UserId, yes: Yes = False, data: Data = None, as_json: AsJson = False) -> None:
    """Erase a person: their data, their consents, and their key, so that no copy of the data can be decrypted.

    The key is destroyed when the command ends without an error.
    """
    from privateshare.platform.grants.consent_events import announce_erasure
    from privateshare.platform.library.erasure import destroy_listed_keys, erase_library

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        # A key may be left from an earlier erasure, even of the same person, during which the key store failed.
        await destroy_listed_keys(platform)
        library_id = await library_of(db, user_id, hint="If they were erased before, their key is destroyed too")
        await announce_erasure(db, platform, library_id, datetime.now(UTC))
        await erase_library(db, platform, library_id)
        return {"erased": user_id, "key": "destroyed"}

    if not yes:
        typer.confirm(f"Erase all data of {user_id}? This cannot be undone.", abort=True, err=True)
    show(on_platform(data, work, "person erase"), as_json)


async def library_of(db: "AsyncSession", user_id: str, hint: str | None = None) -> UUID:
    """Find a person's library, by their id for an app or that of the library. Raises ConfigurationError."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import LibraryPartnerRow, LibraryRow
    from privateshare.platform.keystore.store import read_name

    found = await db.scalar(select(LibraryPartnerRow.library_id).where(LibraryPartnerRow.sub == user_id))
    if found is None and (library_id := read_name(user_id)) is not None:
        found = await db.scalar(select(LibraryRow.id).where(LibraryRow.id == library_id))
    if found is None:
        raise ConfigurationError(
            f"there is no person {user_id}", hint=hint or "List them with: privateshare person list"
        )
    return found


async def _facts(db: "AsyncSession", consent: "ConsentRow") -> dict[str, Any]:
    from privateshare.platform.db.tables import ContractRow

    contract = await db.get_one(ContractRow, consent.contract_id)
    return {
        "consent_id": str(consent.id),
        "application": contract.application.name,
        "contract_id": contract.id,
        "given_at": _moment(consent.created_at),
        "expires_at": _moment(consent.expires_at),
        "withdrawn_at": _moment(consent.revoked_at),
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
