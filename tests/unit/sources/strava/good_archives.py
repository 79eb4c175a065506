"""A good archive for tests/contract/test_sources.py."""

from datetime import UTC, datetime, timedelta

from tests.archives import zipped


def strava_export(number: int = 30) -> bytes:
    """An export with so many activities that were typed in."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(minutes=20 * one) for one in range(number))
    header = "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Elapsed Time,Distance"
    rows = [
        f'{9000000 + one},"{hour:%b} {hour.day}, {hour:%Y}, {hour:%H:%M:%S}",Walk {one},Walk,,600,1.5'
        for one, hour in enumerate(hours)
    ]
    return zipped({"activities.csv": "\n".join([header, *rows]).encode()})


GOOD_ARCHIVES = {9021: strava_export}
FOREIGN = "is damaged, or was not downloaded"
