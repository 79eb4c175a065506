"""Files on this machine whose names come from elsewhere.

A platform, an object type or a pushed file may have any name: `../../x`, `nul.txt`, or `A` beside `a`. Each becomes a
file below the folder that the app chose, on every system, and no two names share one file. Symbolic links in the place
of a file are not followed.
"""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO
from uuid import uuid4

from privateshare.errors import ConfigurationError

TABLES_FOLDER = "parquet"
"""The command line makes this folder within the folder that it reads into."""
READABLE_CHARACTERS = 60
HASH_CHARACTERS = 32
"""128 bits, so that nobody finds two names with the same hash."""
MAX_NAME_BYTES = 200
"""Systems take 255. The rest is for endings such as `.part`."""

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,149}")
# The platform names files of objects like this (protocol 6.2).
_MAPPED = re.compile(r"[0-9]{1,9}(_[0-9]{1,9}){1,8}_D[0-9]{4,8}(_[0-9]{1,9}){1,4}\.json")
_EXTENSION = re.compile(r"\.[a-z0-9]{1,10}", re.IGNORECASE)
_UNSAFE_ON_WINDOWS = frozenset('<>:"/\\|?*')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {port + number for port in ("com", "lpt") for number in "0123456789¹²³"}
)


def safe_name(name: str) -> str:
    """Return the file name for one of several names that somebody else chose.

    A name of lower-case letters, digits, `_`, `-` and `.`, or one as the platform gives to files of objects, stays as
    it is. Any other becomes what is readable of it and a hash of all of it. So no two names share a file, not even
    where the system ignores case, the form of accents, or dots at the end.
    """
    if _MAPPED.fullmatch(name):
        return name
    is_plain = _PLAIN.fullmatch(name) and not name.endswith(".") and not _MAPPED.fullmatch(name.replace("_d", "_D"))
    if is_plain and name != TABLES_FOLDER and not _is_device(name):
        return name
    return _hashed(name)


def portable_name(name: str) -> str:
    """Return the file name for a name that stands alone, such as the file of one download.

    It stays as it is where every system can have a file of this name.
    """
    try:
        is_short = len(name.encode()) <= MAX_NAME_BYTES
    except UnicodeEncodeError:  # It has half of a surrogate pair.
        return _hashed(name)
    is_text = not any(unicodedata.category(character).startswith("C") for character in name)
    is_portable = (
        is_short
        and is_text
        and _UNSAFE_ON_WINDOWS.isdisjoint(name)
        and name.strip(" .") != ""
        and name == name.strip(" ").rstrip(".")
        and unicodedata.is_normalized("NFC", name)
        and not _is_device(name)
    )
    return name if is_portable else _hashed(name)


def partial_path(path: Path) -> Path:
    """Return a new path beside a file, for content that replaces the file once it is complete."""
    return path.with_name(f".{uuid4().hex}.part")


def remove_partial_files(folder: Path) -> None:
    """Remove the incomplete files that a process left in a folder when it was killed."""
    for partial in folder.glob(".*.part*"):  # A database has files beside it, such as `.….part.wal`.
        partial.unlink(missing_ok=True)


@contextmanager
def replaced_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that replaces `path` once all of it is written, and that is removed if writing fails.

    A symbolic link at `path` is replaced and not followed.
    """
    partial = partial_path(path)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:  # This includes Ctrl-C: an incomplete file must not stay.
        partial.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Write a file that another library wrote to disk, before it replaces another one."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def open_own_file(path: Path, *, append: bool) -> IO[str]:
    """Open a text file of the SDK to read it, or with `append` to read and append, and to create it if it is missing.

    Raises:
        ConfigurationError: A symbolic link or anything else but a file is in its place. Appending to the target of a
            link would change another file.
    """
    if path.is_symlink():  # Some systems have no O_NOFOLLOW.
        raise _not_a_file(path)
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= os.O_RDWR | os.O_APPEND | os.O_CREAT if append else os.O_RDONLY
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if path.is_symlink() or path.is_dir():
            raise _not_a_file(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_a_file(path)
    return os.fdopen(descriptor, "a+" if append else "r", encoding="utf-8", errors="replace", newline="\n")


def make_own_folder(path: Path) -> Path:
    """Make a folder of the SDK if it is missing. Raise ConfigurationError if a symbolic link is in its place."""
    if path.is_symlink():
        raise ConfigurationError(
            f"{path} is a symbolic link, which is not followed", hint="Remove it, or name another folder"
        )
    path.mkdir(parents=True, exist_ok=True)
    return path


def _not_a_file(path: Path) -> ConfigurationError:
    what = "a symbolic link, which is not followed" if path.is_symlink() else "not a file"
    return ConfigurationError(f"{path} is {what}", hint="Remove it, or name another folder")


def _is_device(name: str) -> bool:
    """Tell whether Windows takes a name for a device, as it does with `con`, `nul.txt` and `com1 .tar.gz`."""
    return name.partition(".")[0].rstrip(" ").lower() in _DEVICES


def _hashed(name: str) -> str:
    """Return the readable part of a name with its hash.

    They are joined by `~`, which no other name has. A dot would make a device of `nul`.
    """
    stem, dot, last = name.rpartition(".")
    extension = (dot + last).lower() if stem and _EXTENSION.fullmatch(dot + last) else ""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", stem if extension else name)[:READABLE_CHARACTERS].strip("_-")
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARACTERS]
    return f"{readable or 'file'}~{digest}{extension}"
