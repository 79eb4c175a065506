"""The mapping of Spotify's data to objects of schema digime."""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from privateshare.sources.contract import JsonObject
from privateshare.sources.spotify.history import Play

SERVICE_TYPE = 19
MINUTE_MILLISECONDS = 60_000
MAX_ID_CHARACTERS = 64


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


def id_in_address(address: object, kind: str) -> str:
    """Return the id in an address such as `spotify:track:…`; empty if it is none of this kind."""
    if not isinstance(address, str) or not address.startswith(start := f"spotify:{kind}:"):
        return ""
    found = address[len(start) :]
    return found if len(found) <= MAX_ID_CHARACTERS and found.isalnum() and found.isascii() else ""


@dataclass(slots=True)
class PlayIds:
    """The ids of plays, made of what both exports know: the minute of the end, the duration, artist and title.

    So a play has the same id in the account data and in the extended history. Equal plays within one minute, such as
    tracks that were skipped at once, are numbered. ADR 61.
    """

    _minute: int = -1
    _known: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def id_of(self, play: Play) -> str:
        """Return the id of a play. Give it all plays of an export, in their order."""
        return self.id_with(play.ended, play.played, play.artist, play.title, play.track_uri, brief=play.brief)

    def id_with(self, ended: int, played: int, artist: str, title: str, track_uri: str, *, brief: bool = False) -> str:
        """Return the id of the play with these values, like `id_of`."""
        minute = ended // MINUTE_MILLISECONDS
        if minute != self._minute:
            self._minute = minute
            self._known.clear()
        own_id = f"{minute * MINUTE_MILLISECONDS}_{played}_{stable_id(artist, title)}"
        equal = self._known.get(own_id)
        key = (ended, track_uri)
        if equal is None:
            self._known[own_id] = [key]
            return own_id
        if brief or key not in equal:
            equal.append(key)
        number = len(equal) if brief else equal.index(key) + 1
        return own_id if number == 1 else f"{own_id}-{number}"


def play_history(play: Play, own_id: str, account: SpotifyAccount) -> JsonObject:
    """Map a play to play history (object type 406).

    `createddate` is when the track began, computed from its end and the duration.
    """
    return {
        "accountentityid": account.entity_id,
        "entityid": f"{account.prefix}_{own_id}",
        "createddate": play.ended - play.played,
        "msplayed": play.played,
        **play.details,
        "track": _played_track(account, play.track_uri, play.title, play.artist, play.album),
    }


@lru_cache(maxsize=4096)  # People listen to the same tracks many times.
def _played_track(account: SpotifyAccount, address: str, title: str, artist: str, album: str | None) -> JsonObject:
    """Build the track of a play. It is shared by plays, so it must not be changed."""
    track_id = id_in_address(address, "track") or stable_id(artist, album, title)
    return track(account, track_id, title, [_played_artist(account, artist)], _played_album(account, artist, album))


@lru_cache(maxsize=4096)
def _played_artist(account: SpotifyAccount, name: str) -> JsonObject:
    return artist_object(account, name)


@lru_cache(maxsize=4096)
def _played_album(account: SpotifyAccount, artist: str, name: str | None) -> JsonObject | None:
    return album_object(account, artist, name)


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


@lru_cache(maxsize=16_384)  # People listen to the same tracks many times.
def stable_id(*parts: str | None) -> str:
    """Derive an id from texts. It has 22 characters, like the ids of Spotify."""
    return sha256("\0".join(part or "" for part in parts).encode()).hexdigest()[:22]
