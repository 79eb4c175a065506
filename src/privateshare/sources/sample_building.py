"""The parts of samples: days that are the same at every call, and files in memory."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile

DAYS = 360


def sample_days(now: datetime, name: str, days: int = DAYS) -> Iterator[tuple[datetime, Random]]:
    """Yield a moment of each day up to yesterday, the oldest first, and the chance of that day.

    Args:
        now: The current time.
        name: What distinguishes the sample from others.
        days: The number of days.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(days, 0, -1):
        day = midnight - timedelta(days=back)
        chance = Random(f"{name} {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        yield day + timedelta(seconds=chance.randint(6 * 3600, 80_000)), chance


def sample_file(name: str, data: bytes) -> UploadedFile:
    """Return a file with this content."""
    return UploadedFile(name, partial(_opened, data), len(data))


def json_file(name: str, content: Any) -> UploadedFile:
    """Return a file with this content as JSON."""
    return sample_file(name, json.dumps(content).encode())


def table_file(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> UploadedFile:
    """Return a file with a table."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return sample_file(name, text.getvalue().encode())


def _opened(data: bytes) -> nullcontext[io.BytesIO]:
    return nullcontext(io.BytesIO(data))
