"""The source Garmin: a sample, or the export of an account."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import ExportSource, Owned, UploadedExport
from privateshare.sources.garmin.connect_table import CONNECT_TABLE
from privateshare.sources.garmin.reading import GarminReader, is_device_archive
from privateshare.sources.garmin.sample import sample_files
from privateshare.sources.object_building import Mapped

UNNAMED, NAME = "garmin", "Garmin"


class Garmin(ExportSource):
    """Source 254, service type 21: all of the fitness types but badges, from summaries and the files of devices."""

    info = SourceInfo(
        id=254,
        service_type=ServiceType.GARMIN,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(
            ObjectType.ACTIVITY,
            ObjectType.DAILY_ACTIVITY_SUMMARY,
            ObjectType.SLEEP,
            ObjectType.EPOCH_SUMMARY,
            ObjectType.STRESS_SUMMARY,
            ObjectType.BODY_COMPOSITION_SUMMARY,
            ObjectType.MOVE_IQ_SUMMARY,
            ObjectType.ROUTE,
        ),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A watch owner", "A year of an invented person with a watch and a scale."),),
        brand=Brand("#0f5ea8"),
        upload=Upload(
            accept=".zip,.json,.fit,.csv",
            marks=(
                FileMark(r'"(summarizedActivitiesExport|sleepStartTimestampGMT|wellnessStartTimeGmt|allDayStress)"'),
                FileMark(path=r"(^|/)DI_CONNECT/|UploadedFiles_\d"),
                FileMark(CONNECT_TABLE),
            ),
            instructions=(
                "Sign in at garmin.com, open Account, “Account Management Center”, and “Export Your Data”.",
                "Choose “Request Data Export”. Garmin writes to you when it is ready, often within two days.",
                "Download the zip file and choose it here as it is.",
            ),
        ),
    )

    skipped_endings = frozenset({".jpg", ".jpeg", ".png", ".pdf", ".txt", ".html", ".db"})

    def is_inner_archive(self, path: str) -> bool:
        """Return whether a zip archive in the export is opened."""
        return is_device_archive(path)

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return GarminReader(export).objects()

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return whose it is. Raises Broken."""
        reader = GarminReader(export)
        yield from reader.objects()
        export.left_out.check(
            Broken("The file holds no data of Garmin. Request the export from Garmin again, and upload the zip file.")
        )
        if len(reader.owners) > 1:
            raise Broken("The archive holds the data of several accounts. Upload the archive of one account.")
        owner = next(iter(reader.owners), UNNAMED)
        return Identity(owner, NAME, "USER", named=owner != UNNAMED)


SOURCES = (Garmin(),)
