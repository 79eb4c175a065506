"""The health record of an export: unchanged clinical records of hospitals, measurements and electrocardiograms."""

from collections.abc import Collection, Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.apple_health.clock import Clock
from privateshare.sources.apple_health.electrocardiograms import NotAnElectrocardiogram, electrocardiogram
from privateshare.sources.apple_health.export import Typed, note_records, read_main
from privateshare.sources.apple_health.files import ExportFiles
from privateshare.sources.apple_health.observations import Observations
from privateshare.sources.apple_health.reader import ExportReader, Item
from privateshare.sources.apple_health.reasons import NO_ELECTROCARDIOGRAM
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.history import item_of
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.fhir_file.people import People, add_found
from privateshare.sources.fhir_file.record import found_resources
from privateshare.sources.identity import Deletion
from privateshare.sources.page_building import Written

RECORD_TYPES = tuple(OBJECT_TYPES.values())

Resource = tuple[int, JsonObject] | Written | Deletion


def _pass_over(_: Item) -> bool:
    """Ignore workouts and rings, which are not measurements."""
    return False


class HealthRecord:
    """A reader of the resources of an export, for the requested object types.

    `people` is told of the hospitals' records, which say whose they are.
    """

    def __init__(self, files: ExportFiles, wanted: Collection[int], left_out: LeftOut) -> None:
        self._files, self._wanted, self._left_out = files, wanted, left_out
        self.people = People()
        self._observations = Observations(Clock())
        self.reader = ExportReader(self._observations.handlers(), _pass_over)

    def resources(self) -> Iterator[Resource]:
        """Yield every resource with its type."""
        for order, found in enumerate(found_resources(self._files.clinical, self._left_out)):
            add_found(self.people, found)
            item = item_of(found, order)
            if item is not None and item.object_type in self._wanted:
                yield item
        for route in self._files.routes.values():
            self._left_out.skip_file(route.path)
        if ObjectType.OBSERVATION not in self._wanted:
            return
        yield from self._electrocardiograms()
        for file in self._files.main:
            yield from read_main(file, self.reader, self._take, self._left_out)
            self._observations.close()
            yield from self._take()
        note_records(self.reader, self._left_out)

    def _take(self) -> Iterator[Typed]:
        for observation in self._observations.take():
            yield ObjectType.OBSERVATION, observation

    def _electrocardiograms(self) -> Iterator[Typed]:
        for file in self._files.electrocardiograms:
            try:
                with file.open() as stream:
                    found = electrocardiogram(stream)
            except NotAnElectrocardiogram:
                self._left_out.leave_out(NO_ELECTROCARDIOGRAM, ObjectType.OBSERVATION)
            else:
                self._left_out.read += 1
                yield ObjectType.OBSERVATION, found
