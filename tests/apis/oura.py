"""Oura's API (version 2), as its OpenAPI document describes it."""

from typing import Any

from privateshare.testing.api_server import Answer, Api, ApiServer, Call, Listed, Paging, with_token


def day_of(number: int) -> str:
    return f"2025-{1 + number // 28 % 12:02}-{1 + number % 28:02}"


def workout(number: int) -> dict[str, Any]:
    times = {"start_datetime": f"{day_of(number)}T10:00:00+02:00", "end_datetime": f"{day_of(number)}T10:30:00+02:00"}
    found = {"id": f"w{number}", "activity": "cycling", "day": day_of(number), "calories": 210.5, "distance": 8000}
    return found | times | {"source": "confirmed", "label": None, "intensity": "moderate"}


def active_day(number: int) -> dict[str, Any]:
    found = {"id": f"d{number}", "day": day_of(number), "steps": 7000, "active_calories": 300, "total_calories": 2300}
    return found | {"equivalent_walking_distance": 6100, "high_activity_time": 600}


def sleep(number: int) -> dict[str, Any]:
    found = {"id": f"s{number}", "day": day_of(number), "type": "long_sleep", "sleep_phase_5_min": "4211334"}
    found |= {"bedtime_start": f"{day_of(number)}T00:10:00+01:00", "bedtime_end": f"{day_of(number)}T07:10:00+01:00"}
    return found | {
        "total_sleep_duration": 24_000,
        "time_in_bed": 25_200,
        "awake_time": 1200,
        "rem_sleep_duration": None,
    }


def of_days(size: int) -> Paging:
    page = with_token(size, "data", "next_token", "next_token", missing=False)

    def answer(items: list[Any], call: Call) -> Answer:
        start, end = call.query["start_date"], call.query["end_date"]
        wanted = [item for item in items if not isinstance(item, dict) or start <= str(item.get("day", start)) < end]
        return page(wanted, call)

    return answer


def end_access(server: ApiServer, call: Call) -> Answer:
    if call.form["access_token"] not in server.tokens:
        return 401, {}, {}
    server.end_grants()
    return 200, {}, {}


def oura() -> Api:
    base = "/v2/usercollection"
    return Api(
        answers={f"{base}/personal_info": {"id": "8f9a5221", "age": 31}},
        lists={
            f"{base}/workout": Listed([workout(number) for number in range(60)], of_days(50)),
            f"{base}/daily_activity": Listed([active_day(number) for number in range(110)], of_days(50)),
            f"{base}/sleep": Listed([sleep(number) for number in range(20)], of_days(50)),
        },
        opened={"/oauth/revoke": end_access},
    )
