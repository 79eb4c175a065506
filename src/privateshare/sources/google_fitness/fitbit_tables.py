"""The tables of Fitbit's exports: of Takeout since 2023, and of old exports, with several tables in a file."""

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import rows_of
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import body_composition, midnight_of, sleep
from privateshare.sources.google_fitness.fitbit_times import LocalDays, moment_of, utc_day
from privateshare.sources.google_fitness.totals import CollectedTotals
from privateshare.sources.object_building import Mapped
from privateshare.sources.wearables.records import UNREADABLE, Record, number, offset_in, plain, positive, whole
from privateshare.sources.workouts.recording import sport_name

MINUTE = 60
KILOMETRES_PER_MILLIMETRE = 1e-6
MAX_HEART_RATE = 300
MAX_NIGHTS = MAX_EXERCISES = 100_000
ROUNDING_KILOGRAMS = 0.1
_UNREADABLE_ERRORS = (ValueError, KeyError, OverflowError)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_MIDNIGHT = re.compile(r"T(?:00|12):00:00(?:\.0*)?Z?$")  # A value of a whole day has no other time.
_STAGES: Mapping[str, str] = {
    "light": "lightsleepdurationinseconds",
    "deep": "deepsleepdurationinseconds",
    "rem": "remsleepinseconds",
    "awake": "awakedurationinseconds",
}
# Tables with a value for each minute, by the names of their columns: the field of the day, and its factor.
_SUMMED: Mapping[str, tuple[str, float]] = {
    "steps": ("steps", 1),
    "distance": ("distance", 0.001),  # In metres.
    "light": ("lightlyactiveminutes", 1),
    "moderate": ("fairlyactiveminutes", 1),
    "very": ("veryactiveminutes", 1),
}
# Such as the pace of an exercise, which repeats its steps. The calories of minutes have gaps, and are no sum of a day.
_REPEATED = frozenset({"distance_millimeters", "altitude_gain_millimeters", "heart_rate_zone"})


