"""Plays of Last.fm, in the notations of several programs, and by its API."""

import json
from collections.abc import Iterator
from hashlib import md5
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import ValidationError
from tests.apis.lastfm import NOW, PATH, PLAYS, failed, lastfm
from tests.export_reading import owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources import oauth
from privateshare.sources.contract import Broken, Connection, JsonObject, NeedsLogin, Page, TryLater
from privateshare.sources.failures import LeftOut
from privateshare.sources.lastfm.configuration import Settings
from privateshare.sources.lastfm.live import configured, signed
from privateshare.sources.lastfm.source import SOURCES
from privateshare.sources.routes import UploadOrSignIn
from privateshare.testing.api_server import ApiServer, running

(LASTFM,) = SOURCES
CALLBACK = "http://127.0.0.1/apps/saas/connected"
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


# --- the API ---


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(lastfm()) as started:
        yield started


def live(server: ApiServer, **settings: str) -> UploadOrSignIn:
    client = {"client_id": server.api.client_id, "client_secret": server.api.client_secret, "origin": server.address}
    (source,) = configured(Settings.model_validate(client | settings))
    assert isinstance(source, UploadOrSignIn)
    return source


def signed_in(source: UploadOrSignIn) -> JsonObject:
    response = httpx2.get(oauth.authorization_address(source.sign_in({}), CALLBACK, "the state", "v"))
    query = parse_qs(urlsplit(response.headers["location"]).query)
    assert query["state"] == ["the state"]
    return oauth.exchange_code(source.sign_in({}), CALLBACK, query["token"][0], "v")


def test_calls_are_signed_as_the_documentation_says() -> None:
    """The example of last.fm/api/authspec: parameters in the order of their names, and then the secret."""
    call = {"token": "yyyyyy", "api_key": "xxxxxxxxxx", "method": "auth.getSession", "format": "json"}
    text = "api_keyxxxxxxxxxxmethodauth.getSessiontokenyyyyyyilovecher"
    assert signed(call, "ilovecher")["api_sig"] == md5(text.encode()).hexdigest()


def test_both_ways_give_the_same_account_and_plays(server: ApiServer) -> None:
    """So neither an export after the sign-in nor the sign-in after an export creates duplicates."""
    source = live(server)
    token = signed_in(source)
    identity = source.identify(Connection(token=token))
    connection = Connection(token=token, provider_account_id=identity.provider_account_id)
    found = [page for page in source.fetch(connection, {ObjectType.PLAY_HISTORY: None}) if isinstance(page, Page)]
    plays = [play for page in found for play in page.objects]
    items = server.api.lists[PLAYS].items
    scrobbles = [
        {
            "track": item["name"],
            "artist": item["artist"]["#text"],
            "album": item["album"]["#text"],
            "date": int(item["date"]["uts"]) * 1000,
        }
        for item in items
    ]
    files: dict[str, str | bytes] = {"ann.json": json.dumps({"username": "ANN", "scrobbles": scrobbles})}
    assert owner_of(source, files).provider_account_id == identity.provider_account_id == "ann"
    assert read_files(source, files)[ObjectType.PLAY_HISTORY] == plays
    assert len(plays) == 500
    saved: dict[str, str | bytes] = {"page.json": json.dumps({"recenttracks": {"track": [NOW, *items]}})}
    times = [play["createddate"] for play in read_files(source, saved)[ObjectType.PLAY_HISTORY]]
    assert times == [play["createddate"] for play in plays]
    assert not any("sk" in call.query or "api_key" in call.query for call in server.asked if call.path == PATH)
    assert not any(secret in str(page.cursor) for page in found for secret in (token["access_token"], "client-secret"))


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        *((number, NeedsLogin) for number in (4, 9, 14, 15, 17)),
        *((number, TryLater) for number in (8, 11, 16, 29)),
        *((number, Broken) for number in (10, 13, 26)),
    ],
)
@pytest.mark.parametrize("status", [200, 403, 500])
def test_errors_have_numbers_whatever_the_status_is(
    server: ApiServer, error: int, failure: type[Exception], status: int
) -> None:
    """While reading, and at the sign-in."""
    source = live(server)
    token = signed_in(source)
    server.fail(PATH, failed(error, status), times=2)
    with pytest.raises(failure) as told:
        list(source.fetch(Connection(token=token, provider_account_id="ann"), {ObjectType.PLAY_HISTORY: None}))
    assert not isinstance(told.value, TryLater) or told.value.limited == (error == 29)
    with pytest.raises(failure):
        signed_in(source)


def test_a_token_of_a_sign_in_works_once(server: ApiServer) -> None:
    source = live(server)
    with pytest.raises(NeedsLogin):
        oauth.exchange_code(source.sign_in({}), CALLBACK, "unknown", "v")


@pytest.mark.parametrize(
    "answer", [{}, [], {"session": 7}, {"session": {"name": "x"}}, {"session": {"key": "k"}}, b"<"]
)
def test_a_session_that_cannot_be_read_is_reported(server: ApiServer, answer: Any) -> None:
    server.fail(PATH, (200, {}, answer))
    with pytest.raises(Broken, match="could not complete the sign-in"):
        signed_in(live(server))


def test_a_wrong_secret_is_the_operators_affair(server: ApiServer) -> None:
    with pytest.raises(Broken, match="Tell those who run it"):
        signed_in(live(server, client_secret="wrong"))
    assert "client-secret" not in repr(live(server).sign_in({}))


@pytest.mark.parametrize("origin", ["http://example.org", "ftp://example.org", "example.org"])
def test_another_server_needs_https(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"client_id": "x", "client_secret": "hush", "origin": origin})


@pytest.mark.parametrize("number", [0, 1])
def test_few_plays_are_read_in_any_form(server: ApiServer, number: int) -> None:
    """A single track is not in a list."""
    server.api.lists[PLAYS].items[number:] = []
    source = live(server)
    token = signed_in(source)
    connection = Connection(token=token, provider_account_id="ann")
    found = [page for page in source.fetch(connection, {ObjectType.PLAY_HISTORY: None}) if isinstance(page, Page)]
    assert sum(len(page.objects) for page in found) == number
    assert connection.left_out.count == 0
