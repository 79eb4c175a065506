"""Good archives for tests/contract/test_sources.py."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.archives import zipped


def evenings(number: int) -> Iterator[datetime]:
    start = datetime(1995, 1, 1, 22, tzinfo=UTC)
    return (start + timedelta(hours=20 * one) for one in range(number))


def samsung_export(weighings: int = 30) -> bytes:
    """An export of Samsung Health with so many weighings."""
    rows = [f"{moment:%Y-%m-%d %H:%M:%S}.000,71.5,UTC+0100" for moment in evenings(weighings)]
    head = ["com.samsung.health.weight,6313004,3", "start_time,weight,time_offset"]
    return zipped({"Samsung Health/com.samsung.health.weight.20260101.csv": "\n".join([*head, *rows]).encode()})


def oura_export(sleeps: int = 30) -> bytes:
    """An export of Oura with so many sleeps."""
    listed = [
        {"bedtime_start": f"{one:%Y-%m-%dT%H:%M:%S}+00:00", "bedtime_end": f"{one + timedelta(hours=7):%FT%T}+00:00"}
        for one in evenings(sleeps)
    ]
    return zipped({"sleep.json": json.dumps({"sleep": listed}).encode()})


def withings_export(weighings: int = 30) -> bytes:
    """An export of Withings with so many weighings."""
    rows = [f'"{moment:%Y-%m-%d %H:%M:%S}",71.50,18.2,,,,' for moment in evenings(weighings)]
    head = 'Date,"Weight (kg)","Fat mass (kg)","Bone mass (kg)","Muscle mass (kg)","Hydration (kg)",Comments'
    return zipped({"weight.csv": "\n".join([head, *rows]).encode()})


GOOD_ARCHIVES = {9022: samsung_export, 9023: oura_export, 9024: withings_export}
FOREIGN = "is damaged, or was not downloaded"
