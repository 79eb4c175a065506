"""Spotify's extended streaming history, mapped to play history."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.archives import HISTORY, play, spotify_zip, zipped

from privateshare.objects import PlayHistory, parsed_objects
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Broken, Connection, Page
from privateshare.sources.failures import LeftOut, Reason
from privateshare.sources.spotify.history import NO_DATE, NO_MUSIC, NOT_A_PLAY
from privateshare.sources.spotify.sample import songs
from privateshare.sources.spotify.source import Spotify

VIDEO = "Spotify Extended Streaming History/Streaming_History_Video_2025.json"
PODCAST = {
    "master_metadata_track_name": None,
    "master_metadata_album_artist_name": None,
    "master_metadata_album_album_name": None,
    "spotify_track_uri": None,
    "episode_name": "Episode 7",
    "episode_show_name": "A podcast",
    "spotify_episode_uri": "spotify:episode:7",
}


def mapped(archive: bytes) -> list[dict[str, Any]]:
    """The play history of an archive, let in first as the platform does."""
    identity = Spotify().identify(Connection(archive=io.BytesIO(archive)))
    connection = Connection(archive=io.BytesIO(archive), provider_account_id=identity.provider_account_id)
    found = Spotify().fetch(connection, dict.fromkeys(Spotify.info.object_types))
    pages = [page for page in found if isinstance(page, Page)]
    assert {page.object_type for page in pages} <= {ObjectType.PLAY_HISTORY}
    return [thing for page in pages for thing in page.objects]


def test_a_play_is_mapped() -> None:
    """It has its start, its duration, and the track with artist and album."""
    line = play(
        ts="2026-03-04T05:06:07Z",
        username="björn",
        ms_played=61_001,
        master_metadata_track_name="Größe ☂",
        master_metadata_album_artist_name="夢",
        spotify_track_uri="spotify:track:4uLU6hMCjMI75M1A2tKUQC",
    )
    (found,) = mapped(spotify_zip([line]))
    began = int(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC).timestamp() * 1000) - 61_001
    assert found["createddate"] == began
    assert found["msplayed"] == 61_001
    assert found["accountentityid"] == "19_björn"
    assert found["entityid"].startswith(f"19_björn_{began + 61_001 - 7_000}_61001_")
    track = found["track"]
    assert (track["name"], track["id"]) == ("Größe ☂", "4uLU6hMCjMI75M1A2tKUQC")
    assert track["link"] == "https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC"
    assert [artist["name"] for artist in track["artists"]] == ["夢"]
    assert track["album"]["name"] == "An Album"
    for part in (track, track["album"], *track["artists"]):
        assert part["accountentityid"] == "19_björn"
        assert part["entityid"] == f"19_björn_{part['id']}"


def test_details_of_a_play_are_kept() -> None:
    """As Spotify wrote them, except for values of another type, and those that identify a machine."""
    details: dict[str, Any] = {
        "skipped": True,
        "shuffle": False,
        "offline": False,
        "incognito_mode": True,
        "platform": "iOS 17.1 (x)",
    }
    details |= {"reason_start": "clickrow", "reason_end": "fwdbtn", "conn_country": "NZ"}
    (found,) = mapped(spotify_zip([play(**details, ip_addr="192.0.2.77", user_agent_decrypted="unknown")]))
    expected = {"skipped": True, "shuffle": False, "offline": False, "incognito": True, "platform": "iOS 17.1 (x)"}
    expected |= {"reasonstart": "clickrow", "reasonend": "fwdbtn", "country": "NZ"}
    assert {name: found[name] for name in expected} == expected
    assert "192.0.2.77" not in json.dumps(found)
    assert "user_agent" not in json.dumps(found)
    (model,) = parsed_objects(PlayHistory, [found])
    assert isinstance(model, PlayHistory)
    assert (model.reason_start, model.skipped, model.ms_played) == ("clickrow", True, found["msplayed"])
    odd: dict[str, Any] = dict.fromkeys(details, 7) | {
        "skipped": None,
        "shuffle": "true",
        "platform": "",
        "reason_end": "x" * 999,
    }
    (found,) = mapped(spotify_zip([play(**odd)]))
    assert set(expected) & set(found) == {"reasonend"}
    assert len(found["reasonend"]) == 200


def test_podcasts_and_videos_are_skipped() -> None:
    """Only music is play history."""
    music = [play(0), play(1, **PODCAST), play(2)]
    entries = {HISTORY: json.dumps(music).encode(), VIDEO: json.dumps([play(3)]).encode()}
    assert [thing["msplayed"] for thing in mapped(zipped(entries))] == [200_000, 200_002]
    left_out = LeftOut()
    Spotify().identify(Connection(archive=io.BytesIO(zipped(entries)), left_out=left_out))
    assert left_out.not_taken == {NO_MUSIC: 1}
    assert "Streaming_History_Video" in next(iter(left_out.unused))


def test_an_archive_with_podcasts_only_is_rejected() -> None:
    """The message says that it contains no music."""
    with pytest.raises(Broken, match="no music"):
        mapped(spotify_zip([play(0, **PODCAST)]))


def test_all_files_of_a_history_are_read() -> None:
    """Spotify splits long histories, and older archives use other names."""
    names = ["Streaming_History_Audio_2015-2019_0.json", "a/Streaming_History_Audio_2020_1.json", "My/endsong_2.json"]
    archive = zipped({name: json.dumps([play(number)]).encode() for number, name in enumerate(names)})
    assert [thing["msplayed"] for thing in mapped(archive)] == [200_000, 200_001, 200_002]


def test_a_repeated_play_counts_once() -> None:
    """The same play in two files has one entity id; another play at the same time has another."""
    again, other = play(0), play(0, spotify_track_uri="spotify:track:otherotherotherother12")
    first, second, third = (thing["entityid"] for thing in mapped(spotify_zip([play(0), again, other])))
    assert first == second != third


def test_archives_without_a_name_belong_to_one_account() -> None:
    """Newer archives do not name the person: a later one continues the earlier one."""
    identify = Spotify().identify
    first, later = (identify(Connection(archive=io.BytesIO(spotify_zip([play(n)])))) for n in (0, 1))
    assert first == later


def test_a_track_without_an_address_has_an_id_from_its_names() -> None:
    """Local files have no track id. The same names yield the same id."""
    lines = [play(n, spotify_track_uri=None, master_metadata_track_name=name) for n, name in enumerate("aab")]
    first, again, other = (thing["track"]["id"] for thing in mapped(spotify_zip(lines)))
    assert first == again != other


TIMES: dict[str | int, int] = {
    "2021-03-04T13:30:30Z": 0,
    "2021-03-04 13:30:30 UTC": 0,
    "2021-03-04 13:30:30": 0,
    "2021-03-04T13:30:30": 0,
    "2021-03-04t13:30:30z": 0,
    " 2021-03-04 13:30:30 gmt ": 0,
    "2021-03-04T13:30:30.123Z": 0,
    "2021-03-04T13:30:30+00:00": 0,
    "2021-03-04T15:30:30+0200": 0,
    "2021-03-04 08:30:30 -05:00": 0,
    "2021-03-04T13:30:30Z[UTC]": 0,
    "2021-03-04 13:30": 30_000,
    "4 March 2021 13:30:30": 0,
    "20210304T133030Z": 0,
    1614864630: 0,
    1614864630000: 0,
    "1614864630": 0,
}


@pytest.mark.parametrize("written", TIMES)
def test_times_may_have_several_notations(written: str | int) -> None:
    """Those of Spotify and of other tools. A time without a zone is in UTC."""
    (found,) = mapped(spotify_zip([play(ts=written, ms_played=1000)]))
    moment = int(datetime(2021, 3, 4, 13, 30, 30, tzinfo=UTC).timestamp() * 1000) - TIMES[written] - 1000
    assert found["createddate"] // 1000 == moment // 1000


UNREADABLE: dict[str, tuple[dict[str, Any], Reason]] = {
    "another calendar": ({"ts": "04.03.2026 05:06"}, NO_DATE),
    "no time": ({"ts": None}, NO_DATE),
    "a number": ({"ts": 5}, NO_DATE),
    "no such day": ({"ts": "2021-02-30T00:00:00Z"}, NO_DATE),
    "no hour": ({"ts": "4 March 2021"}, NO_DATE),
    "no such hour": ({"ts": "2021-02-03 25:00:00 UTC"}, NO_DATE),
    "words": ({"ms_played": "long"}, NOT_A_PLAY),
    "no length": ({"ms_played": None}, NOT_A_PLAY),
    "endless": ({"ms_played": 10**30}, NOT_A_PLAY),
    "backwards": ({"ms_played": -1}, NOT_A_PLAY),
    "yes": ({"ms_played": True}, NOT_A_PLAY),
    "a list": ({"master_metadata_track_name": ["a"]}, NOT_A_PLAY),
    "an object": ({"master_metadata_album_artist_name": {"a": 1}}, NOT_A_PLAY),
    "a word": ({"master_metadata_album_album_name": True}, NOT_A_PLAY),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_lines_are_skipped_and_counted(kind: str) -> None:
    """The other plays are read."""
    change, reason = UNREADABLE[kind]
    connection = Connection(archive=io.BytesIO(spotify_zip([play(0), play(1, **change), play(2)])))
    Spotify().identify(connection)
    assert (connection.left_out.read, connection.left_out.by_reason()) == (2, {reason: 1})
    assert [thing["msplayed"] for thing in mapped(spotify_zip([play(0), play(1, **change), play(2)]))] == [
        200_000,
        200_002,
    ]


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_archive_with_unreadable_lines_only_is_rejected(kind: str) -> None:
    """The message says what to request from Spotify."""
    change, reason = UNREADABLE[kind]
    for plays in ([play(0, **change)], [play(0), play(1, **change), play(2, **change)]):
        with pytest.raises(Broken, match=r"Extended streaming history|Less than half") as told:
            mapped(spotify_zip(plays))
        assert told.value.left_out is not None
        assert reason in told.value.left_out.by_reason()


def test_numbers_as_titles_become_text() -> None:
    """Digit by digit as they were written."""
    lines = json.dumps(
        [play(number, master_metadata_track_name=1979, master_metadata_album_artist_name=0) for number in range(3)]
    )
    lines = lines.replace("1979", "1.50", 1).replace("1979", "12345678901234567890123", 1)
    found = mapped(zipped({HISTORY: lines.encode()}))
    assert [thing["track"]["name"] for thing in found] == ["1.50", "12345678901234567890123", "1979"]
    assert {artist["name"] for thing in found for artist in thing["track"]["artists"]} == {"0"}


def test_a_line_without_a_track_is_not_music() -> None:
    """Older archives omit fields that are null."""
    without = {name: value for name, value in play(1).items() if not name.startswith("master_metadata")}
    connection = Connection(archive=io.BytesIO(spotify_zip([play(0), without])))
    Spotify().identify(connection)
    assert (connection.left_out.read, connection.left_out.is_partial) == (1, False)


def test_plays_are_recognised_by_their_content() -> None:
    """Files with any name, lines, and a single file without an archive."""
    lines = b"\n".join(json.dumps(play(number)).encode() for number in range(3))
    names = ("endsong_0 (1).json", "MyData\\endsong_1 copy.json", "history", "history.json.gz")
    for data in [zipped({name: lines}) for name in names] + [lines, json.dumps([play(n) for n in range(3)]).encode()]:
        assert len(mapped(data)) == 3


def test_plays_of_two_people_are_rejected() -> None:
    """A zip with the histories of two people would share that of the other."""
    with pytest.raises(Broken, match="several people"):
        mapped(zipped({"a.json": json.dumps([play(username="ann"), play(username="bob")]).encode()}))
    assert len(mapped(zipped({"a.json": json.dumps([play(0, username="Ann"), play(1, username="ann")]).encode()}))) == 2


def test_archives_may_name_their_owner() -> None:
    """Newer archives name nobody."""
    named, unnamed = (
        Spotify().identify(Connection(archive=io.BytesIO(spotify_zip([one])))) for one in (play(username="a"), play())
    )
    assert (named.named, unnamed.named) == (True, False)


def test_objects_of_samples_belong_to_a_sample_account() -> None:
    """Including embedded ones. Their entity ids begin alike in every sample."""
    wanted = dict.fromkeys(Spotify.info.object_types)
    for page in Spotify().fetch(Connection(sample="default"), wanted):
        assert isinstance(page, Page)
        for thing in page.objects:
            for part in parts(thing):
                assert part["accountentityid"] == "19_sampleDataSet-default"
                assert part["entityid"].startswith("19_123456789_")


def parts(thing: Any) -> Iterator[dict[str, Any]]:
    """An object and all that is embedded in it."""
    if isinstance(thing, dict) and "entityid" in thing:
        yield thing
    for inner in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
        yield from parts(inner)


def test_the_large_sample_is_large() -> None:
    """It has more than 20,000 plays, over more than nine years."""
    found = Spotify().fetch(Connection(sample="large"), {ObjectType.PLAY_HISTORY: None})
    moments = [thing["createddate"] for page in found if isinstance(page, Page) for thing in page.objects]
    assert len(moments) > 20_000
    assert max(moments) - min(moments) > 9 * 365 * 86_400_000


def test_sample_plays_have_genres() -> None:
    """The samples' artists have genres, which the history lacks."""
    (page, *_) = Spotify().fetch(Connection(sample="default"), {ObjectType.PLAY_HISTORY: None})
    assert isinstance(page, Page)
    assert all(artist["genres"] for thing in page.objects for artist in thing["track"]["artists"])
    assert all(song.genres for song in songs())
