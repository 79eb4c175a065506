"""The source X: samples, or the archive that a person requests in their settings."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import ExportSource, Owned, UploadedExport
from privateshare.sources.object_building import Mapped
from privateshare.sources.x_archive.reading import ArchiveReader
from privateshare.sources.x_archive.sample import sample_files
from privateshare.sources.x_archive.scripts import is_skipped

UNNAMED = "member"  # Single files of an archive do not say whose it is.


class XArchive(ExportSource):
    """Source 2, service type 3: posts, media, likes, people, profile and messages."""

    info = SourceInfo(
        id=2,
        service_type=ServiceType.TWITTER,
        service_group=ServiceGroup.SOCIAL,
        object_types=(
            ObjectType.POST,
            ObjectType.MEDIA,
            ObjectType.LIKE,
            ObjectType.SOCIAL_NETWORK_USER,
            ObjectType.PROFILE,
            ObjectType.MESSAGE,
        ),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A birdwatcher", "A year of posts, likes and messages of an invented person."),),
        brand=Brand("#0f1419"),
        upload=Upload(
            accept=".zip,.js",
            marks=(FileMark(r"\Awindow\.(YTD|__THAR_CONFIG)|\AGrailbird\.data"),),
            instructions=(
                "Open x.com and choose More, “Settings and privacy”, and “Your account”.",
                "Choose “Download an archive of your data”, and request the archive.",
                "X tells you when it is ready, often after a day. Download the zip file and choose it here.",
            ),
        ),
    )

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def is_skipped(self, path: str) -> bool:
        """Return whether a file of an archive is not read."""
        return is_skipped(path)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return ArchiveReader(export.account, export.left_out).objects(export.files)

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return whose it is. Raises Broken."""
        reader = ArchiveReader(export.account, export.left_out)
        yield from reader.objects(export.files)
        export.left_out.check(
            Broken(
                "The file holds no posts, likes or messages of X. "
                "Request your archive at X again, and upload the zip file as you received it."
            )
        )
        if len(reader.owners) > 1:
            raise Broken("The archive holds the data of several accounts. Upload the archive of one account.")
        owner, name = next(iter(reader.owners.items()), (UNNAMED, "X archive"))
        return Identity(owner, name, "USER", named=owner != UNNAMED)


SOURCES = (XArchive(),)
