"""The Google Health API (version 4), as Google's description of its services (protocol buffers) has it."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from privateshare.testing.api_server import Answer, Api, Call, Listed, Paging, with_token

BASE = "/v4/users/me/dataTypes"
SCOPES = "https://www.googleapis.com/auth/googlehealth"
ALL_SCOPES = " ".join(
    f"{SCOPES}.{name}.readonly" for name in ("activity_and_fitness", "health_metrics_and_measurements", "sleep")
)
MAX_DAYS = {"total-calories": 14, "active-minutes": 14, "heart-rate": 14}
MEASURED_DAYS, DAYS_AGO = 20, 60
_FILTER = re.compile(
    r'([a-z_]+)\.(interval\.civil_(?:start|end)_time|sample_time\.civil_time|date) >= "(\d{4}-\d\d-\d\d)"'
)


def today() -> date:
    return datetime.now(UTC).date()


def exercise(number: int) -> dict[str, Any]:
    start = datetime(2025, 1, 1, 10, tzinfo=UTC) + timedelta(days=number)
    measured = {"caloriesKcal": 210.5, "distanceMillimeters": 8_000_000, "averageHeartRateBeatsPerMinute": "121"}
    found = {
        "interval": interval(start, 30),
        "exerciseType": "BIKING",
        "displayName": "Bike",
        "activeDuration": "1500s",
    }
    return {
        "dataPointName": f"users/11/dataTypes/exercise/dataPoints/{number + 1}",
        "exercise": found | {"metricsSummary": measured | {"steps": "12", "averageSpeedMillimetersPerSecond": 5000}},
    }


def sleep(number: int) -> dict[str, Any]:
    start = datetime(2025, 1, 1, 22, tzinfo=UTC) + timedelta(days=number)
    stages = [("LIGHT", 0, 240), ("RESTLESS", 240, 245), ("DEEP", 245, 400), ("AWAKE", 400, 420)]
    return {
        "dataPointName": f"users/11/dataTypes/sleep/dataPoints/s{number}",
        "sleep": {
            "interval": interval(start, 420),
            "type": "STAGES",
            "stages": [{"type": kind, **times(start, begin, end)} for kind, begin, end in stages],
            "summary": {
                "minutesAsleep": "395",
                "stagesSummary": [{"type": kind, "minutes": str(end - begin)} for kind, begin, end in stages],
            },
        },
    }


def weight(number: int) -> dict[str, Any]:
    moment = datetime(2025, 1, 1, 7, tzinfo=UTC) + timedelta(days=number)
    sample = {"physicalTime": f"{moment:%FT%TZ}", "utcOffset": "3600s", "civilTime": civil(moment)}
    return {
        "dataPointName": f"users/11/dataTypes/weight/dataPoints/w{number}",
        "weight": {"sampleTime": sample, "weightGrams": 70_250},
    }


def times(start: datetime, begin: int, end: int) -> dict[str, str]:
    first, last = start + timedelta(minutes=begin), start + timedelta(minutes=end)
    return {
        "startTime": f"{first:%FT%TZ}",
        "endTime": f"{last:%FT%TZ}",
        "startUtcOffset": "3600s",
        "endUtcOffset": "3600s",
    }


def interval(start: datetime, minutes: int) -> dict[str, Any]:
    end = start + timedelta(minutes=minutes)
    return times(start, 0, minutes) | {"civilStartTime": civil(start), "civilEndTime": civil(end)}


def civil(moment: datetime) -> dict[str, Any]:
    """Return the time of a person whose clock is an hour ahead of UTC. Parts that are 0 are left out."""
    there = moment + timedelta(hours=1)
    return {"date": parts(there.date()), "time": {"hours": there.hour} if there.hour else {}}


def parts(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}


def day_in(value: dict[str, int]) -> date:
    return date(value["year"], value["month"], value["day"])


def measured(data_type: str, day: date) -> dict[str, Any] | None:
    """Return what is known of a day, in the form of a sum of this kind; None if nothing was measured."""
    back = (today() - day).days
    if back != 0 and not DAYS_AGO - MEASURED_DAYS < back <= DAYS_AGO:
        return {"totalCalories": {"kcalSum": 1500.0}} if data_type == "total-calories" else None
    found: dict[str, dict[str, Any]] = {
        "steps": {"steps": {"countSum": str(1000 + back)}},
        "distance": {"distance": {"millimetersSum": "6100000"}},
        "floors": {"floors": {}},
        "total-calories": {"totalCalories": {"kcalSum": 2300.04}},
        "active-minutes": {
            "activeMinutes": {
                "activeMinutesRollupByActivityLevel": [
                    {"activityLevel": "LIGHT", "activeMinutesSum": "90"},
                    {"activityLevel": "VIGOROUS", "activeMinutesSum": "12"},
                ]
            }
        },
        "heart-rate": {"heartRate": {"beatsPerMinuteAvg": 71.26, "beatsPerMinuteMin": 50, "beatsPerMinuteMax": 140}},
    }
    return found[data_type]


def summed(data_type: str) -> Callable[[Call], Answer]:
    """Return what sums up each day. Windows that are too long, or no days, are refused."""

    def answer(call: Call) -> Answer:
        wanted = call.json
        start, end = (day_in(wanted["range"][name]["date"]) for name in ("start", "end"))
        days = (end - start).days
        if not 0 < days <= MAX_DAYS.get(data_type, 90) or wanted.get("windowSizeDays") != 1 or call.method != "POST":
            return 400, {}, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}
        found = []
        for day in (start + timedelta(days=number) for number in range(days)):
            value = measured(data_type, day)
            if value is not None:
                moments = {
                    "civilStartTime": {"date": parts(day)},
                    "civilEndTime": {"date": parts(day + timedelta(days=1))},
                }
                found.append(moments | value)
        return 200, {}, {"rollupDataPoints": found} if found else {}

    return answer


def filtered(data_type: str, size: int, day_of: Callable[[Any], str]) -> Paging:
    """Return a paging of data points, with at most `size` on a page. Empty lists are left out."""

    def answer(items: list[Any], call: Call) -> Answer:
        wanted = items
        if "filter" in call.query:
            found = _FILTER.fullmatch(call.query["filter"])
            if found is None or found[1] != data_type:
                return 400, {}, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}
            wanted = [item for item in items if not _is_before(item, day_of, found[3])]
        page = with_token(min(size, int(call.query.get("pageSize", 1440))), "dataPoints", "nextPageToken", "pageToken")
        status, headers, content = page(wanted, call)
        return status, headers, content if content["dataPoints"] else {}

    return answer


def _is_before(item: Any, day_of: Callable[[Any], str], day: str) -> bool:
    try:
        return day_of(item) < day
    except (KeyError, TypeError):
        return False


def resting(back: int) -> dict[str, Any]:
    day = today() - timedelta(days=back)
    return {"dailyRestingHeartRate": {"date": parts(day), "beatsPerMinute": "58"}}


def with_scopes(token: dict[str, Any]) -> dict[str, Any]:
    return token | {"scope": ALL_SCOPES}


def google_health() -> Api:
    rests = [resting(back) for back in range(DAYS_AGO - MEASURED_DAYS + 1, DAYS_AGO + 1)]
    kinds = ("steps", "distance", "floors", "total-calories", "active-minutes", "heart-rate")
    return Api(
        authorize="/o/oauth2/v2/auth",
        token="/token",
        revoke="/revoke",
        rotates=False,
        wrap_token=with_scopes,
        answers={
            "/v4/users/me/identity": {"name": "users/me/identity", "legacyUserId": "A1", "healthUserId": "11"},
            **{f"{BASE}/{kind}/dataPoints:dailyRollUp": summed(kind) for kind in kinds},
        },
        lists={
            f"{BASE}/exercise/dataPoints:reconcile": Listed(
                [exercise(number) for number in range(60, 0, -1)],
                filtered("exercise", 25, lambda item: str(item["exercise"]["interval"]["startTime"])),
            ),
            f"{BASE}/sleep/dataPoints:reconcile": Listed(
                [sleep(number) for number in range(30, 0, -1)],
                filtered("sleep", 25, lambda item: str(item["sleep"]["interval"]["endTime"])),
            ),
            f"{BASE}/weight/dataPoints:reconcile": Listed(
                [weight(number) for number in range(40, 0, -1)],
                filtered("weight", 10_000, lambda item: str(item["weight"]["sampleTime"]["physicalTime"])),
            ),
            f"{BASE}/daily-resting-heart-rate/dataPoints:reconcile": Listed(
                rests,
                filtered(
                    "daily_resting_heart_rate",
                    10_000,
                    lambda item: day_in(item["dailyRestingHeartRate"]["date"]).isoformat(),
                ),
            ),
        },
        limited=(429, {}, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}),
        expired=(401, {}, json.dumps({"error": {"code": 401, "status": "UNAUTHENTICATED"}}).encode()),
    )
