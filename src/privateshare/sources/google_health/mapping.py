"""The mapping of data points of the Google Health API (version 4) to objects of schema digime.

The API writes JSON in the way of protocol buffers: whole numbers of 64 bits are texts, lengths of time are texts such
as `1800s`, and fields without a value are left out. The units are in the names of the fields.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from privateshare.sources.fitness_objects import body_composition
from privateshare.sources.fitness_objects import sleep as sleep_object
from privateshare.sources.json_api.values import positive_of, required_moment, required_text, whole_of
from privateshare.sources.object_building import JsonObject, SourceAccount, dict_of, list_of, number_of, text_of
from privateshare.sources.workouts.recording import sport_name

KILOMETRES_PER_MILLIMETRE, METRES_PER_MILLIMETRE = 0.000001, 0.001
KMH_PER_MILLIMETRE_PER_SECOND = 0.0036
KILOGRAMS_PER_GRAM = 0.001
MINUTE = 60
MAX_OFFSET_SECONDS = 18 * 3600
MAX_LEVELS = 5000
UNSPECIFIED_SPORT = "EXERCISE_TYPE_UNSPECIFIED"
# The stages of a sleep: the field with how long each lasted, and the name of its parts. RESTLESS is neither.
STAGES = {
    "LIGHT": ("lightsleepdurationinseconds", "light"),
    "DEEP": ("deepsleepdurationinseconds", "deep"),
    "REM": ("remsleepinseconds", "rem"),
    "ASLEEP": ("unmeasurablesleepinseconds", "asleep"),
    "AWAKE": ("awakedurationinseconds", "awake"),
}
_LENGTH = re.compile(r"\A(-?[0-9]{1,9})(?:\.[0-9]{1,9})?s\Z")


def exercise(point: JsonObject, account: SourceAccount) -> JsonObject:
    """Map an exercise. Raises KeyError, ValueError or TypeError if it cannot be read."""
    found = point["exercise"]
    interval, measured = found["interval"], dict_of(found.get("metricsSummary"))
    began, ended = required_moment(interval["startTime"]), required_moment(interval["endTime"])
    if ended < began:
        raise ValueError("it ends before it begins")
    kind, offset = required_text(found.get("exerciseType")), seconds_of(interval.get("startUtcOffset"))
    active = seconds_of(found.get("activeDuration"))
    title = text_of(found.get("displayName"))
    return account.thing(
        own_id(point),
        began,
        originalstartdate=began,
        starttimeoffset=offset * 1000 if offset is not None else None,
        activityname=sport_name(title if kind == UNSPECIFIED_SPORT else kind),
        activitytypeid=kind,
        title=title,
        duration=active * 1000 if active is not None and active >= 0 else ended - began,
        distance=positive_of(measured.get("distanceMillimeters"), KILOMETRES_PER_MILLIMETRE),
        calories=positive_of(measured.get("caloriesKcal")),
        steps=whole_of(measured.get("steps")),
        speed=positive_of(measured.get("averageSpeedMillimetersPerSecond"), KMH_PER_MILLIMETRE_PER_SECOND),
        averageheartrate=positive_of(measured.get("averageHeartRateBeatsPerMinute")),
        elevationgain=positive_of(measured.get("elevationGainMillimeters"), METRES_PER_MILLIMETRE),
    )


def sleep(point: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a sleep, which has the id of the tables of Takeout. Raises KeyError, ValueError or TypeError."""
    found = point["sleep"]
    interval, summary = found["interval"], dict_of(found.get("summary"))
    began, ended = required_moment(interval["startTime"]), required_moment(interval["endTime"])
    lasted: dict[str, int | None] = {"starttimeoffsetinseconds": seconds_of(interval.get("startUtcOffset"))}
    for stage in list_of(summary.get("stagesSummary")):
        field, _ = STAGES.get(text_of(dict_of(stage).get("type")), ("", ""))
        if field:
            lasted[field] = whole_of(dict_of(stage).get("minutes"), MINUTE)
    if not any(lasted.get(field) for field, _ in STAGES.values()):
        lasted["unmeasurablesleepinseconds"] = whole_of(summary.get("minutesAsleep"), MINUTE)
        lasted["awakedurationinseconds"] = whole_of(summary.get("minutesAwake"), MINUTE)
    _, thing = sleep_object(account, began, ended, _waking_day(interval, ended), lasted)
    levels = [level for stage in list_of(found.get("stages"))[:MAX_LEVELS] for level in _level(dict_of(stage))]
    return thing | ({"sleeplevels": levels} if levels else {})


def weight(point: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a weighing, which has the id of the tables of Takeout. Raises KeyError, ValueError or TypeError."""
    found = point["weight"]
    grams = number_of(found["weightGrams"])
    if grams is None:
        raise ValueError("a weighing without a weight")
    moment = required_moment(found["sampleTime"]["physicalTime"])
    _, thing = body_composition(account, moment, grams * KILOGRAMS_PER_GRAM, {})
    return thing


def own_id(point: JsonObject) -> str:
    """Return the id of a data point: the last part of its name. Raises ValueError if it has none."""
    name = required_text(point.get("dataPointName") or point.get("name"))
    return required_text(name.rpartition("/")[2])


def seconds_of(value: Any) -> int | None:
    """Return a length of time such as `3600s` in seconds; None for anything else."""
    found = _LENGTH.match(value) if isinstance(value, str) else None
    return int(found[1]) if found is not None else None


def day_of(value: Any) -> str:
    """Return a day, such as 2026-11-29, of an object with its parts. Raises KeyError, ValueError or TypeError."""
    return date(value["year"], value["month"], value["day"]).isoformat()


def date_parts(day: date) -> JsonObject:
    """Return a day as the API wants it."""
    return {"date": {"year": day.year, "month": day.month, "day": day.day}}


def _waking_day(interval: JsonObject, ended: int) -> str:
    civil = dict_of(interval.get("civilEndTime")).get("date")
    if civil is not None:
        return day_of(civil)
    offset = seconds_of(interval.get("endUtcOffset"))
    if offset is None or abs(offset) > MAX_OFFSET_SECONDS:
        raise ValueError("the day of waking is not known")
    return f"{datetime.fromtimestamp(ended / 1000, UTC) + timedelta(seconds=offset):%Y-%m-%d}"


def _level(stage: JsonObject) -> list[JsonObject]:
    """Return a part of a sleep; none for a kind that objects do not have."""
    _, level = STAGES.get(text_of(stage.get("type")), ("", ""))
    if not level:
        return []
    start, end = required_moment(stage.get("startTime")), required_moment(stage.get("endTime"))
    if end <= start:
        return []
    return [{"level": level, "startdate": start, "enddate": end}]
