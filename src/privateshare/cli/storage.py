"""`privateshare storage …`: the application's own encrypted files."""

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.login import ProfileName
from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.progress import ProgressFile, progress

if TYPE_CHECKING:
    from privateshare import PrivateShare, StorageFile

STANDARD_STREAM = Path("-")
PIECE_BYTES = 1 << 20

tree = typer.Typer(help="The application's own encrypted files.", no_args_is_help=True)

StorageId = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="The storage's id. [default: the storage of the person who is signed in]",
        envvar="PRIVATESHARE_STORAGE",
        show_envvar=True,
    ),
]


@tree.command("new")
def storage_new(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """Create a storage. It belongs to the person who consents with its id."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        show({"storage_id": client.create_provisional_storage().id}, as_json)


@tree.command("ls")
def storage_list(
    path: Annotated[str, typer.Argument(help="The folder.")] = "/",
    storage: StorageId = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include subfolders.")] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """List the files of a folder."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        found = client.list_storage_files(_storage_id(client, storage, profile), path, recursive=recursive)
    show_table([_listed(file) for file in found], as_json)


@tree.command("get")
def storage_get(
    path: Annotated[str, typer.Argument(help="The file in the storage.")],
    to: Annotated[
        Path, typer.Argument(help='The target: a new file, an existing folder, or "-" for standard output.')
    ] = Path(),
    storage: StorageId = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Download and decrypt a file."""
    from privateshare.cli.profiles import load_profile, open_client
    from privateshare.sdk.local_files.safe_files import portable_name

    name = path.rstrip("/").rsplit("/", 1)[-1]
    if to == STANDARD_STREAM:
        _write_out(path, storage, profile)
        return
    target = to / portable_name(name) if to.is_dir() else to
    if not target.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {target.parent}")
    with open_client(load_profile(profile)) as client, progress(name, shown=not as_json) as report:
        storage_id = _storage_id(client, storage, profile)
        file = client.download_storage_file(storage_id, path, to=target, on_progress=report)
    show({"into": str(target), "size": file.size}, as_json)


@tree.command("put")
def storage_put(
    file: Annotated[Path, typer.Argument(help='The file on this machine, or "-" for standard input.')],
    path: Annotated[
        str,
        typer.Argument(help='Its path in the storage. A path that ends in "/" is a folder; the file keeps its name.'),
    ] = "/",
    storage: StorageId = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Encrypt a file and upload it."""
    from privateshare.cli.profiles import load_profile, open_client

    if file == STANDARD_STREAM:
        _put_standard_input(path, storage, as_json, profile)
        return
    if not file.exists() or file.is_dir():
        raise typer.BadParameter(f"there is no file {file}")
    target = path + file.name if path.endswith("/") else path
    with (
        open_client(load_profile(profile)) as client,
        progress(file.name, shown=not as_json) as report,
        file.open("rb") as it,
    ):
        id_ = client.upload_file_to_storage(
            _storage_id(client, storage, profile), target, ProgressFile(file, it, report)
        )
    show({"stored": target, "id": id_, "size": file.stat().st_size}, as_json)


@tree.command("rm")
def storage_remove(
    path: Annotated[str, typer.Argument(help='The file, or with "/" at the end a folder with all its files.')],
    storage: StorageId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Delete a file, or for a path that ends in "/" a folder with all its files. For "/" it asks for confirmation."""
    from privateshare.cli.profiles import load_profile, open_client
    from privateshare.errors import ConfigurationError

    if not path.strip("/. ") and not yes:  # The whole storage, however it is written: "/", "//" or "/./".
        if as_json:
            raise ConfigurationError("with --json there is no question for confirmation", hint="Add --yes to delete")
        typer.confirm("Delete all files of the storage?", abort=True, err=True)
    with open_client(load_profile(profile)) as client:
        client.delete_storage_files(_storage_id(client, storage, profile), path)
    show({"removed": path}, as_json)


def _listed(file: "StorageFile") -> dict[str, Any]:
    updated = None if file.updated_date is None else datetime.fromtimestamp(file.updated_date / 1000, UTC)
    return {
        "path": file.original_path + file.original_name,
        "size": file.size,
        "date": updated.isoformat(timespec="seconds") if updated else None,
        "id": file.id,
    }


def _write_out(path: str, storage: str | None, profile: str) -> None:
    """Download a file, and write it to standard output once it is complete and checked."""
    from privateshare.cli.profiles import load_profile, open_client

    with TemporaryDirectory() as folder, open_client(load_profile(profile)) as client:
        storage_id = _storage_id(client, storage, profile)
        client.download_storage_file(storage_id, path, to=Path(folder) / "file")
        with (Path(folder) / "file").open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _put_standard_input(path: str, storage: str | None, as_json: bool, profile: str) -> None:
    from privateshare.cli.profiles import load_profile, open_client

    if path.endswith("/"):
        raise typer.BadParameter("standard input has no name, so the path in the storage must not be a folder")
    size = 0

    def pieces() -> Iterator[bytes]:
        nonlocal size
        while piece := sys.stdin.buffer.read(PIECE_BYTES):
            size += len(piece)
            yield piece

    with open_client(load_profile(profile)) as client:
        id_ = client.upload_file_to_storage(_storage_id(client, storage, profile), path, pieces())
    show({"stored": path, "id": id_, "size": size}, as_json)


def _storage_id(client: "PrivateShare", given: str | None, profile: str) -> str:
    """Return the id that was given, or the id of the storage of the person who is signed in."""
    from privateshare.cli.profiles import load_profile
    from privateshare.errors import ConfigurationError, NotFound

    if given is not None:
        return given
    load_profile(profile).user_token()
    try:
        return client.get_user_storage(client.user(profile)).id
    except NotFound as error:
        hint = "Choose one with --storage, or create one with: privateshare storage new"
        raise ConfigurationError("the person has no storage", hint=hint) from error
