"""Plays of Last.fm and ListenBrainz, as play history.

Last.fm has no export of its own. People use programs that write tables or JSON, which this reads by their columns.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.dates import read_date
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.lastfm import listenbrainz_mapping as listenbrainz
from privateshare.sources.lastfm.mapping import play, scrobble
from privateshare.sources.object_building import Mapped, milliseconds, text_of
from privateshare.sources.tables import TableKind, TableRow
from privateshare.sources.text_files import opened_text, table_lines, whole_rows

HEADERLESS_COLUMNS = 4  # Artist, album, track, and a date such as "31 Jan 2023 12:33".
HEADERLESS_PLACES = {"artist": 0, "album": 1, "track": 2, "date": 3}
_WRITTEN = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4},? \d\d:\d\d")


class ScrobbleReader(DeclaredReader):
    """A reader of plays."""

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file."""
        if not _is_headerless(file):
            yield from super().objects_of_file(file)
            return
        try:
            with opened_text(file) as text:
                for cells in whole_rows(table_lines(text)):
                    if any(cells):
                        yield from self.checked(self.row, TableRow(cells, HEADERLESS_PLACES, file.path))
        except csv.Error:
            self.left_out.name_damaged_file(file.path)

    def row(self, row: TableRow) -> Iterator[Mapped]:
        """Yield a play of a table."""
        stamp = milliseconds(row.text("stamp"))
        moment = stamp if stamp is not None else row.needed_moment("date")
        title, artist = row.needed_text("track"), row.needed_text("artist")
        yield ObjectType.PLAY_HISTORY, play(self.account, moment, title, artist, row.text("album"))

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object in the JSON of either service."""
        is_listen = "listened_at" in thing and "track_metadata" in thing
        is_user = ("username" in thing or "user_id" in thing) and not key
        is_scrobble = key == "scrobbles" and "track" in thing and "artist" in thing
        is_of_interface = key == "track" and "artist" in thing and "name" in thing
        if is_listen or is_scrobble or is_of_interface:
            return ObjectRole.RECORD
        if is_user and "scrobbles" not in thing:
            return ObjectRole.RECORD
        if is_user:  # It also holds the scrobbles, so it is not read as a whole.
            self._note(thing)
        return ObjectRole.WRAPPER

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield a play, or take note of whose export it is."""
        thing = found.thing
        if "track_metadata" in thing:
            yield ObjectType.PLAY_HISTORY, listenbrainz.play(thing, self.account)
        elif found.key == "scrobbles":
            moment = milliseconds(thing.get("date"))
            yield self._needed(moment, thing.get("track"), thing.get("artist"), thing.get("album"))
        elif found.key == "track":
            if (found_play := scrobble(thing, self.account)) is not None:
                yield ObjectType.PLAY_HISTORY, found_play
        else:
            self._note(thing)

    def _needed(self, moment: int | None, title: object, artist: object, album: object) -> Mapped:
        title, artist = text_of(title), text_of(artist)
        if moment is None or not title or not artist:
            raise ValueError("the play has no date, title or artist")
        return ObjectType.PLAY_HISTORY, play(self.account, moment, title, artist, text_of(album))

    def _note(self, thing: JsonObject) -> None:
        name = text_of(thing.get("username")) or text_of(thing.get("user_id"))
        self.note_owner(listenbrainz.account_id(name), name)

    tables = (
        TableKind(
            {
                "stamp": ("uts", "timestamp", "listened_at"),
                "date": ("utc_time", "Date", "Date Time", "time", "played at", "uts", "timestamp", "listened_at"),
                "artist": ("artist", "artist_name", "Artist Name"),
                "album": ("album", "release_name", "album_name"),
                "track": ("track", "track_name", "title", "name", "Track Title"),
            },
            ("date", "artist", "track"),
            row,
            written=("date",),
        ),
    )


def _is_headerless(file: UploadedFile) -> bool:
    """Return whether a file is a table of four columns without their names, whose last one is a date."""
    with opened_text(file) as text, suppress(csv.Error):
        rows = [cells for cells in islice(csv.reader(table_lines(text)), 3) if cells]
        return bool(rows) and all(
            len(cells) == HEADERLESS_COLUMNS
            and _WRITTEN.match(cells[-1].strip()) is not None
            and read_date(cells[-1].strip()) is not None
            for cells in rows
        )
    return False
