"""Plays of the extended streaming history in Spotify's usual form: decoded many at once, and encoded without models.

Histories have hundreds of thousands of plays, almost all of which are in this form. All others are read one by one,
with the same result: see `history.py` and `mapping.py`.
"""

import re
from collections.abc import Hashable, Sequence
from typing import TypeVar

import msgspec
import orjson

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import EncodedObjects
from privateshare.sources.failures import LeftOut
from privateshare.sources.json_patterns import ANY_STRING, MAX_DEPTH
from privateshare.sources.spotify.history import (
    DETAILS,
    MAX_DETAIL_CHARACTERS,
    MAX_MS_PLAYED,
    NO_MUSIC,
    NOT_A_PLAY,
    UnreadablePlay,
    read_time,
)
from privateshare.sources.spotify.mapping import (
    PlayIds,
    SpotifyAccount,
    album_object,
    artist_object,
    id_in_address,
    stable_id,
)

MAX_CACHED = 16_384  # People listen to the same tracks many times.
MAX_CACHED_DAYS = 50_000  # More than a hundred years.
_USUAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_START_OF_DAY = "T00:00:00Z"
_DAY = len("2026-01-01")

_Key = TypeVar("_Key", bound=Hashable)
_Unused = str | int | float | bool | None


class PlainPlay(msgspec.Struct, gc=False):
    """A play in Spotify's usual form. `title`, `artist` and `album` are not set if it is not of music."""

    ts: str
    ms_played: int
    title: str | None = msgspec.field(default=None, name="master_metadata_track_name")
    artist: str | None = msgspec.field(default=None, name="master_metadata_album_artist_name")
    album: str | None = msgspec.field(default=None, name="master_metadata_album_album_name")
    spotify_track_uri: str | None = None
    skipped: bool | None = None
    shuffle: bool | None = None
    offline: bool | None = None
    incognito_mode: bool | None = None
    reason_start: str | None = None
    reason_end: str | None = None
    platform: str | None = None
    conn_country: str | None = None
    username: str | int | None = None


class _KnownPlay(PlainPlay, gc=False, forbid_unknown_fields=True):
    """The same, with all other fields that Spotify is known to write, so that all of the text is checked."""

    ip_addr: _Unused = None
    ip_addr_decrypted: _Unused = None
    user_agent_decrypted: _Unused = None
    city: _Unused = None
    region: _Unused = None
    episode_name: _Unused = None
    episode_show_name: _Unused = None
    spotify_episode_uri: _Unused = None
    audiobook_title: _Unused = None
    audiobook_uri: _Unused = None
    audiobook_chapter_uri: _Unused = None
    audiobook_chapter_title: _Unused = None
    offline_timestamp: _Unused = None


_KNOWN = msgspec.json.Decoder(list[_KnownPlay])
_ANY = msgspec.json.Decoder(list[PlainPlay])


def decode_plays(text: bytes) -> Sequence[PlainPlay] | None:
    """Decode an array of plays; None if it is not strict JSON, or if not all are plays in Spotify's usual form."""
    try:
        return _KNOWN.decode(text)
    except msgspec.ValidationError:
        pass  # There may be fields that are not known.
    except (msgspec.MsgspecError, RecursionError):
        return None
    try:
        text.decode()  # Values that are not used are not decoded.
        plays = _ANY.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return None if _may_be_deep(text, len(plays)) else plays


def _may_be_deep(text: bytes, plays: int) -> bool:
    """Return whether values that are not used may be nested more deeply than records may be."""
    if text.count(b"[") + text.count(b"{") - plays <= MAX_DEPTH:
        return False
    without_strings = ANY_STRING.sub(b'""', text)
    return without_strings.count(b"[") + without_strings.count(b"{") - plays > MAX_DEPTH


