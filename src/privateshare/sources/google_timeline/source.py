"""The source Google Timeline: a sample, or the export of a phone or of Google Takeout."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.google_timeline.reading import TimelineReader
from privateshare.sources.google_timeline.sample import sample_files
from privateshare.sources.object_building import Mapped


class GoogleTimeline(UnnamedExportSource):
    """Source 9004, service type 9004: places that were visited, journeys, and routes."""

    info = SourceInfo(
        id=9004,
        service_type=ServiceType.GOOGLE_TIMELINE,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(ObjectType.PLACE_VISIT, ObjectType.ACTIVITY, ObjectType.ROUTE),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A commuter", "A year of places and journeys of an invented person."),),
        brand=Brand("#1a73e8"),
        upload=Upload(
            accept=".json,.zip",
            marks=(
                FileMark(
                    r'"(semanticSegments|timelineObjects|timelinePath|placeVisit|activitySegment|topCandidate|latitudeE7)"\s*:'
                ),
            ),
            instructions=(
                "On an Android phone open Settings, then Location, “Location services”, and Timeline.",
                "On an iPhone open Google Maps, tap your picture, then Settings, and “Location and privacy settings”.",
                "Tap “Export Timeline data”, save the file, and choose it here.",
            ),
        ),
    )

    owner = Identity("timeline", "Google Timeline", "USER")
    nothing = Broken("The file holds no places or journeys of Google. Export your Timeline on the phone again.")
    skipped_endings = frozenset({".csv", ".html", ".txt", ".jpg", ".png", ".pdf"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return TimelineReader(export.account, export.left_out).objects(export.files)


SOURCES = (GoogleTimeline(),)
