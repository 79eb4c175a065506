"""The source of workouts by file."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.object_building import Mapped
from privateshare.sources.workouts.reading import TIMELESS, recordings_of
from privateshare.sources.workouts.recording import objects_of
from privateshare.sources.workouts.sample import sample_files


class WorkoutFiles(UnnamedExportSource):
    """Source 9020, service type 9020: workouts and their routes, from files of devices and apps."""

    info = SourceInfo(
        id=9020,
        service_type=9020,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(ObjectType.ACTIVITY, ObjectType.ROUTE),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A runner", "A year of runs and rides of an invented person."),),
        # A route from one place to another.
        brand=Brand("#2f6f3e", "M6 3a3 3 0 1 1 0 6 3 3 0 0 1 0-6Zm12 12a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM5 10h2v7h7v2H5Z"),
        upload=Upload(
            in_folders=True,
            accept=".fit,.gpx,.tcx,.kml,.kmz,.gz,.zip",
            marks=(
                # Exports of other sources have such files too.
                FileMark(r"(?s)\A[\s\ufeff]*<([?!].*<)?(\w+:)?(gpx|TrainingCenterDatabase|kml)\b", is_weak=True),
                FileMark(r"\A[\s\S]{6,10}\.FIT", is_weak=True),
                FileMark(path=r"\.kmz$", is_weak=True),
            ),
            instructions=(
                "Open the workout in the app or on the website of your watch, and look for “Export” or “Share”.",
                "Choose FIT if you can, otherwise TCX, GPX or KML. On a watch, the files are in its folder “Activity”.",
                "Choose the file here, or a zip of many of them.",
            ),
        ),
    )

    owner = Identity("workoutfiles", "Workout files", "USER")
    nothing = Broken("The file holds no workout. Export a workout as FIT, TCX, GPX or KML, and upload that.")
    inner_endings = frozenset({".kmz"})
    skipped_endings = frozenset({".jpg", ".jpeg", ".png", ".pdf", ".txt"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all objects. Raises Broken."""
        for file in export.files:
            number_at: Counter[int] = Counter()
            for recording in recordings_of(file, export.left_out):
                export.left_out.read += 1
                second = (recording.start or 0) // 1000
                number_at[second] += 1
                # Two workouts of one file are two, although the same workout in another file has the same id.
                own_id = f"{second}-{number_at[second]}" if number_at[second] > 1 else None
                yield from objects_of(recording, export.account, own_id)
        if export.left_out.not_taken[TIMELESS]:
            export.left_out.check(
                Broken(
                    "The file holds only tracks without times, such as planned routes. "
                    "Export a workout that was recorded."
                )
            )


SOURCES = (WorkoutFiles(),)
