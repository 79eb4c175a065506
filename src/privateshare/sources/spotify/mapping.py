"""The mapping of Spotify's data to objects of schema digime."""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from privateshare.sources.contract import JsonObject
from privateshare.sources.spotify.history import Play

SERVICE_TYPE = 19
_TRACK_URI = re.compile(r"spotify:track:([A-Za-z0-9]{1,64})")


@dataclass(frozen=True, slots=True)
class SpotifyAccount:
    """The ids of an account in its objects: their `accountentityid`, and the prefix of their `entityid`."""

    entity_id: str
    prefix: str

    def owns(self, own_id: str) -> JsonObject:
        """Build the two id fields of an object."""
        return {"accountentityid": self.entity_id, "entityid": f"{self.prefix}_{own_id}"}


def account_of(provider_account_id: str) -> SpotifyAccount:
    """Build the ids of a person's account."""
    entity_id = f"{SERVICE_TYPE}_{provider_account_id}"
    return SpotifyAccount(entity_id, entity_id)


def play_history(play: Play, account: SpotifyAccount) -> JsonObject:
    """Map a play to play history (object type 406).

    `createddate` is when the track began, computed from its end and the duration.
    """
    uri = _TRACK_URI.fullmatch(play.track_uri)
    track_id = uri[1] if uri else stable_id(play.artist, play.album, play.title)
    started = play.ended - play.played
    return account.owns(f"{started}_{track_id}") | {
        "createddate": started,
        "msplayed": play.played,
        **play.details,
        "track": track(
            account,
            track_id,
            play.title,
            [artist_object(account, play.artist)],
            album_object(account, play.artist, play.album),
        ),
    }


def track(
    account: SpotifyAccount, track_id: str, name: str, artists: list[JsonObject], album: JsonObject | None
) -> JsonObject:
    """Build an embedded track."""
    found = account.owns(track_id) | {
        "id": track_id,
        "name": name,
        "link": f"https://open.spotify.com/track/{track_id}",
        "artists": artists,
    }
    return found | ({"album": album} if album else {})


def artist_object(account: SpotifyAccount, name: str, genres: list[str] | None = None) -> JsonObject:
    """Build an embedded artist. The history has no ids of artists, so the id is derived from the name."""
    artist_id = stable_id("artist", name)
    return account.owns(artist_id) | {"id": artist_id, "name": name} | ({"genres": genres} if genres else {})


def album_object(account: SpotifyAccount, artist: str, name: str | None) -> JsonObject | None:
    """Build an embedded album; None if the play has none."""
    if not name:
        return None
    album_id = stable_id("album", artist, name)
    return account.owns(album_id) | {"id": album_id, "name": name}


@lru_cache(maxsize=4096)  # People listen to the same tracks many times.
def stable_id(*parts: str | None) -> str:
    """Derive an id from texts. It has 22 characters, like the ids of Spotify."""
    return sha256("\0".join(part or "" for part in parts).encode()).hexdigest()[:22]
