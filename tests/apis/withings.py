"""Withings' public API, as developer.withings.com describes it. It answers with status 200 in all cases."""

from typing import Any

from privateshare.testing.api_server import Answer, Api, Call, Listed, Paging

FIRST = 1_735_700_000
DAY = 86_400


def weighing(number: int) -> dict[str, Any]:
    moment = FIRST + number * DAY
    measures = [{"value": 71_250 + number, "type": 1, "unit": -3}, {"value": 2310, "type": 6, "unit": -2}]
    return {"grpid": 3000 + number, "date": moment, "modified": moment + 5, "category": 1, "measures": measures}


def night(number: int) -> dict[str, Any]:
    moment = FIRST + number * DAY
    found: dict[str, Any] = {"id": 4000 + number, "date": f"2025-{1 + number // 28:02}-{1 + number % 28:02}"}
    found |= {"startdate": moment, "enddate": moment + 28_000, "modified": moment + 28_100}
    data = {"deepsleepduration": 5000, "lightsleepduration": 14_000, "total_timeinbed": 28_000}
    return found | {"timezone": "Europe/Amsterdam", "data": data}


def changed(name: str, size: int) -> Paging:
    def answer(items: list[Any], call: Call) -> Answer:
        since, start = int(call.form["lastupdate"]), int(call.form.get("offset", 0))
        wanted = [item for item in items if not isinstance(item, dict) or item.get("modified", since) >= since]
        body: dict[str, Any] = {name: wanted[start : start + size], "updatetime": 1}
        if start + size < len(wanted):
            body |= {"more": 1, "offset": start + size}
        return 200, {}, {"status": 0, "body": body}

    return answer


def withings() -> Api:
    return Api(
        authorize="/oauth2_user/authorize2",
        token="/v2/oauth2",
        lists={
            "/measure": Listed([weighing(number) for number in range(90)], changed("measuregrps", 40)),
            "/v2/sleep": Listed([night(number) for number in range(30)], changed("series", 40)),
        },
        wrap_token=lambda token: {"status": 0, "body": token | {"userid": "363"}},
        limited=(200, {}, {"status": 601, "body": {}, "error": "Too Many Requests"}),
        expired=(200, {}, {"status": 401, "body": {}, "error": "XRequestID: Invalid access_token"}),
    )
