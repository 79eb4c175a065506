"""What an app gives, at the command line: pushing into a person's library, and the application's own files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privateshare.cli.login import ProfileName
from privateshare.cli.operating import AsJson, show, show_table
from privateshare.cli.progress import CountedFile, progress

if TYPE_CHECKING:
    from privateshare import PrivateShare

storage_tree = typer.Typer(help="The application's own encrypted files.", no_args_is_help=True)

StorageId = Annotated[
    str | None,
    typer.Option(
        "--storage",
        help="The storage's id. [default: that of the person who is signed in]",
        envvar="PRIVATESHARE_STORAGE",
        show_envvar=True,
    ),
]
LocalFile = Annotated[Path, typer.Argument(help="The file on this machine.", exists=True, dir_okay=False)]


def push(
    file: LocalFile,
    mime_type: Annotated[str, typer.Option(help="What it is, such as application/json.")],
    account: Annotated[str, typer.Option(help="An id of yours for whose it is.")] = "default",
    reference: Annotated[list[str] | None, typer.Option(help="A reference of yours; may be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be repeated.")] = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Push a file into the person's library. Needs a write contract."""
    from privateshare.cli.profiles import signed_in
    from privateshare.protocol.messages import AccountRef, PushDescriptor

    descriptor = PushDescriptor(
        mime_type=mime_type, accounts=[AccountRef(account_id=account)], reference=reference, tags=tag
    )
    with signed_in(profile) as (client, person), progress(file.name, shown=not as_json) as told, file.open("rb") as it:
        client.push_data(person, CountedFile(file, it, told), descriptor)
    show({"pushed": file.name, "size": file.stat().st_size}, as_json)


@storage_tree.command("new")
def storage_new(as_json: AsJson = False, profile: ProfileName = "default") -> None:
    """Make a storage; it is tied to the person who consents with it."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        show({"storage_id": client.create_provisional_storage().id}, as_json)


@storage_tree.command("ls")
def storage_list(
    path: Annotated[str, typer.Argument(help="The folder.")] = "/",
    storage: StorageId = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Folders in it too.")] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """List the files of a folder."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        found = client.list_storage_files(_storage_id(client, storage, profile), path, recursive=recursive)
    show_table([{"path": file.original_path + file.original_name, "id": file.id} for file in found], as_json)


@storage_tree.command("get")
def storage_get(
    path: Annotated[str, typer.Argument(help="The file in the storage.")],
    to: Annotated[Path, typer.Argument(help="Where it goes: a new name, or a folder that is there.")] = Path(),
    storage: StorageId = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Download a file and open it."""
    from privateshare.cli.profiles import load_profile, open_client
    from privateshare.sdk.local_files.safe_files import portable_name

    name = path.rstrip("/").rsplit("/", 1)[-1]
    target = to / portable_name(name) if to.is_dir() else to
    if not target.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {target.parent}")
    with open_client(load_profile(profile)) as client, progress(name, shown=not as_json) as told:
        storage_id = _storage_id(client, storage, profile)
        file = client.download_storage_file(storage_id, path, to=target, on_progress=told)
    show({"into": str(target), "size": file.size}, as_json)


@storage_tree.command("put")
def storage_put(
    file: LocalFile,
    path: Annotated[str, typer.Argument(help='Its path in the storage; one that ends in "/" keeps its name.')] = "/",
    storage: StorageId = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Encrypt a file and upload it."""
    from privateshare.cli.profiles import load_profile, open_client

    target = path + file.name if path.endswith("/") else path
    with (
        open_client(load_profile(profile)) as client,
        progress(file.name, shown=not as_json) as told,
        file.open("rb") as it,
    ):
        id_ = client.upload_file_to_storage(_storage_id(client, storage, profile), target, CountedFile(file, it, told))
    show({"stored": target, "id": id_, "size": file.stat().st_size}, as_json)


@storage_tree.command("rm")
def storage_remove(
    path: Annotated[str, typer.Argument(help='The file, or with "/" at its end a folder with all that is in it.')],
    storage: StorageId = None,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Remove a file, or for a path ending in "/" a folder."""
    from privateshare.cli.profiles import load_profile, open_client

    with open_client(load_profile(profile)) as client:
        client.delete_storage_files(_storage_id(client, storage, profile), path)
    show({"removed": path}, as_json)


def _storage_id(client: "PrivateShare", given: str | None, profile: str) -> str:
    """The storage that was named, or else that of the person who is signed in."""
    from privateshare.cli.profiles import load_profile
    from privateshare.errors import ConfigurationError, NotFound

    if given is not None:
        return given
    load_profile(profile).user_token()
    try:
        return client.get_user_storage(client.user(profile)).id
    except NotFound as error:
        hint = "Name one with --storage, or make one: privateshare storage new"
        raise ConfigurationError("the person has no storage", hint=hint) from error
