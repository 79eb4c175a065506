"""Spotify's words to objects of schema digime."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from privateshare.sources.contract import JsonObject

SERVICE_TYPE = 19
_TRACK_URI = re.compile(r"spotify:track:([A-Za-z0-9]{1,64})")


def account_entity_id(provider_account_id: str) -> str:
    """The `accountentityid` of an account."""
    return f"{SERVICE_TYPE}_{provider_account_id}"


def play_history(play: Mapping[str, Any], account: str) -> JsonObject | None:
    """One line of the extended streaming history as play history (406); None if it was no music track.

    `createddate` is when the track began: the history says when it ended and how long it was played. Raises
    ValueError or KeyError if the line is not of that form.
    """
    title, artist = play["master_metadata_track_name"], play["master_metadata_album_artist_name"]
    if title is None or artist is None:
        return None
    ended = datetime.strptime(str(play["ts"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    played = int(play["ms_played"])
    album = play.get("master_metadata_album_album_name")
    uri = _TRACK_URI.fullmatch(str(play.get("spotify_track_uri") or ""))
    track_id = uri[1] if uri else stable_id(artist, album, title)
    started = int(ended.timestamp() * 1000) - played
    return {
        "accountentityid": account,
        "entityid": f"{account}_{started}_{track_id}",
        "createddate": started,
        "msplayed": played,
        "track": track(
            account, track_id, title, [artist_object(account, artist)], album_object(account, artist, album)
        ),
    }


def track(account: str, track_id: str, name: str, artists: list[JsonObject], album: JsonObject | None) -> JsonObject:
    """An embedded track."""
    found: JsonObject = {
        "accountentityid": account,
        "entityid": f"{account}_{track_id}",
        "id": track_id,
        "name": name,
        "link": f"https://open.spotify.com/track/{track_id}",
        "artists": artists,
    }
    return found | ({"album": album} if album else {})


def artist_object(account: str, name: str, genres: list[str] | None = None) -> JsonObject:
    """An embedded artist. The history gives no ids of artists, so ours is made of the name."""
    artist_id = stable_id("artist", name)
    found: JsonObject = {
        "accountentityid": account,
        "entityid": f"{account}_{artist_id}",
        "id": artist_id,
        "name": name,
    }
    return found | ({"genres": genres} if genres else {})


def album_object(account: str, artist: str, name: str | None) -> JsonObject | None:
    """An embedded album, if there was one."""
    if not name:
        return None
    album_id = stable_id("album", artist, name)
    return {"accountentityid": account, "entityid": f"{account}_{album_id}", "id": album_id, "name": name}


def stable_id(*parts: str | None) -> str:
    """An id of 22 characters, as Spotify's are long, that the same words always give."""
    return sha256("\0".join(part or "" for part in parts).encode()).hexdigest()[:22]
