"""Spotify's account data: the library, playlists, searches, and the plays of the last year."""

import io
import json
from collections import defaultdict
from typing import Any

import pytest
from tests.archives import HISTORY, play, zipped
from tests.object_schemas import check_objects

from privateshare.platform.library.deduplication import Candidate, find_superseded
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Broken, Connection, Page
from privateshare.sources.failures import LeftOut
from privateshare.sources.identity import IF_MISSING
from privateshare.sources.spotify.history import NO_MUSIC
from privateshare.sources.spotify.source import Spotify

LIBRARY = {
    "tracks": [
        {"artist": "Ärzte", "album": "Nr. 1", "track": "Eins", "uri": "spotify:track:1111111111111111111111"},
        {"artist": "Local", "album": "", "track": "Demo", "uri": "spotify:local:::Demo:200"},
        {"artist": "Nobody", "album": "?", "track": None, "uri": "spotify:track:2222222222222222222222"},
    ],
    "albums": [{"artist": "Ärzte", "album": "Nr. 1", "uri": "spotify:album:3333333333333333333333"}],
    "shows": [{"name": "A podcast", "publisher": "x", "uri": "spotify:show:4"}],
    "episodes": [],
    "bannedTracks": [{"artist": "Bad", "album": "Bad", "track": "Bad", "uri": "spotify:track:5"}],
    "artists": [{"name": "Ärzte", "uri": "spotify:artist:6"}],
    "bannedArtists": [],
    "other": ["spotify:playlist:7"],
}
SONG = {
    "trackName": "Eins",
    "artistName": "Ärzte",
    "albumName": "Nr. 1",
    "trackUri": "spotify:track:1111111111111111111111",
}
PLAYLISTS = {
    "playlists": [
        {
            "name": "Küche",
            "lastModifiedDate": "2026-03-05",
            "items": [
                {"track": SONG, "episode": None, "localTrack": None, "addedDate": "2026-03-04"},
                {"track": None, "episode": {"episodeName": "Ep", "showName": "A podcast"}, "addedDate": "2026-03-01"},
            ],
            "description": None,
            "numberOfFollowers": 2,
        },
        {"name": "Küche", "lastModifiedDate": "2020-01-01", "tracks": [SONG], "description": "Older layout"},
    ]
}
SEARCHES = [
    {
        "platform": "ANDROID_ARM",
        "searchTime": "2026-02-03T04:05:06.789Z[UTC]",
        "searchQuery": "ärzte",
        "searchInteractionURIs": ["spotify:artist:6"],
    },
    {"platform": "WEB", "searchTime": None, "searchQuery": "x"},
]
USER = {"username": "Mira", "email": "m@example.org", "creationTime": "2015-01-01", "country": "AT"}
FOLLOW = {"followingArtists": ["Ärzte", "Dendemann"], "userIsFollowing": ["x"], "userIsFollowedBy": []}


def brief(number: int = 0, **changes: Any) -> dict[str, Any]:
    """The line of the account data for the play of the same number."""
    whole = play(number)
    return {
        "endTime": whole["ts"][:16].replace("T", " "),
        "artistName": whole["master_metadata_album_artist_name"],
        "trackName": whole["master_metadata_track_name"],
        "msPlayed": whole["ms_played"],
    } | changes


def archive(files: dict[str, Any]) -> bytes:
    return zipped({f"Spotify Account Data/{name}": json.dumps(content).encode() for name, content in files.items()})


