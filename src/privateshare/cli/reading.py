"""The commands that read a person's data: sources, whoami, accounts, read, revoke."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privateshare.cli.login import ProfileName
from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.progress import Progress, progress
from privateshare.cli.table_formats import Format
from privateshare.errors import ConfigurationError, InvalidToken, printable

if TYPE_CHECKING:
    from privateshare.sdk.files.file import File
    from privateshare.sdk.reading.results import FileError

SOME_FILES_FAILED_EXIT_CODE = 3


Into = Annotated[
    Path,
    typer.Option(
        help="The folder for the files, of one person and contract. {user} in it stands for the profile's name. "
        "Files that it already has are not read again.",
        file_okay=False,
    ),
]
TableFormat = Annotated[
    Format,
    typer.Option(help="json: files only. Others: also a table for each object type, in Parquet files or a database."),
]
Flat = Annotated[
    bool, typer.Option("--flat", help="Write tables without nested data, with the columns that most analyses need.")
]
LastPeriod = Annotated[
    str | None, typer.Option(help="Read the last period only: a number and h, d, m or y, such as 3m.")
]
OnlyTypes = Annotated[
    list[str] | None,
    typer.Option("--type", help="Read this object type only, such as playhistory; may be repeated."),
]
OnlySources = Annotated[list[str] | None, typer.Option(help="Read this source only, such as spotify; may be repeated.")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete files of the folder that the platform no longer has.")]
Timeout = Annotated[
    float | None, typer.Option(help="The time limit for reading, in seconds. [default: no limit]", min=0)
]


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
    into: Into,
    format: TableFormat = Format.JSON,
    flat: Flat = False,
    last: LastPeriod = None,
    type_: OnlyTypes = None,
    source: OnlySources = None,
    prune: Prune = False,
    timeout: Timeout = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Read the data that the person shares into a folder. If it is interrupted, run it again to continue."""
    from privateshare.cli.folder_tables import check_available, stale_tables, write_tables
    from privateshare.cli.profiles import signed_in
    from privateshare.cli.scope_options import session_options
    from privateshare.sdk.reading import folders

    check_available(format)
    with signed_in(profile) as (client, person), progress("reading", shown=not as_json) as report:
        options = session_options(client, last, type_ or (), source or ())
        with _remembered(profile, into):
            reading = client.read_all_files(
                client.read_session(person, options),
                person,
                into=into,
                on_file_data=_Counter(report, shown=not as_json).add,
                on_file_error=_print_error,
                timeout=timeout,
            )
            with reading:  # Closing it after Ctrl-C removes partly written files.
                result = reading.result()
    folder = result.folder or into
    pruned = folders.prune(folder) if prune else []
    facts: dict[str, object] = {
        "state": result.status.state.value,
        "read": result.files,
        "skipped": result.skipped,
        "failed": len(result.errors),
        "gone": [] if prune else result.gone,
        "into": str(folder),
    }
    if prune:
        facts["pruned"] = [path.name for path in pruned]
    if format is not Format.JSON or stale_tables(folder, pruned):
        facts |= write_tables(folder, format, flat=flat)
    show(facts, as_json)
    if result.gone and not prune and not as_json:
        typer.echo(f"{len(result.gone)} files are no longer on the platform. Delete them with: --prune", err=True)
    if result.errors:
        raise typer.Exit(SOME_FILES_FAILED_EXIT_CODE)


@contextmanager
def _remembered(profile: str, into: Path) -> Iterator[None]:
    """Note in the profile which folder has data of its person, also if reading into it is interrupted.

    If the person has withdrawn, the error says that the folder still has their data.
    """
    from privateshare.cli.folder_tables import folder_size
    from privateshare.cli.profiles import load_profile, remember_folder
    from privateshare.sdk.reading.manifest import folder_of, read_contents

    user_id, folder = load_profile(profile).user_token().user_id, folder_of(into, profile)
    try:
        yield
    except InvalidToken as error:
        if "expired" not in error.message and folder_size(folder) is not None:
            reason = f"{error.hint}. " if "hint" in vars(error) else ""
            error.hint = f"{reason}The files that were read before are still in {folder}"
        raise
    finally:
        contents = read_contents(folder) if folder.is_dir() else None
        if contents is not None and contents.owner is not None and contents.owner.user_id == user_id:
            remember_folder(profile, folder)


class _Counter:
    """Counts what was read, and reports it. Without a terminal, it says once that reading has begun."""

    def __init__(self, report: Progress, *, shown: bool) -> None:
        self._report, self._size = report, 0
        self._is_told = not shown or sys.stderr.isatty()

    def add(self, file: "File") -> None:
        """Count a file."""
        if not self._is_told:
            self._is_told = True
            typer.echo(f"reading into {file.path.parent if file.path else 'the folder'}", err=True)
        self._size += file.size
        self._report(self._size, None)


def _print_error(failed: "FileError") -> None:
    typer.echo(f"{printable(failed.name)}: {failed.error}", err=True)


def revoke(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Delete the person's data that belongs to this app, and their token, which stops working at once."""
    from privateshare.cli.folder_tables import folder_size
    from privateshare.cli.profiles import load_profile, signed_in

    if as_json and not yes:
        raise ConfigurationError("with --json there is no question for confirmation", hint="Add --yes to delete")
    chosen = load_profile(profile)
    user_id = chosen.user_token().user_id
    with signed_in(profile) as (client, person):
        if not yes:
            typer.confirm(f"Delete the data of {user_id} that belongs to this app?", abort=True, err=True)
        client.delete_user(person)
    kept = [found for folder in chosen.folders if (found := folder_size(Path(folder))) is not None]
    show({"deleted": user_id, "still_on_this_disk": kept}, as_json)
    if kept and not as_json:
        typer.echo(
            "The files that were read before are still in these folders. Delete them if you promised to.", err=True
        )
