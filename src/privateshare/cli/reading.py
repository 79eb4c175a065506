"""The commands that read a person's data: sources, whoami, accounts, read, revoke."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from privateshare.cli.login import ProfileName
from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.progress import progress
from privateshare.errors import ConfigurationError, printable

if TYPE_CHECKING:
    from privateshare.sdk.files.file import File
    from privateshare.sdk.reading.results import FileError

SOME_FILES_FAILED_EXIT_CODE = 3


def sources(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """List the sources that a person can connect for this contract."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        services = client.get_available_services().services
    show_table([{"id": service.id, "name": service.name} for service in services], as_json)


def whoami(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """Show the contract and the person of a profile."""
    from privateshare.cli.profiles import load_profile

    chosen = load_profile(profile)
    token = chosen.user_token()
    facts = {
        "profile": profile,
        "user_id": token.user_id,
        "consent_id": token.consent_id,
        "application_id": chosen.application_id,
        "contract_id": chosen.contract_id,
        "base_url": chosen.base_url,
        "signed_in_until": datetime.fromtimestamp(token.refresh_token.expires_on, UTC).isoformat(timespec="seconds"),
    }
    show(facts, as_json)


def accounts(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """List the accounts at sources that the person connected and the contract may see."""
    from privateshare.cli.profiles import signed_in

    with signed_in(profile) as (client, person):
        found = client.read_accounts(person)
    rows = [{"id": a.id, "source": a.service_type_name, "user": a.username or "", "type": a.type} for a in found]
    show_table(rows, as_json)


def read(
    into: Annotated[
        Path,
        typer.Option(help="The folder for the files. Files that it already has are not read again.", file_okay=False),
    ],
    format: Annotated[
        Literal["json", "parquet"],
        typer.Option(help="json: files only. parquet: also one Parquet table for each object type."),
    ] = "json",
    timeout: Annotated[
        float | None, typer.Option(help="The time limit for reading, in seconds. [default: no limit]", min=0)
    ] = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Read all data that the person shares into a folder. If it is interrupted, run it again to continue."""
    from privateshare.cli.profiles import signed_in
    from privateshare.sdk.local_files.safe_files import TABLES_FOLDER, make_own_folder
    from privateshare.sdk.tables.object_tables import check_parquet_available, tables

    if format == "parquet":
        check_parquet_available()
    into.mkdir(parents=True, exist_ok=True)
    with signed_in(profile) as (client, person), progress("reading", shown=not as_json) as report:
        read = 0

        def note(file: "File") -> None:
            nonlocal read
            read += file.size
            if not as_json and not sys.stderr.isatty():
                typer.echo(f"{printable(file.name)} {file.size}", err=True)
            report(read, None)

        def note_error(failed: "FileError") -> None:
            typer.echo(f"{printable(failed.name)}: {failed.error}", err=True)

        session = client.read_session(person)
        reading = client.read_all_files(
            session, person, into=into, on_file_data=note, on_file_error=note_error, timeout=timeout
        )
        with reading:  # Closing it after Ctrl-C removes partly written files.
            result = reading.result()
    facts: dict[str, object] = {
        "state": result.status.state.value,
        "read": result.files,
        "skipped": result.skipped,
        "failed": len(result.errors),
        "into": str(into),
    }
    if format == "parquet":
        found = tables(into)
        facts["tables"] = [str(path) for path in found.to_parquet(make_own_folder(into / TABLES_FOLDER))]
        facts["in_no_table"] = found.left_out
    show(facts, as_json)
    if result.errors:
        raise typer.Exit(SOME_FILES_FAILED_EXIT_CODE)


def revoke(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Delete the person's data that belongs to this app, and their token, which stops working at once."""
    from privateshare.cli.profiles import load_profile, signed_in

    if as_json and not yes:
        raise ConfigurationError("with --json there is no question for confirmation", hint="Add --yes to delete")
    user_id = load_profile(profile).user_token().user_id
    with signed_in(profile) as (client, person):
        if not yes:
            typer.confirm(f"Delete the data of {user_id} that belongs to this app?", abort=True, err=True)
        client.delete_user(person)
    show({"deleted": user_id}, as_json)
