"""`privateshare serve`."""

from typing import Annotated

import typer

from privateshare.cli.operating import Data

Host = Annotated[str | None, typer.Option(help="The address to listen on; 0.0.0.0 is all of them.")]
Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 is any that is free.")]
Origin = Annotated[str | None, typer.Option(help="The platform's address as its users reach it, if it is another.")]
Workers = Annotated[int | None, typer.Option(help="Syncs that this process runs at once; 0 leaves them to others.")]


def serve(
    data: Data = None, host: Host = None, port: Port = None, origin: Origin = None, workers: Workers = None
) -> None:
    """Run the platform until Ctrl-C. With no settings it keeps everything, PostgreSQL too, in one folder."""
    import uvloop

    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings
    from privateshare.platform.serve import serve as run_server

    settings = load_settings(data=data, host=host, port=port, origin=origin, workers=workers)
    configure_logging(settings)

    def ready(address: str) -> None:
        typer.echo(f"PrivateShare is ready at {address}")
        typer.echo(f"Everything is kept in {settings.data}; stop with Ctrl-C.")

    uvloop.run(run_server(settings, ready))
