"""The sources Instagram and Facebook: samples, or the export that a person requests in Meta's Accounts Center."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import ExportSource, Owned, UploadedExport
from privateshare.sources.meta.export import Entries, MetaExportReader, is_media
from privateshare.sources.meta.facebook import FacebookEntries
from privateshare.sources.meta.instagram import InstagramEntries
from privateshare.sources.meta.kinds import FACEBOOK, INSTAGRAM, Layout
from privateshare.sources.meta.sample import facebook_files, instagram_files
from privateshare.sources.object_building import Mapped, SourceAccount

UNNAMED = "member"  # The parts of an export that was split do not all say whose it is.
_NOTHING = Broken(
    "The file holds no posts, comments, likes, followers or messages. "
    "Request a copy of all of your information, and upload the zip file as you received it."
)
_SEVERAL_PEOPLE = Broken("The export holds the data of several accounts. Upload the export of one account.")
_IS_FACEBOOK = Broken("The file is an export of Facebook. Go back, choose Facebook, and upload it there.")
_IS_INSTAGRAM = Broken("The file is an export of Instagram. Go back, choose Instagram, and upload it there.")


@dataclass(frozen=True, slots=True)
class MetaService:
    """What distinguishes the two services.

    Attributes:
        layout: The names by which its exports are recognized.
        entries: Makes the mapping of the entries of an export.
        sample_files: Makes the files of the sample, for the current time.
        foreign: The error for an export of the other service.
    """

    layout: Layout
    entries: Callable[[SourceAccount], Entries]
    sample_files: Callable[[datetime], Sequence[UploadedFile]]
    foreign: Broken


class MetaExport(ExportSource):
    """A source for exports of one of the two services."""

    def __init__(self, info: SourceInfo, service: MetaService, name: str) -> None:
        self.info = info
        self._service, self._name = service, name

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return self._service.sample_files(now)

    def is_skipped(self, path: str) -> bool:
        """Return whether a file of an export is not read."""
        return is_media(path)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        entries = self._service.entries(export.account)
        return MetaExportReader(self._service.layout, entries, export.account, export.left_out).objects(export.files)

    def read_owned(self, export: UploadedExport) -> Owned:
        """Yield all objects, and return whose it is. Raises Broken."""
        entries = self._service.entries(export.account)
        reader = MetaExportReader(self._service.layout, entries, export.account, export.left_out)
        yield from reader.objects(export.files)
        if reader.is_foreign:
            raise self._service.foreign
        export.left_out.check(_NOTHING)
        if len(entries.owners) > 1:
            raise _SEVERAL_PEOPLE
        owner, name = next(iter(entries.owners.items()), (UNNAMED, f"{self._name} export"))
        return Identity(owner, name, "USER", named=owner != UNNAMED)


_TYPES = (
    ObjectType.POST,
    ObjectType.COMMENT,
    ObjectType.LIKE,
    ObjectType.MEDIA,
    ObjectType.SOCIAL_NETWORK_USER,
    ObjectType.PROFILE,
    ObjectType.MESSAGE,
)
_INSTAGRAM = SourceInfo(
    id=420,
    service_type=ServiceType.INSTAGRAM,
    service_group=ServiceGroup.SOCIAL,
    object_types=_TYPES,
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A photographer", "A year of an invented person who posts, comments and chats."),),
    brand=Brand("#c13584"),
    upload=Upload(
        accept=".zip,.json",
        marks=(
            FileMark(path=r"your_instagram_activity/|(^|/)instagram-"),
            FileMark(
                r'"(string_list_data|string_map_data|profile_user|relationships_\w+|likes_\w+|ig_\w+|media_likes|media_comments)"'
            ),
            FileMark(r'\A\s*\[\s*\{\s*"(media|uri)"\s*:(?s:.*)"creation_timestamp"\s*:'),
            FileMark(r'"sender_?[nN]ame"\s*:|"participants"\s*:'),
        ),
        alike="meta",
        instructions=(
            "Open Accounts Center in the settings of Instagram, then “Your information and permissions”.",
            "Choose “Export your information”, “Create export”, your Instagram profile, and “Export to device”.",
            "Set the format to JSON and the date range to “All time”, and start the export.",
            "Download the zip files when Instagram writes to you, and upload them here one after the other.",
        ),
    ),
)
_FACEBOOK = SourceInfo(
    id=1,
    service_type=ServiceType.FACEBOOK,
    service_group=ServiceGroup.SOCIAL,
    object_types=(*_TYPES, ObjectType.MEDIA_ALBUM),
    schema=ObjectSchema("digime", "1.0.0"),
    samples=(Sample("default", "A neighbour", "A year of an invented person with friends, posts and albums."),),
    brand=Brand("#0866ff"),
    upload=Upload(
        accept=".zip,.json",
        marks=(
            FileMark(path=r"your_facebook_activity/|(^|/)facebook-"),
            FileMark(
                r'"(status_updates|(reactions|friends|comments|profile|your_posts|group_posts|page_likes|other_photos)\w*_v2)"'
            ),
            FileMark(r'"sender_?[nN]ame"\s*:|"participants"\s*:'),
        ),
        alike="meta",
        instructions=(
            "Open Accounts Center in the settings of Facebook, then “Your information and permissions”.",
            "Choose “Export your information”, “Create export”, your Facebook profile, and “Export to device”.",
            "Set the format to JSON and the date range to “All time”, and start the export.",
            "Download the zip files when Facebook writes to you, and upload them here one after the other.",
        ),
    ),
)

SOURCES = (
    MetaExport(_INSTAGRAM, MetaService(INSTAGRAM, InstagramEntries, instagram_files, _IS_FACEBOOK), "Instagram"),
    MetaExport(_FACEBOOK, MetaService(FACEBOOK, FacebookEntries, facebook_files, _IS_INSTAGRAM), "Facebook"),
)
