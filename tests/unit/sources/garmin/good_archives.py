"""A good archive for tests/contract/test_sources.py."""

import json
from datetime import UTC, datetime, timedelta

from tests.archives import zipped


def garmin_export(nights: int = 30) -> bytes:
    """An export with so many sleeps."""
    start = datetime(1995, 1, 1, 22, tzinfo=UTC)
    evenings = (start + timedelta(hours=20 * number) for number in range(nights))
    listed = [
        {
            "sleepStartTimestampGMT": f"{evening:%Y-%m-%dT%H:%M:%S}.0",
            "sleepEndTimestampGMT": f"{evening + timedelta(hours=7):%Y-%m-%dT%H:%M:%S}.0",
            "calendarDate": f"{evening + timedelta(hours=7):%Y-%m-%d}",
            "deepSleepSeconds": 3600,
            "lightSleepSeconds": 18000,
        }
        for evening in evenings
    ]
    return zipped({"DI_CONNECT/DI-Connect-Wellness/2026_sleepData.json": json.dumps(listed).encode()})


GOOD_ARCHIVES = {254: garmin_export}
