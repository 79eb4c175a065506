"""The records of Google Fit in Takeout: the table of days, sessions, and weights."""

import csv
import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.csv_rows import count_in, number_in, rows_of
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import body_composition, sleep
from privateshare.sources.google_fitness.totals import CollectedTotals
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import Mapped, dict_of, in_a_zone, list_of, number_of, text_of
from privateshare.sources.upload_records import START_BYTES, UploadReader
from privateshare.sources.wearables.records import UNREADABLE, day_at, positive, whole
from privateshare.sources.workouts.recording import sport_name

NANOSECONDS_PER_MILLISECOND = 1_000_000
MAX_DIGITS = 19
WEIGHT = "com.google.weight"
UNREADABLE_ERRORS = (ValueError, TypeError, AttributeError, OverflowError)
STAGES: Mapping[str, str] = {
    "light": "lightsleepdurationinseconds",
    "deep": "deepsleepdurationinseconds",
    "rem": "remsleepinseconds",
    "awake": "awakedurationinseconds",
    "sleep": "unmeasurablesleepinseconds",
}
# Columns are named in the language of the account, but all of them have their units.
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_STEPS = re.compile(
    r"step|schritt|stappen|nombre de pas|\bpasos\b|\bpassi\b|\bpassos\b|kroków|steg|шаг|خطوات|歩数|걸음|步数", re.I
)
_MOVING = re.compile(r"move minutes|bewegungsmin|minutes? de mouvement|minutos en movimiento|bewegingsminuten", re.I)


