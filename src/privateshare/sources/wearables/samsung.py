"""Samsung Health's export: tables with a line before their header that names what they are, and JSON beside them."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import body_composition, sleep
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import JsonObject, Mapped, milliseconds, number_of
from privateshare.sources.upload_records import UploadReader
from privateshare.sources.wearables.days import MAX_DAYS, CollectedDays
from privateshare.sources.wearables.records import (
    UNREADABLE,
    Record,
    day_at,
    first_rows,
    moment_in,
    number,
    offset_in,
    positive,
    seconds,
    table_of,
    whole,
)
from privateshare.sources.wearables.samsung_sports import SPORTS
from privateshare.sources.workouts.recording import RUN_CADENCE, RecordedLine, Recording, cadence_field, objects_of

TABLE = re.compile(r"com\.samsung\.s?health\.(?:tracker\.)?([a-z_.]+)")
PREFIX = re.compile(r"^com_samsung_s?health_(?:tracker_)?[a-z_]+?_(?=start_time$|end_time$|time_offset$|datauuid$)")
LOCATIONS = ".location_data."
MERGED_DEVICES = "-2"  # The source of a day's steps that several devices counted together.
_STAGES = {
    "40001": ("awake", "awakedurationinseconds"),
    "40002": ("light", "lightsleepdurationinseconds"),
    "40003": ("deep", "deepsleepdurationinseconds"),
    "40004": ("rem", "remsleepinseconds"),
}
MAX_STAGES = 2_000_000

_Stage = tuple[int, int, str]


class SamsungReader:
    """Reads one export."""

    def __init__(self, export: UploadedExport) -> None:
        self._export, self._account = export, export.account
        self._days = CollectedDays()
        self._pedometer: dict[str, dict[str, Any]] = {}
        self._stages: dict[str, list[_Stage]] = {}
        self._number_of_stages = 0

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        for file in self._export.files_if(lambda path: path.lower().endswith(".csv") and "sleep_stage" in path.lower()):
            self._take_stages(file)
        for file in self._export.files:
            if file.path.lower().endswith(".json"):
                yield from self._route(file)
                continue
            read = self._reader_for(file)
            if read is None:
                self._export.left_out.name_other_file(file.path)
                continue
            for record in table_of(file, self._export, skipped_lines=1):
                try:
                    mapped = read(_without_prefixes(record))
                except (ValueError, KeyError, OverflowError):
                    self._export.left_out.leave_out(UNREADABLE)
                    continue
                self._export.left_out.read += 1
                if mapped is not None:
                    yield mapped
        for day, fields in self._pedometer.items():
            if self._days.most(day, "steps") < 0:
                self._days.add(day, fields)
        yield from self._days.objects(self._account)

    def _reader_for(self, file: UploadedFile) -> Callable[[Record], Mapped | None] | None:
        first = next(iter(next(iter(first_rows(file, 1)), [])), "")
        found = TABLE.fullmatch(first)
        readers: Mapping[str, Callable[[Record], Mapped | None]] = {
            "exercise": self._exercise,
            "sleep": self._sleep,
            "sleep_stage": _nothing,
            "weight": self._weighing,
            "step_daily_trend": self._day,
            "pedometer_day_summary": self._day_of_pedometer,
            "activity.day_summary": self._activity_day,
        }
        return readers.get(found[1]) if found is not None else None

    def _take_stages(self, file: UploadedFile) -> None:
        for row in table_of(file, self._export, skipped_lines=1):
            record = _without_prefixes(row)
            stage, sleep_id = record.get("stage", ""), record.get("sleep_id", "")
            start, end = moment_in(record.get("start_time", "")), moment_in(record.get("end_time", ""))
            if stage not in _STAGES or not sleep_id or start is None or end is None or not start < end:
                continue
            self._number_of_stages += 1
            if self._number_of_stages <= MAX_STAGES:
                self._stages.setdefault(sleep_id, []).append((start, end, stage))

    def _exercise(self, record: Record) -> Mapped | None:
        start, offset = moment_in(record["start_time"]), offset_in(record.get("time_offset", ""))
        if start is None:
            raise ValueError("an exercise without a start")
        end = moment_in(record.get("end_time", ""))
        duration = number(record, "duration")
        if duration is None:
            duration = max(0, end - start) if end is not None else 0
        code = record.get("exercise_type", "")
        name = SPORTS.get(code, "Workout")
        field = cadence_field(name)
        cadences = {field: number(record, "mean_cadence"), f"max{field}": number(record, "max_cadence")}
        is_steps = record.get("count_type") == "30001" or field == RUN_CADENCE
        return ObjectType.ACTIVITY, self._account.thing(
            record.get("datauuid") or f"{start // 1000}",
            start,
            originalstartdate=start,
            starttimeoffset=_milliseconds(offset),
            activityname=name,
            activitytypeid=code or "unknown",
            title=record.get("title", ""),
            duration=round(duration),
            distance=positive(number(record, "distance"), 0.001),
            calories=positive(number(record, "calorie")),
            steps=whole(positive(number(record, "count"))) if is_steps else None,
            averageheartrate=positive(number(record, "mean_heart_rate")),
            maxheartrate=positive(number(record, "max_heart_rate")),
            speed=positive(number(record, "mean_speed"), 3.6),
            maxspeed=positive(number(record, "max_speed"), 3.6),
            elevationgain=positive(number(record, "altitude_gain")),
            totalelevationloss=positive(number(record, "altitude_loss")),
            **{name: positive(value) for name, value in cadences.items()},
        )

    def _sleep(self, record: Record) -> Mapped | None:
        start, end = moment_in(record["start_time"]), moment_in(record["end_time"])
        if start is None or end is None:
            raise ValueError("a sleep without times")
        offset = offset_in(record.get("time_offset", ""))
        stages = sorted(self._stages.pop(record.get("datauuid", ""), ()))
        lasted: dict[str, int | None] = {}
        for first, last, stage in stages:
            field = _STAGES[stage][1]
            lasted[field] = (lasted.get(field) or 0) + (last - first) // 1000
        if not stages:
            slept = seconds(record, "sleep_duration", factor=60)
            lasted = {"durationinseconds": slept} if slept else {}
        object_type, thing = sleep(self._account, start, end, day_at(end, offset), lasted)
        if offset is not None:
            thing["starttimeoffsetinseconds"] = round(offset.total_seconds())
        if stages:
            thing["sleeplevels"] = [
                {"level": _STAGES[stage][0], "startdate": first, "enddate": last} for first, last, stage in stages
            ]
        return object_type, thing

    def _weighing(self, record: Record) -> Mapped | None:
        moment, weight = moment_in(record["start_time"]), number(record, "weight")
        if moment is None or weight is None:
            raise ValueError("a weighing without a time or weight")
        others = {
            "bodyFat": number(record, "body_fat"),
            "muscleMass": number(record, "muscle_mass"),
            "bodyMassIndex": number(record, "bmi"),
            "bodyWater": positive(number(record, "total_body_water"), 100 / weight) if weight else None,
        }
        return body_composition(self._account, moment, weight, others)

    def _day(self, record: Record) -> None:
        """Take the steps of a day: of all devices together, or of the device that counted most."""
        day, steps = _day_in(record), number(record, "count", "step_count")
        if steps is None:
            raise ValueError("a day without steps")
        if record.get("source_type") == MERGED_DEVICES or steps > self._days.most(day, "steps"):
            self._days.add(day, _walked(record, steps))

    def _day_of_pedometer(self, record: Record) -> None:
        """Take the steps of a day that the other table lacks: both have a row for each device and one for all."""
        day, steps = _day_in(record), number(record, "step_count")
        if steps is None:
            raise ValueError("a day without steps")
        is_known = day in self._pedometer
        if (len(self._pedometer) < MAX_DAYS or is_known) and steps > self._pedometer.get(day, {}).get("steps", -1):
            self._pedometer[day] = _walked(record, steps)

    def _activity_day(self, record: Record) -> None:
        minutes = positive(number(record, "active_time"), 1 / 60_000)
        fields = {"floors": whole(positive(number(record, "floor_count"))), "fairlyactiveminutes": whole(minutes)}
        self._days.add(_day_in(record), fields)

    def _route(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the route of an exercise, whose id begins the name of its file."""
        if LOCATIONS not in file.path.lower():
            return  # There are tens of thousands of others, with single values of the heart.
        recording = Recording(line=RecordedLine())
        for found in UploadReader(_role_of_point, self._export.left_out).records_of(file):
            moment = milliseconds(found.thing.get("start_time"))
            latitude, longitude = number_of(found.thing.get("latitude")), number_of(found.thing.get("longitude"))
            if moment is not None and latitude is not None and longitude is not None:
                recording.saw(moment)
                recording.line.add(latitude, longitude, number_of(found.thing.get("altitude")), moment)
        if recording.start is not None:
            own_id = PurePosixPath(file.path).name.partition(".")[0]
            yield from objects_of(recording, self._account, own_id, has_activity=False)


