"""`privateshare keys …`: the keys that the platform signs responses with (protocol 3), and the master key."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, in_transaction, on_platform, with_platform
from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.progress import count_lines
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import SigningKeyRow
    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Manage the keys that the platform signs with, and the master key.", no_args_is_help=True)


@tree.command()
def rotate(
    now: Annotated[
        bool, typer.Option("--now", help="Sign with it at once, although clients may have a cached key set without it.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Create a new key for signing. It is published at once, and used after 65 minutes; nothing is restarted.

    By then no client has a cached key set without it. Older keys stay in the key set, so what they signed stays valid.
    """
    from privateshare.platform.keys.signing import CACHED_KEY_SET, rotate_signing_key

    async def work(platform: "Platform", db: "AsyncSession") -> dict[str, Any]:
        return _facts(await rotate_signing_key(db, platform.master_key, timedelta() if now else CACHED_KEY_SET))

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


@tree.command()
def rewrap(data: Data = None, as_json: AsJson = False) -> None:
    """Wrap with the current master key everything that an older one wraps, so that nothing needs the older one.

    The platform may run meanwhile. If the command is interrupted, run it again: it continues.
    """
    from privateshare.platform.keys.rewrapping import rewrap as rewrap_all

    async def work(platform: "Platform") -> dict[str, Any]:
        done = await rewrap_all(
            platform.database, platform.master_key, platform.erasure_keys, count_lines("rewrapped {} of {} libraries")
        )
        return {
            "libraries": done.libraries,
            **done.own_keys,
            "not_rewrapped": {str(id_): reason for id_, reason in done.failed.items()},
        }

    facts = with_platform(data, work, "keys rewrap")
    show(facts, as_json)
    left = len(facts["not_rewrapped"])
    if left:
        raise ConfigurationError(
            f"libraries that could not be rewrapped: {left}; the older master key is still needed",
            hint="Restore their erasure keys and run this command again, or erase these people with person erase",
        )


def _facts(key: "SigningKeyRow") -> dict[str, Any]:
    return {
        "kid": key.kid,
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "signs_from": key.active_at.isoformat(timespec="seconds"),
    }
