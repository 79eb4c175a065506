"""Sample data: generated plays of invented artists up to yesterday. A day's plays never change."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import islice
from random import Random
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.spotify.mapping import (
    SERVICE_TYPE,
    SpotifyAccount,
    album_object,
    artist_object,
    stable_id,
    track,
)

PROVIDER_ID = "123456789"
EVERY_SAVED_TRACK = 7
EVERY_FOLLOWED_ARTIST = 3
PLAYLISTS = ("Sunday morning", "On the train", "Kitchen")
PLAYLIST_TRACKS = 12


@dataclass(frozen=True, slots=True)
class Listening:
    """The size of a sample.

    Attributes:
        days: The number of days with plays.
        plays_a_day: The average number of plays per day.
        saved: How many tracks, albums and playlists are saved and artists are followed; None for all that there are.
    """

    days: int
    plays_a_day: int
    saved: int | None = None


SETS = {
    "default": Listening(days=548, plays_a_day=2),
    "large": Listening(days=3650, plays_a_day=9),
    "small": Listening(days=14, plays_a_day=2, saved=1),
}


@dataclass(frozen=True, slots=True)
class Song:
    """An invented track."""

    artist: str
    album: str
    title: str
    genres: tuple[str, ...]

    def as_track(self, account: SpotifyAccount) -> JsonObject:
        """Build the embedded track."""
        track_id = stable_id(self.artist, self.album, self.title)
        artist = artist_object(account, self.artist, list(self.genres))
        found = track(account, track_id, self.title, [artist], album_object(account, self.artist, self.album))
        length = 120_000 + int(track_id[:3], 16) * 50
        return found | {"duration": length, "explicit": False}


@cache
def songs() -> tuple[Song, ...]:
    """Load the songs of all invented artists."""
    artists: list[dict[str, Any]] = json.loads(files(__package__).joinpath("artists.json").read_text("utf-8"))
    return tuple(
        Song(entry["name"], album, title, tuple(entry["genres"]))
        for entry in artists
        for album, titles in entry["albums"].items()
        for title in titles
    )


def sample_objects(sample: str, object_type: int, now: datetime) -> Iterator[JsonObject]:
    """Yield the objects of one type of a sample. The plays of a day are the same at every call."""
    account = SpotifyAccount(f"{SERVICE_TYPE}_sampleDataSet-{sample}", f"{SERVICE_TYPE}_{PROVIDER_ID}")
    listening = SETS[sample]
    if object_type == ObjectType.PLAY_HISTORY:
        yield from _plays(listening, account, now)
    elif object_type == ObjectType.SAVED_TRACK:
        yield from islice(_saved_tracks(account, now), listening.saved)
    elif object_type == ObjectType.SAVED_ALBUM:
        yield from islice(_saved_albums(account, now), listening.saved)
    elif object_type == ObjectType.PLAYLIST:
        yield from islice(_playlists(account, now), listening.saved)
    elif object_type == ObjectType.FOLLOWED_ARTIST:
        yield from islice(_followed_artists(account), listening.saved)
    elif object_type == ObjectType.TRACK:
        yield from islice((song.as_track(account) for song in songs()[::EVERY_SAVED_TRACK]), listening.saved)
    elif object_type == ObjectType.ALBUM:
        yield from islice((saved["album"] for saved in _saved_albums(account, now)), listening.saved)
    elif object_type == ObjectType.SEARCH:
        yield from islice(_searches(account, now), listening.saved)


def _plays(listening: Listening, account: SpotifyAccount, now: datetime) -> Iterator[JsonObject]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(listening.days, 0, -1):
        day = midnight - timedelta(days=back)
        chance = Random(f"{day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        for _ in range(chance.randint(0, 2 * listening.plays_a_day)):
            # The cube favours small numbers, so that a few artists have most of the plays, as is usual.
            played = songs()[int(len(songs()) * chance.random() ** 3)].as_track(account)
            started = _milliseconds(day + timedelta(seconds=chance.randint(6 * 3600, 86_399)))
            yield _dated(account, f"{started}_{played['id']}", started, track=played)


def _saved_tracks(account: SpotifyAccount, now: datetime) -> Iterator[JsonObject]:
    for number, song in enumerate(songs()[::EVERY_SAVED_TRACK]):
        saved = song.as_track(account)
        yield _dated(account, f"saved_{saved['id']}", _before_this_year(now, 20 * number), track=saved)


def _saved_albums(account: SpotifyAccount, now: datetime) -> Iterator[JsonObject]:
    albums = list(dict.fromkeys((song.artist, song.album, song.genres) for song in songs()))
    for number, (artist, name, genres) in enumerate(albums[::EVERY_FOLLOWED_ARTIST]):
        album = album_object(account, artist, name) or {}
        album["artists"] = [artist_object(account, artist, list(genres))]
        yield _dated(account, f"saved_{album['id']}", _before_this_year(now, 30 * number), album=album)


def _playlists(account: SpotifyAccount, now: datetime) -> Iterator[JsonObject]:
    owner = account.owns(PROVIDER_ID) | {"id": PROVIDER_ID, "isuser": True, "name": "Sample person"}
    for number, name in enumerate(PLAYLISTS):
        created = _before_this_year(now, 90 * number)
        chosen = songs()[number :: len(songs()) // PLAYLIST_TRACKS][:PLAYLIST_TRACKS]
        playlist_id = stable_id("playlist", name)
        yield _dated(account, playlist_id, created) | {
            "id": playlist_id,
            "name": name,
            "description": "",
            "collaborative": False,
            "public": False,
            "link": f"https://open.spotify.com/playlist/{playlist_id}",
            "owner": owner,
            "tracks": [_playlist_track(song, account, created) for song in chosen],
        }


def _playlist_track(song: Song, account: SpotifyAccount, created: int) -> JsonObject:
    added = song.as_track(account)
    return _dated(account, f"added_{added['id']}", created, id=added["id"], addedby=None, track=added)


def _followed_artists(account: SpotifyAccount) -> Iterator[JsonObject]:
    artists = list(dict.fromkeys((song.artist, song.genres) for song in songs()))
    for name, genres in artists[::EVERY_FOLLOWED_ARTIST]:
        yield artist_object(account, name, list(genres)) | {"popularity": 40 + len(name)}


def _searches(account: SpotifyAccount, now: datetime) -> Iterator[JsonObject]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    artists = list(dict.fromkeys(song.artist for song in songs()))
    for number, artist in enumerate(artists[::EVERY_FOLLOWED_ARTIST]):
        searched = _milliseconds(midnight - timedelta(days=1 + 20 * number, hours=4))
        own_id = f"{searched}_{stable_id('search', artist)}"
        yield _dated(account, own_id, searched, id=own_id, query=artist.lower(), product="Spotify")


def _dated(account: SpotifyAccount, own_id: str, created: int, **more: object) -> JsonObject:
    return account.owns(own_id) | {"createddate": created, **more}


def _before_this_year(now: datetime, days: int) -> int:
    new_year = now.replace(month=1, day=1, hour=12, minute=0, second=0, microsecond=0)
    return _milliseconds(new_year - timedelta(days=days))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
