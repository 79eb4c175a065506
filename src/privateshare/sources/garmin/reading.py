"""Garmin's export: the list of activities first, then the JSON files and the FIT files of the devices."""

import csv
from collections.abc import Iterator
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.failures import Broken, LeftOut, Reason, takes_too_much
from privateshare.sources.garmin.connect_table import is_connect_table, listed_activities
from privateshare.sources.garmin.monitoring import STRESS_FIELD, Monitoring, TooMuch
from privateshare.sources.garmin.summaries import (
    RecordKind,
    activity,
    day,
    kind_of,
    naps_of,
    owner_in,
    role_of,
    sleep,
    stress,
    weighing,
)
from privateshare.sources.json_records import FoundRecord
from privateshare.sources.object_building import JsonObject, Mapped
from privateshare.sources.upload_records import UploadReader
from privateshare.sources.workouts.fit import FitFault, FitRecordings, is_fit, messages_of
from privateshare.sources.workouts.reading import recordings_of
from privateshare.sources.workouts.recording import objects_of

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s records has no date or value that can be read.",
    "%(num)s of %(total)s records have no date or value that can be read.",
    Broken("The records of the export have no dates or values that can be read. Request the export from Garmin again."),
)
SEVERAL_PEOPLE = Reason(
    "SeveralPeople",
    "%(num)s of %(total)s records is a weighing on a scale that several people used.",
    "%(num)s of %(total)s records are weighings on a scale that several people used.",
    Broken("The file holds the weighings of several people. Upload the export of one account."),
)
START_BYTES = 64
ACTIVITY_LIST = "summarizedactivities"
TRACKS = (".gpx", ".tcx", ".kml")
# The types of FIT files that are read. The others are settings, or repeat the JSON files of the export.
WORKOUT_FILES = frozenset({"activity"})
MONITORING_FILES = frozenset({"monitoring_a", "monitoring_b", "monitoring_daily", "weight"})


class GarminReader:
    """Reads one export.

    Attributes:
        owners: The ids of the people that the records name.
    """

    def __init__(self, export: UploadedExport) -> None:
        self._account, self._export = export.account, export
        self._left_out: LeftOut = export.left_out
        self._monitoring = Monitoring()
        self._activity_at: dict[int, str] = {}
        self._stress: dict[str, JsonObject] = {}
        self.owners: set[str] = set()

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        self._list_activities()
        upload = UploadReader(role_of, self._left_out)
        for file in self._export.files:
            with file.open() as stream:
                start = stream.read(START_BYTES)
            if is_fit(start):
                yield from self._of_fit(file)
            elif file.path.lower().endswith(TRACKS):
                yield from self._of_track(file)
            elif _begins_as_table(start):
                yield from self._of_table(file)
            else:
                for found in upload.records_of(file):
                    yield from self._of_record(found)
        upload.estimate()
        yield from self._stress_summaries()
        for mapped in self._monitoring.objects(self._account):
            self._left_out.read += 1
            yield mapped

    def _list_activities(self) -> None:
        """Note when each activity began, by which its FIT file is known."""
        reader = UploadReader(role_of, LeftOut())
        for file in self._export.files_if(lambda path: ACTIVITY_LIST in path.lower()):
            for found in reader.records_of(file):
                if kind_of(found.thing) is RecordKind.ACTIVITY:
                    try:
                        _, mapped = activity(found.thing, self._account)
                    except (ValueError, TypeError, OverflowError):
                        continue
                    self._activity_at[mapped["createddate"] // 1000] = mapped["id"]

    def _of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        thing, kind = found.thing, kind_of(found.thing)
        if kind is RecordKind.OTHER:
            self._left_out.pass_over_in(found.file)
            return
        if (owner := owner_in(thing)) != "":
            self.owners.add(owner)
        for part in (thing, *naps_of(thing)):
            yield from self._of_thing(part, kind)

    def _of_thing(self, thing: JsonObject, kind: RecordKind) -> Iterator[Mapped]:
        try:
            mapped = list(self._map(thing, kind))
        except (ValueError, TypeError, KeyError, OverflowError):
            self._left_out.leave_out(UNREADABLE)
            return
        self._left_out.read += 1
        yield from mapped

    def _map(self, thing: JsonObject, kind: RecordKind) -> Iterator[Mapped]:
        if kind is RecordKind.ACTIVITY:
            yield activity(thing, self._account)
        elif kind is RecordKind.SLEEP and (slept := sleep(thing, self._account)) is not None:
            yield slept
        elif kind is RecordKind.BODY and (weighed := weighing(thing, self._account)) is not None:
            yield weighed
        elif kind is RecordKind.DAY:
            if (found := stress(thing, self._account)) is not None:
                self._stress[found[1]["id"]] = found[1]
            if (summary := day(thing, self._account)) is not None:
                yield summary

    def _stress_summaries(self) -> Iterator[Mapped]:
        """Yield the stress of each day, with the levels of the watch, if the export has its files."""
        for _, summary in sorted(self._stress.items()):
            levels = self._monitoring.stress_between(summary["startdate"], summary["enddate"])
            yield ObjectType.STRESS_SUMMARY, summary | ({STRESS_FIELD: levels} if levels else {})

    def _of_fit(self, file: UploadedFile) -> Iterator[Mapped]:
        workout, kind = FitRecordings(), ""
        self._monitoring.begin_file()
        try:
            with file.open() as stream:
                for name, message in messages_of(stream):
                    if name == "file_id":
                        kind = str(message.get("type"))
                        if kind not in WORKOUT_FILES | MONITORING_FILES:
                            self._left_out.name_other_file(file.path)
                            return
                    if kind in WORKOUT_FILES:
                        workout.take(name, message)
                    else:
                        self._monitoring.take(name, message)
        except FitFault:
            self._left_out.name_damaged_file(file.path)
        except TooMuch as error:
            raise takes_too_much() from error
        self._left_out.leave_out(SEVERAL_PEOPLE, ObjectType.BODY_COMPOSITION_SUMMARY, self._monitoring.end_file())
        for recording in workout.recordings():
            own_id = self._activity_at.get((recording.start or 0) // 1000)
            self._left_out.read += own_id is None
            yield from objects_of(recording, self._account, own_id, has_activity=own_id is None)

    def _of_table(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the activities of a table of the website, if it is one."""
        try:
            if not is_connect_table(file):
                self._left_out.name_other_file(file.path)
                return
            for mapped in listed_activities(file, self._account):
                if mapped is None:
                    self._left_out.leave_out(UNREADABLE)
                    continue
                self._left_out.read += 1
                yield mapped
        except csv.Error:
            self._left_out.name_damaged_file(file.path)

    def _of_track(self, file: UploadedFile) -> Iterator[Mapped]:
        for recording in recordings_of(file, self._left_out):
            own_id = self._activity_at.get((recording.start or 0) // 1000)
            self._left_out.read += own_id is None
            yield from objects_of(recording, self._account, own_id, has_activity=own_id is None)


def _begins_as_table(start: bytes) -> bool:
    return not start.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith((b"{", b"[", b"<"))


def is_device_archive(path: str) -> bool:
    """Return whether a zip archive in the export has the files of devices: `UploadedFiles_0-_Part1.zip`."""
    name = PurePosixPath(path).name.lower()
    return name.endswith(".zip") and "uploadedfiles" in name
