"""The source X: samples, or the archive that a person requests in their settings."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

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
from privateshare.sources.object_building import SourceAccount, account_of
from privateshare.sources.x_archive.mapping import Mapped
from privateshare.sources.x_archive.reading import ArchiveReader
from privateshare.sources.x_archive.sample import sample_files
from privateshare.sources.x_archive.scripts import is_skipped

UNNAMED = "member"  # Single files of an archive do not say whose it is.


class XArchive:
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
            instructions=(
                "Open x.com and choose More, “Settings and privacy”, and “Your account”.",
                "Choose “Download an archive of your data”, and request the archive.",
                "X tells you when it is ready, often after a day. Download the zip file and choose it here.",
            ),
        ),
    )

    def identify(self, connection: Connection) -> Identity:
        """Return whose archive it is. It is read completely.

        Raises:
            Broken: It is no archive of X, holds nothing, or is of several people.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        reader = ArchiveReader(SourceAccount(""), connection.left_out)
        for _ in reader.objects(uploaded_files(connection.archive, connection.left_out, is_skipped)):
            pass
        connection.left_out.check(
            Broken(
                "The file holds no posts, likes or messages of X. "
                "Request your archive at X again, and upload the zip file as you received it."
            )
        )
        if len(reader.owners) > 1:
            raise Broken("The archive holds the data of several accounts. Upload the archive of one account.")
        owner, name = next(iter(reader.owners.items()), (UNNAMED, "X archive"))
        return Identity(owner, name, "USER", named=owner != UNNAMED)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types.

        Raises:
            Broken: The archive is damaged.
        """
        return pages(mapped for mapped in self._objects(connection) if mapped[0] in cursors)

    def _objects(self, connection: Connection) -> Iterator[Mapped]:
        if connection.archive is None:
            account = account_of(self.info.service_type, f"sampleDataSet-{connection.sample}")
            files: Iterator[UploadedFile] = iter(sample_files(datetime.now(UTC)))
        else:
            account = account_of(self.info.service_type, connection.provider_account_id)
            files = uploaded_files(connection.archive, connection.left_out, is_skipped)
        return ArchiveReader(account, connection.left_out).objects(files)


SOURCES = (XArchive(),)
