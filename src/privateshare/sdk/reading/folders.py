"""Folders that `read_all_files(into=…)` has filled: their files, as they were when they were read."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from privateshare.errors import ConfigurationError, printable
from privateshare.protocol.catalogue import object_type_of
from privateshare.sdk.files.file import File
from privateshare.sdk.reading.manifest import (
    NAME,
    FolderContents,
    KnownFile,
    Manifest,
    gone_files,
    is_on_disk,
    metadata_of,
    read_contents,
)

FolderPath = str | os.PathLike[str]

NOT_LISTED = "it is not one of the files that were read into this folder"
NOT_COMPLETE = "it is missing, or was changed after it was read"
GONE = "the platform no longer has it"


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files of one folder, and why others of it are not used, by their names.

    `has_manifest` tells whether the folder says which files it should have. Without that, all files of JSON are here.
    """

    folder: Path
    files: list[File]
    left_out: dict[str, str]
    has_manifest: bool


def files(folder: FolderPath, *, include_gone: bool = False) -> list[File]:
    """Return the files of folders that were read, as they were when they were read.

    Args:
        folder: The folder, or a pattern of several, such as `"study/*"`.
        include_gone: Whether files are included that the platform no longer has.

    Raises:
        ConfigurationError: There is no such folder, or nothing was read into it.
    """
    return [
        file
        for found in read_folders(folder, include_gone=include_gone)
        for file in found.files
        if found.has_manifest or object_type_of(None, file.name) is not None
    ]


def prune(folder: FolderPath) -> list[Path]:
    """Delete the files that the platform no longer has, as `ReadResult.gone` lists them.

    Args:
        folder: The folder, or a pattern of several, such as `"study/*"`.

    Returns:
        The paths of the files that were deleted.

    Raises:
        ConfigurationError: There is no such folder, or nothing was read into it.
        OSError: A file cannot be deleted.
    """
    pruned = []
    for path in _folders(folder):
        contents = read_contents(path)
        if contents is not None and gone_files(contents):
            pruned += Manifest(path).prune()
    return pruned


def read_folders(pattern: FolderPath, *, include_gone: bool = False) -> Iterator[FolderFiles]:
    """Yield the files of each folder that a path or a pattern names.

    Raises:
        ConfigurationError: There is no such folder, or nothing was read into it.
    """
    for folder in _folders(pattern):
        contents = read_contents(folder)
        if contents is None:
            yield _without_manifest(folder)
        else:
            yield _with_manifest(folder, contents, include_gone=include_gone)


def _folders(pattern: FolderPath) -> list[Path]:
    """Return the folders that a path or a pattern names."""
    text = os.fspath(pattern)
    if os.path.isdir(text):
        if not _has_data(Path(text)):
            raise ConfigurationError(
                f"Nothing was read into the folder {printable(text)}",
                hint='Name the folder that read_all_files(into=…) or "privateshare read --into" filled',
            )
        return [Path(text)]
    if has_magic(text):
        found = [path for path in map(Path, sorted(glob(text))) if path.is_dir() and _has_data(path)]
        if found:
            return found
        raise ConfigurationError(f"No folder that was read into matches {printable(text)}")
    what = "is not a folder" if os.path.lexists(text) else "does not exist"
    raise ConfigurationError(f"The folder {printable(text)} {what}", hint="Check its path")


def _has_data(folder: Path) -> bool:
    return os.path.lexists(folder / NAME) or any(folder.glob("*.json"))


def _with_manifest(folder: Path, contents: FolderContents, *, include_gone: bool) -> FolderFiles:
    user = contents.owner.name if contents.owner is not None else folder.name
    files: list[File] = []
    left_out: dict[str, str] = {}
    for known in contents.files.values():
        if known.is_gone and not include_gone:
            left_out[known.file_name] = GONE
        elif is_on_disk(folder, known):
            files.append(_file(folder, known, user))
        elif not known.is_gone:
            left_out[known.file_name] = NOT_COMPLETE
    left_out |= {name: NOT_LISTED for name in _names_of_json(folder) if name not in contents.files}
    return FolderFiles(folder, files, left_out, has_manifest=True)


def _without_manifest(folder: Path) -> FolderFiles:
    """Return the files of a folder that was filled in another way, such as a copy of its files of JSON."""
    found = []
    for name in _names_of_json(folder):
        path = folder / name
        known = KnownFile(name, name, 0, path.stat().st_size)
        found.append(_file(folder, known, folder.name))
    return FolderFiles(folder, found, {}, has_manifest=False)


def _names_of_json(folder: Path) -> Iterable[str]:
    return sorted(path.name for path in folder.glob("*.json") if path.is_file())


def _file(folder: Path, known: KnownFile, user: str) -> File:
    path = folder / known.file_name
    return File(known.name, metadata_of(known), known.size, known.updated or None, None, path, user)
