"""The source Calendar: a sample, or calendars that a person exports."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.calendar_file.components import NotACalendar
from privateshare.sources.calendar_file.reading import events_of
from privateshare.sources.calendar_file.sample import sample_files
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.object_building import Mapped, Revisions


class CalendarFile(UnnamedExportSource):
    """Source 9011, service type 9011: appointments."""

    info = SourceInfo(
        id=9011,
        service_type=9011,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.EVENT,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A calendar", "A year of appointments of an invented person."),),
        brand=Brand("#b3452c"),
        upload=Upload(
            in_folders=True,
            accept=".ics,.ical,.vcs,.zip",
            marks=(FileMark(r"(?i)\A\s*BEGIN:VCALENDAR"),),
            instructions=(
                "Google Calendar: open calendar.google.com on a computer, then Settings, “Import & export”, and "
                "“Export”.",
                "Apple Calendar: choose a calendar on a Mac, then “Export” twice in the menu “File”.",
                "Outlook: choose the calendar, then “Save Calendar” in the menu “File”.",
                "Choose the file here, or a zip of several files.",
            ),
        ),
    )

    owner = Identity("calendar", "Calendar", "USER")
    nothing = Broken("The file holds no events of a calendar. Export the calendar as .ics, and upload that file.")
    skipped_endings = frozenset({".html", ".jpg", ".jpeg", ".png", ".pdf", ".plist"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all events, and name other files. Raises Broken."""
        revisions = Revisions()
        for file in export.files:
            try:
                yield from events_of(file, export.account, export.left_out, revisions)
            except NotACalendar:
                export.left_out.name_other_file(file.path)


SOURCES = (CalendarFile(),)
