"""The source YouTube: a sample, or the history that a person exports with Google Takeout."""

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
from privateshare.sources.google_activity.reading import ActivityReader, Mapped
from privateshare.sources.google_activity.sample import sample_files
from privateshare.sources.object_building import account_of

PERSON = "youtube"  # Histories do not say whose they are, so all of a person's belong to one account.
# Videos that people uploaded, and tables, are in the same export.
SKIPPED_ENDINGS = frozenset({".mp4", ".mov", ".webm", ".avi", ".jpg", ".jpeg", ".png", ".csv", ".txt", ".pdf"})


class YouTube:
    """Source 281, service type 31: videos that were watched, searches, and music that was played."""

    info = SourceInfo(
        id=281,
        service_type=ServiceType.YOUTUBE,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.WATCH, ObjectType.SEARCH, ObjectType.PLAY_HISTORY),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A curious viewer", "A year of videos, searches and music of an invented person."),),
        brand=Brand("#ff0033"),
        upload=Upload(
            accept=".zip,.json,.html",
            instructions=(
                "Open takeout.google.com, choose “Deselect all”, and then only “YouTube and YouTube Music”.",
                "Under “Multiple formats” set the history to JSON. Under “All YouTube data included” keep the history.",
                "Create the export, and download the zip files when Google writes to you.",
                "Upload them here one after the other.",
            ),
        ),
    )

    def identify(self, connection: Connection) -> Identity:
        """Return the account. An export is read completely.

        Raises:
            Broken: It holds no history of YouTube.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        for _ in self._objects(connection):
            pass
        connection.left_out.check(
            Broken("The file holds no history of YouTube. Choose the history in Google Takeout, and export it again.")
        )
        return Identity(PERSON, "YouTube", "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types.

        Raises:
            Broken: The export is damaged.
        """
        return pages(mapped for mapped in self._objects(connection) if mapped[0] in cursors)

    def _objects(self, connection: Connection) -> Iterator[Mapped]:
        now = datetime.now(UTC)
        if connection.archive is None:
            account = account_of(self.info.service_type, f"sampleDataSet-{connection.sample}")
            files: Iterator[UploadedFile] = iter(sample_files(now))
        else:
            account = account_of(self.info.service_type, connection.provider_account_id)
            files = uploaded_files(connection.archive, connection.left_out, _is_skipped)
        return ActivityReader(account, connection.left_out, now).objects(files)


def _is_skipped(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in SKIPPED_ENDINGS


SOURCES = (YouTube(),)