class PlayEncoder:
    """Encodes the plays of one export as objects of one account (object type 406)."""

    def __init__(self, account: SpotifyAccount, ids: PlayIds) -> None:
        self._account, self._ids = account, ids
        self._owner = orjson.dumps(account.entity_id)
        self._id_start = orjson.dumps(f"{account.prefix}_")[:-1]
        self._start = b'{"accountentityid":%b,"entityid":%b' % (self._owner, self._id_start)
        self._midnights: dict[str, int] = {}
        self._times: dict[str, int] = {}
        self._details: dict[tuple[bool | str | None, ...], bytes] = {}
        self._tracks: dict[tuple[str, ...], bytes] = {}
        self._ends: dict[tuple[str, str], bytes] = {}

    def encode(self, plays: Sequence[PlainPlay], left_out: LeftOut) -> EncodedObjects:
        """Encode plays. Those that cannot be read are counted in the report; what is not music is passed over."""
        ids, moments, lines = list[str](), list[int](), list[bytes]()
        midnights, times, id_with = self._midnights, self._times, self._ids.id_with
        prefix, start, others = self._account.prefix, self._start, 0
        for play in plays:
            title, artist, written, played = play.title, play.artist, play.ts, play.ms_played
            if title is None or artist is None:
                others += 1
                continue
            try:
                day, time = midnights.get(written[:_DAY]), times.get(written[_DAY:])
                ended = day + time if day is not None and time is not None else self._read_time(written)
                if not 0 <= played <= MAX_MS_PLAYED:
                    raise UnreadablePlay(NOT_A_PLAY)
            except UnreadablePlay as error:
                left_out.leave_out(error.reason, ObjectType.PLAY_HISTORY)
                continue
            uri = play.spotify_track_uri or ""
            own_id, began = id_with(ended, played, artist, title, uri), ended - played
            track = self._tracks.get((uri, title, artist, play.album or "")) or self._track(play, title, artist)
            middle = f'{own_id}","createddate":{began},"msplayed":{played}'.encode()
            lines.append(b"".join((start, middle, self._details_of(play), track)))
            ids.append(f"{prefix}_{own_id}")
            moments.append(began)
        left_out.read += len(ids)
        left_out.pass_over(NO_MUSIC, others)
        return EncodedObjects(ObjectType.PLAY_HISTORY, ids, moments, lines)

    def _read_time(self, written: str) -> int:
        """Return the time in milliseconds since the epoch, and keep the day and the time of day of the usual form."""
        ended = read_time(written)
        if _USUAL_TIME.fullmatch(written):
            day, time = written[:_DAY], written[_DAY:]
            if len(self._midnights) >= MAX_CACHED_DAYS:
                self._midnights.clear()
            midnight = self._midnights[day] = read_time(day + _START_OF_DAY)
            self._times[time] = ended - midnight
        return ended

    def _details_of(self, play: PlainPlay) -> bytes:
        """Return the members of the object that say how it was played, in the order of DETAILS."""
        values = (
            *(play.skipped, play.shuffle, play.offline, play.incognito_mode),
            *(play.reason_start, play.reason_end, play.platform, play.conn_country),
        )
        found = self._details.get(values)
        if found is None:
            named = {
                name: value[:MAX_DETAIL_CHARACTERS] if isinstance(value, str) else value
                for name, value in zip(DETAILS, values, strict=True)
                if value is not None and value != ""
            }
            found = (b"," + orjson.dumps(named)[1:-1] if named else b"") + b',"track":'
            _keep(self._details, values, found)
        return found

    def _track(self, play: PlainPlay, title: str, artist: str) -> bytes:
        """Return the track of a play, and the end of the object."""
        album, uri = play.album or "", play.spotify_track_uri or ""
        track_id = (id_in_address(uri, "track") or stable_id(artist, album, title)).encode()
        end = self._ends.get((artist, album)) or self._end(artist, album)
        encoded = (
            b'{"accountentityid":%b,"entityid":%b%b","id":"%b","name":%b,"link":"https://open.spotify.com/track/%b"%b'
        ) % (self._owner, self._id_start, track_id, track_id, orjson.dumps(title), track_id, end)
        _keep(self._tracks, (uri, title, artist, album), encoded)
        return encoded

    def _end(self, artist: str, album: str) -> bytes:
        """Return the artists and the album of a track, and the end of the object."""
        thing = album_object(self._account, artist, album)
        albums = b',"album":' + orjson.dumps(thing) if thing else b""
        end = b',"artists":%b%b}}' % (orjson.dumps([artist_object(self._account, artist)]), albums)
        _keep(self._ends, (artist, album), end)
        return end


def _keep(cache: dict[_Key, bytes], key: _Key, value: bytes) -> None:
    """Keep a value, in a bounded cache."""
    if len(cache) >= MAX_CACHED:
        cache.clear()
    cache[key] = value
