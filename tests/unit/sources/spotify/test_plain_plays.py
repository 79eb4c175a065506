"""Plays that are decoded and encoded many at once have the same objects, ids and reports as plays read one by one."""

import io
import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from tests.archives import play, spotify_zip

from privateshare.sources.contract import Connection, Page
from privateshare.sources.entries import page_entries
from privateshare.sources.failures import encode_left_out
from privateshare.sources.spotify.plain_plays import decode_plays
from privateshare.sources.spotify.source import Spotify

SPOTIFY = Spotify()
PLAYS = 60  # Enough that a file is read in batches.

CHANGES: dict[str, dict[str, Any]] = {
    "usual": {},
    "no album": {"master_metadata_album_album_name": None},
    "an empty album": {"master_metadata_album_album_name": ""},
    "empty names": {"master_metadata_track_name": "", "master_metadata_album_artist_name": ""},
    "names to escape": {"master_metadata_track_name": 'a "b" \\ \u2028 \x7f \t\n', "platform": "\x01 €"},
    "a podcast": {"master_metadata_track_name": None, "episode_name": "An episode"},
    "no address": {"spotify_track_uri": None},
    "an odd address": {"spotify_track_uri": 'spotify:track:"x'},
    "an address of a local file": {"spotify_track_uri": "spotify:local:Artist:Album:Title:5"},
    "a midnight": {"ts": "2024-02-29T00:00:00Z"},
    "a time with an offset": {"ts": "2024-02-29T23:59:59+02:00"},
    "a time with fractions": {"ts": "2024-02-29T23:59:59.123Z"},
    "a time without a zone": {"ts": "2024-02-29 23:59"},
    "no such day": {"ts": "2026-02-30T10:00:00Z"},
    "no such time": {"ts": "2026-02-01T25:00:00Z"},
    "no time": {"ts": "soon"},
    "digits that are not ASCII": {"ts": "٢٠٢٦-02-01T10:00:00Z"},
    "a time before 1970": {"ts": "1969-12-31T23:59:59Z"},
    "an empty time": {"ts": ""},
    "nothing as time": {"ts": None},
    "a negative duration": {"ms_played": -1},
    "a duration of years": {"ms_played": 10**12},
    "a huge duration": {"ms_played": 10**30},
    "a duration with fractions": {"ms_played": 1000.7},
    "a duration as text": {"ms_played": "1000"},
    "a duration of true": {"ms_played": True},
    "numbers as names": {"master_metadata_track_name": 7, "master_metadata_album_artist_name": 1.50},
    "details of other types": {"skipped": 1, "shuffle": "no", "platform": 5, "reason_end": None},
    "long details": {"platform": "ä" * 500},
    "empty details": {"platform": "", "reason_start": "", "conn_country": None, "skipped": None},
    "a username": {"username": "ann"},
    "a number as username": {"username": 5},
    "an unknown field": {"audio_quality": "high"},
    "an unknown object": {"context": {"uri": ["x"]}},
    "an object where a text is known": {"episode_name": {"a": 1}},
}


def read(data: bytes) -> tuple[list[Any], Any, Any]:
    """Return the entries of an archive, the report, and whose it is."""
    connection = Connection(archive=io.BytesIO(data), provider_account_id='an "owner" – ä')
    reading, entries = SPOTIFY.read_once(connection), list[Any]()
    try:
        while True:
            entries += page_entries(SPOTIFY.info.schema, next(reading))
    except StopIteration as end:
        return entries, encode_left_out(connection.left_out), end.value


def both(monkeypatch: pytest.MonkeyPatch, plays: Sequence[dict[str, Any]]) -> None:
    """Read plays many at once, and one by one, and compare."""
    data = spotify_zip(plays)
    at_once = read(data)
    with monkeypatch.context() as patch:
        patch.setattr("privateshare.sources.spotify.export.decode_plays", lambda _: None)
        one_by_one = read(data)
    assert at_once == one_by_one


@pytest.mark.parametrize("kind", CHANGES)
def test_any_play_among_others_is_read_the_same(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    usual = [play(number, ts=f"2026-03-01T{number % 24:02}:00:{number % 60:02}Z") for number in range(PLAYS)]
    both(monkeypatch, [*usual, play(3, **CHANGES[kind]), *usual[:5], play(3, **CHANGES[kind])])


def test_plays_of_all_kinds_are_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, so that what is kept of one play is not used for another."""
    kinds = [change for change in CHANGES.values() if change.get("username") != 5]
    both(monkeypatch, [play(number % 3, **change) for change in kinds for number in range(PLAYS)])


def test_equal_plays_of_a_minute_are_numbered_across_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [f"2026-03-01T10:00:{second:02}Z" for second in (1, 1, 2, 3, 59, 2)]
    both(monkeypatch, [play(1, ts=time, spotify_track_uri=uri) for uri in ("x", "spotify:track:1") for time in times])


def test_usual_plays_are_decoded_at_once() -> None:
    """Also with fields that are not known, so that a new one of Spotify does not make imports slow."""
    plays = [play(0), play(1, new_field="x"), play(2, username="ann")]
    plays += [play(number, master_metadata_track_name="Live [[{") for number in range(100)]
    decoded = decode_plays(orjson.dumps(plays))
    assert decoded is not None
    assert [one.username for one in decoded[:3]] == [None, None, "ann"]
    connection = Connection(archive=io.BytesIO(spotify_zip([play(0)])), provider_account_id="x")
    (page,) = SPOTIFY.fetch(connection, dict.fromkeys(SPOTIFY.info.object_types))
    assert isinstance(page, Page)
    assert page.encoded is not None
    assert [thing["msplayed"] for thing in page.objects] == [200_000]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[",
        b"[{}]",
        b"{}",
        b'[{"ts": "x"}]',
        orjson.dumps([play(0)])[:-1] + b",]",
        orjson.dumps([play(0)]).replace(b"192.0.2.1", b"\xff"),
        orjson.dumps([play(0, new_field="!")]).replace(b"!", b"\xff"),
        orjson.dumps([play(0)]).replace(b"192.0.2.1", b"\x01"),
        json.dumps([play(0, city="\ud800")]).encode(),
        orjson.dumps([play(0)]).replace(b'"192.0.2.1"', b"[" * 100_000 + b"]" * 100_000),
        orjson.dumps([play(0)]).replace(b'"192.0.2.1"', b"NaN"),
        orjson.dumps([play(0, new_field=0)]).replace(b'"new_field":0', b'"new_field":' + b"[" * 70 + b"]" * 70),
    ],
)
def test_what_is_not_strict_json_of_plays_is_read_one_by_one(text: bytes) -> None:
    assert decode_plays(text) is None
