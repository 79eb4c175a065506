"""The files of Spotify's account data beside the plays: the library, playlists, followed artists and searches."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.object_building import Mapped, dict_of, exact_moment, list_of, text_of
from privateshare.sources.spotify.mapping import (
    SpotifyAccount,
    album_object,
    artist_object,
    id_in_address,
    stable_id,
    track,
)


class EntryKind(Enum):
    """What an object in an export is."""

    PLAY = auto()
    BRIEF_PLAY = auto()
    SAVED_TRACK = auto()
    SAVED_ALBUM = auto()
    SAVED_ARTIST = auto()
    FOLLOWED = auto()
    PLAYLIST = auto()
    SEARCH = auto()
    USER = auto()
    NAME = auto()
    PODCAST = auto()
    OTHER = auto()
    """Something of which nothing is taken."""


# The lists of the library. The others hold what the person does not want to hear.
LIBRARY_LISTS: Mapping[str, EntryKind] = {
    "tracks": EntryKind.SAVED_TRACK,
    "albums": EntryKind.SAVED_ALBUM,
    "artists": EntryKind.SAVED_ARTIST,
    **dict.fromkeys(("shows", "episodes"), EntryKind.PODCAST),
    **dict.fromkeys(("bannedTracks", "bannedArtists", "other"), EntryKind.OTHER),
}


def kind_of(thing: JsonObject, key: str) -> EntryKind | None:
    """Return what an object of an export is; None if it is none of its entries.

    Args:
        thing: The object.
        key: The name of the list that contains it.
    """
    if "ts" in thing or "ms_played" in thing:
        return EntryKind.PLAY
    if "endTime" in thing and "msPlayed" in thing:
        return EntryKind.BRIEF_PLAY if "trackName" in thing else EntryKind.PODCAST
    if "searchTime" in thing and "searchQuery" in thing:
        return EntryKind.SEARCH
    if "name" in thing and ("items" in thing or "tracks" in thing):
        return EntryKind.PLAYLIST
    if "followingArtists" in thing or "userIsFollowing" in thing:
        return EntryKind.FOLLOWED
    if "username" in thing and ("creationTime" in thing or "email" in thing):
        return EntryKind.USER
    if "displayName" in thing and ("firstName" in thing or "tasteMaker" in thing):
        return EntryKind.NAME
    is_in_library = "uri" in thing or ("artist" in thing and ("track" in thing or "album" in thing))
    return LIBRARY_LISTS.get(key) if is_in_library else None


def saved_track(account: SpotifyAccount, thing: JsonObject) -> Iterator[Mapped]:
    """Yield a saved track, and the track and its album. The export does not say since when. Raises ValueError."""
    parts = _track_objects(account, thing, ("track", "artist", "album", "uri"))
    yield from parts
    song = parts[0][1]
    yield ObjectType.SAVED_TRACK, account.owns(f"saved_{song['id']}") | {"track": song}


def saved_album(account: SpotifyAccount, thing: JsonObject) -> Iterator[Mapped]:
    """Yield a saved album, and the album itself. Raises ValueError."""
    name, artist = text_of(thing.get("album")), text_of(thing.get("artist"))
    found = album_object(account, artist, name)
    if found is None:
        raise ValueError("the album has no name")
    album_id = id_in_address(thing.get("uri"), "album") or found["id"]
    found |= account.owns(album_id) | {"id": album_id, "artists": [artist_object(account, artist)] if artist else []}
    yield ObjectType.ALBUM, found
    yield ObjectType.SAVED_ALBUM, account.owns(f"saved_{album_id}") | {"album": found}


def followed_artist(account: SpotifyAccount, name: str) -> Iterator[Mapped]:
    """Yield a followed artist. The lists of different years have names in common only. Raises ValueError."""
    if not name:
        raise ValueError("the artist has no name")
    yield ObjectType.FOLLOWED_ARTIST, artist_object(account, name)


def playlist(account: SpotifyAccount, thing: JsonObject, known: Counter[str]) -> Iterator[Mapped]:
    """Yield a playlist, and its tracks and their albums. Podcasts in it are passed over.

    Args:
        account: The account.
        thing: The playlist.
        known: How many playlists of each name came before, since the export has no ids of playlists.

    Raises:
        ValueError: It has no name.
    """
    name = text_of(thing.get("name"))
    if not name:
        raise ValueError("the playlist has no name")
    known[name] += 1
    own_id = stable_id("playlist", name, *([str(known[name])] if known[name] > 1 else []))
    tracks, days = [], []
    for item in list_of(thing.get("items")) or list_of(thing.get("tracks")):
        song = dict_of(item).get("track") or dict_of(item).get("localTrack") or item
        if not text_of(dict_of(song).get("trackName")):
            continue
        parts = _track_objects(account, dict_of(song), ("trackName", "artistName", "albumName", "trackUri"))
        yield from parts
        added = _moment(dict_of(item).get("addedDate"))
        days += [added] if added is not None else []
        song_id = parts[0][1]["id"]
        tracks.append(
            account.owns(f"added_{own_id}_{song_id}")
            | {"id": song_id, "addedby": None, "track": parts[0][1]}
            | ({"createddate": added} if added is not None else {})
        )
    begun = min(days, default=_moment(thing.get("lastModifiedDate")))
    followers = thing.get("numberOfFollowers")
    fields: dict[str, Any] = {
        "createddate": begun,
        "description": text_of(thing.get("description")),
        "followerscount": followers if isinstance(followers, int) and not isinstance(followers, bool) else None,
    }
    found = account.owns(own_id) | {"id": own_id, "name": name, "tracks": tracks}
    yield ObjectType.PLAYLIST, found | {field: value for field, value in fields.items() if value not in (None, "")}


def search(account: SpotifyAccount, thing: JsonObject) -> Iterator[Mapped]:
    """Yield a search. Spotify records each state of the search field, so some are the beginnings of others.

    Raises:
        ValueError: It has no date or text.
    """
    moment, query = _moment(thing.get("searchTime")), text_of(thing.get("searchQuery"))
    if moment is None or not query:
        raise ValueError("the search has no date or text")
    own_id = f"{moment}_{stable_id('search', query)}"
    found = account.owns(own_id) | {"id": own_id, "createddate": moment, "query": query, "product": "Spotify"}
    yield ObjectType.SEARCH, found


def _track_objects(account: SpotifyAccount, thing: JsonObject, names: tuple[str, str, str, str]) -> list[Mapped]:
    """Build a track, and its album if it has one. Raises ValueError."""
    title, artist, album_name, address = (text_of(thing.get(name)) for name in names)
    if not title:
        raise ValueError("the track has no name")
    track_id = id_in_address(address, "track") or stable_id(artist, album_name, title)
    album = album_object(account, artist, album_name)
    song = track(account, track_id, title, [artist_object(account, artist)] if artist else [], album)
    return [(ObjectType.TRACK, song), *([(ObjectType.ALBUM, album)] if album else [])]


def _moment(value: object) -> int | None:
    return exact_moment(value)
