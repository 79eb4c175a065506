"""The mapping of listens to play history, as the API and the export of ListenBrainz write them."""

from privateshare.sources.json_api.values import required_seconds, required_text, whole_of
from privateshare.sources.object_building import JsonObject, SourceAccount, dict_of, stable_id, text_of

MAX_DURATION_MS = 24 * 3600 * 1000


def listened_at(listen: JsonObject) -> int:
    """Return when a listen was, in seconds since the epoch."""
    return required_seconds(listen.get("listened_at")) // 1000


def id_of(listen: JsonObject) -> str:
    """Return the id of a listen: the service has none, and tells listens apart by these facts."""
    about = dict_of(listen.get("track_metadata"))
    names = (required_text(about.get("artist_name")), required_text(about.get("track_name")))
    return f"{listened_at(listen)}_{stable_id(*names)}"


def play(listen: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a listen to play history (406). Raises ValueError without a date, an artist or a title."""
    own_id, about = id_of(listen), dict_of(listen.get("track_metadata"))
    more = dict_of(about.get("additional_info"))
    artist, title, album = (text_of(about.get(f"{name}_name")) for name in ("artist", "track", "release"))
    mapped = dict_of(about.get("mbid_mapping"))
    recording = text_of(mapped.get("recording_mbid")) or text_of(more.get("recording_mbid"))
    duration = whole_of(more.get("duration_ms")) or whole_of(more.get("duration"), 1000)
    song = account.thing(
        stable_id(artist, title),
        None,
        name=title,
        link=f"https://musicbrainz.org/recording/{recording}" if recording else "",
        duration=duration if duration and duration < MAX_DURATION_MS else None,
        artists=[account.thing(stable_id("artist", artist), None, name=artist)],
        album=account.thing(stable_id("album", artist, album), None, name=album) if album else None,
    )
    return account.thing(own_id, listened_at(listen) * 1000, track=song, platform=text_of(more.get("media_player")))


def account_id(name: str) -> str:
    """Return the id of an account. The service compares the names of users without regard to case."""
    return name.lower()
