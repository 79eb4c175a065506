"""The source ListenBrainz: the listens of the person whose token it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
    Brand,
    Identity,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    Question,
    RequestLimit,
    Sample,
    Source,
    SourceInfo,
)
from privateshare.sources.json_api.listing import Listing, NewestFirst
from privateshare.sources.json_api.paging import earlier_page, list_at
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules, requested_pause
from privateshare.sources.json_api.source import JsonApiSource
from privateshare.sources.json_api.values import required_seconds, required_text, whole_of
from privateshare.sources.object_building import SourceAccount, dict_of, stable_id, text_of

ID = 9056
PAGE_SIZE = 100
SAMPLE_LISTENS = 400
SONGS = (
    ("Marram", "Low water", "Sandbank"),
    ("Ferry Lights", "Two lanterns", "Harbour"),
    ("Odd Sock", "Drawer", "Pairs"),
)


def pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait. The API says in a header of its own when the next window begins."""
    seconds = requested_pause(response)
    reset = response.headers.get("x-ratelimit-reset-in", "")
    return max(1, int(reset)) if seconds is not None and reset.isdigit() else seconds


def listened_at(listen: JsonObject) -> int:
    """Return when a listen was, in seconds since the epoch."""
    return required_seconds(listen.get("listened_at")) // 1000


def id_of(listen: JsonObject) -> str:
    """Return the id of a listen: the API has none, and tells listens apart by these facts."""
    about = dict_of(listen.get("track_metadata"))
    names = (required_text(about.get("artist_name")), required_text(about.get("track_name")))
    return f"{listened_at(listen)}_{stable_id(*names)}"


def play(listen: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a listen to play history (406)."""
    own_id, about = id_of(listen), dict_of(listen.get("track_metadata"))
    more = dict_of(about.get("additional_info"))
    artist, title, album = (text_of(about.get(f"{name}_name")) for name in ("artist", "track", "release"))
    mapped = dict_of(about.get("mbid_mapping"))
    recording = text_of(mapped.get("recording_mbid")) or text_of(more.get("recording_mbid"))
    track_id = recording or stable_id(artist, title)
    song = account.thing(
        track_id,
        None,
        name=title,
        link=f"https://musicbrainz.org/recording/{recording}" if recording else "",
        duration=whole_of(more.get("duration_ms")) or whole_of(more.get("duration"), 1000),
        artists=[account.thing(stable_id("artist", artist), None, name=artist)],
        album=account.thing(stable_id("album", artist, album), None, name=album) if album else None,
    )
    return account.thing(own_id, listened_at(listen) * 1000, track=song, platform=text_of(more.get("media_player")))


class ListenBrainz(JsonApiSource):
    """The source 9056."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.PLAY_HISTORY,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A listener", "Listens of the last year of an invented person."),),
        brand=Brand("#353070"),
        asks=(Question("token", "Your user token", "password", "It is at listenbrainz.org, in your settings."),),
        resumes=True,
        limits=(RequestLimit(30, 10, of_client=False),),
    )
    rules = ApiRules(pause=pause, scheme="Token")
    listings = (
        Listing(
            "listens",
            ObjectType.PLAY_HISTORY,
            lambda wanted: ApiRequest(f"1/user/{wanted.owner}/listens", {"count": PAGE_SIZE}),
            list_at("payload", "listens"),
            play,
            earlier_page("max_ts", listened_at, PAGE_SIZE),
            NewestFirst(id_of),
        ),
    )

    def __init__(self, at: str = "https://api.listenbrainz.org") -> None:
        self._at = at

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored: the token."""
        del redirect_uri
        return {"access_token": answers["token"].strip()}

    def api(self, known: JsonObject) -> str:
        """Return the address of the API."""
        del known
        return self._at

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose token it is."""
        del known
        content = client.get(ApiRequest("1/validate-token")).content
        if not content["valid"]:
            raise NeedsLogin("the token is not valid")
        name = required_text(content["user_name"])
        return Identity(name, name, "USER")

    def sample_items(self, listing: str, now: datetime) -> Sequence[Any]:
        """Make the listens of an invented person."""
        del listing
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return [
            {
                "listened_at": int((midnight - timedelta(hours=20 * number + 3)).timestamp()),
                "track_metadata": {"artist_name": artist, "track_name": title, "release_name": album},
            }
            for number in range(SAMPLE_LISTENS)
            for artist, title, album in (SONGS[number % len(SONGS)],)
        ]


SOURCES: Sequence[Source] = (ListenBrainz(),)
