"""`privateshare source brands …`: published lists of health providers, in which people find theirs by its name."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, in_transaction
from privateshare.cli.output import AsJson, show, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncSession

tree = typer.Typer(
    help="Lists of health providers (SMART User-Access Brands, and older lists of endpoints).", no_args_is_help=True
)

MAX_SHOWN = 30

Name = Annotated[str, typer.Option(help="What the list is called here, such as epic. A list of this name is replaced.")]


@tree.command("import")
def import_brands(
    place: Annotated[str, typer.Argument(help="A file, or an address that begins with https://.")],
    name: Name = "brands",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import a list, so that people can choose these providers by name. Repeat it at times to have what is new."""
    from privateshare.platform.library.providers import check_list_name, import_list, open_list

    check_list_name(name)
    brands = open_list(place)

    async def work(db: "AsyncSession") -> dict[str, Any]:
        done = await import_list(db, name, place, brands)
        return {"name": name, "providers": done.providers, "left_out": dict(done.left_out)}

    show(in_transaction(data, work, "source brands import"), as_json)


@tree.command("list")
def list_brands(data: Data = None, as_json: AsJson = False) -> None:
    """List what was imported."""
    from privateshare.platform.library.providers import imported_lists

    async def work(db: "AsyncSession") -> "Sequence[dict[str, Any]]":
        return await imported_lists(db)

    show_table([*in_transaction(data, work)], as_json)


@tree.command("search")
def search_brands(
    text: Annotated[str, typer.Argument(help="The beginnings of words of the name, the place or the server.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Find providers as people do."""
    from privateshare.platform.library.providers import search_providers

    async def work(db: "AsyncSession") -> "list[dict[str, Any]]":
        found = await search_providers(db, text, MAX_SHOWN)
        return [
            {"name": row.name, "place": row.place, "server": row.server, "list": row.list_name} for row in found.rows
        ]

    show_table(in_transaction(data, work), as_json)


@tree.command("remove")
def remove_brands(
    name: Annotated[str, typer.Argument(help="The name of the list.")], data: Data = None, as_json: AsJson = False
) -> None:
    """Remove a list. Accounts that people connected stay."""
    from privateshare.platform.library.providers import remove_list

    async def work(db: "AsyncSession") -> dict[str, Any]:
        await remove_list(db, name)
        return {"removed": name}

    show(in_transaction(data, work, "source brands remove"), as_json)
