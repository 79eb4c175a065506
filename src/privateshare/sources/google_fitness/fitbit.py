"""The records of Fitbit: JSON files of Fitbit's export and of Takeout, and tables of Takeout and of old exports."""

import re
from collections.abc import Callable, Iterator, Mapping

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import body_composition, midnight_of, sleep
from privateshare.sources.google_fitness.fitbit_tables import FitbitTables
from privateshare.sources.google_fitness.fitbit_times import LocalDays, day_of, moment_of
from privateshare.sources.google_fitness.totals import CollectedTotals
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import Mapped, dict_of, number_of, text_of
from privateshare.sources.upload_records import START_BYTES, UploadReader
from privateshare.sources.wearables.records import UNREADABLE, positive, whole
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
# These files have times in UTC. Those with calories, and those with one value for each day, have the person's times.
IN_UTC = frozenset({"steps", "distance", "heart_rate"})
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


class FitbitReader:
    """Reads one export."""

    def __init__(self, export: UploadedExport) -> None:
        self._export, self._account = export, export.account
        self._totals = CollectedTotals()
        self._days = LocalDays()
        self._tables = FitbitTables(export, self._totals, self._days)
        self._kind = ""
        self._exercise_minutes: set[int] = set()

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
                yield from self._tables.objects(file)
        upload.estimate()
        yield from self._tables.exercises(self._exercise_minutes)
        yield from self._totals.objects(self._account, self._export.now)

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
            yield from self._sleep(thing)
        elif "weight" in thing:
            yield from self._weight(thing)
        elif "activityName" in thing:
            yield self._exercise(thing)
        elif "dateTime" in thing:
            written = text_of(thing["dateTime"])
            day = self._days.day_in_utc(written) if self._kind in IN_UTC else day_of(written)
            self._add_value(day, thing["value"])

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
        self._totals.add(day, field, found * factor)

    def _sleep(self, thing: JsonObject) -> Iterator[Mapped]:
        start, end = moment_of(text_of(thing.get("startTime"))), moment_of(text_of(thing.get("endTime")))
        if self._tables.has_night(start):
            return
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
        yield sleep(self._account, start, end, text_of(thing["dateOfSleep"]), lasted)

    def _weight(self, thing: JsonObject) -> Iterator[Mapped]:
        moment = moment_of(f"{text_of(thing.get('date'))} {text_of(thing.get('time')) or '00:00:00'}")
        pounds = number_of(thing.get("weight"))
        if pounds is None:
            raise ValueError("a weighing without a weight")
        if self._tables.has_weighing(day_of(text_of(thing.get("date"))), pounds * KILOGRAMS_OF_POUND):
            return
        others = {"bodyMassIndex": number_of(thing.get("bmi")), "bodyFat": number_of(thing.get("fat"))}
        yield body_composition(self._account, moment, pounds * KILOGRAMS_OF_POUND, others)

    def _exercise(self, thing: JsonObject) -> Mapped:
        start = moment_of(text_of(thing.get("startTime")))
        lasted = number_of(thing.get("activeDuration")) or number_of(thing.get("duration"))
        if lasted is None or lasted < 0:
            raise ValueError("an exercise without a duration")
        self._exercise_minutes.add(start // 60_000)
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


def _minutes(thing: JsonObject, name: str) -> int | None:
    minutes = number_of(thing.get(name))
    return round(minutes * MINUTE) if minutes is not None and minutes > 0 else None
