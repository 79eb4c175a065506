"""The mapping of plays to play history, as programs write them and as the API of Last.fm does."""

from privateshare.sources.contract import JsonObject
from privateshare.sources.object_building import SourceAccount, dict_of, milliseconds, stable_id, text_of

SECOND = 1000


def play(account: SourceAccount, moment: int, title: str, artist: str, album: str) -> JsonObject:
    """Build a play (406). Its id is made of the second and the track, which all programs write."""
    track_id = stable_id(artist, title)
    song = account.thing(
        track_id,
        None,
        name=title,
        artists=[account.thing(stable_id("artist", artist), None, name=artist)],
        album=account.thing(stable_id("album", artist, album), None, name=album) if album else None,
    )
    return account.thing(f"{moment // SECOND}_{track_id}", moment, track=song)


def scrobble(track: JsonObject, account: SourceAccount) -> JsonObject | None:
    """Map a track of the API; None for what is playing now. Raises ValueError without a date, an artist or a title."""
    if is_playing(track):
        return None
    moment, title, artist = played_at(track) * SECOND, text_of(track.get("name")), _artist(track)
    if not title or not artist:
        raise ValueError("the play has no title or artist")
    return play(account, moment, title, artist, text_of(dict_of(track.get("album")).get("#text")))


def is_playing(track: JsonObject) -> bool:
    """Return whether a track is playing now, so that it has no date yet."""
    return str(dict_of(track.get("@attr")).get("nowplaying")).lower() == "true"


def played_at(track: JsonObject) -> int:
    """Return when a track was played, in seconds since the epoch. Raises ValueError if it says no date."""
    moment = milliseconds(dict_of(track.get("date")).get("uts"))
    if moment is None:
        raise ValueError("the play has no date")
    return moment // SECOND


def id_of(track: JsonObject) -> str:
    """Return the id of a track of the API: it has none of its own, and two can have the same second."""
    title, artist = text_of(track.get("name")), _artist(track)
    return f"{played_at(track)}_{stable_id(artist, title)}"


def _artist(track: JsonObject) -> str:
    artist = dict_of(track.get("artist"))
    return text_of(artist.get("#text")) or text_of(artist.get("name"))
