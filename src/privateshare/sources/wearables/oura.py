"""Oura's exports: the tables of trends, and the sleeps, days and workouts of old and new exports as CSV or JSON.

All of them have the same fields under names that differ in case, in units and by a few words.
"""

import json
from collections.abc import Iterator, Mapping

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.fitness_objects import sleep
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import JsonObject, Mapped, text_of
from privateshare.sources.upload_records import START_BYTES, UploadReader
from privateshare.sources.wearables.days import CollectedDays
from privateshare.sources.wearables.records import (
    UNREADABLE,
    Record,
    count,
    day_at,
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

_STAGES: Mapping[str, tuple[str, ...]] = {
    "lightsleepdurationinseconds": ("light_sleep_duration", "light_sleep_time", "light"),
    "deepsleepdurationinseconds": ("deep_sleep_duration", "deep_sleep_time", "deep"),
    "remsleepinseconds": ("rem_sleep_duration", "rem_sleep_time", "rem"),
    "awakedurationinseconds": ("awake_time", "awake"),
}
_SIGNS = frozenset({"bedtime_start", "steps", "start_datetime", "total_burn", "cal_total"})
_FIELDS = _SIGNS | {"day", "summary_date", "bedtime_end", "score", "contributors"}


class OuraReader:
    """Reads one export."""

    def __init__(self, export: UploadedExport) -> None:
        self._export, self._account = export, export.account
        self._days = CollectedDays()

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        upload = UploadReader(_role_of, self._export.left_out)
        for file in self._export.files:
            with file.open() as stream:
                start = stream.read(START_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n\0\xff\xfe")
            records: Iterator[Record]
            if start.startswith((b"{", b"[")):
                records = (_plain_record(found.thing) for found in upload.records_of(file))
            else:
                records = self._table(file)
            for record in records:
                try:
                    mapped = list(self._map(record))
                except (ValueError, OverflowError):
                    self._export.left_out.leave_out(UNREADABLE)
                    continue
                self._export.left_out.read += 1
                yield from mapped
        upload.estimate()
        yield from self._days.objects(self._account)

    def _table(self, file: UploadedFile) -> Iterator[Record]:
        is_known = False
        for record in table_of(file, self._export):
            if record and not is_known and _SIGNS.isdisjoint(record):
                break
            is_known = is_known or bool(record)
            yield record
        if not is_known:
            self._export.left_out.name_other_file(file.path)

    def _map(self, record: Record) -> Iterator[Mapped]:
        if record.get("start_datetime"):
            yield self._workout(record)
        if record.get("bedtime_start"):
            yield self._sleep(record)
        day = record.get("day") or record.get("summary_date") or record.get("date", "")
        if day and "steps" in record:
            self._add_day(day, record)
        elif not day and not record.get("bedtime_start") and not record.get("start_datetime"):
            raise ValueError("a record without a date")

    def _sleep(self, record: Record) -> Mapped:
        start, end = moment_in(record["bedtime_start"]), moment_in(record.get("bedtime_end", ""))
        if start is None or end is None:
            raise ValueError("a sleep without times")
        lasted = {name: seconds(record, *sources) for name, sources in _STAGES.items()}
        in_bed = seconds(record, "time_in_bed", "total_bedtime")
        lasted |= {"timeinbedinseconds": in_bed} if in_bed else {}
        offset = offset_in(record.get("bedtime_end", "")[-6:])
        return sleep(self._account, start, end, day_at(end, offset), lasted)

    def _workout(self, record: Record) -> Mapped:
        start, end = moment_in(record["start_datetime"]), moment_in(record.get("end_datetime", ""))
        if start is None or end is None or end < start:
            raise ValueError("a workout without times")
        kind = record.get("activity", "")
        return ObjectType.ACTIVITY, self._account.thing(
            record.get("id") or f"{start // 1000}",
            start,
            originalstartdate=start,
            activityname=sport_name(kind),
            activitytypeid=kind or "unknown",
            title=record.get("label", ""),
            duration=end - start,
            distance=positive(number(record, "distance"), 0.001),
            calories=positive(number(record, "calories")),
            logtype="manual" if record.get("source") == "manual" else "device",
        )

    def _add_day(self, day: str, record: Record) -> None:
        # Old exports have minutes, and new ones seconds.
        is_old = "cal_total" in record
        minutes = 1 if is_old else 1 / 60
        names = {"veryactiveminutes": "high", "fairlyactiveminutes": "medium", "lightlyactiveminutes": "low"}
        fields: JsonObject = {
            field: whole(positive(number(record, f"{name}_activity_time", *((name,) if is_old else ())), minutes))
            for field, name in names.items()
        }
        metres = number(record, "equivalent_walking_distance", "daily_movement")
        far = positive(metres, 0.001)
        self._days.add(
            day,
            fields
            | {
                "steps": count(record, "steps"),
                "activitycalories": positive(number(record, "active_calories", "activity_burn", "cal_active")),
                "caloriesout": positive(number(record, "total_calories", "total_burn", "cal_total")),
                "restingheartrate": positive(number(record, "average_resting_heart_rate")),
                "distances": [{"activity": "equivalent of walking", "distance": far}] if far else None,
            },
        )


def _role_of(thing: JsonObject, _key: str) -> ObjectRole:
    if not {plain(name) for name in thing}.isdisjoint(_SIGNS):
        return ObjectRole.RECORD
    # Records of other kinds, such as readiness, are between them; lists of records are not records themselves.
    is_record = any(plain(name) in _FIELDS for name in thing)
    return ObjectRole.RECORD if is_record and "sleep" not in thing else ObjectRole.WRAPPER


def _plain_record(thing: JsonObject) -> Record:
    return {
        plain(name): json.dumps(value)[:1000] if isinstance(value, dict | list) else text_of(value)
        for name, value in thing.items()
    }
