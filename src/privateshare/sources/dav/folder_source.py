"""The route "a folder of my server" of sources of exports: what a person's phone or program puts into a WebDAV folder.

The account is the same as that of uploads, if these do not say whose they are, and the same code reads both. ADR 75.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from privateshare.sources.archive_fetching import ArchiveFetchingSource, FetchedArchive, common_cursor
from privateshare.sources.contract import (
    Broken,
    Connection,
    Identity,
    JsonObject,
    NeedsLogin,
    Page,
    Question,
    Skipped,
    Source,
    SourceInfo,
)
from privateshare.sources.dav.client import DavClient
from privateshare.sources.dav.folder import (
    MAX_FILE_BYTES,
    MAX_FILE_SECONDS,
    SMALL_BYTES,
    FolderReading,
    files_of,
    is_in,
)
from privateshare.sources.dav.multistatus import DAV, NotDav
from privateshare.sources.routes import UploadOrAnswers
from privateshare.sources.typed_servers import TypedServers, host_of

SIGN_IN_SECONDS = 20  # A person waits for the response.


class DavFolder:
    """The exports of a source that lie in a folder."""

    def __init__(self, uploads: Source, servers: TypedServers | None = None) -> None:
        self._uploads, self._servers = uploads, servers or TypedServers()
        self.info: SourceInfo = replace(
            uploads.info,
            resumes=True,
            proves_person=False,
            asks_title="A folder of your server (WebDAV)",
            asks_text=(
                "Apps on your phone or computer can put files into a folder of your cloud, such as Nextcloud. "
                "They are read from there, and what is new comes by itself."
            ),
            asks=(
                Question(
                    "server",
                    "Address of the folder (WebDAV)",
                    "server",
                    "Your cloud names it, in the settings of the folder or under WebDAV.",
                    "cloud.example.org/remote.php/dav/files/ann/Backups",
                ),
                Question("username", "Your user name there"),
                Question("password", "App password", "password", "Make one for this in the settings of your provider."),
            ),
        )

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored. Raises Broken if the address is not valid."""
        del redirect_uri
        server = self._servers.address(answers["server"])
        return {"server": server, "username": answers["username"], "password": answers["password"]}

    def identify(self, connection: Connection) -> Identity:
        """Return the account: a user and a folder. Raises NeedsLogin, TryLater, or Broken if there is no folder."""
        known = _known(connection)
        start = known["server"].rstrip("/") + "/"
        with DavClient(self._servers, known, SIGN_IN_SECONDS) as client:
            try:
                found = client.find(start, 0, (DAV, "resourcetype"))
            except NotDav:
                found = []
        if not any(one.has(DAV, "collection") and is_in(one.address, start) for one in found):
            raise _no_folder(known)
        parts = urlsplit(known["server"])
        path = unquote(parts.path).strip("/")
        name = path.rpartition("/")[2] or known["username"]
        return Identity(f"{known['username']}@{parts.netloc}/{path}", f"{name} ({parts.netloc})", "USER")

    def archives(self, connection: Connection, cursor: str | None) -> Generator[FetchedArchive, None, None]:
        """Yield the archives of the folder that are new or changed. Raises NeedsLogin, TryLater or Broken."""
        known, upload = _known(connection), self.info.upload
        assert upload is not None
        try:
            with DavClient(self._servers, known) as client:
                files = files_of(client, known["server"], upload.accept.split(","), connection)
        except NotDav as error:
            raise _no_folder(known) from error
        with (
            DavClient(self._servers, known, max_bytes=SMALL_BYTES) as small,
            DavClient(self._servers, known, MAX_FILE_SECONDS, MAX_FILE_BYTES) as large,
        ):
            yield from FolderReading(small, large, files, cursor, connection).archives()

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the objects of the archives, read in this process: for trials. The platform uses `archives`."""
        for fetched in self.archives(connection, common_cursor(cursors)):
            with fetched.archive as archive:
                inner = replace(connection, token=None, archive=archive)
                try:
                    yield from self._uploads.fetch(inner, cursors)
                except Broken as problem:
                    connection.left_out.name_unused(fetched.name, problem)
            for object_type in cursors:
                yield Page(object_type, (), fetched.cursor)


class UploadOrFolder(UploadOrAnswers):
    """A source of exports that may also lie in a folder of the person's server."""

    def __init__(self, uploads: Source, servers: TypedServers | None = None) -> None:
        folder = DavFolder(uploads, servers)
        super().__init__(uploads, folder)
        self._folder: ArchiveFetchingSource = folder

    def archives(self, connection: Connection, cursor: str | None) -> Generator[FetchedArchive, None, None]:
        """Yield the archives of the folder that are new or changed. Raises NeedsLogin, TryLater or Broken."""
        return self._folder.archives(connection, cursor)


def _known(connection: Connection) -> JsonObject:
    if connection.token is None:
        raise NeedsLogin("nobody is signed in")
    return connection.token


def _no_folder(known: JsonObject) -> Broken:
    return Broken(
        "There is no folder at this address of %(server)s. Copy the address from the settings of your cloud (WebDAV).",
        server=host_of(known["server"]),
    )
