"""Strava's export: the table of activities first, and then the file of each activity for its route."""

import csv
from collections.abc import Iterator
from pathlib import PurePosixPath

from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import rows_of
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.failures import Broken, Reason
from privateshare.sources.object_building import Mapped
from privateshare.sources.strava.table import NotActivities, listed_activities
from privateshare.sources.workouts.reading import recordings_of
from privateshare.sources.workouts.recording import objects_of

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s activities has no date that can be read.",
    "%(num)s of %(total)s activities have no date that can be read.",
    Broken("The activities of the file have no dates that can be read. Download the export from Strava again."),
)
PROFILE, MEDIA = "profile.csv", "media.csv"
FIRST_NAME, LAST_NAME = 2, 3
# Tables of other things, which the export has in every language.
PLANNED = "routes/"


def is_table(path: str) -> bool:
    """Return whether a file is a table, also if it is the upload itself."""
    return not path or path.lower().endswith(".csv")


class StravaReader:
    """Reads one export.

    Attributes:
        owners: The names of the athletes whose profiles the export has, by their ids.
    """

    def __init__(self, export: UploadedExport) -> None:
        self._export = export
        self._activity_of_file: dict[str, str] = {}
        self._tables: set[str] = set()
        self.owners: dict[str, str] = {}

    def objects(self) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        for file in self._export.files_if(is_table):
            if not self._is_track(file):
                yield from self._of_table(file)
        for file in self._export.files:
            if file.path.lower().endswith(".csv") or not file.path:
                if file.path not in self._tables:
                    yield from self._of_recordings(file)
            elif PLANNED not in file.path:
                yield from self._of_recordings(file)

    def _is_track(self, file: UploadedFile) -> bool:
        with file.open() as stream:
            return stream.read(1) in (b"<", b"\x0e", b"\x0c")

    def _of_table(self, file: UploadedFile) -> Iterator[Mapped]:
        left_out, name = self._export.left_out, PurePosixPath(file.path).name.lower()
        try:
            if name == PROFILE:
                self._take_profile(file)
            elif name == MEDIA:
                self._count_media(file)
            else:
                for row in listed_activities(file, self._export.account, self._export.now):
                    if row is None:
                        left_out.leave_out(UNREADABLE)
                        continue
                    left_out.read += 1
                    if row.path:
                        self._activity_of_file[_key(row.path)] = str(row.mapped[1]["id"])
                    yield row.mapped
        except NotActivities:
            return
        except csv.Error:
            left_out.name_damaged_file(file.path)
        self._tables.add(file.path)

    def _take_profile(self, file: UploadedFile) -> None:
        rows = list(rows_of(file))[1:3]
        for row in rows:
            if len(row) > LAST_NAME and row[0].isdigit():
                self.owners[row[0]] = f"{row[FIRST_NAME]} {row[LAST_NAME]}".strip() or "Strava"

    def _count_media(self, file: UploadedFile) -> None:
        number = sum(1 for _ in rows_of(file)) - 1
        if number > 0:
            problem = Broken("The export holds %(count)d photos and videos. They are not imported.", count=number)
            self._export.left_out.name_unused("media", problem)

    def _of_recordings(self, file: UploadedFile) -> Iterator[Mapped]:
        own_id = self._activity_of_file.get(_key(file.path))
        left_out = self._export.left_out
        for number, recording in enumerate(recordings_of(file, left_out)):
            if own_id is None:
                left_out.read += 1
                yield from objects_of(recording, self._export.account)
            elif number == 0:
                yield from objects_of(recording, self._export.account, own_id, has_activity=False)


def _key(path: str) -> str:
    """Return the name of a file without its folder and without the ending of gzip, which unpacking removes."""
    return PurePosixPath(path.lower()).name.removesuffix(".gz")
