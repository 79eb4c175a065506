"""A folder at a WebDAV server: the files that lie in it, and fetching those that are new or changed.

Files are compared by their ETag, or by their date and size where the server has none. Small files are put together
into one archive, so that a folder of a thousand workouts is read at once.
"""

import zipfile
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import orjson

from privateshare.sources.archive_fetching import FetchedArchive
from privateshare.sources.contract import Broken, Connection
from privateshare.sources.dav.client import DavClient, NoFile
from privateshare.sources.dav.multistatus import DAV, DavResource, NotDav
from privateshare.sources.failures import LeftOut, shown_name
from privateshare.sources.web import same_origin

MAX_DEPTH = 6
MAX_FOLDERS = 300
MAX_FILES = 5000
MAX_ENTRIES = 100_000  # Files and folders of all kinds. A server could list entries without end.
MAX_PATH_CHARACTERS = 4096
MAX_FILE_BYTES = 1024 * 1024 * 1024
MAX_FILE_SECONDS = 30 * 60
SMALL_BYTES = 8 * 1024 * 1024
MAX_BATCH_BYTES = 64 * 1024 * 1024
MAX_BATCH_FILES = 500
ARCHIVE_ENDINGS = (".zip", ".tar", ".tgz", ".tar.gz")
MARK_CHARACTERS = 16
PROPERTIES = ((DAV, "resourcetype"), (DAV, "getetag"), (DAV, "getcontentlength"), (DAV, "getlastmodified"))


@dataclass(frozen=True, slots=True)
class DavFile:
    """A file in a folder.

    Attributes:
        address: Its address.
        path: Its path below the folder.
        size: Its size in bytes; None if the server does not say it.
        changed: When it was changed, in seconds since the epoch; 0 if the server does not say it.
        mark: What is different if it has changed; empty if the server says nothing of that kind.
    """

    address: str = field(repr=False)
    path: str
    size: int | None
    changed: float
    mark: str


def files_of(client: DavClient, address: str, endings: Sequence[str], connection: Connection) -> list[DavFile]:
    """Return the files with some endings in a folder and in those below it, the oldest first.

    What is too deep, or too much, is reported. `connection.admit` is called before each request, because a server may
    respond slowly and list folders without end.

    Raises:
        NotDav: There is no such folder.
        NeedsLogin, TryLater, Broken: See `DavClient.find`.
    """
    start = address.rstrip("/") + "/"
    found, waiting, seen = dict[str, DavFile](), [(start, 0)], {_path_of(start), _path_of(start).rstrip("/")}
    left_out = connection.left_out
    while waiting:
        folder, depth = waiting.pop()
        connection.admit()
        for one in _content(client, folder, start):
            path = _path_of(one.address)
            if not is_in(one.address, start) or path in seen or _is_hidden(path):
                continue
            if len(seen) == MAX_ENTRIES:
                _report(left_out, path)
                return _by_age(found.values())
            seen.add(path)
            if len(path) > MAX_PATH_CHARACTERS:
                _report(left_out, path)
            elif one.has(DAV, "collection"):
                if depth == MAX_DEPTH or len(seen) > MAX_FILES + MAX_FOLDERS:
                    _report(left_out, path)
                else:
                    waiting.append((one.address.rstrip("/") + "/", depth + 1))
            elif path.lower().endswith(tuple(endings)):
                if len(found) == MAX_FILES:
                    _report(left_out, path)
                    return _by_age(found.values())
                found[path] = _file(one, path.removeprefix(_path_of(start)))
    return _by_age(found.values())


def is_in(address: str, folder: str) -> bool:
    """Return whether an address is that of a folder, which ends in a slash, or lies in it."""
    return same_origin(address, folder) and f"{_path_of(address).rstrip('/')}/".startswith(_path_of(folder))


def _content(client: DavClient, folder: str, start: str) -> Sequence[DavResource]:
    try:
        found = client.find(folder, 1, *PROPERTIES)
        if found and not any(is_in(one.address, start) for one in found):
            raise NotDav  # The server redirected to another place, or its response names another place.
    except NotDav:
        if folder == start:
            raise
        return ()  # It was removed, or may not be read. The other folders are still read.
    return found


def _report(left_out: LeftOut, path: str) -> None:
    name = shown_name(path)
    problem = Broken(
        "%(name)s was not read, because the folder is too deep or has too many files. Move it to a folder of its own.",
        name=name,
    )
    left_out.name_unused(name, problem)


def _by_age(files: Collection[DavFile]) -> list[DavFile]:
    return sorted(files, key=lambda file: (file.changed, file.path))


def _path_of(address: str) -> str:
    return unquote(urlsplit(address).path)


def _is_hidden(path: str) -> bool:
    return PurePosixPath(path.rstrip("/")).name.startswith(".")


