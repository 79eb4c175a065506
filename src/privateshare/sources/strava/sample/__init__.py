"""Sample data: an export of an invented athlete, whose last day is yesterday. A day's activity never changes."""

import io
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta

from privateshare.sources.archive import Opener, UploadedFile
from privateshare.sources.workouts.sample import DAYS, workout

DAYS_BETWEEN = 3
HEADER = (
    "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Elapsed Time,Distance,Max Heart Rate,"
    "Relative Effort,Commute,Activity Private Note,Activity Gear,Filename,Athlete Weight,Bike Weight,Elapsed Time,"
    "Moving Time,Distance,Max Speed,Average Speed,Elevation Gain"
)


def sample_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield the files of the sample: the table of activities, and a TCX file for each."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(days=back) for back in range(1, DAYS + 1)]
    days = [day for day in days if day.toordinal() % DAYS_BETWEEN == 0]
    rows = [HEADER, *(_row(day) for day in days)]
    yield _file("activities.csv", "\n".join(rows))
    for day in days:
        yield _file(f"activities/{_id(day)}.tcx", workout(day))


def _row(day: datetime) -> str:
    text = workout(day)
    sport = "Run" if 'Sport="Running"' in text else "Ride"
    start = datetime.fromisoformat(text.partition("<Id>")[2][:19])
    seconds = text.partition("<TotalTimeSeconds>")[2].partition("<")[0]
    metres = float(text.partition("<DistanceMeters>")[2].partition("<")[0])
    date = f"{start:%b} {start.day}, {start:%Y}, {start.hour % 12 or 12}:{start:%M:%S %p}"
    first = f'{_id(day)},"{date}",A {sport.lower()},{sport},,{seconds},{metres / 1000:.2f},,,false,,'
    return f"{first},activities/{_id(day)}.tcx,,,{seconds}.0,{seconds}.0,{metres},,,8.0"


def _id(day: datetime) -> int:
    return 7_000_000_000 + day.toordinal()


def _file(path: str, text: str) -> UploadedFile:
    data = text.encode()
    return UploadedFile(path, _opener(data), len(data))


def _opener(data: bytes) -> Opener:
    return lambda: nullcontext(io.BytesIO(data))
