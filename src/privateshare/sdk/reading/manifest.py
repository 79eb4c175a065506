"""A list of the files that a folder holds, whose they are, and what of them the platform no longer has.

The manifest has one line of JSON for the folder's owner, one for each file, which is written once the file is complete,
and one for each file that the platform no longer has. Of several lines about a file the last counts. An incomplete line
is ignored. Manifests of older versions have no line for the owner, and only name, date and size of files.
"""

import json
import os
import stat
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from privateshare.errors import ConfigurationError, printable
from privateshare.protocol.messages import FileEntry, FileMetadata
from privateshare.protocol.window import Window
from privateshare.sdk.files.file import File
from privateshare.sdk.local_files.safe_files import open_own_file, portable_name, remove_partial_files, safe_name

NAME = ".privateshare-manifest.jsonl"
USER = "{user}"
"""In the path of a folder, this stands for the name of the user whose files are read into it."""
PART = "part of "


@dataclass(frozen=True, slots=True)
class FolderOwner:
    """Whose files a folder holds, and which contract reads them.

    `name` is the key in the app's token store, or else `user_id`, which is the platform's id of the person.
    """

    name: str
    user_id: str
    contract_id: str

    def is_same(self, other: "FolderOwner") -> bool:
        """Tell whether both are the same person, read with the same contract."""
        return (self.user_id, self.contract_id) == (other.user_id, other.contract_id)

    def __str__(self) -> str:
        person = self.name if self.name == self.user_id else f"{self.name} ({self.user_id})"
        return printable(f"{person} with the contract {self.contract_id}")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file of a folder. `file_name` is its name there.

    `windows` are the times that it was limited to when it was read, or None if it is whole. `is_gone` tells that the
    platform no longer has it.
    """

    name: str
    file_name: str
    updated: int
    size: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
    windows: tuple[Window, ...] | None = None
    is_gone: bool = False

    def covers(self, windows: Sequence[Window] | None) -> bool:
        """Tell whether it holds what a reading with this limit of time would give."""
        if self.windows is None:
            return True
        return windows is not None and all(any(own.contains(asked) for own in self.windows) for asked in windows)

    def to_line(self) -> str:
        """Format the file as a line of the manifest."""
        line: dict[str, Any] = {"name": self.name, "updatedDate": self.updated, "size": self.size}
        if self.file_name != safe_name(self.name):
            line["file"] = self.file_name
        if self.metadata:
            line["metadata"] = dict(self.metadata)
        if self.windows is not None:
            line["windows"] = [[window.start, window.end] for window in self.windows]
        return json.dumps(line | ({"gone": True} if self.is_gone else {}))


class FolderContents:
    """What the lines of a manifest say. Files are known by their name in the folder."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self.owner: FolderOwner | None = None
        self.files: dict[str, KnownFile] = {}
        for line in lines:
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue

    def _take(self, line: dict[str, Any]) -> None:
        if "owner" in line:
            told = line["owner"]
            owner = FolderOwner(str(told["name"]), str(told["userId"]), str(told["contract"]))
            self.owner = self.owner or owner  # If two processes began at once, the first line counts.
        elif line.get("pruned") is True:
            self.files.pop(str(line["file"]), None)
        else:
            found = _known_file(line)
            self.files[found.file_name] = found


