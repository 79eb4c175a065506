"""The sources Google Photos, Google Keep and Google activity: samples, or what a person exports with Google Takeout."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.google_takeout.notes import NoteMapping, note_role
from privateshare.sources.google_takeout.photos import PhotoMapping, photo_role
from privateshare.sources.google_takeout.reading import TakeoutActivityReader, objects_of_records
from privateshare.sources.google_takeout.sample import activity_files, note_files, photo_files
from privateshare.sources.object_building import Mapped

DIGIME = ObjectSchema("digime", "1.0.0")
DOWNLOAD = "Create the export, and download the zip files when Google writes to you."
CHOOSE = "Upload them here one after the other."
MEDIA = frozenset(
    (
        *(
            ".jpg",
            ".jpeg",
            ".png",
            ".gif",
            ".heic",
            ".webp",
            ".mp4",
            ".mov",
            ".avi",
            ".3gp",
            ".mkv",
            ".m4v",
            ".mp",
            ".dng",
        ),
        *(
            ".tif",
            ".tiff",
            ".bmp",
            ".webm",
            ".mp3",
            ".m4a",
            ".pdf",
            ".txt",
            ".csv",
            ".tsv",
            ".vcf",
            ".ics",
            ".mbox",
            ".zip",
        ),
    )
)


class GooglePhotos(UnnamedExportSource):
    """Source 9013, service type 9013: what Google Photos knows of pictures, videos and albums."""

    info = SourceInfo(
        id=9013,
        service_type=9013,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.MEDIA, ObjectType.MEDIA_ALBUM),
        schema=DIGIME,
        samples=(Sample("default", "A photographer", "A year of pictures of an invented person."),),
        brand=Brand("#4285f4"),
        upload=Upload(
            accept=".zip,.json",
            marks=(FileMark(r'"photoTakenTime"\s*:|"albumData"\s*:'),),
            instructions=(
                "Open takeout.google.com, choose “Deselect all”, and then only “Google Photos”.",
                DOWNLOAD,
                CHOOSE,
            ),
        ),
    )
    owner = Identity("photos", "Google Photos", "USER")
    nothing = Broken("The file holds no descriptions of pictures. Export Google Photos with Google Takeout again.")
    skipped_endings = MEDIA | {".html"}

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return photo_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return objects_of_records(export, photo_role, PhotoMapping(export.account))


class GoogleKeep(UnnamedExportSource):
    """Source 9014, service type 9014: notes."""

    info = SourceInfo(
        id=9014,
        service_type=9014,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.NOTE,),
        schema=DIGIME,
        samples=(Sample("default", "A note-taker", "A year of notes and lists of an invented person."),),
        brand=Brand("#f9ab00"),
        upload=Upload(
            accept=".zip,.json",
            marks=(FileMark(r'"(isTrashed|userEditedTimestampUsec|listContent)"\s*:'),),
            instructions=("Open takeout.google.com, choose “Deselect all”, and then only “Keep”.", DOWNLOAD, CHOOSE),
        ),
    )
    owner = Identity("keep", "Google Keep", "USER")
    nothing = Broken("The file holds no notes. Export Keep with Google Takeout again.")
    skipped_endings = MEDIA | {".html"}

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return note_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return objects_of_records(export, note_role, NoteMapping(export.account))


class GoogleActivity(UnnamedExportSource):
    """Source 9015, service type 9015: searches, opened pages and apps, films, and bookmarks."""

    info = SourceInfo(
        id=9015,
        service_type=9015,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.SEARCH, ObjectType.WEB_VISIT, ObjectType.WATCH),
        schema=DIGIME,
        samples=(Sample("default", "A curious person", "A year of searches and visits of an invented person."),),
        brand=Brand("#34a853"),
        upload=Upload(
            accept=".zip,.json,.html",
            marks=(
                FileMark(r'"header"\s*:\s*"(?!YouTube)[^"]+",\s*"title"|"(page_transition|time_usec)"\s*:'),
                FileMark(r"(?i)\A<!DOCTYPE NETSCAPE-Bookmark"),
                FileMark(r'\bmdl-typography--title">\s*(?!YouTube)[^<\s]'),
                FileMark(path=r"MyActivity\.(json|html)$", is_weak=True),
            ),
            instructions=(
                "Open takeout.google.com, choose “Deselect all”, and then only “My Activity” and “Chrome”.",
                "Under “Multiple formats” set the records of your activity to JSON.",
                DOWNLOAD,
                CHOOSE,
            ),
        ),
    )
    owner = Identity("activity", "Google activity", "USER")
    nothing = Broken("The file holds no searches and no visits. Export “My Activity” with Google Takeout again.")
    skipped_endings = MEDIA

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return activity_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return TakeoutActivityReader(export).objects()


SOURCES = (GooglePhotos(), GoogleKeep(), GoogleActivity())
