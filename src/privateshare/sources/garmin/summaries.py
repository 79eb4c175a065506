"""The records of an export's JSON files, by what they have in them, and their mapping.

Garmin's units differ by file: distances of activities are in centimetres, their energy in kilojoules, their speed in
tens of metres a second, and weights in grams.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.fitness_objects import DAY_MILLISECONDS, body_composition, day_summary, midnight_of
from privateshare.sources.fitness_objects import sleep as sleep_object
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import (
    EARLIEST,
    LATEST,
    JsonObject,
    Mapped,
    SourceAccount,
    dict_of,
    in_a_zone,
    list_of,
    milliseconds,
    number_of,
    text_of,
)
from privateshare.sources.workouts.recording import RUN_CADENCE, cadence_field, sport_name

KILOJOULES_PER_KILOCALORIE = 4.184
MAX_SLEEP_SECONDS = 2 * 86_400

_ACTIVITY_MEASURES: Mapping[str, tuple[str, float]] = {
    "distance": ("distance", 1e-5),
    "calories": ("calories", 1 / KILOJOULES_PER_KILOCALORIE),
    "averageheartrate": ("avgHr", 1.0),
    "maxheartrate": ("maxHr", 1.0),
    "speed": ("avgSpeed", 36.0),
    "maxspeed": ("maxSpeed", 36.0),
    "elevationgain": ("elevationGain", 0.01),
    "totalelevationloss": ("elevationLoss", 0.01),
}
_DAY_NUMBERS: Mapping[str, tuple[str, float]] = {
    "activitycalories": ("activeKilocalories", 1.0),
    "caloriesbmr": ("bmrKilocalories", 1.0),
    "caloriesout": ("totalKilocalories", 1.0),
    "elevation": ("floorsAscendedInMeters", 1.0),
    "restingheartrate": ("restingHeartRate", 1.0),
    "minheartrate": ("minHeartRate", 1.0),
    "maxheartrate": ("maxHeartRate", 1.0),
}
_SLEEP_SECONDS = {
    "lightsleepdurationinseconds": "lightSleepSeconds",
    "deepsleepdurationinseconds": "deepSleepSeconds",
    "remsleepinseconds": "remSleepSeconds",
    "awakedurationinseconds": "awakeSleepSeconds",
    "unmeasurablesleepinseconds": "unmeasurableSeconds",
}
_STRESS_SECONDS = {
    "reststressdurationinseconds": "restDuration",
    "lowstressdurationinseconds": "lowDuration",
    "mediumstressdurationinseconds": "mediumDuration",
    "highstressdurationinseconds": "highDuration",
    "activitystressdurationinseconds": "activityDuration",
    "stressdurationinseconds": "stressDuration",
}


class RecordKind(Enum):
    """What a record is."""

    ACTIVITY = auto()
    DAY = auto()
    SLEEP = auto()
    BODY = auto()
    OTHER = auto()


def kind_of(thing: JsonObject) -> RecordKind:
    """Return what a record is, by its fields: names of files differ by year."""
    if "activityId" in thing and ("beginTimestamp" in thing or "startTimeGmt" in thing):
        return RecordKind.ACTIVITY
    if not thing.keys().isdisjoint({"sleepStartTimestampGMT", "sleepWindowConfirmationType", "napList"}):
        return RecordKind.SLEEP
    if "calendarDate" in thing and not thing.keys().isdisjoint({"totalSteps", "allDayStress", "wellnessStartTimeGmt"}):
        return RecordKind.DAY
    if isinstance(thing.get("weight"), dict):
        return RecordKind.BODY
    return RecordKind.OTHER


def role_of(thing: JsonObject, _key: str) -> ObjectRole:
    """Return the role of an object in a file."""
    if "summarizedActivitiesExport" in thing:
        return ObjectRole.WRAPPER
    if kind_of(thing) is not RecordKind.OTHER:
        return ObjectRole.RECORD
    # Other measurements of the body are between the weighings.
    return ObjectRole.RECORD if "metaData" in thing else ObjectRole.UNKNOWN


def owner_in(thing: JsonObject) -> str:
    """Return the id of the person that a record names; empty if it names none."""
    found = thing.get("userProfilePK", thing.get("userProfileId", dict_of(thing.get("metaData")).get("userProfilePK")))
    return text_of(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""


def moment_in(value: object) -> int | None:
    """Read a time in UTC: text such as `2026-03-04T05:06:07.0`, or a number."""
    if isinstance(value, str) and not value.isdigit():
        try:
            moment = datetime.fromisoformat(value.strip().partition(".")[0])
        except ValueError:
            return None
        moment = in_a_zone(moment)
        return round(moment.timestamp() * 1000) if EARLIEST <= moment < LATEST else None
    return milliseconds(int(value) if isinstance(value, float) and abs(value) < 1e15 else value)


def activity(thing: JsonObject, account: SourceAccount) -> Mapped:
    """Map an activity. Raises ValueError if it has no id or start."""
    start = moment_in(thing.get("beginTimestamp", thing.get("startTimeGmt")))
    own_id = text_of(thing.get("activityId"))
    if start is None or not own_id:
        raise ValueError("an activity without id or start")
    kind = text_of(thing.get("activityType")) or text_of(thing.get("sportType"))
    duration = number_of(thing.get("duration")) or number_of(thing.get("elapsedDuration")) or 0.0
    latitude, longitude = number_of(thing.get("startLatitude")), number_of(thing.get("startLongitude"))
    is_place = latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180
    steps = number_of(thing.get("steps"))
    mapped = account.thing(
        own_id,
        start,
        originalstartdate=start,
        starttimeoffset=_offset(start, moment_in(thing.get("startTimeLocal"))),
        activityname=sport_name(kind),
        activitytypeid=kind or "unknown",
        title=text_of(thing.get("name")),
        duration=max(0, round(duration)),
        steps=round(steps) if steps is not None and steps > 0 else None,
        startinglatitude=latitude if is_place else None,
        startinglongitude=longitude if is_place else None,
        logtype="manual" if thing.get("manualActivity") is True else "device",
        **_numbers(thing, _ACTIVITY_MEASURES),
        **_cadences(thing, kind),
    )
    return ObjectType.ACTIVITY, mapped


def day(thing: JsonObject, account: SourceAccount) -> Mapped | None:
    """Map the summary of a day; None if nothing was measured. Raises ValueError if it is of no day."""
    day_id = text_of(thing.get("calendarDate"))[:10]
    midnight_of(day_id)
    steps = number_of(thing.get("totalSteps"))
    metres = number_of(thing.get("totalDistanceMeters"))
    active = [number_of(thing.get(f"{name}IntensityMinutes")) for name in ("moderate", "vigorous")]
    found: JsonObject = _numbers(thing, _DAY_NUMBERS)
    if steps is not None and steps >= 0:
        found["steps"] = round(steps)
    if metres is not None and metres > 0:
        found["distances"] = [{"activity": "total", "distance": round(metres / 1000, 3)}]
    for name, minutes in zip(("fairlyactiveminutes", "veryactiveminutes"), active, strict=True):
        if minutes is not None and minutes >= 0:
            found[name] = round(minutes)
    goal = number_of(thing.get("dailyStepGoal"))
    if found and goal is not None and goal > 0:
        found["goals"] = {"steps": round(goal)}
    return day_summary(account, day_id, found) if found else None


def stress(thing: JsonObject, account: SourceAccount) -> Mapped | None:
    """Map the stress of a day's summary; None if it was not measured. Raises ValueError if it is of no day."""
    listed = [dict_of(one) for one in list_of(dict_of(thing.get("allDayStress")).get("aggregatorList"))]
    total = next((one for one in listed if one.get("type") == "TOTAL"), {})
    average, most = number_of(total.get("averageStressLevel")), number_of(total.get("maxStressLevel"))
    if average is None or average < 0:
        return None
    midnight = midnight_of(text_of(thing.get("calendarDate")))
    start, end = moment_in(thing.get("wellnessStartTimeGmt")), moment_in(thing.get("wellnessEndTimeGmt"))
    start = midnight if start is None else start
    is_order = end is not None and start < end < start + 2 * DAY_MILLISECONDS
    seconds = {name: _seconds(total.get(source)) for name, source in _STRESS_SECONDS.items()}
    day_id = text_of(thing["calendarDate"])[:10]
    mapped = account.thing(
        f"stress_{day_id}",
        start,
        startdate=start,
        enddate=end if is_order else start + DAY_MILLISECONDS - 1,
        calendardate=day_id,
        averagestresslevel=average,
        maxstresslevel=most if most is not None and most >= 0 else None,
        **seconds,
    )
    return ObjectType.STRESS_SUMMARY, mapped