def read(data: bytes, left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an archive by type."""
    identity = Spotify().identify(Connection(archive=io.BytesIO(data)))
    connection = Connection(
        archive=io.BytesIO(data),
        provider_account_id=identity.provider_account_id,
        left_out=left_out if left_out is not None else LeftOut(),
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in Spotify().fetch(connection, dict.fromkeys(Spotify.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def test_everything_in_the_account_data_is_read() -> None:
    """Podcasts and blocked tracks are passed over, and entries without a name or date are counted."""
    left_out = LeftOut()
    files = {"YourLibrary.json": LIBRARY, "Playlist1.json": PLAYLISTS, "SearchQueries.json": SEARCHES}
    files |= {"Follow.json": FOLLOW, "Userdata.json": USER, "StreamingHistory_music_0.json": [brief(0), brief(1)]}
    files |= {"StreamingHistory_podcast_0.json": [{"endTime": "2026-01-01 10:00", "podcastName": "P", "msPlayed": 9}]}
    files |= {"Payments.json": {"payment_method": "x"}, "Inferences.json": {"inferences": ["1P_Custom_x"]}}
    found = read(archive(files), left_out)
    assert [thing["track"]["name"] for thing in found[ObjectType.SAVED_TRACK]] == ["Eins", "Demo"]
    assert found[ObjectType.SAVED_TRACK][0]["track"]["id"] == "1" * 22
    assert [thing["album"]["id"] for thing in found[ObjectType.SAVED_ALBUM]] == ["3" * 22]
    assert {thing["name"] for thing in found[ObjectType.FOLLOWED_ARTIST]} == {"Ärzte", "Dendemann"}
    assert [thing["query"] for thing in found[ObjectType.SEARCH]] == ["ärzte"]
    assert len(found[ObjectType.PLAY_HISTORY]) == 2
    assert {thing["name"] for thing in found[ObjectType.TRACK]} == {"Eins", "Demo"}
    assert {thing["name"] for thing in found[ObjectType.ALBUM]} == {"Nr. 1"}
    first, second = found[ObjectType.PLAYLIST]
    assert (first["name"], len(first["tracks"]), first["followerscount"]) == ("Küche", 1, 2)
    assert first["createddate"] == first["tracks"][0]["createddate"]
    assert (second["description"], len(second["tracks"])) == ("Older layout", 1)
    assert first["entityid"] != second["entityid"]
    assert left_out.count == 2
    assert left_out.not_taken[NO_MUSIC] == 3  # A play, a show that was saved, and an episode in a playlist.
    assert left_out.not_taken.total() == 4


def test_the_account_is_the_one_of_the_history() -> None:
    """Both name the person by the same user name."""
    data = archive(
        {"Userdata.json": USER, "Identity.json": {"displayName": "Mira K", "firstName": "M"}, "a.json": [brief()]}
    )
    identity = Spotify().identify(Connection(archive=io.BytesIO(data)))
    assert (identity.provider_account_id, identity.display_name, identity.named) == ("Mira", "Mira K", True)


def test_a_play_in_both_exports_has_one_id() -> None:
    """The account data has neither seconds nor the track's address. Equal plays of a minute stay apart."""
    times = [0, 1, 2]
    whole = [play(n) for n in times] + [
        play(3, ms_played=0, ts=f"2026-04-04T10:03:{second}Z") for second in ("01", "40")
    ]
    short = [brief(n) for n in times] + [brief(3, msPlayed=0, endTime="2026-04-04 10:03")] * 2
    one = [thing["entityid"] for thing in read(zipped({HISTORY: json.dumps(whole).encode()}))[ObjectType.PLAY_HISTORY]]
    other = [thing["entityid"] for thing in read(archive({"StreamingHistory0.json": short}))[ObjectType.PLAY_HISTORY]]
    assert one == other
    assert len(set(one)) == 5


def test_the_play_with_more_details_is_kept() -> None:
    """Whichever export comes first, and also if both come together. ADR 61."""
    whole, short, again = Candidate(1, None), Candidate(2, IF_MISSING), Candidate(3, IF_MISSING)
    stored_short = Candidate(2, None)  # The library does not keep provenances of plays.
    assert find_superseded([whole], [short]) == {2}
    assert find_superseded([stored_short], [whole]) == {2}
    assert find_superseded([], [short, whole]) == {2}
    assert find_superseded([], [whole, short]) == {2}
    assert find_superseded([stored_short], [short]) == set()
    assert find_superseded([stored_short], [again]) == {3}
    assert find_superseded([], [short]) == set()


@pytest.mark.parametrize(
    "files",
    [
        {"Userdata.json": USER},
        {"YourLibrary.json": {"tracks": [], "albums": []}},
        {"StreamingHistory_podcast_0.json": [{"endTime": "2026-01-01 10:00", "podcastName": "P", "msPlayed": 9}]},
        {"Playlist1.json": {"playlists": []}},
    ],
)
def test_account_data_without_music_is_rejected(files: dict[str, Any]) -> None:
    """With what to ask Spotify for."""
    with pytest.raises(Broken, match=r"holds no music.*Account data"):
        read(archive(files))


ODD = [
    {"playlists": [{"name": 7, "items": {"a": 1}}, {"name": "x", "items": [None, 3, {"track": [1]}]}]},
    {"tracks": [{"artist": 1, "track": 2, "uri": 3}, {"artist": {}, "track": [], "uri": None}]},
    {"albums": [{"artist": None, "album": None, "uri": None}], "artists": [{"name": [], "uri": 1}]},
    {"followingArtists": [None, 1, {}], "userIsFollowing": {}},
    [{"searchTime": 10**40, "searchQuery": "x"}, {"searchTime": "2026-01-01T00:00:00Z", "searchQuery": {}}],
    [{"endTime": "soon", "msPlayed": "x", "trackName": None}],
]


@pytest.mark.parametrize("odd", ODD)
def test_odd_entries_do_not_take_the_others_with_them(odd: Any) -> None:
    """They are counted."""
    found = read(archive({"a.json": odd, "b.json": [brief(number) for number in range(9)]}))
    assert len(found[ObjectType.PLAY_HISTORY]) == 9
