"""`privateshare storage …`: the application's own encrypted files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privateshare.cli.login import ProfileName
from privateshare.cli.output import AsJson, show, show_table
from privateshare.cli.progress import ProgressFile, progress
from privateshare.cli.pushing import LocalFile

if TYPE_CHECKING:
    from privateshare import PrivateShare

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
    show_table([{"path": file.original_path + file.original_name, "id": file.id} for file in found], as_json)


@tree.command("get")
def storage_get(
    path: Annotated[str, typer.Argument(help="The file in the storage.")],
    to: Annotated[Path, typer.Argument(help="The target: a new file, or an existing folder.")] = Path(),
    storage: StorageId = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Download and decrypt a file."""
    from privateshare.cli.profiles import load_profile, open_client
    from privateshare.sdk.local_files.safe_files import portable_name

    name = path.rstrip("/").rsplit("/", 1)[-1]
    target = to / portable_name(name) if to.is_dir() else to
    if not target.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {target.parent}")
    with open_client(load_profile(profile)) as client, progress(name, shown=not as_json) as report:
        storage_id = _storage_id(client, storage, profile)
        file = client.download_storage_file(storage_id, path, to=target, on_progress=report)
    show({"into": str(target), "size": file.size}, as_json)


@tree.command("put")
def storage_put(
    file: LocalFile,
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
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Delete a file, or for a path that ends in "/" a folder with all its files."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        client.delete_storage_files(_storage_id(client, storage, profile), path)
    show({"removed": path}, as_json)


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
