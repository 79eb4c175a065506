"""Spotify's words to objects of schema digime."""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from privateshare.sources.contract import JsonObject
from privateshare.sources.spotify.history import Play

SERVICE_TYPE = 19
_TRACK_URI = re.compile(r"spotify:track:([A-Za-z0-9]{1,64})")


@dataclass(frozen=True, slots=True)
class Account:
    """What an account's objects say of it: their `accountentityid`, and what their `entityid` begins with."""

    entity_id: str
    prefix: str

    def owns(self, own_id: str) -> JsonObject:
        """The first two fields of an object."""
        return {"accountentityid": self.entity_id, "entityid": f"{self.prefix}_{own_id}"}


def account_of(provider_account_id: str) -> Account:
    """The account of a person."""
    entity_id = f"{SERVICE_TYPE}_{provider_account_id}"
    return Account(entity_id, entity_id)


def play_history(play: Play, account: Account) -> JsonObject:
    """A play as play history (406).

    `createddate` is when the track began: the history says when it ended and how long it was played.
    """
    uri = _TRACK_URI.fullmatch(play.track_uri)
    track_id = uri[1] if uri else stable_id(play.artist, play.album, play.title)
    started = play.ended - play.played
    return account.owns(f"{started}_{track_id}") | {
        "createddate": started,
        "msplayed": play.played,
        "track": track(
            account,
            track_id,
            play.title,
            [artist_object(account, play.artist)],
            album_object(account, play.artist, play.album),
        ),
    }


def track(
    account: Account, track_id: str, name: str, artists: list[JsonObject], album: JsonObject | None
) -> JsonObject:
    """An embedded track."""
    found = account.owns(track_id) | {
        "id": track_id,
        "name": name,
        "link": f"https://open.spotify.com/track/{track_id}",
        "artists": artists,
    }
    return found | ({"album": album} if album else {})


def artist_object(account: Account, name: str, genres: list[str] | None = None) -> JsonObject:
    """An embedded artist. The history gives no ids of artists, so ours is made of the name."""
    artist_id = stable_id("artist", name)
    return account.owns(artist_id) | {"id": artist_id, "name": name} | ({"genres": genres} if genres else {})


def album_object(account: Account, artist: str, name: str | None) -> JsonObject | None:
    """An embedded album, if there was one."""
    if not name:
        return None
    album_id = stable_id("album", artist, name)
    return account.owns(album_id) | {"id": album_id, "name": name}


@lru_cache(maxsize=4096)  # people listen to the same again and again
def stable_id(*parts: str | None) -> str:
    """An id of 22 characters, as Spotify's are long, that the same words always give."""
    return sha256("\0".join(part or "" for part in parts).encode()).hexdigest()[:22]