class FitbitTables:
    """Reads the tables of one export."""

    def __init__(self, export: UploadedExport, totals: CollectedTotals, days: LocalDays) -> None:
        self._export, self._account = export, export.account
        self._totals, self._days = totals, days
        self._lasted: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._nights: set[int] = set()
        self._weighings: defaultdict[str, list[float]] = defaultdict(list)
        self._exercises: list[tuple[set[int], Mapped]] = []
        self._is_resting = False
        for beginning in ("profile", "userexercise", "usersleep", "weight"):  # The days of weighings need the others.
            for file in export.files_if(partial(_begins, beginning)):
                self._look_ahead(file)

    def objects(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of a table. Old exports have several in one file, each with a name and a header."""
        header: list[str] = []
        is_known = False
        self._is_resting = "resting_heart_rate" in file.path.lower().rpartition("/")[2]
        try:
            for row in rows_of(file):
                if not any(row[1:]):
                    header = []  # The name of the next table.
                elif not header:
                    header = [plain(name) for name in row]
                    is_known = is_known or "sleep_stage_start" in header  # Its rows are in the nights already.
                elif (map_row := self._mapping_of(header)) is not None:
                    is_known = True
                    record = {name: _THOUSANDS.sub("", cell) for name, cell in zip(header, row, strict=False)}
                    yield from self._checked(map_row, record)
        except csv.Error:
            self._export.left_out.name_damaged_file(file.path)
            return
        if not is_known:
            self._export.left_out.name_other_file(file.path)

    def exercises(self, minutes: Container[int]) -> Iterator[Mapped]:
        """Yield the exercises of the tables that no other file has.

        Args:
            minutes: When those of other files began, in minutes since the epoch of the person's clock or of UTC.
        """
        for own_minutes, mapped in self._exercises:
            if not any(minute in minutes for minute in own_minutes):
                yield mapped

    def has_night(self, start: int) -> bool:
        """Return whether the tables have the night that began at this time of the person's clock."""
        return not self._nights.isdisjoint((start // 60_000 - 1, start // 60_000, start // 60_000 + 1))

    def has_weighing(self, day: str, kilograms: float) -> bool:
        """Return whether the tables have this weighing, which files write in pounds."""
        return any(abs(kilograms - other) <= ROUNDING_KILOGRAMS for other in self._weighings.get(day, ()))

    def _look_ahead(self, file: UploadedFile) -> None:
        """Take what the rows of other files need: how long stages lasted, and where the person was."""
        header: list[str] = []
        try:
            for row in rows_of(file):
                if not header:
                    header = [plain(name) for name in row]
                    continue
                record = dict(zip(header, row, strict=False))
                if "sleep_stage_start" in record:
                    self._take_stage(record)
                elif "timezone" in record:
                    self._days.set_zone(record["timezone"])
                elif "weight_grams" in record:
                    self._take_weighing(record)
                else:
                    self._take_offset(record)
        except csv.Error:
            return  # The file is named when it is read.

    def _take_stage(self, record: Record) -> None:
        field, sleep_id = _STAGES.get(record.get("sleep_stage_type", "").lower()), record.get("sleep_id")
        if field is None or not sleep_id or (len(self._lasted) >= MAX_NIGHTS and sleep_id not in self._lasted):
            return
        try:
            start, end = moment_of(record["sleep_stage_start"]), moment_of(record["sleep_stage_end"])
        except _UNREADABLE_ERRORS:
            return
        self._lasted[sleep_id][field] += max(0, end - start) // 1000

    def _take_offset(self, record: Record) -> None:
        offset = offset_in(record.get("start_utc_offset") or record.get("utc_offset", ""))
        try:
            moment = moment_of(record.get("sleep_start") or record.get("exercise_start", ""))
        except ValueError:
            return
        if offset is not None:
            self._days.add_offset(moment, offset)
            if "sleep_start" in record and len(self._nights) < MAX_NIGHTS:
                self._nights.add((moment + round(offset.total_seconds() * 1000)) // 60_000)

    def _take_weighing(self, record: Record) -> None:
        grams = number(record, "weight_grams")
        try:
            day = self._days.day_in_utc(record.get("timestamp", ""))
        except ValueError:
            return
        if grams is not None and len(self._weighings) < MAX_NIGHTS:
            self._weighings[day].append(grams / 1000)

    def _checked(self, map_one: Callable[[Record], Mapped | None], record: Record) -> Iterator[Mapped]:
        try:
            mapped = map_one(record)
        except _UNREADABLE_ERRORS:
            self._export.left_out.leave_out(UNREADABLE)
            return
        self._export.left_out.read += 1
        if mapped is not None:
            yield mapped

    def _mapping_of(self, header: list[str]) -> Callable[[Record], Mapped | None] | None:
        names = set(header)
        if "timestamp" in names and not names.isdisjoint(_SUMMED) and names.isdisjoint(_REPEATED):
            return self._minute
        if {"timestamp", "beats_per_minute"} <= names:
            return self._heart_rate
        if {"timestamp", "weight_grams"} <= names:
            return self._grams
        if {"exercise_id", "exercise_start", "exercise_end"} <= names:
            return self._exercise
        if {"sleep_start", "sleep_end", "minutes_asleep"} <= names or {"start_time", "minutes_asleep"} <= names:
            return self._night
        return self._old_day if {"date", "steps", "minutes_very_active"} <= names else None

    def _minute(self, record: Record) -> None:
        """Add to what a device counted in an hour: a phone and a watch count the same steps."""
        found = {name: number(record, name) for name in _SUMMED if name in record}
        if None in found.values():
            raise ValueError("a minute without its value")
        day, hour = self._days.day_in_utc(record["timestamp"]), record["timestamp"][11:13]
        for name, value in found.items():
            field, factor = _SUMMED[name]
            self._totals.add_counted(day, field, (value or 0) * factor, hour, record.get("data_source", ""))

    def _heart_rate(self, record: Record) -> None:
        rate = number(record, "beats_per_minute")
        if rate is None or rate >= MAX_HEART_RATE:
            raise ValueError("a rate that no heart has")
        written = record["timestamp"]
        if self._is_resting:
            day = written[:10] if _MIDNIGHT.search(written) else self._days.day_in_utc(written)
            if rate:  # Days on which nothing was measured have 0.
                self._totals.set(day, "restingheartrate", round(rate, 1))
            return
        if not rate:
            raise ValueError("a rate that no heart has")
        self._totals.add_heart_rate(self._days.day_in_utc(written), rate)

    def _grams(self, record: Record) -> Mapped:
        grams = number(record, "weight_grams")
        if grams is None:
            raise ValueError("a weighing without a weight")
        return body_composition(self._account, moment_of(record["timestamp"]), grams / 1000, {})

    def _night(self, record: Record) -> Mapped:
        start = moment_of(record.get("sleep_start") or record.get("start_time", ""))
        end = moment_of(record.get("sleep_end") or record.get("end_time", ""))
        offset = offset_in(record.get("end_utc_offset", ""))
        waking = end + round(offset.total_seconds() * 1000) if offset is not None else end
        names = {"light": "minutes_light_sleep", "deep": "minutes_deep_sleep", "rem": "minutes_rem_sleep"}
        lasted = {_STAGES[stage]: whole(positive(number(record, name), MINUTE)) for stage, name in names.items()}
        lasted |= {name: value for name, value in self._lasted.pop(record.get("sleep_id", ""), {}).items() if value}
        if not any(lasted.values()):
            lasted["unmeasurablesleepinseconds"] = whole(positive(number(record, "minutes_asleep"), MINUTE))
        if not lasted.get("awakedurationinseconds"):
            lasted["awakedurationinseconds"] = whole(positive(number(record, "minutes_awake"), MINUTE))
        return sleep(self._account, start, end, utc_day(waking), lasted)

    def _exercise(self, record: Record) -> None:
        """Take an exercise. Whether another file has it too is known at the end."""
        if record.get("deletion_reason"):
            return
        start, end = moment_of(record["exercise_start"]), moment_of(record["exercise_end"])
        if end < start or len(self._exercises) >= MAX_EXERCISES:
            raise ValueError("it ends before it begins, or there are more than a life has")
        offset = offset_in(record.get("utc_offset", ""))
        there = round(offset.total_seconds() * 1000) if offset is not None else 0
        name = record.get("activity_name", "")
        mapped = self._account.thing(
            record["exercise_id"] or f"{start // 1000}",
            start,
            originalstartdate=start,
            starttimeoffset=there if offset is not None else None,
            activityname=sport_name(name),
            activitytypeid=name or "unknown",
            title=name,
            duration=end - start,
            distance=_measured(record, "distance_mm", KILOMETRES_PER_MILLIMETRE),
            calories=_measured(record, "calories"),
            steps=whole(_measured(record, "steps")),
            averageheartrate=positive(number(record, "tracker_avg_heart_rate")),
            maxheartrate=positive(number(record, "tracker_peak_heart_rate")),
            elevationgain=positive(number(record, "tracker_total_altitude_mm"), 0.001),
            logtype="manual" if record.get("log_type", "").upper() == "MANUAL" else "device",
        )
        around = {(moment // 60_000) + more for moment in (start, start + there) for more in (-1, 0, 1)}
        self._exercises.append((around, (ObjectType.ACTIVITY, mapped)))

    def _old_day(self, record: Record) -> None:
        fields = {
            "steps": whole(number(record, "steps")),
            "floors": whole(number(record, "floors")),
            "caloriesout": number(record, "calories_burned"),
            "activitycalories": number(record, "activity_calories"),
            "lightlyactiveminutes": whole(number(record, "minutes_lightly_active")),
            "fairlyactiveminutes": whole(number(record, "minutes_fairly_active")),
            "veryactiveminutes": whole(number(record, "minutes_very_active")),
        }
        day = record["date"]
        midnight_of(day)
        for name, value in fields.items():
            if value is not None:
                self._totals.set(day[:10], name, value)


def _measured(record: Record, name: str, factor: float = 1.0) -> float | None:
    """Return what a device measured of an exercise, or else what the person entered."""
    measured = positive(number(record, f"tracker_total_{name}"), factor)
    return measured or positive(number(record, f"manually_logged_total_{name}"), factor)


def _begins(beginning: str, path: str) -> bool:
    name = path.rpartition("/")[2].lower()
    return name.endswith(".csv") and name.startswith(beginning)
