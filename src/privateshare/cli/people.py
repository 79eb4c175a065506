"""`privateshare person …`: what an operator does when a person writes to them. Apps know people by `user.id`."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from privateshare.cli.operating import AsJson, Data, in_transaction, on_platform, show, show_table
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import ConsentRow
    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="People: what they agreed to, for when one of them asks you.", no_args_is_help=True)

UserId = Annotated[
    str, typer.Argument(help="The person's id, as any app that they use shows it, or their library's, as logs name it.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@tree.command()
def consents(user_id: UserId, data: Data = None, as_json: AsJson = False) -> None:
    """List all that a person agreed to, with whichever app."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import ConsentRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        of_person = select(ConsentRow).where(ConsentRow.library_id == await _library_of(db, user_id))
        return [await _facts(db, consent) for consent in await db.scalars(of_person.order_by(ConsentRow.created_at))]

    show_table(in_transaction(data, work), as_json)


@tree.command()
def withdraw(
    consent_id: Annotated[UUID, typer.Argument()], yes: Yes = False, data: Data = None, as_json: AsJson = False
) -> None:
    """Withdraw a consent in a person's name: the app reads nothing more, and what is being fetched for it stops."""
    from privateshare.platform.db.tables import ConsentRow
    from privateshare.platform.grants.consents import revoke_consent

    async def work(db: "AsyncSession") -> dict[str, Any]:
        consent = await db.get(ConsentRow, consent_id)
        if consent is None:
            raise ConfigurationError(f"there is no consent {consent_id}")
        await revoke_consent(db, consent.id, datetime.now(UTC))
        await db.refresh(consent)
        return await _facts(db, consent)

    if not yes:
        typer.confirm(f"Withdraw the consent {consent_id}?", abort=True, err=True)
    show(in_transaction(data, work), as_json)


@tree.command()
def erase(user_id: UserId, yes: Yes = False, data: Data = None, as_json: AsJson = False) -> None:
    """Erase a person: their key, so that no copy can be read, all their data, and every consent.

    When this ends their key is destroyed.
    """
    from privateshare.platform.library.erasure import destroy_listed_keys, erase_library

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        await destroy_listed_keys(platform)  # perhaps the same person's: the store was away the first time
        library_id = await _library_of(db, user_id, hint="No key of an earlier erasure is left")
        await erase_library(db, platform, library_id)
        return {"erased": user_id, "key": "destroyed"}

    if not yes:
        typer.confirm(f"Erase everything of {user_id}? Nobody can undo it.", abort=True, err=True)
    show(on_platform(data, work), as_json)


async def _library_of(db: "AsyncSession", user_id: str, hint: str | None = None) -> UUID:
    from sqlalchemy import select

    from privateshare.platform.db.tables import LibraryPartnerRow, LibraryRow
    from privateshare.platform.keystore.store import read_name

    found = await db.scalar(select(LibraryPartnerRow.library_id).where(LibraryPartnerRow.sub == user_id))
    if found is None and (library_id := read_name(user_id)) is not None:
        found = await db.scalar(select(LibraryRow.id).where(LibraryRow.id == library_id))
    if found is None:
        raise ConfigurationError(f"there is no person {user_id}", hint=hint)
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