def _file(resource: DavResource, path: str) -> DavFile:
    size, written = resource.text(DAV, "getcontentlength"), resource.text(DAV, "getlastmodified")
    version = resource.text(DAV, "getetag") or (f"{written} {size}" if written else "")
    mark = sha256(f"{path}\n{version}".encode()).hexdigest()[:MARK_CHARACTERS] if version else ""
    is_number = size.isascii() and size.isdigit() and len(size) < MARK_CHARACTERS
    return DavFile(resource.address, path, int(size) if is_number else None, _moment(written), mark)


def _moment(written: str) -> float:
    try:
        found: datetime = parsedate_to_datetime(written)
        return found.timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0


@dataclass(slots=True)
class FolderReading:
    """Fetches the files of a folder that are new or changed, as archives.

    Attributes:
        small: A client for small files, of which many are fetched for one archive: with limits that fit them.
        large: A client for large ones.
        files: All files of the folder, the oldest first.
        cursor: What was fetched before.
        connection: Opens temporary files, and has the report to which files are added that cannot be fetched.
    """

    small: DavClient
    large: DavClient
    files: Sequence[DavFile]
    cursor: str | None
    connection: Connection
    _done: set[str] = field(default_factory=set)

    def archives(self) -> Iterator[FetchedArchive]:
        """Yield the archives. Raises NeedsLogin, TryLater or Broken."""
        self._done = read_marks(self.cursor) & {file.mark for file in self.files}
        small = list[DavFile]()
        for file in self.files:
            if file.mark in self._done:
                continue
            if _is_small(file):
                if _is_full(small, file):
                    yield from self._fetch_small(small)
                    small = []
                small.append(file)
            else:  # The files before it are older, so they are read before.
                yield from self._fetch_small(small)
                small = []
                yield from self._fetch_large(file)
        yield from self._fetch_small(small)

    def _fetch_large(self, file: DavFile) -> Iterator[FetchedArchive]:
        """Yield one large file, or an archive of the person's, as an archive of its own."""
        if file.size is not None and file.size > MAX_FILE_BYTES:
            self._leave_out(file)
            return
        self.connection.admit()
        temporary = self.connection.open_temporary()
        try:
            for piece in self.large.read(file.address):
                temporary.write(piece)
        except NoFile:
            temporary.close()
            self._leave_out(file)
            return
        except BaseException:
            temporary.close()
            raise
        yield self._fetched(shown_name(file.path), temporary, [file])

    def _fetch_small(self, files: Sequence[DavFile]) -> Iterator[FetchedArchive]:
        """Yield archives with some small files: one archive, unless they are larger than the server said."""
        waiting = deque(files)
        while waiting:
            temporary = self.connection.open_temporary()
            try:
                with zipfile.ZipFile(cast(IO[bytes], _Appending(temporary)), "w") as archive:
                    packed = list(self._pack(waiting, archive))
            except BaseException:
                temporary.close()
                raise
            if not packed:
                temporary.close()
                continue
            name = shown_name(packed[0].path)
            yield self._fetched(name if len(packed) == 1 else f"{name} … {len(packed)}", temporary, packed)

    def _pack(self, waiting: deque[DavFile], archive: zipfile.ZipFile) -> Iterator[DavFile]:
        """Move files into an archive until it is full, and yield those that could be fetched."""
        size = 0
        while waiting and size <= MAX_BATCH_BYTES:
            file = waiting.popleft()
            self.connection.admit()
            try:
                content = b"".join(self.small.read(file.address))
            except NoFile:
                self._leave_out(file)
            else:
                archive.writestr(zipfile.ZipInfo(file.path), content)
                size += len(content)
                yield file

    def _fetched(self, name: str, archive: BinaryIO, files: Sequence[DavFile]) -> FetchedArchive:
        self._done |= {file.mark for file in files if file.mark}
        return FetchedArchive(name, archive, orjson.dumps(sorted(self._done)).decode())

    def _leave_out(self, file: DavFile) -> None:
        """Report a file that cannot be fetched. The next sync tries it again."""
        name = shown_name(file.path)
        problem = Broken(
            "%(name)s cannot be fetched from your server, or is too large. Look whether you can open it there.",
            name=name,
        )
        self.connection.left_out.name_damaged(name, problem)


class _Appending:
    """Hides that a file can be read and moved in: temporary files of the platform can only be appended to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def read_marks(cursor: str | None) -> set[str]:
    """Read a cursor. One that cannot be read counts as none."""
    try:
        found = orjson.loads(cursor or "[]")
    except ValueError:
        return set()
    return {mark for mark in found if isinstance(mark, str)} if isinstance(found, list) else set()


def _is_small(file: DavFile) -> bool:
    is_archive = file.path.lower().endswith(ARCHIVE_ENDINGS)
    return not is_archive and file.size is not None and file.size <= SMALL_BYTES


def _is_full(files: Sequence[DavFile], more: DavFile) -> bool:
    size = sum(file.size or 0 for file in files) + (more.size or 0)
    return len(files) == MAX_BATCH_FILES or size > MAX_BATCH_BYTES
