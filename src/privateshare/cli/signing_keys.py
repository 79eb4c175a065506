"""`privateshare keys …`: the keys that the platform signs responses with. Protocol 3."""

from typing import TYPE_CHECKING, Any

import typer

from privateshare.cli.data_folder import Data, in_transaction, on_platform
from privateshare.cli.output import AsJson, show, show_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import SigningKeyRow
    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Manage the keys that the platform signs its responses with.", no_args_is_help=True)


@tree.command()
def rotate(data: Data = None, as_json: AsJson = False) -> None:
    """Create a new key. Servers use it after a restart; older keys stay in the key set for clients."""
    from privateshare.platform.keys.signing import rotate_signing_key

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        return _facts(await rotate_signing_key(db, platform.master_key))

    show(on_platform(data, work, "keys rotate"), as_json)


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the keys, newest first."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import SigningKeyRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [
            _facts(key) for key in await db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc()))
        ]

    show_table(in_transaction(data, work), as_json)


def _facts(key: "SigningKeyRow") -> dict[str, Any]:
    return {"kid": key.kid, "created_at": key.created_at.isoformat()}
