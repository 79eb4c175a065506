"""The mapping of workouts to activities (300)."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from privateshare.sources.apple_health.clock import Clock, offset_seconds
from privateshare.sources.apple_health.devices import device_of
from privateshare.sources.apple_health.reader import QUANTITY, Attributes, Item
from privateshare.sources.apple_health.units import (
    COUNT,
    KILOCALORIES,
    KILOMETRES,
    KILOMETRES_PER_HOUR,
    METRES,
    MINUTES,
    PER_MINUTE,
    amount,
    quantity,
)

TYPE = "HKWorkoutActivityType"
MAX_WORKOUTS = 200_000

_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
RouteStart = Callable[[str], tuple[float, float] | None]


class Workouts:
    """Maps workouts. The same one written twice by the same device is one."""

    def __init__(self, clock: Clock, route_start: RouteStart) -> None:
        self._clock, self._route_start = clock, route_start
        self._seen: dict[str, int] = {}
        self._written: set[tuple[str, str]] = set()

    def activity(self, item: Item, account: str) -> dict[str, Any] | None:
        """Map a workout, or give None if it was there before.

        Raises:
            KeyError, ValueError: It has no time, or an impossible one.
        """
        workout = item.attributes
        start, end = self._clock.seconds(workout["startDate"]), self._clock.seconds(workout["endDate"])
        if end < start:
            raise ValueError("it ends before it begins")
        kind = workout.get("workoutActivityType", TYPE + "Other")
        key = f"{start}-{end}-{kind.removeprefix(TYPE)}"
        if (key, workout.get("sourceName", "")) in self._written:
            return None
        if len(self._written) >= MAX_WORKOUTS:
            raise ValueError("more than a life of workouts")
        self._written.add((key, workout.get("sourceName", "")))
        number = self._seen[key] = self._seen.get(key, 0) + 1
        own_id = key if number == 1 else f"{key}-{number}"
        found = {
            "accountentityid": account,
            "entityid": f"{account}_{own_id}",
            "id": own_id,
            "createddate": start * 1000,
            "originalstartdate": start * 1000,
            "starttimeoffset": _offset(item, workout["startDate"], start),
            "activityname": _WORD.sub(" ", kind.removeprefix(TYPE)),
            "activitytypeid": kind,
            "duration": _duration(workout, end - start),
            "source": _source(workout),
            "logtype": "manual" if item.metadata("HKWasUserEntered") == "1" else "device",
        }
        updated = workout.get("creationDate")
        optional = _measured(item) | {"updateddate": self._clock.seconds(updated) * 1000 if updated else None}
        return found | {name: value for name, value in optional.items() if value is not None} | self._start_of(item)

    def _start_of(self, item: Item) -> dict[str, float]:
        for part in item.parts:
            place: tuple[float, float] | None = None
            if part.tag == "Location":  # Old exports contain the points of the route.
                place = float(part.attributes["latitude"]), float(part.attributes["longitude"])
            elif part.tag == "FileReference":
                place = self._route_start(part.attributes.get("path", ""))
            if place is not None:
                return {"startinglatitude": place[0], "startinglongitude": place[1]}
        return {}


def _duration(workout: Attributes, seconds: int) -> int:
    """Return how long a workout lasted without its pauses, in milliseconds."""
    try:
        minutes = amount(workout["duration"], workout.get("durationUnit", "s"), MINUTES)
    except (KeyError, ValueError):
        return seconds * 1000
    return round(minutes * 60_000)


def _offset(item: Item, start: str, seconds: int) -> int:
    """Return the offset from UTC where the workout began, in milliseconds.

    Apple writes all dates in the zone of the phone that exports, and where a workout was in its metadata.
    """
    zone = item.metadata("HKTimeZone")
    if zone is not None:
        try:
            offset = datetime.fromtimestamp(seconds, ZoneInfo(zone)).utcoffset()
        except (ValueError, OSError, KeyError):
            offset = None
        if offset is not None:
            return int(offset.total_seconds()) * 1000
    return offset_seconds(start) * 1000


def _source(workout: Attributes) -> dict[str, str]:
    device = device_of(workout.get("sourceName", ""), workout.get("device"))
    found = {"name": device.name, "type": device.hardware}
    return {name: value for name, value in found.items() if value}


def _measured(item: Item) -> dict[str, Any]:
    """Return what was measured: by the statistics of new exports, or the attributes of old ones."""
    workout, found = item.attributes, dict[str, Any]()
    statistics = {
        part.attributes.get("type", "").removeprefix(QUANTITY): part.attributes
        for part in item.parts
        if part.tag == "WorkoutStatistics"
    }
    distances = [
        _statistic(values, "sum", KILOMETRES) for kind, values in statistics.items() if kind.startswith("Distance")
    ]
    measured = [distance for distance in distances if distance is not None]
    found["distance"] = sum(measured) if measured else _attribute(workout, "totalDistance", KILOMETRES)
    energy = _statistic(statistics.get("ActiveEnergyBurned"), "sum", KILOCALORIES)
    found["calories"] = energy if energy is not None else _attribute(workout, "totalEnergyBurned", KILOCALORIES)
    found["averageheartrate"] = _statistic(statistics.get("HeartRate"), "average", PER_MINUTE)
    found["maxheartrate"] = _statistic(statistics.get("HeartRate"), "maximum", PER_MINUTE)
    steps = _statistic(statistics.get("StepCount"), "sum", COUNT)
    found["steps"] = round(steps) if steps is not None else None
    for kind in ("RunningSpeed", "CyclingSpeed", "WalkingSpeed"):
        if kind in statistics:
            found["speed"] = _statistic(statistics[kind], "average", KILOMETRES_PER_HOUR)
            found["maxspeed"] = _statistic(statistics[kind], "maximum", KILOMETRES_PER_HOUR)
    found["bikecadence"] = _statistic(statistics.get("CyclingCadence"), "average", PER_MINUTE)
    found["maxbikecadence"] = _statistic(statistics.get("CyclingCadence"), "maximum", PER_MINUTE)
    found["elevationgain"] = _metadata(item, "HKElevationAscended", METRES)
    found["totalelevationloss"] = _metadata(item, "HKElevationDescended", METRES)
    found.setdefault("speed", _metadata(item, "HKAverageSpeed", KILOMETRES_PER_HOUR))
    found.setdefault("maxspeed", _metadata(item, "HKMaximumSpeed", KILOMETRES_PER_HOUR))
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in found.items()}


def _statistic(values: Attributes | None, name: str, factors: Mapping[str, float]) -> float | None:
    if values is None or not values.get(name):
        return None
    try:
        return amount(values[name], values.get("unit", ""), factors)
    except ValueError:
        return None


def _attribute(workout: Attributes, name: str, factors: Mapping[str, float]) -> float | None:
    if not workout.get(name):
        return None
    try:
        return amount(workout[name], workout.get(f"{name}Unit", ""), factors)
    except ValueError:
        return None


def _metadata(item: Item, key: str, factors: Mapping[str, float]) -> float | None:
    text = item.metadata(key)
    try:
        return None if text is None else quantity(text, factors)
    except ValueError:
        return None
