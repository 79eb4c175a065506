"""`privateshare keys …`: what the platform signs its answers with. Protocol 3."""

from typing import TYPE_CHECKING, Any

import typer

from privateshare.cli.operating import AsJson, Data, in_transaction, on_platform, show, show_table

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import SigningKeyRow
    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Keys that the platform signs its answers with.", no_args_is_help=True)


@tree.command()
def rotate(data: Data = None, as_json: AsJson = False) -> None:
    """Make a new key; servers sign with it once they are started anew. Older ones stay listed for clients."""
    from privateshare.platform.keys.signing import rotate_signing_key

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        return _facts(await rotate_signing_key(db, platform.master_key))

    show(on_platform(data, work), as_json)


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the keys, the newest first."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import SigningKeyRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [
            _facts(key) for key in await db.scalars(select(SigningKeyRow).order_by(SigningKeyRow.created_at.desc()))
        ]

    show_table(in_transaction(data, work), as_json)


def _facts(key: "SigningKeyRow") -> dict[str, Any]:
    return {"kid": key.kid, "created_at": key.created_at.isoformat()}
