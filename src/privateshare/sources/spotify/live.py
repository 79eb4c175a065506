"""Spotify's API: the last plays, the library, playlists and followed artists of the person who signs in.

The objects have the ids of those in exports, as far as exports have the same facts.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.contract import Identity, JsonObject, ObjectSchema, SignIn, Source, SourceInfo
from privateshare.sources.json_api.listing import Listing, NewestFirst, Since, Wanted
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import list_at, page_at
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.values import count_of, moment_of, required_moment, required_text, truth_of
from privateshare.sources.object_building import SourceAccount, dict_of, list_of, text_of
from privateshare.sources.routes import UploadOrSignIn
from privateshare.sources.spotify.configuration import Settings
from privateshare.sources.spotify.history import Play
from privateshare.sources.spotify.mapping import PlayIds, SpotifyAccount, artist_object, play_history, stable_id, track
from privateshare.sources.spotify.source import Spotify

PAGE_SIZE = 50
TRACKS_PAGE_SIZE = 100
MAX_TRACK_PAGES = 110  # A playlist has at most 11,000 tracks.
SCOPE = "user-read-recently-played user-library-read playlist-read-private playlist-read-collaborative user-follow-read"


def recent_play(item: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a play. The API says when it ended and how long the track is, and not how much of it was played."""
    song = dict_of(item.get("track"))
    artists = [text_of(dict_of(one).get("name")) for one in list_of(song.get("artists"))]
    play = Play(
        ended=required_moment(item.get("played_at")),
        played=count_of(song.get("duration_ms")) or 0,
        title=required_text(song.get("name")),
        artist=next(iter(artists), ""),
        album=text_of(dict_of(song.get("album")).get("name")) or None,
        track_uri=text_of(song.get("uri")),
    )
    found = play_history(play, PlayIds().id_of(play), _spotify(account))
    del found["msplayed"]
    return found


