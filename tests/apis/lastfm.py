"""Last.fm's API, as last.fm/api describes it: web authentication, signed calls, and errors with a number."""

import secrets
from hashlib import md5
from typing import Any
from urllib.parse import urlsplit

from privateshare.testing.api_server import Answer, Api, ApiServer, Call, Listed

FIRST = 1_750_000_000
PATH = "/2.0/"
PLAYS = "plays"  # The list is not at a path of its own.
NOW = {"@attr": {"nowplaying": "true"}, "name": "Now", "artist": {"#text": "Someone"}, "album": {"#text": ""}}


def played(number: int) -> dict[str, Any]:
    # Some plays have the same second, as those that were imported from elsewhere.
    second = FIRST + number // 2 * 60
    date = {"uts": str(second), "#text": "15 Jun 2025, 15:06"}
    artist, album = {"mbid": "", "#text": f"Artist {number % 9}"}, {"mbid": "", "#text": "Album"}
    return {
        "artist": artist,
        "album": album,
        "name": f"Song {number % 31}",
        "url": "https://www.last.fm/x",
        "date": date,
    }


def failed(number: int, status: int = 403, **headers: str) -> Answer:
    return status, headers, {"error": number, "message": "…"}


def signature(form: dict[str, str], secret: str) -> str:
    text = "".join(f"{name}{form[name]}" for name in sorted(form) if name not in ("api_sig", "format"))
    return md5((text + secret).encode()).hexdigest()


def authorize(server: ApiServer, call: Call) -> Answer:
    if call.query.get("api_key") != server.api.client_id:
        return 403, {}, b"<html>"
    token, callback = secrets.token_hex(16), call.query["cb"]
    server.codes[token] = {}
    return 302, {"Location": f"{callback}{'&' if urlsplit(callback).query else '/?'}token={token}"}, b""


def answer(server: ApiServer, call: Call) -> Answer:
    form = call.form
    if call.query or form.get("format") != "json" or form.get("api_key") != server.api.client_id:
        return failed(10)
    if form.get("api_sig") != signature(form, server.api.client_secret):
        return failed(13)
    if form["method"] == "auth.getSession":
        if server.codes.pop(form["token"], None) is None:
            return failed(4)
        key = secrets.token_urlsafe(16)
        server.tokens.add(key)
        return 200, {}, {"session": {"subscriber": 0, "name": "Ann", "key": key}}
    if form.get("sk") not in server.tokens:
        return failed(9)
    if form["method"] == "user.getInfo":
        return 200, {}, {"user": {"name": "Ann", "playcount": "500"}}
    if form["method"] != "user.getRecentTracks" or form["user"].lower() != "ann":
        return failed(6, 400)
    return recent_tracks(server.api.lists[PLAYS].items, form)


def recent_tracks(items: list[Any], form: dict[str, str]) -> Answer:
    to, size = int(form.get("to", 1 << 40)), min(int(form["limit"]), 200)
    known = [int(item["date"]["uts"]) if isinstance(item, dict) and "date" in item else 1 << 39 for item in items]
    found = [item for item, second in zip(items, known, strict=True) if second < to]
    page: list[Any] = found[:size]
    told = {"user": "Ann", "page": "1", "perPage": str(size), "total": str(len(found))}
    if "to" not in form:  # What is playing now comes first, beside the number that was asked for.
        page = [NOW, *page]
    return 200, {}, {"recenttracks": {"@attr": told, "track": page[0] if len(page) == 1 else page}}


def lastfm() -> Api:
    return Api(
        expires=False,
        opened={"/api/auth/": authorize, PATH: answer},
        lists={PLAYS: Listed([played(number) for number in range(500, 0, -1)], lambda _, call: failed(3))},
        limited=failed(29, 429),
    )
