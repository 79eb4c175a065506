"""`privateshare push`: pushing files into a person's library."""

from pathlib import Path
from typing import Annotated

import typer

from privateshare.cli.login import ProfileName
from privateshare.cli.output import AsJson, show
from privateshare.cli.progress import ProgressFile, progress

LocalFile = Annotated[Path, typer.Argument(help="The file on this machine.", exists=True, dir_okay=False)]


def push(
    file: LocalFile,
    mime_type: Annotated[str, typer.Option(help="The file's media type, such as application/json.")],
    account: Annotated[str, typer.Option(help="Your own id for the account that the file belongs to.")] = "default",
    reference: Annotated[
        list[str] | None, typer.Option(help="Your own reference for the file; may be repeated.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Push a file into the person's library. This needs a write contract."""
    from privateshare.cli.profiles import signed_in
    from privateshare.protocol.messages import AccountRef, PushDescriptor

    descriptor = PushDescriptor(
        mime_type=mime_type, accounts=[AccountRef(account_id=account)], reference=reference, tags=tag
    )
    with (
        signed_in(profile) as (client, person),
        progress(file.name, shown=not as_json) as report,
        file.open("rb") as it,
    ):
        client.push_data(person, ProgressFile(file, it, report), descriptor)
    show({"pushed": file.name, "size": file.stat().st_size}, as_json)
