"""ListenBrainz' API, as listenbrainz.readthedocs.io describes it."""

from typing import Any

from privateshare.testing.api_server import Answer, Api, Call, Listed

FIRST = 1_750_000_000


def listen(number: int) -> dict[str, Any]:
    about = {"artist_name": f"Artist {number % 9}", "track_name": f"Song {number % 31}", "release_name": "Album"}
    # Some listens have the same second, as those that were imported from elsewhere.
    return {"listened_at": FIRST + number // 2 * 60, "track_metadata": about | {"additional_info": {"duration": 200}}}


def before(items: list[Any], call: Call) -> Answer:
    limit, size = int(call.query.get("max_ts", 1 << 40)), int(call.query["count"])
    seconds = [item["listened_at"] if isinstance(item, dict) and "listened_at" in item else 1 << 39 for item in items]
    wanted = [item for item, second in zip(items, seconds, strict=True) if second < limit]
    return 200, {}, {"payload": {"count": len(wanted[:size]), "listens": wanted[:size]}}


def listenbrainz() -> Api:
    return Api(
        scheme="Token",
        expires=False,
        answers={"/1/validate-token": {"code": 200, "valid": True, "user_name": "ann"}},
        lists={"/1/user/ann/listens": Listed([listen(number) for number in range(270, 0, -1)], before)},
        limited=(429, {"X-RateLimit-Reset-In": "9"}, {"error": "rate limit"}),
    )
