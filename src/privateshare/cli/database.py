"""`privateshare database …`: backups of the built-in PostgreSQL."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from privateshare.cli.data_folder import Data, record_action
from privateshare.cli.output import AsJson, show

tree = typer.Typer(help="Back up the built-in PostgreSQL, and restore it elsewhere.", no_args_is_help=True)


@tree.command()
def dump(
    file: Annotated[Path, typer.Argument(help="The file to write. An older one is replaced.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write a consistent dump of the database. The platform may run meanwhile.

    The files and keys are not part of it: copy them after the database.
    """
    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.startup import dump_built_in_database

    settings = load_settings(data=data)
    configure_logging(settings)
    asyncio.run(dump_built_in_database(settings, file))
    record_action("database dump")
    show({"dump": str(file), "bytes": file.stat().st_size}, as_json)


@tree.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `database dump` has written.", exists=True, dir_okay=False)],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Restore a dump to a data folder that has no database yet."""
    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.startup import restore_built_in_database

    settings = load_settings(data=data)
    configure_logging(settings)
    asyncio.run(restore_built_in_database(settings, file))
    record_action("database restore")
    show({"data": str(settings.data)}, as_json)
