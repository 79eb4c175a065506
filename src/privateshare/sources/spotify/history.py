"""The plays of Spotify's exports: of the extended streaming history, and of the last year in the account data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.failures import NotTaken, Reason
from privateshare.sources.json_records import FoundRecord
from privateshare.sources.object_building import in_a_zone

MAX_MS_PLAYED = 366 * 86_400_000
MAX_TIME_PRECISION_MS = 60_000  # The time of a play must be given at least to the minute.
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
_DETAILS = [(name, written, kind) for name, (written, kind) in DETAILS.items()]
MAX_DETAIL_CHARACTERS = 200
TEXT_OR_NOTHING = {str, type(None)}

NO_DATE = Reason(
    "NoDate",
    "%(num)s of %(total)s plays has no date that can be read.",
    "%(num)s of %(total)s plays have no date that can be read.",
    Broken(
        "No play in the archive has a date that can be read. "
        "Ask Spotify for your “Extended streaming history” and upload that zip."
    ),
)
NO_MUSIC = NotTaken("Podcasts, videos and audiobooks")
NOT_A_PLAY = Reason(
    "NotAPlay",
    "%(num)s of %(total)s plays is not in Spotify's form.",
    "%(num)s of %(total)s plays are not in Spotify's form.",
    Broken(
        "The archive holds a play that is not in Spotify's form. "
        "Ask Spotify for your “Extended streaming history” and upload that zip."
    ),
)


@dataclass(slots=True)  # Frozen objects take several times as long to build.
class Play:
    """One play of a music track. `ended` is in milliseconds since the epoch, `played` in milliseconds.

    `details` is what else Spotify tells about the play, by the names of the object's fields: see `DETAILS`. A play is
    `brief` if it is from the account data, which has neither the album nor the address of the track, and no seconds.
    """

    ended: int
    played: int
    title: str
    artist: str
    album: str | None
    track_uri: str
    details: Mapping[str, str | bool] = field(default_factory=dict)
    brief: bool = False


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
    if not {type(title), type(artist), type(album)} <= TEXT_OR_NOTHING:
        written = json.loads(found.text, parse_float=str, parse_int=str)
        title, artist, album = _word(written[TITLE]), _word(written[ARTIST]), _word(written.get(ALBUM) or "")
    return Play(
        read_time(line.get("ts")),
        _played(line.get("ms_played")),
        title,
        artist,
        album,
        str(line.get("spotify_track_uri") or ""),
        _details(line),
    )


def read_brief_play(line: JsonObject) -> Play:
    """Parse a play of the account data. Raises UnreadablePlay."""
    artist, title = line.get("artistName"), line.get("trackName")
    return Play(
        read_time(line.get("endTime")),
        _played(line.get("msPlayed")),
        title=_word(title),
        artist=_word(artist),
        album=None,
        track_uri="",
        brief=True,
    )


def _details(line: JsonObject) -> dict[str, Any]:
    """Return what else Spotify tells about a play. What has another type than it should is left out."""
    found: dict[str, Any] = {}
    for name, written, kind in _DETAILS:
        value = line.get(written)
        if type(value) is kind and value != "":
            found[name] = value[:MAX_DETAIL_CHARACTERS] if isinstance(value, str) else value
    return found


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


def read_time(value: Any) -> int:
    """Parse a time in any notation. Times without a zone are in UTC, like all times of Spotify.

    Raises UnreadablePlay.
    """
    try:
        moment = datetime.fromisoformat(value)
        return int(in_a_zone(moment).timestamp() * 1000)
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
