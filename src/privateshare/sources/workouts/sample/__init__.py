"""Sample data: the runs and rides of an invented person, whose last day is yesterday. A day's workout never changes."""

import io
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from math import cos, pi, sin
from random import Random

from privateshare.sources.archive import Opener, UploadedFile

DAYS = 365
DAYS_BETWEEN = 2
HOME = (52.0907, 5.1214)
SECONDS_BETWEEN_POINTS = 20
SPORTS = (("Running", 2.9, 0.012), ("Biking", 6.8, 0.05))


def sample_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield the files of the sample: one TCX file for each workout."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(1, DAYS + 1):
        day = midnight - timedelta(days=back)
        if day.toordinal() % DAYS_BETWEEN == 0:
            data = workout(day).encode()
            yield UploadedFile(f"{day:%Y-%m-%d}.tcx", _opener(data), len(data))


def workout(day: datetime) -> str:
    """Return the workout of a day, as TCX: a loop that begins and ends at home."""
    chance = Random(f"workout {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    sport, speed, size = SPORTS[chance.random() < 0.3]
    start = day + timedelta(seconds=chance.randint(6 * 3600, 19 * 3600))
    seconds = chance.randint(1200, 3600)
    turn = chance.random() * 2 * pi
    points = []
    for second in range(0, seconds + 1, SECONDS_BETWEEN_POINTS):
        angle = turn + 2 * pi * second / seconds
        latitude = HOME[0] + size * (cos(angle) - cos(turn)) * 0.6
        longitude = HOME[1] + size * (sin(angle) - sin(turn))
        rate = round(118 + 30 * min(1, second / 400) + chance.gauss(0, 3))
        points.append(
            f"<Trackpoint><Time>{start + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}</Time>"
            f"<Position><LatitudeDegrees>{latitude:.6f}</LatitudeDegrees>"
            f"<LongitudeDegrees>{longitude:.6f}</LongitudeDegrees></Position>"
            f"<AltitudeMeters>{4 + 2 * sin(angle):.1f}</AltitudeMeters>"
            f"<HeartRateBpm><Value>{rate}</Value></HeartRateBpm></Trackpoint>"
        )
    calories = round(seconds / 60 * (11 if sport == "Running" else 8))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<TrainingCenterDatabase '
        'xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>'
        f'<Activity Sport="{sport}"><Id>{start:%Y-%m-%dT%H:%M:%SZ}</Id>'
        f'<Lap StartTime="{start:%Y-%m-%dT%H:%M:%SZ}"><TotalTimeSeconds>{seconds}</TotalTimeSeconds>'
        f"<DistanceMeters>{seconds * speed:.1f}</DistanceMeters><Calories>{calories}</Calories>"
        f"<Track>{''.join(points)}</Track></Lap><Creator><Name>A watch</Name></Creator>"
        "</Activity></Activities></TrainingCenterDatabase>"
    )


def _opener(data: bytes) -> Opener:
    return lambda: nullcontext(io.BytesIO(data))
