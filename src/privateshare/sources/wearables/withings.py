"""Withings' export: one table for each kind of data.

Columns are in the language of the account, or some of them are, so tables are recognised by the units in their headers,
and columns found by their positions, which are the same in all languages.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import body_composition, sleep
from privateshare.sources.object_building import JsonObject, Mapped, dict_of, number_of
from privateshare.sources.wearables.days import CollectedDays
from privateshare.sources.wearables.records import (
    UNREADABLE,
    Record,
    count,
    day_at,
    first_rows,
    moment_in,
    number,
    offset_in,
    plain,
    positive,
    seconds,
    table_of,
    whole,
)
from privateshare.sources.workouts.recording import sport_name
from privateshare.sources.written_dates import WrittenDates

KILOGRAMS_PER_POUND = 0.45359237
# The tables of sums by day, by the words of their names: their columns are only `date` and `value`.
_SUMS: Mapping[str, tuple[str, float]] = {
    "steps": ("steps", 1),
    "distance": ("distance", 0.001),
    "elevation": ("elevation", 1),
    "calories_earned": ("activitycalories", 1),
    "calories_passive": ("caloriesbmr", 1),
}
_MASS, _SECONDS = re.compile(r"\((kg|lb)\)$"), re.compile(r"\(s\)$")
_MASSES = ("weight", "fat_mass", "bone_mass", "muscle_mass", "hydration")
_FEWER_MASSES = _MASSES[:2]  # Older scales measured something else after the fat.
_STAGES = ("light_s", "deep_s", "rem_s", "awake_s")
_ACTIVITY = ("from", "to", "from_manual", "to_manual", "timezone", "activity_type", "data", "gps", "modified")
_GPS = _ACTIVITY.index("gps")


def names_of(header: list[str]) -> list[str]:
    """Return the English names of the columns of a table in any language."""
    columns = [name.strip().casefold() for name in header]
    names = [plain(name) for name in columns]
    masses = [found[1] for found in map(_MASS.search, columns) if found is not None]
    if masses and _MASS.search(columns[1]):
        known = _MASSES if len(masses) == len(_MASSES) else _FEWER_MASSES
        units = zip(known, masses, strict=False)
        return _renamed(names, ["date", *(f"{name}_{unit}" for name, unit in units)])
    is_stage = [_SECONDS.search(name) is not None for name in columns[2 : 2 + len(_STAGES)]]
    if is_stage and all(is_stage):
        return _renamed(names, ["from", "to", *_STAGES])
    return list(_ACTIVITY) if len(names) == len(_ACTIVITY) and names[_GPS] == "gps" else names


def _renamed(names: list[str], first: list[str]) -> list[str]:
    return [*first, *names[len(first) :]]


class WithingsReader:
    """Reads one export."""

    def __init__(self, export: UploadedExport) -> None:
        self._export, self._account = export, export.account
        self._days = CollectedDays()
        self._dates = WrittenDates(export.now)

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        for file in self._export.files:
            read = self._reader_for(file)
            if read is None:
                self._export.left_out.name_other_file(file.path)
                continue
            for record in table_of(file, self._export, names=names_of):
                try:
                    mapped = read(record)
                except (ValueError, KeyError, OverflowError):
                    self._export.left_out.leave_out(UNREADABLE)
                    continue
                self._export.left_out.read += 1
                if mapped is not None:
                    yield mapped
        yield from self._days.objects(self._account)

    def _reader_for(self, file: UploadedFile) -> Callable[[Record], Mapped | None] | None:
        header = names_of(next(iter(first_rows(file, 1)), []))
        if header[:1] == ["date"] and any(name.startswith("weight") for name in header):
            return self._weighing
        if {"from", "to", "deep_s"} <= set(header):
            return self._sleep
        if {"from", "to", "activity_type"} <= set(header):
            return self._activity
        if len(header) == len(("date", "value")):
            name = plain(file.path)
            for words, (field, factor) in _SUMS.items():
                if words in name:
                    return lambda record: self._sum(record, field, factor)
        return None

    def _weighing(self, record: Record) -> Mapped | None:
        moment = self._moment(record["date"])
        factor = KILOGRAMS_PER_POUND if any(name.endswith("_lb") for name in record) else 1.0
        masses = {name.rpartition("_")[0]: number(record, name) for name in record if name.endswith(("_kg", "_lb"))}
        weight = masses.get("weight")
        if moment is None or (weight is not None and weight <= 0):
            raise ValueError("a weighing without a date or weight")
        if weight is None:
            return None  # Heights and blood pressures are in the same table of old exports.
        shares = {name: masses.get(name) for name in ("fat_mass", "hydration")}
        others = {
            "bodyFat": positive(shares["fat_mass"], 100 / weight),
            "bodyWater": positive(shares["hydration"], 100 / weight),
            "boneMass": positive(masses.get("bone_mass"), factor),
            "muscleMass": positive(masses.get("muscle_mass"), factor),
        }
        return body_composition(self._account, moment, weight * factor, others)

    def _moment(self, text: str) -> int | None:
        """Read the time of a weighing, which older exports wrote as people do, such as `2014-02-13 6:04 AM`."""
        found = moment_in(text)
        return self._dates.read(text) if found is None and self._dates.learn(text) else found

    def _sleep(self, record: Record) -> Mapped | None:
        start, end = moment_in(record["from"]), moment_in(record["to"])
        if start is None or end is None:
            raise ValueError("a sleep without times")
        lasted = {
            "lightsleepdurationinseconds": seconds(record, "light_s"),
            "deepsleepdurationinseconds": seconds(record, "deep_s"),
            "remsleepinseconds": seconds(record, "rem_s"),
            "awakedurationinseconds": seconds(record, "awake_s"),
        }
        return sleep(self._account, start, end, day_at(end, offset_in(record["to"][-6:])), lasted)

    def _activity(self, record: Record) -> Mapped | None:
        start, end = moment_in(record["from"]), moment_in(record["to"])
        if start is None or end is None or end < start:
            raise ValueError("an activity without times")
        data: JsonObject = {}
        with suppress(ValueError, RecursionError):
            data = dict_of(json.loads(record.get("data") or "{}"))
        if not data.get("calories") and not data.get("distance") and end == start:
            return None
        kind, offset = record.get("activity_type", ""), offset_in(record["from"][-6:])
        values = {name: number_of(data.get(name)) for name in ("distance", "calories", "steps", "hr_average", "hr_max")}
        # One of several sports begins in the same second as its first part.
        return ObjectType.ACTIVITY, self._account.thing(
            f"{start // 1000}_{plain(kind)}",
            start,
            originalstartdate=start,
            starttimeoffset=round(offset.total_seconds() * 1000) if offset is not None else None,
            activityname=sport_name(kind),
            activitytypeid=kind or "unknown",
            duration=end - start,
            distance=positive(values["distance"], 0.001),
            calories=positive(values["calories"]),
            steps=whole(positive(values["steps"])),
            averageheartrate=positive(values["hr_average"]),
            maxheartrate=positive(values["hr_max"]),
            logtype="manual" if record.get("from_manual") else "device",
        )

    def _sum(self, record: Record, field: str, factor: float) -> None:
        value = count(record, "value") if field == "steps" else number(record, "value")
        if value is None:
            raise ValueError("a day without a value")
        if field == "distance":
            far = positive(value, factor)
            self._days.add(record["date"], {"distances": [{"activity": "total", "distance": far}] if far else None})
        else:
            self._days.add(record["date"], {field: whole(value) if field == "steps" else positive(value, factor)})
