"""A reader for Spotify's extended streaming history: a zip archive of JSON files, each with a list of plays."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from privateshare.protocol.dates import read_date
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.failures import LeftOut, Reason, shown_name
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.upload_records import read_records

MAX_MS_PLAYED = 366 * 86_400_000
MAX_TIME_PRECISION_MS = 60_000  # The time of a play must be given at least to the minute.
MAX_USERNAME_CHARACTERS = 200
TITLE, ARTIST = "master_metadata_track_name", "master_metadata_album_artist_name"
ALBUM = "master_metadata_album_album_name"
DETAILS: Mapping[str, tuple[str, type[bool] | type[str]]] = {
    "skipped": ("skipped", bool),
    "shuffle": ("shuffle", bool),
    "offline": ("offline", bool),
    "incognito": ("incognito_mode", bool),
    "reasonstart": ("reason_start", str),
    "reasonend": ("reason_end", str),
    "platform": ("platform", str),
    "country": ("conn_country", str),
}
"""The fields of a play's object that say how it was played: their names in Spotify's history, and their types."""
MAX_DETAIL_CHARACTERS = 200

NO_DATE = Reason(
    "NoDate",
    "%(num)s of %(total)s plays has no date that can be read.",
    "%(num)s of %(total)s plays have no date that can be read.",
    Broken(
        "No play in the archive has a date that can be read. "
        "Ask Spotify for your “Extended streaming history” (not “Account data”) and upload that zip."
    ),
)
NOT_A_PLAY = Reason(
    "NotAPlay",
    "%(num)s of %(total)s plays is not in Spotify's form.",
    "%(num)s of %(total)s plays are not in Spotify's form.",
    Broken(
        "The archive holds a play that is not in Spotify's form. "
        "Ask Spotify for your “Extended streaming history” (not “Account data”) and upload that zip."
    ),
)
_ACCOUNT_DATA = re.compile(r"(StreamingHistory_music_\d+|StreamingHistory\d+|Userdata)\.json", re.IGNORECASE)
_VIDEOS = re.compile(r"Streaming_History_Video_.*", re.IGNORECASE)
_README = re.compile(r"ReadMe.*\.pdf", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Play:
    """One play of a music track. `ended` is in milliseconds since the epoch, `played` in milliseconds.

    `details` is what else Spotify tells about the play, by the names of the object's fields: see `DETAILS`.
    """

    ended: int
    played: int
    title: str
    artist: str
    album: str | None
    track_uri: str
    details: Mapping[str, str | bool] = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """The plays of an archive, and the usernames that they belong to."""

    archive: BinaryIO
    left_out: LeftOut
    usernames: set[str] = field(default_factory=set)
    is_account_data: bool = False

    def plays(self) -> Iterator[Play]:
        """Yield all plays of music. Raises Broken if there are none, or if less than half can be read."""
        for found in read_records(self.archive, _shape, self.left_out, self._skips):
            if _is_of_account_data(found.thing):
                self.is_account_data = True
                continue
            if isinstance(username := found.thing.get("username"), str | int) and username:
                self.usernames.add(str(username)[:MAX_USERNAME_CHARACTERS])
            try:
                play = read_play(found)
            except UnreadablePlay as error:
                self.left_out.leave_out(error.reason)
                continue
            if play is not None:
                self.left_out.read += 1
                yield play
        self.left_out.check(self._nothing())

    def _skips(self, path: str) -> bool:
        name = PurePosixPath(path).name
        self.is_account_data = self.is_account_data or _ACCOUNT_DATA.fullmatch(name) is not None
        if _VIDEOS.fullmatch(name):
            problem = Broken("%(name)s holds videos. They are not play history.", name=shown_name(name))
            self.left_out.name_unused(shown_name(name), problem)
            return True
        return _README.fullmatch(name) is not None

    def _nothing(self) -> Broken:
        if self.is_account_data:
            return Broken(
                "This is Spotify's “Account data”, which lacks what is needed. "
                "Ask Spotify for your “Extended streaming history” and upload that zip."
            )
        return Broken(
            "The archive holds no music that was played. "
            "Ask Spotify for your “Extended streaming history” (not “Account data”) and upload that zip."
        )


class UnreadablePlay(Exception):
    """A play cannot be read, for a reason that is reported."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.code)


def read_play(found: FoundRecord) -> Play | None:
    """Parse a play; None if it is not of music, such as a podcast. Raises UnreadablePlay."""
    line = found.thing
    title, artist, album = line.get(TITLE), line.get(ARTIST), line.get(ALBUM)
    if title is None or artist is None:
        return None
    if not (isinstance(title, str) and isinstance(artist, str) and isinstance(album, str | None)):
        written = json.loads(found.text, parse_float=str, parse_int=str)
        title, artist, album = _word(written[TITLE]), _word(written[ARTIST]), _word(written.get(ALBUM) or "")
    return Play(
        _milliseconds(line.get("ts")),
        _played(line.get("ms_played")),
        title,
        artist,
        album,
        str(line.get("spotify_track_uri") or ""),
        _details(line),
    )


def _details(line: JsonObject) -> dict[str, str | bool]:
    """Return what else Spotify tells about a play. What has another type than it should is left out."""
    found = {name: line.get(written) for name, (written, _) in DETAILS.items()}
    return {
        name: value[:MAX_DETAIL_CHARACTERS] if isinstance(value, str) else value
        for name, value in found.items()
        if isinstance(value, DETAILS[name][1]) and value != ""
    }


def _word(value: Any) -> str:
    """Check that a name is a text. Numbers were converted to their original notation before."""
    if not isinstance(value, str):
        raise UnreadablePlay(NOT_A_PLAY)
    return value


def _played(value: Any) -> int:
    try:
        played = int(value)
    except (TypeError, ValueError, OverflowError):
        raise UnreadablePlay(NOT_A_PLAY) from None
    if isinstance(value, bool) or not 0 <= played <= MAX_MS_PLAYED:
        raise UnreadablePlay(NOT_A_PLAY)
    return played


def _milliseconds(value: Any) -> int:
    """Parse a time in any notation. Times without a zone are in UTC, like all times of Spotify."""
    try:
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        pass  # The time has another notation than ISO 8601.
    window = read_date(value)
    if (
        window is None
        or window.start is None
        or window.end is None
        or window.end - window.start >= MAX_TIME_PRECISION_MS
    ):
        raise UnreadablePlay(NO_DATE)
    return window.start


def _shape(line: JsonObject, key: str) -> ObjectRole:
    del key
    is_play = "ts" in line or "ms_played" in line
    return ObjectRole.RECORD if is_play or _is_of_account_data(line) else ObjectRole.UNKNOWN


def _is_of_account_data(line: JsonObject) -> bool:
    return "msPlayed" in line and "endTime" in line
