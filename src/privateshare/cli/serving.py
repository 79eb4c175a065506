"""`privateshare serve`: running the platform."""

from typing import Annotated

import typer

from privateshare.cli.data_folder import Data
from privateshare.version import VERSION

Host = Annotated[str | None, typer.Option(help="The address to listen on; 0.0.0.0 means all addresses.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 means any free port.")]
Origin = Annotated[
    str | None,
    typer.Option(help="The public address of the platform, if it differs from the address that it listens on."),
]
Processes = Annotated[
    int | None,
    typer.Option(help="How many processes answer requests; by default one per core. With 1, one does everything."),
]
Workers = Annotated[
    int | None, typer.Option(help="How many syncs each worker process runs at once; 0 leaves them to other machines.")
]


def serve(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    origin: Origin = None,
    processes: Processes = None,
    workers: Workers = None,
) -> None:
    """Run the platform until Ctrl-C. Without settings, all data including PostgreSQL is in one folder."""
    import uvloop

    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.serve import run_server

    settings = load_settings(data=data, host=host, port=port, origin=origin, processes=processes, workers=workers)
    configure_logging(settings)

    typer.echo(f"Starting PrivateShare {VERSION}")
    uvloop.run(run_server(settings, typer.echo))


def migrate() -> None:
    """Create or update the tables of the database in DATABASE_URL, and end.

    `serve` does this too when it starts. Where many processes start at once, run this before them.
    """
    import asyncio

    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.startup import migrate_database

    settings = load_settings()
    configure_logging(settings)
    asyncio.run(migrate_database(settings))
    typer.echo("The tables are those of this version.")
