"""What a person lends, at the command line: sources, accounts, files; pushing, storage, and the end of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from privateshare.cli.login import AsJson, ProfileName
from privateshare.cli.operating import show, show_table

if TYPE_CHECKING:
    from privateshare.sdk.sinks import File

storage_tree = typer.Typer(help="The application's own encrypted files.", no_args_is_help=True)

StorageId = Annotated[str, typer.Option("--storage", help="The storage's id.", envvar="PRIVATESHARE_STORAGE")]


def sources(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """List what a person can connect for this contract."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(profile, load_profile(profile)) as client:
        services = client.get_available_services().services
    show_table([{"id": service.id, "name": service.name} for service in services], as_json)


def whoami(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """Show which contract and person the commands act for."""
    from privateshare.cli.profiles import load_profile

    chosen = load_profile(profile)
    token = chosen.user_token()
    facts = {
        "user_id": token.user_id,
        "consent_id": token.consent_id,
        "application_id": chosen.application_id,
        "contract_id": chosen.contract_id,
        "base_url": chosen.base_url,
    }
    show(facts, as_json)


def accounts(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """List the sources that the person connected, as far as the contract may see them."""
    from privateshare.cli.profiles import load_profile, open_client

    chosen = load_profile(profile)
    with open_client(profile, chosen) as client:
        found = client.read_accounts(chosen.user_token())
    rows = [{"id": a.id, "source": a.service_type_name, "user": a.username or "", "type": a.type} for a in found]
    show_table(rows, as_json)


def read(
    into: Annotated[Path, typer.Option(help="The folder to fill; what it holds already is not read again.")],
    format: Annotated[
        Literal["json", "parquet"], typer.Option(help="As files, or also as one Parquet table for each object type.")
    ] = "json",
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Read everything that the person lends into a folder. Stopped and run again, it goes on where it was."""
    from privateshare.cli.profiles import load_profile, open_client
    from privateshare.sdk.tables import tables

    chosen = load_profile(profile)
    token = chosen.user_token()
    with open_client(profile, chosen) as client:
        session = client.read_session(token)
        reading = client.read_all_files(
            session,
            token,
            into=into,
            on_file_data=None if as_json else _progress(),
            on_file_error=lambda failed: typer.echo(f"{failed.name}: {failed.error.message}", err=True),
        )
        result = reading.result()
    if format == "parquet":
        tables(into).to_parquet(into / "parquet")
    state = result.status.state.value if result.status else "unknown"
    facts = {"state": state, "read": result.files, "there before": result.skipped, "failed": len(result.errors)}
    show(facts, as_json)
    if result.errors:
        raise typer.Exit(3)


def _progress() -> "Callable[[File], None]":
    """A line that counts on a terminal, a plain line for each file elsewhere."""
    count = 0

    def note(file: "File") -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{count} files")
            sys.stderr.flush()
        else:
            sys.stderr.write(f"{file.name} {file.size}\n")

    return note


def push(
    file: Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)],
    mime_type: Annotated[str, typer.Option(help="What it is, such as application/json.")],
    account: Annotated[str, typer.Option(help="An id of yours for whose it is.")] = "default",
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    profile: ProfileName = "default",
) -> None:
    """Push a file into the person's library. Needs a write contract."""
    from privateshare.cli.profiles import load_profile, open_client
    from privateshare.protocol.messages import AccountRef, PushDescriptor

    chosen = load_profile(profile)
    descriptor = PushDescriptor(mime_type=mime_type, accounts=[AccountRef(account_id=account)], tags=tag)
    with open_client(profile, chosen) as client:
        client.push_data(chosen.user_token(), file, descriptor)
    typer.echo(f"pushed {file.name}")


def revoke(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, profile: ProfileName = "default"
) -> None:
    """Delete the person as far as this app is concerned; its token stops working at once."""
    from privateshare.cli.profiles import load_profile, open_client

    chosen = load_profile(profile)
    token = chosen.user_token()
    if not yes:
        typer.confirm(f"Delete what this app has of {token.user_id}?", abort=True)
    with open_client(profile, chosen) as client:
        client.delete_user(token)
    typer.echo("deleted")


@storage_tree.command("new")
def storage_new(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """Make a storage; it is tied to the person who consents with it."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(profile, load_profile(profile)) as client:
        show({"storage_id": client.create_provisional_storage().id}, as_json)


@storage_tree.command("ls")
def storage_list(
    storage: StorageId,
    path: str = typer.Argument("/"),
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders in it too.")] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """List the files of a folder."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(profile, load_profile(profile)) as client:
        found = client.list_storage_files(storage, path, recursive=recursive)
    show_table([{"path": file.original_path, "id": file.id} for file in found], as_json)


@storage_tree.command("get")
def storage_get(storage: StorageId, path: str, to: Path, profile: ProfileName = "default") -> None:
    """Download a file and open it."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(profile, load_profile(profile)) as client:
        file = client.download_storage_file(storage, path, to=to)
    typer.echo(f"{file.size} bytes in {to}")


@storage_tree.command("put")
def storage_put(storage: StorageId, file: Path, path: str, profile: ProfileName = "default") -> None:
    """Encrypt a file and upload it."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(profile, load_profile(profile)) as client:
        client.upload_file_to_storage(storage, path, file)
    typer.echo(f"stored {path}")


@storage_tree.command("rm")
def storage_remove(storage: StorageId, path: str, profile: ProfileName = "default") -> None:
    """Remove a file, or for a path ending in "/" a folder."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(profile, load_profile(profile)) as client:
        client.delete_storage_files(storage, path)
    typer.echo(f"removed {path}")
