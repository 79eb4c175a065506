"""The source Spotify: samples, or the exports that a person uploads."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    FileMark,
    Identity,
    ObjectSchema,
    OwnedPages,
    Page,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.page_building import Mapped, OwnedObjects, owned_pages, owner_at_end, pages
from privateshare.sources.spotify.export import SpotifyExport
from privateshare.sources.spotify.mapping import account_of
from privateshare.sources.spotify.sample import sample_objects

_MUSICAL_NOTE = "M9 17.5a2.6 2.6 0 1 1-1.8-2.45V5.3l11-2.3v12.4a2.6 2.6 0 1 1-1.8-2.45V7.5L9 9.05Z"
UNNAMED = "listener"  # Many archives contain no username.


class Spotify:
    """The source Spotify, with id 16 and service type 19."""

    reads_once = True

    info = SourceInfo(
        id=16,
        service_type=ServiceType.SPOTIFY,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(
            ObjectType.PLAY_HISTORY,
            ObjectType.SAVED_TRACK,
            ObjectType.SAVED_ALBUM,
            ObjectType.PLAYLIST,
            ObjectType.FOLLOWED_ARTIST,
            ObjectType.TRACK,
            ObjectType.ALBUM,
            ObjectType.SEARCH,
        ),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(
            Sample("default", "A listener", "About a thousand plays of the last year and a half, and what they saved."),
            Sample("large", "A devoted listener", "More than thirty thousand plays of the last ten years."),
            Sample("small", "A new listener", "The plays of the last two weeks. They are read at once."),
        ),
        brand=Brand("#1db954", _MUSICAL_NOTE),
        upload=Upload(
            accept=".zip,.json",
            marks=(
                FileMark(r'"ms_?[pP]layed"\s*:|"searchInteractionURIs"|"spotify:(track|album|artist):'),
                FileMark(r'\A\{\s*"tracks"\s*:\s*\[\s*\{\s*"artist"'),
            ),
            instructions=(
                "Sign in to Spotify in a browser and open Account, then Privacy settings.",
                "Under “Download your data” choose “Extended streaming history”, and “Account data” for your library, "
                "playlists and searches. Request them.",
                "Spotify sends you a link to a zip file, often within a few days. Download it and choose it here.",
            ),
        ),
    )

    def identify(self, connection: Connection) -> Identity:
        """Return whose history it is. An archive is read completely. Raises Broken."""
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        return owner_at_end(self._owned(connection.archive, connection))

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the objects of an archive, and return whose it is. Raises Broken."""
        assert connection.archive is not None
        return owned_pages(self._owned(connection.archive, connection))

    def _owned(self, archive: BinaryIO, connection: Connection) -> OwnedObjects:
        export = SpotifyExport(archive, connection.left_out, connection.complete)
        yield from export.objects(account_of(connection.provider_account_id or UNNAMED))
        if len({username.casefold() for username in export.usernames}) > 1:
            raise Broken("The archive holds the plays of several people. Upload the archive of one person.")
        username = next(iter(export.usernames), None)
        name = export.display_name or username or "Spotify archive"
        return Identity(username or UNNAMED, name, named=username is not None)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types. Raises Broken."""
        return pages(self._objects(connection, cursors))

    def _objects(self, connection: Connection, wanted: Collection[int]) -> Iterator[Mapped]:
        if connection.sample is not None:
            now = datetime.now(UTC)
            for object_type in wanted:
                yield from ((object_type, thing) for thing in sample_objects(connection.sample, object_type, now))
        elif connection.archive is not None:
            account = account_of(connection.provider_account_id)
            export = SpotifyExport(connection.archive, connection.left_out)
            yield from (written for written in export.objects(account) if written.object_type in wanted)


SOURCES = (Spotify(),)
