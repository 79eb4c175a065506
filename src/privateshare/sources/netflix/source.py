"""The source Netflix: a sample, or the viewing activity of a person."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.failures import Reason, shown_name
from privateshare.sources.netflix.history import NotNetflix, UnclearDays, rows_of
from privateshare.sources.netflix.sample import sample_files
from privateshare.sources.object_building import Mapped

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s rows has no title or date that can be read.",
    "%(num)s of %(total)s rows have no title or date that can be read.",
    Broken("The rows of the file have no titles or dates that can be read. Download it again."),
)


class Netflix(UnnamedExportSource):
    """Source 9007, service type 9007: what was watched, and searches."""

    info = SourceInfo(
        id=9007,
        service_type=ServiceType.NETFLIX,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.WATCH, ObjectType.SEARCH),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "An evening viewer", "A year of films and searches of an invented person."),),
        brand=Brand("#e50914"),
        upload=Upload(
            accept=".zip,.csv",
            marks=(
                FileMark(r'(?i)\A"?(profile name"?,|title"?,"?date\b)'),
                FileMark(path=r"NetflixViewingHistory|ViewingActivity|SearchHistory\.csv"),
            ),
            instructions=(
                "Open netflix.com/account/getmyinfo and request your personal information.",
                "Netflix writes to you when it is ready, within 30 days. Download the zip file and choose it here.",
                "For a short history at once, open Account, your profile, “Viewing activity”, and “Download all”.",
            ),
        ),
    )

    owner = Identity("netflix", "Netflix", "USER")
    nothing = Broken("The file holds no viewing activity of Netflix. Download it from Netflix again.")
    skipped_endings = frozenset({".pdf", ".txt", ".html", ".jpg", ".png"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        for file in export.files:
            name = shown_name(file.path)
            try:
                for mapped in rows_of(file, export.account, export.now, export.left_out):
                    if mapped is None:
                        export.left_out.leave_out(UNREADABLE)
                    else:
                        export.left_out.read += 1
                        yield mapped
            except NotNetflix:
                export.left_out.name_other_file(file.path)
            except UnclearDays:
                problem = Broken(
                    "%(name)s does not show whether 02/03 is in February or in March. "
                    "Request your personal information at Netflix, and upload that.",
                    name=name,
                )
                export.left_out.name_damaged(name, problem)
            except csv.Error:
                export.left_out.name_damaged_file(file.path)


SOURCES = (Netflix(),)
