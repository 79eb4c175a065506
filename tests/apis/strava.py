"""Strava's API (version 3), as developers.strava.com describes it."""

from typing import Any

from privateshare.testing.api_server import Answer, Api, ApiServer, Call, Listed


def activity(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": 10_000_000_000 + number, "name": f"Ride {number}", "sport_type": "MountainBikeRide"}
    found |= {"start_date": f"2025-{1 + number // 28 % 12:02}-{1 + number % 28:02}T07:{number % 60:02}:00Z"}
    found |= {"utc_offset": 7200.0, "moving_time": 3600, "elapsed_time": 4000, "distance": 25_000.5, "manual": False}
    found |= {"average_speed": 6.9, "max_speed": 12.1, "total_elevation_gain": 210, "average_heartrate": 141.2}
    return found | {"start_latlng": [52.1, 5.1], "average_cadence": 80.1, "max_heartrate": None}


def numbered(items: list[Any], call: Call) -> Answer:
    number, size = int(call.query.get("page", 1)), int(call.query["per_page"])
    return 200, {}, items[(number - 1) * size : number * size]


def end_access(server: ApiServer, call: Call) -> Answer:
    if call.form["access_token"] not in server.tokens:
        return 401, {}, {}
    server.end_grants()
    return 200, {}, {}


def strava() -> Api:
    return Api(
        answers={"/api/v3/athlete": {"id": 134815, "firstname": "Ann", "lastname": "Tester"}},
        lists={"/api/v3/athlete/activities": Listed([activity(number) for number in range(320, 0, -1)], numbered)},
        opened={"/oauth/deauthorize": end_access},
        limited=(
            429,
            {"X-ReadRateLimit-Limit": "100,1000", "X-ReadRateLimit-Usage": "101,400"},
            {"message": "Rate Limit Exceeded"},
        ),
    )
