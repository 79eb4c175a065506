"""Plays of Last.fm, in the notations of several programs."""

import json
from typing import Any

import pytest
from tests.export_reading import read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import LeftOut
from privateshare.sources.scrobbles.source import SOURCES

(LASTFM,) = SOURCES
STAMP = 1709615160  # 2024-03-05 05:06:00
TABLES = [
    f'uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"{STAMP}","05 Mar 2024, 05:06","Ärzte","","Nr. 1","","Eins, zwei",""\n',
    'Ärzte,Nr. 1,"Eins, zwei",05 Mar 2024 05:06\n',
    f'Artist;Album;AlbumId;Track;Date\nÄrzte;Nr. 1;;"Eins, zwei";{STAMP}000\n',
    'Artist,Album,Track,Date\nÄrzte,Nr. 1,"Eins, zwei",2024-03-05 05:06:00\n',
]


@pytest.mark.parametrize("text", TABLES)
def test_tables_of_several_programs_are_read(text: str) -> None:
    """They give the same object, so that another program creates no duplicates."""
    (found,) = read_files(LASTFM, {"a.csv": text})[ObjectType.PLAY_HISTORY]
    track = found["track"]
    assert (track["name"], track["artists"][0]["name"], track["album"]["name"]) == ("Eins, zwei", "Ärzte", "Nr. 1")
    assert found["createddate"] == STAMP * 1000
    assert found == read_files(LASTFM, {"b.csv": TABLES[0]})[ObjectType.PLAY_HISTORY][0]


@pytest.mark.parametrize(
    "content",
    [
        {
            "username": "Mira",
            "scrobbles": [
                {"track": "Eins, zwei", "artist": "Ärzte", "album": "Nr. 1", "albumId": "", "date": STAMP * 1000}
            ],
        },
        [
            {
                "recenttracks": {
                    "track": [
                        {
                            "artist": {"#text": "Ärzte"},
                            "album": {"#text": "Nr. 1"},
                            "name": "Eins, zwei",
                            "date": {"uts": str(STAMP)},
                        }
                    ]
                }
            }
        ],
        {
            "track": [
                {
                    "artist": {"#text": "Ärzte"},
                    "album": {"#text": "Nr. 1"},
                    "name": "Eins, zwei",
                    "date": {"uts": str(STAMP)},
                },
                {"artist": {"#text": "x"}, "name": "y", "@attr": {"nowplaying": "true"}},
            ]
        },
    ],
)
def test_json_of_several_programs_is_read(content: Any) -> None:
    """What is playing now has no date, and is passed over."""
    left_out = LeftOut()
    (found,) = read_files(LASTFM, {"a.json": json.dumps(content)}, left_out)[ObjectType.PLAY_HISTORY]
    assert (found["track"]["name"], found["createddate"], left_out.count) == ("Eins, zwei", STAMP * 1000, 0)


def test_the_rest_of_a_damaged_table_is_reported() -> None:
    """What is before it is read."""
    left_out = LeftOut()
    text = TABLES[1] + 'Ärzte,Nr. 1,Drei,05 Mar 2024 05:09\nÄrzte,Nr. 1,Vier,05 Mar 2024 05:12\n"' + "x" * 2_000_000
    found = read_files(LASTFM, {"a.csv": text}, left_out)[ObjectType.PLAY_HISTORY]
    assert (len(found), list(left_out.damaged)) == (3, ["a.csv"])
