"""Listens of ListenBrainz: the export, the API, and that both are one account with the same objects."""

import json
from typing import Any

import pytest
from tests.apis.listenbrainz import listenbrainz as api
from tests.export_reading import Objects, owner_of, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import LeftOut
from privateshare.sources.listenbrainz.source import EXPORT, SOURCES, LiveListenBrainz
from privateshare.sources.routes import UploadOrAnswers
from privateshare.testing.api_server import running

(LISTENBRAINZ,) = SOURCES
STAMP = 1709615160  # 2024-03-05 05:06:00
LISTEN: dict[str, Any] = {
    "listened_at": STAMP,
    "inserted_at": STAMP + 5,
    "track_metadata": {
        "artist_name": "Ärzte",
        "track_name": "Eins, zwei",
        "release_name": "Nr. 1",
        "additional_info": {"duration_ms": 200000, "recording_mbid": "x"},
    },
}


def test_an_export_of_listenbrainz_is_read() -> None:
    """Lines of each month, and the older list. Plays without a name or a date are counted."""
    left_out = LeftOut()
    odd = [LISTEN | {"listened_at": None}, LISTEN | {"track_metadata": {"artist_name": "x"}}]
    files: dict[str, str | bytes] = {
        "user.json": json.dumps({"user_id": 7, "username": "Mira"}),
        "listens/2024/3.jsonl": "\n".join(json.dumps(one) for one in [LISTEN, *odd]),
        "old.json": json.dumps([LISTEN | {"listened_at": STAMP + 600}]),
        "feedback.jsonl": json.dumps({"recording_mbid": "x", "score": 1}),
    }
    first, second = read_files(LISTENBRAINZ, files, left_out)[ObjectType.PLAY_HISTORY]
    assert (first["track"]["duration"], second["createddate"]) == (200000, (STAMP + 600) * 1000)
    assert left_out.count == 2
    assert owner_of(LISTENBRAINZ, files).provider_account_id == "mira"


@pytest.mark.parametrize("name", ["ann", "Ann", "ANN"])
def test_both_ways_give_the_same_account_and_objects(name: str) -> None:
    """So neither an export after the token nor the token after an export creates duplicates."""
    with running(api()) as server:
        source = UploadOrAnswers(EXPORT, LiveListenBrainz(server.address))
        token = source.prepare({"token": "listen-token"}, "")
        server.tokens.add(token["access_token"])
        signed_in = source.identify(Connection(token=token))
        connection = Connection(token=token, provider_account_id=signed_in.provider_account_id)
        live: Objects = {ObjectType.PLAY_HISTORY: []}
        for page in source.fetch(connection, {ObjectType.PLAY_HISTORY: None}):
            assert isinstance(page, Page)
            live[ObjectType.PLAY_HISTORY] += page.objects
        listens: list[Any] = server.api.lists["/1/user/ann/listens"].items
    files: dict[str, str | bytes] = {
        "user.json": json.dumps({"user_id": 7, "username": name}),
        "listens/2025/6.jsonl": "\n".join(json.dumps(listen) for listen in listens),
    }
    assert owner_of(source, files).provider_account_id == signed_in.provider_account_id == "ann"
    assert read_files(source, files) == live
    assert len(live[ObjectType.PLAY_HISTORY]) == 270
