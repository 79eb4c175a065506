"""Spotify's Web API, as developer.spotify.com describes it."""

from typing import Any
from urllib.parse import urlencode

from privateshare.testing.api_server import Answer, Api, Call, Listed, Paging


def song(number: int) -> dict[str, Any]:
    artist = {"id": f"a{number % 5}", "name": f"Artist {number % 5}"}
    album = {"id": f"al{number % 7}", "name": f"Album {number % 7}", "artists": [artist]}
    found = {"id": f"t{number}", "name": f"Song {number}", "uri": f"spotify:track:t{number}", "duration_ms": 180_000}
    return found | {"artists": [artist], "album": album}


def day(number: int) -> str:
    return f"2025-{1 + number // 28 % 12:02}-{1 + number % 28:02}T10:00:00Z"


def saved(number: int) -> dict[str, Any]:
    return {"added_at": day(number), "track": song(number)}


def played(number: int) -> dict[str, Any]:
    return {"played_at": f"2026-11-01T{number // 60:02}:{number % 60:02}:05.123Z", "track": song(number)}


def offset_pages(*path: str) -> Paging:
    def answer(items: list[Any], call: Call) -> Answer:
        start, size = int(call.query.get("offset", 0)), int(call.query["limit"])
        query = urlencode(call.query | {"offset": str(start + size)})
        following = f"{call.address}{call.path}?{query}" if start + size < len(items) else None
        content: Any = {"items": items[start : start + size], "next": following}
        for name in path:
            content = {name: content}
        return 200, {}, content

    return answer


def recent(items: list[Any], call: Call) -> Answer:
    return 200, {}, {"items": items[:50], "next": None, "cursors": {}}


def spotify() -> Api:
    lists = {
        "/v1/me/player/recently-played": Listed([played(number) for number in range(40, 0, -1)], recent),
        "/v1/me/tracks": Listed([saved(number) for number in range(120, 0, -1)], offset_pages()),
        "/v1/me/albums": Listed(
            [{"added_at": day(number), "album": song(number)["album"]} for number in range(6, 0, -1)], offset_pages()
        ),
        "/v1/me/playlists": Listed(
            [{"id": f"p{number}", "name": f"List {number}", "owner": {"id": "ann"}} for number in range(2)],
            offset_pages(),
        ),
        "/v1/playlists/p0/tracks": Listed([saved(number) for number in range(130)], offset_pages()),
        "/v1/playlists/p1/tracks": Listed([{"added_at": None, "track": None}], offset_pages()),
        "/v1/me/following": Listed([{"name": f"Artist {number}"} for number in range(5)], offset_pages("artists")),
    }
    return Api(
        authorize="/authorize",
        token="/api/token",
        rotates=False,
        answers={"/v1/me": {"id": "ann", "display_name": "Ann"}},
        lists=lists,
    )
