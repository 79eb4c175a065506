"""Days of Google Health. The API sums up each kind of data for each day of the person, in windows of limited length.

Days are read from the oldest on, so that an interrupted reading continues. What devices said of the last days may still
change, so these are read again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject, Page, Skipped
from privateshare.sources.failures import UNKNOWN, LeftOut
from privateshare.sources.fitness_objects import day_summary
from privateshare.sources.google_health.mapping import KILOMETRES_PER_MILLIMETRE, date_parts, day_of
from privateshare.sources.json_api.requests import ApiClient, ApiRefused, ApiRequest
from privateshare.sources.json_api.values import positive_of, whole_of
from privateshare.sources.object_building import SourceAccount, dict_of, list_of, text_of

FIRST_DAY = date(2009, 1, 1)  # Fitbit sold its first device that year.
CORRECTED_DAYS = 30  # Devices keep what they measured for about as long until they are synchronised.
LONG_WINDOW_DAYS, SHORT_WINDOW_DAYS = 90, 14  # The longest that the API allows, by the kind of data.
RESTING_PAGE_SIZE, MAX_RESTING_PAGES = 1000, 100
RESTING = "daily-resting-heart-rate"
ESTIMATED = "caloriesout"  # Of days on which no device was worn, this is all there is.
OK = 200
MAX_HEART_RATE = 300
UNREADABLE_ERRORS = (KeyError, ValueError, TypeError, AttributeError, OverflowError)
ACTIVE_MINUTES = {"LIGHT": "lightlyactiveminutes", "MODERATE": "fairlyactiveminutes", "VIGOROUS": "veryactiveminutes"}

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DayKind:
    """A kind of data of which the API has sums for each day.

    Attributes:
        data_type: Its name in addresses.
        field: The name of its sums in responses.
        fields: Returns the fields of a day's object.
        is_movement: Whether it shows that a device was worn. The others are asked only for days on which one was.
        of_health: Whether it needs the person's permission for health metrics, and not that for activity.
    """

    data_type: str
    field: str
    fields: Callable[[JsonObject], Fields]
    is_movement: bool = False
    of_health: bool = False


def _distance(value: JsonObject) -> Fields:
    kilometres = positive_of(value.get("millimetersSum"), KILOMETRES_PER_MILLIMETRE)
    return {"distances": [{"activity": "total", "distance": kilometres}] if kilometres else None}


def _active_minutes(value: JsonObject) -> Fields:
    found: Fields = {}
    for part in map(dict_of, list_of(value.get("activeMinutesRollupByActivityLevel"))):
        field = ACTIVE_MINUTES.get(text_of(part.get("activityLevel")))
        if field is not None:
            found[field] = whole_of(part.get("activeMinutesSum"))
    return found


def _heart_rate(value: JsonObject) -> Fields:
    names = {"heartrate": "Avg", "minheartrate": "Min", "maxheartrate": "Max"}
    return {field: _rate(value.get(f"beatsPerMinute{name}")) for field, name in names.items()}


def _rate(value: Any) -> float | None:
    rate = positive_of(value)
    if rate is not None and rate >= MAX_HEART_RATE:
        raise ValueError("a rate that no heart has")
    return round(rate, 1) if rate is not None else None


KINDS = (
    DayKind("steps", "steps", lambda value: {"steps": whole_of(value.get("countSum"))}, is_movement=True),
    DayKind("distance", "distance", _distance, is_movement=True),
    DayKind("floors", "floors", lambda value: {"floors": whole_of(value.get("countSum"))}, is_movement=True),
    DayKind("total-calories", "totalCalories", lambda value: {ESTIMATED: positive_of(value.get("kcalSum"))}),
    DayKind("active-minutes", "activeMinutes", _active_minutes),
    DayKind("heart-rate", "heartRate", _heart_rate, of_health=True),
)


class DayReader:
    """Reads the summaries of days of one account."""

    def __init__(
        self,
        client: ApiClient,
        account: SourceAccount,
        left_out: LeftOut,
        first_day: date = FIRST_DAY,
        *,
        with_activity: bool = True,
        with_health: bool = True,
    ) -> None:
        """Take what is needed to read.

        Args:
            client: The client of the account.
            account: The account.
            left_out: The report to which days that cannot be read are added.
            first_day: The first day that is asked for.
            with_activity: Whether the person allowed to read activity.
            with_health: Whether they allowed to read health metrics.
        """
        self._client, self._account, self._left_out = client, account, left_out
        self._first_day, self._with_health = first_day, with_health
        self._kinds = [kind for kind in KINDS if (with_health if kind.of_health else with_activity)]

    def read(self, cursor: str | None) -> Iterator[Page | Skipped]:
        """Yield the days since the position, and those shortly before it. Raises TryLater or NeedsLogin."""
        after = datetime.now(UTC).date() + timedelta(days=1)
        start = max(self._first_day, _position(cursor) or self._first_day)
        try:
            resting = self._resting_rates(start) if self._with_health else {}
            while start < after:
                end = min(after, start + timedelta(days=LONG_WINDOW_DAYS))
                days = self._window(start, end, resting)
                yield Page(ObjectType.DAILY_ACTIVITY_SUMMARY, self._objects(days), _cursor_before(end))
                start = end
        except ApiRefused as refused:
            message = f"The source did not provide it (HTTP status {refused.status})"
            yield Skipped(ObjectType.DAILY_ACTIVITY_SUMMARY, refused.code, message, refused.status)

    def _window(self, start: date, end: date, resting: Mapping[str, float]) -> Mapping[str, Fields]:
        days: defaultdict[str, Fields] = defaultdict(dict)
        for day, rate in resting.items():
            if start.isoformat() <= day < end.isoformat():
                days[day]["restingheartrate"] = rate
        for kind in self._kinds:
            if kind.is_movement:
                self._add(kind, start, end, days)
        if not days:
            return days
        while start < end:
            part = min(end, start + timedelta(days=SHORT_WINDOW_DAYS))
            for kind in self._kinds:
                if not kind.is_movement:
                    self._add(kind, start, part, days)
            start = part
        return {day: fields for day, fields in days.items() if fields.keys() != {ESTIMATED}}

    def _add(self, kind: DayKind, start: date, end: date, days: defaultdict[str, Fields]) -> None:
        """Add what the API has of a kind of data for some days. `end` is not part of them."""
        content = {"range": {"start": date_parts(start), "end": date_parts(end)}, "windowSizeDays": 1}
        path = f"users/me/dataTypes/{kind.data_type}/dataPoints:dailyRollUp"
        answer = self._client.get(ApiRequest(path, content=content)).content
        for point in _points(answer, "rollupDataPoints"):
            try:
                if kind.field not in point:  # Nothing was measured on that day.
                    continue
                day = day_of(point["civilStartTime"]["date"])
                fields = {name: value for name, value in kind.fields(point[kind.field]).items() if value is not None}
                if not start.isoformat() <= day < end.isoformat():
                    raise ValueError("a day that was not asked for")
            except UNREADABLE_ERRORS:
                self._left_out.leave_out(UNKNOWN, ObjectType.DAILY_ACTIVITY_SUMMARY)
                continue
            if fields:
                days[day] |= fields

    def _resting_rates(self, start: date) -> Mapping[str, float]:
        """Return the heart rates at rest since a day."""
        found: dict[str, float] = {}
        wanted = f'daily_resting_heart_rate.date >= "{start.isoformat()}"'
        request = ApiRequest(
            f"users/me/dataTypes/{RESTING}/dataPoints:reconcile", {"pageSize": RESTING_PAGE_SIZE, "filter": wanted}
        )
        for _ in range(MAX_RESTING_PAGES):
            answer = self._client.get(request).content
            for point in _points(answer, "dataPoints"):
                try:
                    value = point["dailyRestingHeartRate"]
                    rate = _rate(value["beatsPerMinute"])
                    if rate is not None:
                        found[day_of(value["date"])] = rate
                except UNREADABLE_ERRORS:
                    self._left_out.leave_out(UNKNOWN, ObjectType.DAILY_ACTIVITY_SUMMARY)
            token = answer.get("nextPageToken")
            if not isinstance(token, str) or not token:
                return found
            request = request.changed(pageToken=token)
        raise ApiRefused(OK, "EndlessPages")

    def _objects(self, days: Mapping[str, Fields]) -> Sequence[JsonObject]:
        found = list[JsonObject]()
        for day, fields in sorted(days.items()):
            try:
                _, thing = day_summary(self._account, day, fields)
            except ValueError:
                self._left_out.leave_out(UNKNOWN, ObjectType.DAILY_ACTIVITY_SUMMARY)
                continue
            self._left_out.read += 1
            found.append(thing)
        return found


def _points(answer: Any, name: str) -> list[Any]:
    """Return the data points of a response. An empty list is left out there. Raises ApiRefused for other content."""
    found = answer.get(name, []) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise ApiRefused(OK, "UnknownForm")
    return found


def _position(cursor: str | None) -> date | None:
    """Return the first day to read again by a stored cursor. One that cannot be read counts as none."""
    try:
        return date.fromisoformat(orjson.loads(cursor or "{}")["since"]) - timedelta(days=CORRECTED_DAYS)
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _cursor_before(end: date) -> str:
    return orjson.dumps({"since": (end - timedelta(days=1)).isoformat()}).decode()