class Manifest:
    """The manifest of one folder, while a reading writes into it.

    Args:
        folder: The path of the folder, in which `{user}` stands for the user's name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder
        self._contents = FolderContents()
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def open(self, owner: FolderOwner) -> None:
        """Read the manifest, and remove the incomplete files of an interrupted reading.

        Raises:
            ConfigurationError: The folder is another person's or contract's, or a symbolic link is in the place of the
                manifest.
        """
        self.folder = folder_of(self.folder, owner.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = open_own_file(self.folder / NAME, append=True)
        self._contents = self._read()
        if self._contents.owner is None:
            told = {"name": owner.name, "userId": owner.user_id, "contract": owner.contract_id}
            self._write(json.dumps({"owner": told}))
            self._contents = self._read()
        found = self._contents.owner
        if found is not None and not found.is_same(owner):
            self._file.close()
            self._file = None
            raise ConfigurationError(
                f"The folder {self.folder} has the files of {found}, and this reading is of {owner}",
                hint='Name another folder, or give each person one of their own: into="study/{user}"',
            )
        remove_partial_files(self.folder)

    def has(self, entry: FileEntry, windows: Sequence[Window] | None) -> bool:
        """Tell whether the folder has this file: as new as the entry, of its full size, and not a link.

        Args:
            entry: The entry of the file list.
            windows: The times to which the reading is limited, or None.
        """
        return any(
            known.updated >= entry.updated_date and known.covers(windows) and is_on_disk(self.folder, known)
            for known in self._versions(entry.name)
        )

    def path(self, name: str, windows: Sequence[Window] | None) -> Path:
        """Return the path for a file, which is in the folder whatever its name is.

        A file that is limited in time does not replace a whole one, whose other objects would be lost.
        """
        known = self._contents.files.get(safe_name(name))
        is_beside = windows is not None and known is not None and known.windows is None
        return self.folder / safe_name(PART + name if is_beside else name)

    def add(self, entry: FileEntry, file: File, windows: Sequence[Window] | None) -> None:
        """Add a file that is complete."""
        assert file.path is not None
        metadata = file.metadata.model_dump(mode="json", by_alias=True, exclude_none=True)
        limits = None if windows is None else tuple(windows)
        known = KnownFile(entry.name, file.path.name, entry.updated_date, file.size, metadata, limits)
        with self._lock:
            self._keep(known)
            part = safe_name(PART + entry.name)
            if windows is None and part in self._contents.files:
                self._remove(part)

    def note_listed(self, listed: Collection[str], unknown_services: Collection[str]) -> list[str]:
        """Note which files the platform no longer has.

        Args:
            listed: The names of the files that the platform has.
            unknown_services: The numbers of the services about which the platform could not tell all.

        Returns:
            The names of the files that are gone.
        """
        gone = []
        with self._lock:
            for known in list(self._contents.files.values()):
                if not is_on_disk(self.folder, known):
                    continue
                is_unlisted = known.name not in listed
                if is_unlisted and not known.is_gone and service_number(known.name) in unknown_services:
                    continue
                if known.is_gone != is_unlisted:
                    self._keep(replace(known, is_gone=is_unlisted))
                if is_unlisted:
                    gone.append(known.name)
        return sorted(set(gone))

    def close(self) -> None:
        """Write the manifest to disk and close it."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def prune(self) -> list[Path]:
        """Delete the files that the platform no longer has, and return their paths."""
        self._file = open_own_file(self.folder / NAME, append=True)
        try:
            self._contents = self._read()
            with self._lock:
                return [self._remove(known.file_name) for known in gone_files(self._contents)]
        finally:
            self.close()

    def _versions(self, name: str) -> Iterable[KnownFile]:
        for file_name in (safe_name(name), safe_name(PART + name)):
            known = self._contents.files.get(file_name)
            if known is not None:
                yield known

    def _remove(self, file_name: str) -> Path:
        path = self.folder / file_name
        path.unlink(missing_ok=True)
        self._contents.files.pop(file_name, None)
        self._write(json.dumps({"file": file_name, "pruned": True}))
        return path

    def _keep(self, known: KnownFile) -> None:
        self._contents.files[known.file_name] = known
        self._write(known.to_line())

    def _read(self) -> FolderContents:
        assert self._file is not None
        self._file.seek(0)
        text = self._file.read()
        if text and not text.endswith("\n"):
            self._file.write("\n")  # This ends a line that may be incomplete.
        return FolderContents(text.splitlines())

    def _write(self, line: str) -> None:
        assert self._file is not None
        self._file.write(line + "\n")
        self._file.flush()


def folder_of(path: Path, user: str) -> Path:
    """Return the path of a user's folder: `{user}` becomes the user's name, in a form that every system can have."""
    if USER not in str(path):
        return path
    # A name such as ".." or ".x" becomes one that is visible, and that patterns such as "study/*" find.
    name = portable_name(user) if user and not user.startswith(".") else safe_name(f"user{user}")
    return Path(*(part.replace(USER, name) for part in path.parts))


def read_contents(folder: Path) -> FolderContents | None:
    """Read the manifest of a folder; None if it has none.

    Raises:
        ConfigurationError: A symbolic link is in its place.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return None
    with open_own_file(path, append=False) as file:
        return FolderContents(file)


def gone_files(contents: FolderContents) -> list[KnownFile]:
    """Return the files of a folder that the platform no longer has."""
    return [known for known in contents.files.values() if known.is_gone]


def is_on_disk(folder: Path, known: KnownFile) -> bool:
    """Tell whether a file is in its folder, of its full size, and not a link."""
    try:
        found = (folder / known.file_name).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == known.size


def metadata_of(known: KnownFile) -> FileMetadata:
    """Return what the platform told about a file. It is empty for files that an older version read."""
    try:
        return FileMetadata.model_validate(known.metadata)
    except ValueError:
        return FileMetadata()


def service_number(name: str) -> str:
    """Return the number of the service that a file's name tells, such as "19"; "" if it tells none. Protocol 6.6."""
    parts = name.split("_")
    return parts[2] if len(parts) > 4 and parts[0] == "18" else ""


def _known_file(line: Mapping[str, Any]) -> KnownFile:
    """Read the line of a file. Raise one of several errors if it is not one."""
    name = str(line["name"])
    metadata, told = line.get("metadata"), line.get("windows")
    file_name = str(line.get("file", safe_name(name)))
    if file_name not in (safe_name(name), safe_name(PART + name)):
        raise ValueError("The line names a file outside of the folder")
    windows = (
        None if told is None else tuple(Window(*(None if at is None else int(at) for at in pair)) for pair in told)
    )
    return KnownFile(
        name,
        file_name,
        int(line["updatedDate"]),
        int(line["size"]),
        metadata if isinstance(metadata, dict) else {},
        windows,
        line.get("gone") is True,
    )