def _role_of_point(thing: JsonObject, _key: str) -> ObjectRole:
    # Points without a place, which a watch writes while it has no signal, are dropped.
    return ObjectRole.RECORD if "start_time" in thing else ObjectRole.WRAPPER


def _without_prefixes(record: Record) -> Record:
    """Return a record with plain names: some columns have the name of the table before theirs, in some versions all."""
    found: dict[str, str] = {}
    for name, value in record.items():
        short = PREFIX.sub("", name)
        if short == name and name.startswith("com_samsung"):
            short = re.sub(r"^com_samsung_s?health_(?:exercise|sleep_stage|sleep|weight|step_daily_trend)_", "", name)
        if value or short not in found:
            found[short] = value
    return found


def _day_in(record: Record) -> str:
    value = record.get("day_time", "")
    moment = moment_in(value)
    if moment is None:
        raise ValueError("a record of no day")
    return day_at(moment, timedelta())


def _walked(record: Record, steps: float) -> dict[str, Any]:
    far = positive(number(record, "distance"), 0.001)
    return {
        "steps": round(steps),
        "activitycalories": positive(number(record, "calorie")),
        "distances": [{"activity": "walking and running", "distance": far}] if far else None,
    }


def _milliseconds(offset: timedelta | None) -> int | None:
    return round(offset.total_seconds() * 1000) if offset is not None else None


def _nothing(_record: Record) -> None:
    """Take nothing: stages were read before the sleeps."""
