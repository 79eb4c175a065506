"""Good archives for tests/contract/test_sources.py."""

import json
from typing import Any

from tests.archives import zipped


def walks(number: int) -> bytes:
    """An export of Fitbit with so many walks."""
    walk = {"activityName": "Walk", "activityTypeId": 90013, "duration": 60_000}
    listed = [
        walk | {"logId": one, "startTime": f"03/{1 + one % 28:02}/26 10:{one % 60:02}:00"} for one in range(number)
    ]
    return _takeout("Fitbit/Global Export Data/exercise-0.json", listed)


def weights(number: int) -> bytes:
    """An export of Google Fit with so many weights."""
    value = {"dataTypeName": "com.google.weight", "fitValue": [{"value": {"fpVal": 70.5}}]}
    points = [value | {"startTimeNanos": (1_780_000_000 + one) * 10**9} for one in range(number)]
    return _takeout("Fit/All Data/weight.json", {"Data Source": "derived:com.google.weight", "Data Points": points})


def _takeout(path: str, content: Any) -> bytes:
    return zipped({f"Takeout/{path}": json.dumps(content).encode()})


GOOD_ARCHIVES = {15: walks, 284: weights}
FOREIGN = "holds no data of Fitbit|holds no data of Google Fit"