def sleep(thing: JsonObject, account: SourceAccount) -> Mapped | None:
    """Map a sleep; None if the watch was not worn. Raises ValueError if its times are impossible."""
    start, end = (moment_in(thing.get(f"sleep{name}TimestampGMT")) for name in ("Start", "End"))
    seconds = {name: _seconds(thing.get(source)) for name, source in _SLEEP_SECONDS.items()}
    if start is None or end is None:
        if thing.get("sleepStartTimestampGMT") or any(seconds.values()):
            raise ValueError("a sleep without times")
        return None
    return sleep_object(account, start, end, text_of(thing.get("calendarDate")), seconds)


def naps_of(thing: JsonObject) -> list[JsonObject]:
    """Return the naps that a record of a night lists, as records of nights."""
    listed = [nap for nap in list_of(thing.get("napList")) if isinstance(nap, dict)]
    return [
        {
            "sleepStartTimestampGMT": nap.get("napStartTimestampGMT") or "none",
            "sleepEndTimestampGMT": nap.get("napEndTimestampGMT"),
            "calendarDate": nap.get("calendarDate") or thing.get("calendarDate"),
            "unmeasurableSeconds": nap.get("napTimeSec"),
        }
        for nap in listed
    ]


def weighing(thing: JsonObject, account: SourceAccount) -> Mapped | None:
    """Map a weighing; None if it has no weight. Raises ValueError if it has no time."""
    weight = dict_of(thing.get("weight"))
    grams = number_of(weight.get("weight"))
    if grams is None or grams <= 0:
        return None
    moment = moment_in(weight.get("timestampGMT")) or moment_in(dict_of(thing.get("metaData")).get("calendarDate"))
    if moment is None:
        raise ValueError("a weighing without time")
    shares = {
        "bodyFat": weight.get("bodyFat"),
        "bodyWater": weight.get("bodyWater"),
        "bodyMassIndex": weight.get("bmi"),
    }
    masses = {"boneMass": weight.get("boneMass"), "muscleMass": weight.get("muscleMass")}
    return body_composition(
        account,
        moment,
        grams / 1000,
        {name: number_of(value) for name, value in shares.items()}
        | {name: _kilograms(value) for name, value in masses.items()},
    )


def _numbers(thing: JsonObject, measures: Mapping[str, tuple[str, float]]) -> dict[str, Any]:
    values = {name: (number_of(thing.get(source)), factor) for name, (source, factor) in measures.items()}
    return {name: round(value * factor, 3) for name, (value, factor) in values.items() if value and value > 0}


def _cadences(thing: JsonObject, kind: str) -> dict[str, float]:
    name, found = cadence_field(kind), {}
    source = "DoubleCadence" if name == RUN_CADENCE else "BikeCadence" if name == "bikecadence" else "SwimCadence"
    for target, prefix in ((name, "avg"), (f"max{name}", "max")):
        value = number_of(thing.get(prefix + source))
        if value is not None and value > 0:
            found[target] = round(value, 1)
    return found


def _offset(start: int, local: int | None) -> int | None:
    return local - start if local is not None and abs(local - start) <= 15 * 3_600_000 else None


def _seconds(value: object) -> int | None:
    number = number_of(value)
    return round(number) if number is not None and 0 <= number <= MAX_SLEEP_SECONDS else None


def _kilograms(value: object) -> float | None:
    number = number_of(value)
    return number / 1000 if number is not None else None
