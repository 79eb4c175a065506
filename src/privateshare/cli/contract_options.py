"""The options of the commands that register and change contracts."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

Contract = Annotated[str, typer.Argument(metavar="CONTRACT", help="The contract's id.")]
App = Annotated[str, typer.Option(help="The application's id.")]
RedirectUris = Annotated[
    list[str],
    typer.Option(
        "--redirect-uri", help="The exact address to which people return. A loopback address allows any port."
    ),
]
Purpose = Annotated[str, typer.Option(help="The reason for the request, in words that people understand.")]
Read = Annotated[
    list[str] | None,
    typer.Option(
        help="The data to read: GROUP[/SERVICE,…][:OBJECT,…] by name or id, such as entertainment, medical:127,128 "
        "or entertainment/spotify:playhistory.",
        metavar="DATA",
    ),
]
Last = Annotated[
    str | None, typer.Option(help="The period to read, up to now: a number and h, d, m or y, such as 12m.")
]
From = Annotated[datetime | None, typer.Option("--from", help="The first date to read (UTC).")]
To = Annotated[datetime | None, typer.Option("--to", help="The last date to read (UTC).")]
Retention = Annotated[
    bool | None, typer.Option("--retention/--no-retention", help="The app keeps a copy of the data, or does not.")
]
Sharing = Annotated[
    bool | None, typer.Option("--sharing/--no-sharing", help="The app passes the data on to others, or does not.")
]
LeavesDevice = Annotated[
    bool | None,
    typer.Option("--leaves-device/--stays-on-device", help="The data leaves the person's device, or stays on it."),
]
Deletion = Annotated[
    bool | None,
    typer.Option("--deletion/--no-deletion", help="People can ask the app to delete their data, or cannot."),
]
PrivacyPolicy = Annotated[
    str | None, typer.Option(help="The address of the app's privacy policy, to which the consent page links.")
]
Once = Annotated[bool, typer.Option("--once", help="Each consent allows one read only.")]
Reason = Annotated[
    list[str] | None,
    typer.Option(help="Why the app reads an object type, which people see: OBJECT=TEXT.", metavar="OBJECT=TEXT"),
]
Required = Annotated[
    list[str] | None,
    typer.Option(
        help="An object type without which the app cannot work, and why: OBJECT=TEXT. People cannot leave it out.",
        metavar="OBJECT=TEXT",
    ),
]
NeededDays = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="For how many days the app must come back for its purpose; 0 if one read is enough. It decides the "
        "duration that people are offered first. [default: the shortest in which an app can come back]",
    ),
]
Write = Annotated[bool, typer.Option("--write", help="The contract pushes data instead of reading it.")]
ReadRaw = Annotated[bool, typer.Option("--read-raw", help="The contract reads pushed files, unchanged.")]
Legacy = Annotated[
    bool, typer.Option("--legacy", help="Allow protocol version 1.6, in which the session key alone gives access.")
]
Expires = Annotated[
    datetime | None, typer.Option(help="The date (UTC) from which the contract cannot be used any more.")
]
KeyOut = Annotated[Path | None, typer.Option(help="Generate a key, and write the private key to this new file.")]
PublicKey = Annotated[
    Path | None, typer.Option(help="A PEM file with the app's own RSA public key, in place of --key-out.")
]
Document = Annotated[
    Path | None, typer.Option(help="A contract document (JSON) with further content, such as links and policies.")
]
ContractId = Annotated[
    str | None, typer.Option("--id", help="The contract's id, if it already has one. [default: a new id]")
]
