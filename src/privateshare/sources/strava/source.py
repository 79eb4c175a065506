"""The source Strava: a sample, or the export of an account."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import (
    Brand,
    Broken,
    FileMark,
    Identity,
    ObjectSchema,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.export_source import ExportSource, Owned, UploadedExport
from privateshare.sources.object_building import Mapped
from privateshare.sources.strava.reading import StravaReader
from privateshare.sources.strava.sample import sample_files

UNNAMED = "strava"


class Strava(ExportSource):
    """Source 9021, service type 9021: activities and their routes."""

    info = SourceInfo(
        id=9021,
        service_type=9021,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(ObjectType.ACTIVITY, ObjectType.ROUTE),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A cyclist", "A year of rides and runs of an invented person."),),
        brand=Brand("#c2410c"),
        upload=Upload(
            accept=".zip,.csv",
            marks=(
                FileMark(
                    r"(?i)\A(activity id|aktivitäts-id|id de l.activité|activiteits-id|id de (la )?actividad"
                    r"|id da atividade|id attività|アクティビティ id|运动 id|活动 id)\s*,"
                ),
                # Other services have tables of this name too, but no activity's id in the first column.
                FileMark(r'\A[^\n]+(\n"?\d+"?,|\s*\Z)', path=r"(^|/)activities\.csv$"),
            ),
            instructions=(
                "Sign in at strava.com on a computer, and open Settings, “My Account”.",
                "Under “Download or Delete Your Account”, choose “Get Started”, then “Request Your Archive” in step 2.",
                "Strava sends you a link, often within hours. Download the zip file and choose it here.",
            ),
        ),
    )

    skipped_endings = frozenset({".jpg", ".jpeg", ".png", ".mp4", ".mov", ".heic", ".json", ".txt", ".pdf", ".html"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return StravaReader(export).objects()

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return whose it is. Raises Broken."""
        reader = StravaReader(export)
        yield from reader.objects()
        export.left_out.check(
            Broken(
                "The file holds no activities of Strava. Request your archive at Strava again, and upload the zip file."
            )
        )
        if len(reader.owners) > 1:
            raise Broken("The archive holds the data of several accounts. Upload the archive of one account.")
        owner, name = next(iter(reader.owners.items()), (UNNAMED, "Strava"))
        return Identity(owner, name, "USER", named=owner != UNNAMED)


SOURCES = (Strava(),)
