"""An export as objects: activities and routes while it is read, days, nights and weighings when it has been."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.apple_health.body import Weighings
from privateshare.sources.apple_health.clock import Clock
from privateshare.sources.apple_health.day_totals import DeviceNumbers
from privateshare.sources.apple_health.days import Days
from privateshare.sources.apple_health.export_xml import NotHealthData, TooLargeElement, read_elements
from privateshare.sources.apple_health.files import ExportFiles
from privateshare.sources.apple_health.observations import Observations
from privateshare.sources.apple_health.reader import ExportReader, Item, RecordHandler
from privateshare.sources.apple_health.reasons import NO_ROUTE, UNREADABLE, damaged_file
from privateshare.sources.apple_health.routes import NotARoute, route, route_key, route_points
from privateshare.sources.apple_health.sleep import RECORD as SLEEP_RECORD
from privateshare.sources.apple_health.sleep import Nights
from privateshare.sources.apple_health.workouts import Workouts
from privateshare.sources.archive import UploadedFile
from privateshare.sources.failures import LeftOut, NotTaken, shown_name

Typed = tuple[int, dict[str, Any]]

_PREFIX, _CAPITAL = re.compile(r"HK\w*?Type(Identifier)?(?=[A-Z])"), re.compile(r"(?<=[a-z])(?=[A-Z])")
ITEMS_TAKEN = ("Workout", "ActivitySummary", "ClinicalRecord")
FITNESS_TYPES = (
    ObjectType.ACTIVITY,
    ObjectType.DAILY_ACTIVITY_SUMMARY,
    ObjectType.SLEEP,
    ObjectType.BODY_COMPOSITION_SUMMARY,
    ObjectType.ROUTE,
)


def read_main(
    file: UploadedFile, reader: ExportReader, take: Callable[[], Iterator[Typed]], left_out: LeftOut
) -> Iterator[Typed]:
    """Read a main file, and give meanwhile what `take` has ready. Damage is noted; what can be read is read."""
    faults = 0
    try:
        with file.open() as stream:
            for passed_over in read_elements(stream, reader):
                faults = passed_over
                yield from take()
    except (NotHealthData, TooLargeElement):
        faults = faults or 1
    reader.close()
    yield from take()
    if faults:
        name = shown_name(file.path)
        left_out.name_damaged(name, damaged_file(name))


def note_records(reader: ExportReader, left_out: LeftOut) -> None:
    """Note how many records were read, how many could not be, and how many are of kinds that no source takes."""
    left_out.read += reader.read()
    left_out.leave_out(UNREADABLE, number=sum(reader.unreadable().values()))
    taken = _taken_types()
    for name, number in sorted(reader.counts().items(), key=lambda one: -one[1]):
        if name not in taken:
            left_out.pass_over(NotTaken(own_name=shown_name(_words_of(name))), number)


def _words_of(type_: str) -> str:
    """Return the words in the name of a type, such as "Dietary Energy Consumed"."""
    return _CAPITAL.sub(" ", _PREFIX.sub("", type_))


def _taken_types() -> Collection[str]:
    """Return the types of which the source for fitness takes something, or that for health records."""
    clock = Clock()
    days, weighings = Days(clock, DeviceNumbers()).handlers(), Weighings(clock).handlers()
    return {SLEEP_RECORD, *days, *weighings, *Observations(clock).handlers(), *ITEMS_TAKEN}


class FitnessExport:
    """Reads the fitness data of an export, of the object types that are wanted."""

    def __init__(self, files: ExportFiles, account: str, wanted: Collection[int], left_out: LeftOut) -> None:
        self._files, self._account, self._wanted, self._left_out = files, account, wanted, left_out
        self._clock, self._devices = Clock(), DeviceNumbers()
        self._days = Days(self._clock, self._devices)
        self._nights = Nights(self._clock, self._devices)
        self._weighings = Weighings(self._clock)
        self._workouts = Workouts(self._clock, self._route_start)
        self._activity_of_route: dict[str, str] = {}
        self._ready: list[Typed] = []
        self.reader = ExportReader(self._handlers(), self._take_item, self._days.last.was_entered)

    def objects(self) -> Iterator[Typed]:
        """Yield every object with its type."""
        for file in self._files.main:
            yield from read_main(file, self.reader, self._take, self._left_out)
        yield from self._summaries()
        yield from self._routes()
        for other in (*self._files.clinical, *self._files.electrocardiograms):
            self._left_out.skip_file(other.path)
        note_records(self.reader, self._left_out)

    def _handlers(self) -> dict[str, RecordHandler]:
        found: dict[str, RecordHandler] = {}
        if ObjectType.DAILY_ACTIVITY_SUMMARY in self._wanted:
            found |= self._days.handlers()
        if ObjectType.SLEEP in self._wanted:
            found[SLEEP_RECORD] = self._nights.add
        if ObjectType.BODY_COMPOSITION_SUMMARY in self._wanted:
            found |= self._weighings.handlers()
        return found

    def _take_item(self, item: Item) -> bool:
        """Add a workout or a day's rings, and say whether it is of use."""
        if item.tag == "ActivitySummary" and ObjectType.DAILY_ACTIVITY_SUMMARY in self._wanted:
            self._days.add_rings(item)
            return True
        if item.tag != "Workout" or not {ObjectType.ACTIVITY, ObjectType.ROUTE} & set(self._wanted):
            return False
        activity = self._workouts.activity(item, self._account)
        if activity is None:
            return False
        for part in item.parts:
            if part.tag == "FileReference":
                self._activity_of_route[route_key(part.attributes.get("path", ""))] = activity["id"]
        if ObjectType.ACTIVITY in self._wanted:
            self._ready.append((ObjectType.ACTIVITY, activity))
        return True

    def _take(self) -> Iterator[Typed]:
        ready, self._ready = self._ready, []
        return iter(ready)

    def _summaries(self) -> Iterator[Typed]:
        for day in self._days.summaries(self._account):
            yield ObjectType.DAILY_ACTIVITY_SUMMARY, day
        for sleep in self._nights.sleeps(self._account):
            yield ObjectType.SLEEP, sleep
        for weighing in self._weighings.summaries(self._account):
            yield ObjectType.BODY_COMPOSITION_SUMMARY, weighing

    def _routes(self) -> Iterator[Typed]:
        if ObjectType.ROUTE not in self._wanted:
            return
        for key, file in self._files.routes.items():
            try:
                with file.open() as stream:
                    found = route(stream, self._account, self._activity_of_route.get(key))
            except NotARoute:
                self._left_out.leave_out(NO_ROUTE, ObjectType.ROUTE)
            else:
                if found is not None:
                    yield ObjectType.ROUTE, found

    def _route_start(self, path: str) -> tuple[float, float] | None:
        """Return where a route begins, if its file is there."""
        file = self._files.routes.get(route_key(path))
        if file is None or ObjectType.ACTIVITY not in self._wanted:
            return None
        try:
            with file.open() as stream:
                latitude, longitude, _, _ = next(route_points(stream))
        except (NotARoute, StopIteration):
            return None
        return latitude, longitude