class FitReader:
    """Reads one export."""

    def __init__(self, export: UploadedExport) -> None:
        self._export, self._account = export, export.account
        self._totals = CollectedTotals()

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        upload = UploadReader(_role_of, self._export.left_out)
        for file in self._export.files:
            with file.open() as stream:
                start = stream.read(START_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n\0\xff\xfe")
            if not start.startswith((b"{", b"[")) and not file.path.lower().endswith(".json"):
                self._table(file)
                continue
            for record in upload.records_of(file):
                try:
                    mapped = list(self._map(record.thing))
                except UNREADABLE_ERRORS:
                    self._export.left_out.leave_out(UNREADABLE)
                    continue
                self._export.left_out.read += 1
                yield from mapped
        upload.estimate()
        yield from self._totals.objects(self._account, self._export.now)

    def _map(self, thing: JsonObject) -> Iterator[Mapped]:
        if "dataTypeName" in thing:
            yield self._weight(thing)
        elif text_of(thing["fitnessActivity"]).startswith("sleep"):
            yield self._sleep(thing)
        else:
            yield self._session(thing)

    def _weight(self, thing: JsonObject) -> Mapped:
        nanoseconds = int(text_of(thing.get("startTimeNanos"))[:MAX_DIGITS])
        value = next((dict_of(dict_of(one).get("value")) for one in list_of(thing.get("fitValue"))), {})
        kilograms = number_of(value.get("fpVal"))
        if kilograms is None:
            raise ValueError("a weighing without a time or a weight")
        return body_composition(self._account, nanoseconds // NANOSECONDS_PER_MILLISECOND, kilograms, {})

    def _sleep(self, thing: JsonObject) -> Mapped:
        start, end = _moment(thing.get("startTime")), _moment(thing.get("endTime"))
        lasted: dict[str, int | None] = {}
        for part in (dict_of(one) for one in list_of(thing.get("segment"))):
            field = STAGES.get(text_of(part.get("fitnessActivity")).rpartition(".")[2])
            if field is not None:
                seconds = (_moment(part.get("endTime")) - _moment(part.get("startTime"))) // 1000
                lasted[field] = (lasted.get(field) or 0) + max(0, seconds)
        if not lasted:
            lasted["unmeasurablesleepinseconds"] = (end - start) // 1000
        return sleep(self._account, start, end, day_at(end, None), lasted)

    def _session(self, thing: JsonObject) -> Mapped:
        start, end = _moment(thing.get("startTime")), _moment(thing.get("endTime"))
        if end < start:
            raise ValueError("it ends before it begins")
        kind = text_of(thing["fitnessActivity"])
        values: dict[str, float] = {}
        for one in (dict_of(part) for part in list_of(thing.get("aggregate"))):
            value = number_of(one.get("floatValue")) or number_of(one.get("intValue"))
            if value is not None:
                values[text_of(one.get("metricName"))] = value
        seconds = number_of(text_of(thing.get("duration")).removesuffix("s"))
        return ObjectType.ACTIVITY, self._account.thing(
            f"{start // 1000}",
            start,
            originalstartdate=start,
            activityname=sport_name(kind),
            activitytypeid=kind or "unknown",
            duration=round(seconds * 1000) if seconds is not None and seconds >= 0 else end - start,
            distance=positive(values.get("com.google.distance.delta"), 0.001),
            calories=positive(values.get("com.google.calories.expended")),
            steps=whole(positive(values.get("com.google.step_count.delta"))),
            logtype="device",
        )

    def _table(self, file: UploadedFile) -> None:
        fields: dict[int, str] = {}
        try:
            for place, row in enumerate(rows_of(file)):
                if place == 0:
                    fields = _columns(row)
                    if "steps" not in fields.values():
                        break
                else:
                    self._add_day(row, fields)
        except csv.Error:
            self._export.left_out.name_damaged_file(file.path)
            return
        if "steps" not in fields.values():
            self._export.left_out.name_other_file(file.path)

    def _add_day(self, row: list[str], fields: Mapping[int, str]) -> None:
        if not _DAY.fullmatch(row[0]):
            self._export.left_out.leave_out(UNREADABLE)
            return
        try:
            for place, name in fields.items():
                cell = row[place] if place < len(row) else ""
                value = count_in(cell) if name == "steps" or name.endswith("minutes") else number_in(cell)
                if value is not None and value > 0:
                    self._totals.set(row[0], name, _in_unit(name, value))
        except ValueError:
            self._export.left_out.leave_out(UNREADABLE)
            return
        self._export.left_out.read += 1


def _columns(header: list[str]) -> dict[int, str]:
    """Return the fields of a day by the places of their columns. Tables of single days have no column of days."""
    found: dict[int, str] = {}
    rates = iter(("heartrate", "maxheartrate", "minheartrate"))
    for place, name in enumerate(header):
        lower = name.casefold()
        if _STEPS.search(lower):
            found.setdefault(place, "steps")
        elif "kcal" in lower:
            found[place] = "caloriesout"
        elif "(m)" in lower:
            found[place] = "distance"
        elif "bpm" in lower:
            found[place] = next(rates, "")
        elif _MOVING.search(lower):
            found[place] = "fairlyactiveminutes"
    steps = [place for place, name in found.items() if name == "steps"]
    is_of_days = len(header) > 1 and not any(
        word in header[1].casefold() for word in ("time", "zeit", "heure", "hora", "tijd", "ora")
    )
    if len(steps) != 1 or not is_of_days:
        return {}
    return {place: name for place, name in found.items() if name}


def _in_unit(name: str, value: float) -> float:
    if name == "distance":
        return round(value / 1000, 3)
    return round(value, 1) if name in ("caloriesout", "heartrate", "maxheartrate", "minheartrate") else round(value)


def _role_of(thing: JsonObject, _: str) -> ObjectRole:
    if "dataTypeName" in thing and "fitValue" in thing:
        return ObjectRole.RECORD if thing["dataTypeName"] == WEIGHT else ObjectRole.WRAPPER
    if "Data Source" in thing:
        return ObjectRole.WRAPPER  # A file of data points, which begins with their source.
    is_session = "fitnessActivity" in thing and "startTime" in thing
    return ObjectRole.RECORD if is_session else ObjectRole.UNKNOWN


def _moment(written: object) -> int:
    return round(in_a_zone(datetime.fromisoformat(text_of(written))).timestamp() * 1000)
