"""The source YouTube: a sample, or the history that a person exports with Google Takeout."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.google_activity.reading import ActivityReader
from privateshare.sources.google_activity.sample import sample_files
from privateshare.sources.object_building import Mapped


class YouTube(UnnamedExportSource):
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
            marks=(
                # A link to a video alone may be in any message or note.
                FileMark(r'"header"\s*:\s*"YouTube|"titleUrl"\s*:\s*"https?://[a-z.]*youtube\.com/(watch|results)'),
                FileMark(r'\bmdl-typography--title">\s*YouTube|(?s:\bmdl-typography--.*youtube\.com/(watch|results))'),
                FileMark(path=r"\bYouTube\b[^/]*/.*\.(json|html)$"),
            ),
            instructions=(
                "Open takeout.google.com, choose “Deselect all”, and then only “YouTube and YouTube Music”.",
                "Under “Multiple formats” set the history to JSON. Under “All YouTube data included” keep the history.",
                "Create the export, and download the zip files when Google writes to you.",
                "Upload them here one after the other.",
            ),
        ),
    )

    owner = Identity("youtube", "YouTube", "USER")
    nothing = Broken("The file holds no history of YouTube. Choose the history in Google Takeout, and export it again.")
    # Videos that people uploaded, and tables, are in the same export.
    skipped_endings = frozenset({".mp4", ".mov", ".webm", ".avi", ".jpg", ".jpeg", ".png", ".csv", ".txt", ".pdf"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        return ActivityReader(export.account, export.left_out, export.now).objects(export.files)


SOURCES = (YouTube(),)
