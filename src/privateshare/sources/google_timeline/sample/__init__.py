"""Sample data: a timeline of an invented person, whose last day is yesterday. A day's entries never change."""

import io
import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile

DAYS = 365
HOME, WORK = (52.0907, 5.1214), (52.3791, 4.9003)
WEEKEND = (5, 6)


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the file of the sample, as an Android phone exports it."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (midnight - timedelta(days=back) for back in range(DAYS, 0, -1))
    segments = [segment for day in days if day.weekday() not in WEEKEND for segment in _segments(day)]
    data = json.dumps({"semanticSegments": segments}).encode()
    return [UploadedFile("Timeline.json", lambda: nullcontext(io.BytesIO(data)), len(data))]


def _segments(day: datetime) -> list[dict[str, Any]]:
    chance = Random(f"way {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    left = day + timedelta(hours=8, minutes=chance.randint(0, 30))
    arrived = left + timedelta(minutes=chance.randint(35, 55))
    back = day + timedelta(hours=17, minutes=chance.randint(0, 40))
    journey = {
        "start": _place(HOME),
        "end": _place(WORK),
        "distanceMeters": 38_000,
        "topCandidate": {"type": "IN_TRAIN"},
    }
    work = {"placeId": "sample-work", "semanticType": "INFERRED_WORK", "placeLocation": _place(WORK)}
    steps = [(left, HOME), (left + (arrived - left) / 2, (52.2, 5.0)), (arrived, WORK)]
    path = [{"point": _place(where)["latLng"], "time": moment.isoformat()} for moment, where in steps]
    return [
        _times(left, arrived) | {"activity": journey},
        _times(left, arrived) | {"timelinePath": path},
        _times(arrived, back) | {"visit": {"topCandidate": work}},
    ]


def _times(start: datetime, end: datetime) -> dict[str, Any]:
    return {"startTime": start.isoformat(), "endTime": end.isoformat()}


def _place(where: tuple[float, float]) -> dict[str, str]:
    return {"latLng": f"{where[0]}°, {where[1]}°"}
