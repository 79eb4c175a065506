"""A reader for timelines: monthly files and records of Takeout, and the exports of Android phones and iPhones."""

from collections.abc import Iterable, Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import Broken, LeftOut, Reason
from privateshare.sources.google_timeline.mapping import (
    Point,
    day_of,
    journey_objects,
    route,
    segment_objects,
    visit_objects,
)
from privateshare.sources.google_timeline.places import moment_of, position_of
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import Mapped, SourceAccount, list_of
from privateshare.sources.upload_records import UploadReader

MAX_POINTS = 20_000  # A day with more positions becomes several routes.
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s entries has no time or place that can be read.",
    "%(num)s of %(total)s entries have no time or place that can be read.",
    Broken("The entries of the export have no times or places that can be read. Export your Timeline again."),
)
_SEGMENT_PARTS = ("visit", "activity", "timelinePath", "timelineMemory")
MAX_LEVEL = 5
_WRAPPERS = ("locations", "timelineObjects", "semanticSegments")


class TimelineReader:
    """A reader of one export. Recorded positions become a route for each day."""

    def __init__(self, account: SourceAccount, left_out: LeftOut) -> None:
        self._account, self._left_out = account, left_out
        self._day, self._part = "", 1
        self._points: list[Point] = []

    def objects(self, files: Iterable[UploadedFile]) -> Iterator[Mapped]:
        """Yield the objects of all files. Entries that cannot be read are counted."""
        upload = UploadReader(_role_of, self._left_out)
        for file in files:
            for thing, key, level in (one for found in upload.records_of(file) for one in _entries(found)):
                try:
                    mapped = list(self._objects_of(thing, key, level))
                except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
                    self._left_out.leave_out(UNREADABLE)
                else:
                    self._left_out.read += 1
                    yield from mapped
            yield from self._end_of_day()
        upload.estimate()

    def _objects_of(self, thing: JsonObject, key: str, level: int) -> Iterator[Mapped]:
        if key == "placeVisit":
            yield from visit_objects(self._account, thing, level)
        elif key == "activitySegment":
            yield from journey_objects(self._account, thing)
        elif _is_segment(thing):
            yield from segment_objects(self._account, thing)
        else:
            yield from self._add_position(thing)

    def _add_position(self, thing: JsonObject) -> Iterator[Mapped]:
        """Add a recorded position to its day, and yield the day before if a new one begins."""
        moment, position = moment_of(thing.get("timestamp"), thing.get("timestampMs")), position_of(thing)
        if moment is None or position is None:
            raise ValueError("the position has no time or place")
        if (day := day_of(moment)) != self._day:
            yield from self._end_of_day()
            self._day, self._part = day, 1
        elif len(self._points) == MAX_POINTS:
            yield from self._end_of_day()
            self._part += 1
        self._points.append((moment, position))

    def _end_of_day(self) -> Iterator[Mapped]:
        points, self._points = sorted(self._points, key=lambda point: point[0]), []
        if points:
            own_id = f"day_{self._day}" if self._part == 1 else f"day_{self._day}-{self._part}"
            yield ObjectType.ROUTE, route(self._account, own_id, points, "")


def _entries(found: FoundRecord) -> Iterator[tuple[JsonObject, str, int]]:
    """Yield an entry; of a visit in the layout of Takeout, also the visits of places within it, with their level."""
    waiting = [(found.thing, 0)]
    while waiting:
        thing, level = waiting.pop()
        yield thing, found.key, level
        if found.key == "placeVisit" and level < MAX_LEVEL:
            waiting += [(inner, level + 1) for inner in list_of(thing.get("childVisits")) if isinstance(inner, dict)]


def _is_segment(thing: JsonObject) -> bool:
    return "startTime" in thing and any(part in thing for part in _SEGMENT_PARTS)


def _role_of(thing: JsonObject, key: str) -> ObjectRole:
    if key in ("placeVisit", "activitySegment") or _is_segment(thing) or _is_position(thing, key):
        return ObjectRole.RECORD
    is_wrapper = any(isinstance(thing.get(name), dict | list) for name in (*_WRAPPERS, "placeVisit", "activitySegment"))
    return ObjectRole.WRAPPER if is_wrapper else ObjectRole.UNKNOWN


def _is_position(thing: dict[str, Any], key: str) -> bool:
    return key in ("locations", "") and "latitudeE7" in thing and ("timestamp" in thing or "timestampMs" in thing)
