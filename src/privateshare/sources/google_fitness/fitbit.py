"""The records of Fitbit: JSON files of Fitbit's export and of Takeout, and tables of Takeout and of old exports."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.csv_rows import rows_of
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import body_composition, midnight_of, sleep
from privateshare.sources.google_fitness.totals import CollectedTotals
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import Mapped, dict_of, number_of, text_of
from privateshare.sources.upload_records import START_BYTES, UploadReader
from privateshare.sources.wearables.records import (
    UNREADABLE,
    Record,
    number,
    plain,
    positive,
    whole,
)
from privateshare.sources.workouts.recording import sport_name

KILOGRAMS_OF_POUND, KILOMETRES_OF_MILE = 0.45359237, 1.609344
MINUTE = 60
MAX_HEART_RATE = 300
UNREADABLE_ERRORS = (ValueError, TypeError, AttributeError, OverflowError)
# What the files with a value for each minute or day hold, by their names: the field of the day, and its factor.
SUMMED: Mapping[str, tuple[str, float]] = {
    "steps": ("steps", 1),
    "calories": ("caloriesout", 1),
    "distance": ("distance", 0.00001),  # Files have centimetres, and objects kilometres.
    "very_active_minutes": ("veryactiveminutes", 1),
    "moderately_active_minutes": ("fairlyactiveminutes", 1),
    "lightly_active_minutes": ("lightlyactiveminutes", 1),
}
LOGGED = frozenset({"dateOfSleep", "weight", "activityName"})
STAGES: Mapping[str, str] = {
    "light": "lightsleepdurationinseconds",
    "deep": "deepsleepdurationinseconds",
    "rem": "remsleepinseconds",
    "wake": "awakedurationinseconds",
    "asleep": "unmeasurablesleepinseconds",
    "awake": "awakedurationinseconds",
}
_KIND = re.compile(r"([a-z_]+?)[-_](?:\d{4}-\d\d-\d\d|\d+)")
_AMERICAN = re.compile(r"(\d\d)/(\d\d)/(\d\d)(?:\s+(\d\d):(\d\d):(\d\d))?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")


class FitbitReader:
    """Reads one export."""

    def __init__(self, export: UploadedExport) -> None:
        self._export, self._account = export, export.account
        self._totals = CollectedTotals()
        self._kind = ""

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        upload = UploadReader(self._role_of, self._export.left_out)
        for file in self._export.files:
            found = _KIND.match(file.path.rpartition("/")[2].lower())
            self._kind = found[1] if found is not None else ""
            with file.open() as stream:
                start = stream.read(START_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n\0\xff\xfe")
            if start.startswith((b"{", b"[")) or file.path.lower().endswith(".json"):
                for record in upload.records_of(file):
                    yield from self._checked(self._map_record, record.thing)
            else:
                yield from self._table(file)
        upload.estimate()
        yield from self._totals.objects(self._account)

    def _checked(self, map_one: Callable[[JsonObject], Iterator[Mapped]], thing: JsonObject) -> Iterator[Mapped]:
        try:
            mapped = list(map_one(thing))
        except UNREADABLE_ERRORS:
            self._export.left_out.leave_out(UNREADABLE)
            return
        self._export.left_out.read += 1
        yield from mapped

    def _role_of(self, thing: JsonObject, _: str) -> ObjectRole:
        if "badgeType" in thing:
            return ObjectRole.RECORD
        if "logId" in thing:  # Food and water have ids too.
            return ObjectRole.WRAPPER if LOGGED.isdisjoint(thing) else ObjectRole.RECORD
        is_value = "dateTime" in thing and "value" in thing
        is_wanted = self._kind in SUMMED or self._kind in ("heart_rate", "resting_heart_rate")
        return ObjectRole.RECORD if is_value and is_wanted else ObjectRole.UNKNOWN

    def _map_record(self, thing: JsonObject) -> Iterator[Mapped]:
        if "badgeType" in thing:
            yield self._badge(thing)
        elif "dateOfSleep" in thing:
            yield self._sleep(thing)
        elif "weight" in thing:
            yield self._weight(thing)
        elif "activityName" in thing:
            yield self._exercise(thing)
        elif "dateTime" in thing:
            self._add_value(_day(text_of(thing["dateTime"])), thing["value"])

    def _add_value(self, day: str, value: object) -> None:
        if self._kind == "heart_rate":
            rate = number_of(dict_of(value).get("bpm"))
            if rate is None or not 0 < rate < MAX_HEART_RATE:
                raise ValueError("a rate that no heart has")
            self._totals.add_heart_rate(day, rate)
            return
        if self._kind == "resting_heart_rate":
            resting = number_of(dict_of(value).get("value"))
            if resting:  # Days on which nothing was measured have 0.
                self._totals.set(day, "restingheartrate", round(resting, 1))
            return
        found = number_of(value)
        if found is None or found < 0:
            raise ValueError("a value that is no number")
        field, factor = SUMMED[self._kind]
        self._totals.add("files", day, field, found * factor)

    def _sleep(self, thing: JsonObject) -> Mapped:
        start, end = _moment(text_of(thing.get("startTime"))), _moment(text_of(thing.get("endTime")))
        summary = dict_of(dict_of(thing.get("levels")).get("summary"))
        lasted: dict[str, int | None] = {}
        for level, field in STAGES.items():
            minutes = number_of(dict_of(summary.get(level)).get("minutes"))
            if minutes is not None:
                lasted[field] = round(minutes * MINUTE)
        if not any(field in lasted for field in STAGES.values()):
            lasted = {"unmeasurablesleepinseconds": _minutes(thing, "minutesAsleep")}
        in_bed = _minutes(thing, "timeInBed")
        lasted |= {"timeinbedinseconds": in_bed} if in_bed else {}
        return sleep(self._account, start, end, text_of(thing["dateOfSleep"]), lasted)

    def _weight(self, thing: JsonObject) -> Mapped:
        moment = _moment(f"{text_of(thing.get('date'))} {text_of(thing.get('time')) or '00:00:00'}")
        pounds = number_of(thing.get("weight"))
        if pounds is None:
            raise ValueError("a weighing without a weight")
        others = {"bodyMassIndex": number_of(thing.get("bmi")), "bodyFat": number_of(thing.get("fat"))}
        return body_composition(self._account, moment, pounds * KILOGRAMS_OF_POUND, others)

    def _exercise(self, thing: JsonObject) -> Mapped:
        start = _moment(text_of(thing.get("startTime")))
        lasted = number_of(thing.get("activeDuration")) or number_of(thing.get("duration"))
        if lasted is None or lasted < 0:
            raise ValueError("an exercise without a duration")
        name = text_of(thing.get("activityName"))
        unit = KILOMETRES_OF_MILE if text_of(thing.get("distanceUnit")).casefold().startswith("mile") else 1.0
        device = text_of(dict_of(thing.get("source")).get("name"))
        return ObjectType.ACTIVITY, self._account.thing(
            text_of(thing["logId"]),
            start,
            originalstartdate=start,
            activityname=sport_name(name),
            activitytypeid=text_of(thing.get("activityTypeId")) or name or "unknown",
            title=name,
            duration=round(lasted),
            distance=positive(number_of(thing.get("distance")), unit),
            calories=positive(number_of(thing.get("calories"))),
            steps=whole(positive(number_of(thing.get("steps")))),
            averageheartrate=positive(number_of(thing.get("averageHeartRate"))),
            elevationgain=positive(number_of(thing.get("elevationGain"))),
            logtype="manual" if text_of(thing.get("logType")) == "manual" else "device",
            source={"name": device} if device else {},
        )

    def _badge(self, thing: JsonObject) -> Mapped:
        kind, value = text_of(thing["badgeType"]), number_of(thing.get("value"))
        times = number_of(thing.get("timesAchieved"))
        return ObjectType.ACHIEVEMENT, self._account.thing(
            f"badge_{kind}_{text_of(thing.get('value'))}",
            midnight_of(text_of(thing.get("dateTime"))),
            baseid=kind,
            category=text_of(thing.get("category")),
            name=text_of(thing.get("name")),
            shortname=text_of(thing.get("shortName")),
            description=text_of(thing.get("description")),
            shortdescription=text_of(thing.get("shortDescription")),
            earnedmessage=text_of(thing.get("earnedMessage")),
            timesachieved=whole(times),
            value=value,
        )

    def _table(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of a table. Old exports have several in one file, each with a name and a header."""
        header: list[str] = []
        is_known = False
        try:
            for row in rows_of(file):
                if not any(row[1:]):
                    header = []  # The name of the next table.
                elif not header:
                    header = [plain(name) for name in row]
                elif (map_row := self._mapping_of(header)) is not None:
                    is_known = True
                    record = {name: _THOUSANDS.sub("", cell) for name, cell in zip(header, row, strict=False)}
                    yield from self._checked(map_row, record)
        except csv.Error:
            self._export.left_out.name_damaged_file(file.path)
            return
        if not is_known:
            self._export.left_out.name_other_file(file.path)

    def _mapping_of(self, header: list[str]) -> Callable[[JsonObject], Iterator[Mapped]] | None:
        names = set(header)
        if {"timestamp", "steps"} <= names:
            return self._minute
        if {"timestamp", "weight_grams"} <= names:
            return self._grams
        if {"sleep_start", "sleep_end", "minutes_asleep"} <= names or {"start_time", "minutes_asleep"} <= names:
            return self._night
        return self._old_day if {"date", "steps", "minutes_very_active"} <= names else None

    def _minute(self, record: Record) -> Iterator[Mapped]:
        steps = number(record, "steps")
        if steps is None:
            raise ValueError("a minute without steps")
        self._totals.add("tables", record["timestamp"][:10], "steps", steps)
        yield from ()

    def _grams(self, record: Record) -> Iterator[Mapped]:
        grams = number(record, "weight_grams")
        if grams is None:
            raise ValueError("a weighing without a weight")
        yield body_composition(self._account, _moment(record["timestamp"]), grams / 1000, {})

    def _night(self, record: Record) -> Iterator[Mapped]:
        start = _moment(record.get("sleep_start") or record.get("start_time", ""))
        end = _moment(record.get("sleep_end") or record.get("end_time", ""))
        waking_day = f"{datetime.fromtimestamp(end / 1000, UTC):%Y-%m-%d}"
        names = {"light": "minutes_light_sleep", "deep": "minutes_deep_sleep", "rem": "minutes_rem_sleep"}
        lasted = {STAGES[stage]: whole(positive(number(record, name), MINUTE)) for stage, name in names.items()}
        if not any(lasted.values()):
            lasted["unmeasurablesleepinseconds"] = whole(positive(number(record, "minutes_asleep"), MINUTE))
        lasted["awakedurationinseconds"] = whole(positive(number(record, "minutes_awake"), MINUTE))
        yield sleep(self._account, start, end, waking_day, lasted)

    def _old_day(self, record: Record) -> Iterator[Mapped]:
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
        yield from ()


def _day(written: str) -> str:
    """Return the day of a date as Fitbit writes it, such as `01/20/20 13:05:10`, also in the form of the standard."""
    found = _AMERICAN.match(written)
    return f"20{found[3]}-{found[1]}-{found[2]}" if found is not None else written[:10]


def _moment(written: str) -> int:
    """Return a time in milliseconds since the epoch. Without a time zone, it is as in UTC. Raises ValueError."""
    found = _AMERICAN.match(written)
    if found is not None:
        written = f"20{found[3]}-{found[1]}-{found[2]}T{found[4] or '00'}:{found[5] or '00'}:{found[6] or '00'}"
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = datetime.strptime(written, "%Y-%m-%d %I:%M%p")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    midnight_of(f"{moment.astimezone(UTC):%Y-%m-%d}")
    return round(moment.timestamp() * 1000)


def _minutes(thing: JsonObject, name: str) -> int | None:
    minutes = number_of(thing.get(name))
    return round(minutes * MINUTE) if minutes is not None and minutes > 0 else None
