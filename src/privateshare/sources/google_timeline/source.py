"""The source Google Timeline: a sample, or the export of a phone or of Google Takeout."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile, uploaded_files
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    Identity,
    ObjectSchema,
    Page,
    Sample,
    SourceInfo,
    Upload,
    pages,
)
from privateshare.sources.google_timeline.mapping import Mapped
from privateshare.sources.google_timeline.reading import TimelineReader
from privateshare.sources.google_timeline.sample import sample_files
from privateshare.sources.object_building import account_of

PERSON = "timeline"  # Exports do not say whose they are, so all of a person's belong to one account.
SKIPPED_ENDINGS = frozenset({".csv", ".html", ".txt", ".jpg", ".png", ".pdf"})


class GoogleTimeline:
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
            instructions=(
                "On an Android phone open Settings, then Location, “Location services”, and Timeline.",
                "On an iPhone open Google Maps, tap your picture, then Settings, and “Location and privacy settings”.",
                "Tap “Export Timeline data”, save the file, and choose it here.",
            ),
        ),
    )

    def identify(self, connection: Connection) -> Identity:
        """Return the account. An export is read completely.

        Raises:
            Broken: It holds no timeline.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        for _ in self._objects(connection):
            pass
        connection.left_out.check(
            Broken("The file holds no places or journeys of Google. Export your Timeline on the phone again.")
        )
        return Identity(PERSON, "Google Timeline", "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types.

        Raises:
            Broken: The export is damaged.
        """
        return pages(mapped for mapped in self._objects(connection) if mapped[0] in cursors)

    def _objects(self, connection: Connection) -> Iterator[Mapped]:
        if connection.archive is None:
            account = account_of(self.info.service_type, f"sampleDataSet-{connection.sample}")
            files: Iterator[UploadedFile] = iter(sample_files(datetime.now(UTC)))
        else:
            account = account_of(self.info.service_type, connection.provider_account_id)
            files = uploaded_files(connection.archive, connection.left_out, _is_skipped)
        return TimelineReader(account, connection.left_out).objects(files)


def _is_skipped(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SKIPPED_ENDINGS


SOURCES = (GoogleTimeline(),)