def saved_track(item: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a saved track."""
    own, song = _spotify(account), _track(dict_of(item.get("track")), _spotify(account))
    return own.owns(f"saved_{song['id']}") | {"createddate": required_moment(item.get("added_at")), "track": song}


def saved_album(item: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a saved album."""
    own, album = _spotify(account), _album(dict_of(item.get("album")), _spotify(account))
    return own.owns(f"saved_{album['id']}") | {"createddate": required_moment(item.get("added_at")), "album": album}


def followed_artist(item: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a followed artist. The id is made of the name, as that of exports, which have no other."""
    genres = [text_of(genre) for genre in list_of(item.get("genres"))]
    found = artist_object(_spotify(account), required_text(item.get("name")), [genre for genre in genres if genre])
    link = text_of(dict_of(item.get("external_urls")).get("spotify"))
    followers = count_of(dict_of(item.get("followers")).get("total"))
    optional = {"link": link or None, "followerscount": followers}
    return found | {name: value for name, value in optional.items() if value is not None}


def playlist(item: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a playlist with its tracks."""
    own, own_id = _spotify(account), required_text(item.get("id"))
    entries = [dict_of(one) for one in list_of(item.get("all_tracks"))]
    tracks = [_playlist_track(one, own, own_id) for one in entries if text_of(dict_of(one.get("track")).get("name"))]
    owner = dict_of(item.get("owner"))
    owner_id = text_of(owner.get("id"))
    optional = {
        "createddate": min((one["createddate"] for one in tracks if "createddate" in one), default=None),
        "description": text_of(item.get("description")) or None,
        "collaborative": truth_of(item.get("collaborative")),
        "public": truth_of(item.get("public")),
        "link": text_of(dict_of(item.get("external_urls")).get("spotify")) or None,
        "owner": own.owns(owner_id) | {"id": owner_id, "name": text_of(owner.get("display_name"))}
        if owner_id
        else None,
    }
    found = own.owns(own_id) | {"id": own_id, "name": text_of(item.get("name")), "tracks": tracks}
    return found | {name: value for name, value in optional.items() if value is not None}


def with_tracks(item: Any, client: ApiClient) -> Any:
    """Fetch the tracks of a playlist, which the list of playlists only counts."""
    own_id = required_text(item.get("id"))
    request: ApiRequest | None = ApiRequest(f"playlists/{own_id}/tracks", {"limit": TRACKS_PAGE_SIZE})
    found, following = list[Any](), page_at("next")
    for _ in range(MAX_TRACK_PAGES):
        if request is None:
            break
        reply = client.get(request)
        items = list_at("items")(reply.content)
        found += items
        request = following(reply, items)
    return {**item, "all_tracks": found}


def _playlist_track(entry: JsonObject, own: SpotifyAccount, playlist_id: str) -> JsonObject:
    song = _track(dict_of(entry.get("track")), own)
    added = moment_of(entry.get("added_at"))
    found = own.owns(f"added_{playlist_id}_{song['id']}") | {"id": song["id"], "addedby": None, "track": song}
    return found | ({"createddate": added} if added is not None else {})


def _track(song: JsonObject, own: SpotifyAccount) -> JsonObject:
    artists = [text_of(dict_of(one).get("name")) for one in list_of(song.get("artists"))]
    album = dict_of(song.get("album"))
    title = required_text(song.get("name"))
    # Files of the person's own have no id.
    own_id = text_of(song.get("id")) or stable_id(next(iter(artists), ""), text_of(album.get("name")), title)
    shown = _album(album, own) if text_of(album.get("name")) else None
    found = track(own, own_id, title, [artist_object(own, name) for name in artists if name], shown)
    duration = count_of(song.get("duration_ms"))
    return found | ({"duration": duration} if duration else {})


def _album(album: JsonObject, own: SpotifyAccount) -> JsonObject:
    artists = [text_of(dict_of(one).get("name")) for one in list_of(album.get("artists"))]
    name = required_text(album.get("name"))
    album_id = text_of(album.get("id")) or stable_id("album", next(iter(artists), ""), name)
    return own.owns(album_id) | {"id": album_id, "name": name, "artists": [artist_object(own, one) for one in artists]}


def _spotify(account: SourceAccount) -> SpotifyAccount:
    return SpotifyAccount(account.entity_id, account.entity_id)


def _recent(wanted: Wanted) -> ApiRequest:
    since = {"after": wanted.since} if wanted.since is not None else {}
    return ApiRequest("me/player/recently-played", {"limit": PAGE_SIZE, **since})


class LiveSpotify(OAuthApiSource):
    """Source 16 for those who sign in."""

    info = SourceInfo(
        id=16,
        service_type=ServiceType.SPOTIFY,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(
            ObjectType.PLAY_HISTORY,
            ObjectType.SAVED_TRACK,
            ObjectType.SAVED_ALBUM,
            ObjectType.PLAYLIST,
            ObjectType.FOLLOWED_ARTIST,
        ),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
    )
    rules = ApiRules()
    listings = (
        # The API has only the last fifty plays: what came before is in the export.
        Listing(
            "plays",
            ObjectType.PLAY_HISTORY,
            _recent,
            list_at("items"),
            recent_play,
            reading=Since(lambda item: moment_of(item.get("played_at"))),
        ),
        Listing(
            "tracks",
            ObjectType.SAVED_TRACK,
            lambda _: ApiRequest("me/tracks", {"limit": PAGE_SIZE}),
            list_at("items"),
            saved_track,
            page_at("next"),
            NewestFirst(lambda item: required_text(dict_of(item.get("track")).get("id"))),
        ),
        Listing(
            "albums",
            ObjectType.SAVED_ALBUM,
            lambda _: ApiRequest("me/albums", {"limit": PAGE_SIZE}),
            list_at("items"),
            saved_album,
            page_at("next"),
            NewestFirst(lambda item: required_text(dict_of(item.get("album")).get("id"))),
        ),
        Listing(
            "playlists",
            ObjectType.PLAYLIST,
            lambda _: ApiRequest("me/playlists", {"limit": PAGE_SIZE}),
            list_at("items"),
            playlist,
            page_at("next"),
            complete=with_tracks,
        ),
        Listing(
            "artists",
            ObjectType.FOLLOWED_ARTIST,
            lambda _: ApiRequest("me/following", {"type": "artist", "limit": PAGE_SIZE}),
            list_at("artists", "items"),
            followed_artist,
            page_at("artists", "next"),
        ),
    )
    sites = {"web": "https://accounts.spotify.com", "api": "https://api.spotify.com/v1"}

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        del known
        return replace(self.oauth("web/authorize", "web/api/token", SCOPE), client_authentication="client_secret_basic")

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose account it is. Exports that name their owner have the same id."""
        del known
        about = client.get(ApiRequest("me")).content
        own_id = required_text(about["id"])
        return Identity(own_id, text_of(about.get("display_name")) or own_id, "USER")


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's app."""
    return (UploadOrSignIn(Spotify(), LiveSpotify(settings)),)
