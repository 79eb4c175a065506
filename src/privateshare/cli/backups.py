"""`privateshare backup`, `restore`, `verify` and `move`: a whole platform, elsewhere."""

import asyncio
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, record_action, with_platform
from privateshare.cli.output import AsJson, show
from privateshare.cli.progress import count_lines
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from privateshare.platform.backups.restoring import RestoreResult
    from privateshare.platform.operating.settings import Settings
    from privateshare.platform.runtime import Platform

Place = Annotated[
    str | None,
    typer.Argument(help="A folder, or s3://bucket/path, gs://… or az://…. [default: PRIVATESHARE_BACKUP_URL]"),
]
Snapshot = Annotated[str | None, typer.Option(help="The name of the backup. [default: the newest]")]
Keep = Annotated[int | None, typer.Option(min=1, help="Delete all but this number of the newest backups afterwards.")]
Erasures = Annotated[
    list[str] | None,
    typer.Option(
        help="A further journal of erasures: the address of the old key store, if it is still there. Can be repeated."
    ),
]


def backup(place: Place = None, keep: Keep = None, data: Data = None, as_json: AsJson = False) -> None:
    """Save database, files and keys at a place, encrypted with the master key. The platform may run meanwhile.

    Files that an earlier backup has saved there are not copied again. The master key itself is not saved: keep a copy
    of it elsewhere.
    """
    from privateshare.platform.backups.making import BackupSource, back_up, prune
    from privateshare.platform.backups.place import BackupPlace
    from privateshare.platform.keys.signing import database_name
    from privateshare.platform.library.erasure import write_journal

    async def work(platform: "Platform") -> dict[str, Any]:
        opened = BackupPlace(_address(place, platform.settings))
        await asyncio.to_thread(opened.check)
        async with platform.database.transaction() as db:
            source = BackupSource(platform.database_url.get_secret_value(), await database_name(db), platform)
        await write_journal(platform)
        made = await asyncio.to_thread(back_up, source, opened, count_lines("files saved so far: {}"), _tell)
        if keep is not None:
            await asyncio.to_thread(prune, opened, platform.master_key, keep, made)
        return {
            "backup": made.manifest.name,
            "files": made.manifest.blobs,
            "bytes": made.manifest.blob_bytes,
            "new_files": made.copied.new,
            "new_bytes": made.copied.new_size,
            "keys": made.manifest.keys,
            "keys_destroyed": made.keys_destroyed,
            "deleted_backups": len(made.deleted_snapshots),
            "missing_files": made.manifest.missing_blobs,
            "missing_keys": made.manifest.missing_keys,
        }

    facts = with_platform(data, work, "backup")
    show(facts, as_json)
    if facts["missing_files"] or facts["missing_keys"]:
        raise ConfigurationError("the backup is complete but for what the platform itself has lost; see above")


def restore(
    place: Place = None,
    snapshot: Snapshot = None,
    erasures: Erasures = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup to an empty data folder, or to the empty database and stores of the settings.

    Put the master key there first. What was erased or withdrawn since the backup stays so, as far as the journal at
    the place and those of --erasures know. If the command is interrupted, run it again: it continues.
    """
    from privateshare.platform.backups.place import existing_place
    from privateshare.platform.backups.restoring import BackupContent
    from privateshare.platform.backups.restoring import restore as restore_content
    from privateshare.platform.keys.wrapping import load_master_key
    from privateshare.platform.keystore.journal import ErasureJournal
    from privateshare.platform.operating.settings import place_url

    settings = _settings(data)
    opened, master_key = existing_place(_address(place, settings)), load_master_key(settings)
    opened.check()
    manifest = opened.manifest(snapshot or opened.newest(), master_key)
    content = BackupContent(opened, manifest, [ErasureJournal(place_url(one)) for one in erasures or []])
    result = asyncio.run(restore_content(settings, content, count_lines("files restored so far: {}"), _tell))
    record_action("restore")
    _show_restored(result, as_json, {"backup": manifest.name})


def verify(place: Place = None, snapshot: Snapshot = None, data: Data = None, as_json: AsJson = False) -> None:
    """Read a backup to its last byte, or without a place the platform itself.

    Ends with status 1 if anything is wrong.
    """
    from privateshare.platform.backups.place import existing_place
    from privateshare.platform.backups.verifying import verify_backup, verify_platform
    from privateshare.platform.keys.wrapping import load_master_key

    if place is None and snapshot is None:

        async def work(platform: "Platform") -> Any:
            return await verify_platform(platform, count_lines("files read so far: {}"))

        found, name = with_platform(data, work), "the platform"
    else:
        settings = _settings(data)
        opened, master_key = existing_place(_address(place, settings)), load_master_key(settings)
        opened.check()
        manifest = opened.manifest(snapshot or opened.newest(), master_key)
        found, name = verify_backup(opened, manifest, count_lines("files read so far: {}")), manifest.name
    show({"verified": name, "intact": not found.problems} | asdict(found), as_json)
    if found.problems:
        raise typer.Exit(1)


def move(
    target: Annotated[Path, typer.Argument(help="A TOML file with the settings of the new place.", exists=True)],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Move a stopped platform to other stores: to PostgreSQL and a bucket, to another folder, or back.

    Everything is copied. Then the old platform does not start any more; delete its data once the new one runs, since
    an erasure does not reach it.
    """
    from privateshare.platform.backups.moving import TargetSettings
    from privateshare.platform.backups.moving import move as move_platform

    source = _settings(data)
    try:
        target_settings = TargetSettings.model_validate(tomllib.loads(target.read_text("utf-8")))
    except ValueError as error:
        raise ConfigurationError(f"{target} is not a file of settings: {type(error).__name__}") from None
    result = asyncio.run(move_platform(source, target_settings, count_lines("files moved so far: {}"), _tell))
    record_action("move")
    _show_restored(result, as_json, {"settings": str(target)})


def _show_restored(result: "RestoreResult", as_json: bool, facts: dict[str, Any]) -> None:
    lost = {"missing_files": result.copied.missing, "damaged_files": result.copied.damaged}
    lost["missing_keys"] = result.missing_keys
    facts |= {"files": result.copied.blobs, "bytes": result.copied.size, "keys": result.keys}
    facts |= {"ended_again": asdict(result.replayed)} | lost
    show(facts, as_json)
    if any(lost.values()):
        raise ConfigurationError(
            "everything else was restored", hint="See what is lost above, and with privateshare check --read"
        )


def _address(place: str | None, settings: "Settings") -> str:
    from privateshare.platform.operating.settings import place_url

    found = place_url(place) if place is not None else settings.backup_address()
    if found is None:
        raise ConfigurationError("name the place of the backups, or set PRIVATESHARE_BACKUP_URL")
    return found


def _settings(data: Path | None) -> "Settings":
    from privateshare.platform.operating.logs import configure_logging
    from privateshare.platform.operating.settings import load_settings

    settings = load_settings(data=data)
    configure_logging(settings)
    return settings


def _tell(step: str) -> None:
    typer.echo(f"{step} …", err=True)
