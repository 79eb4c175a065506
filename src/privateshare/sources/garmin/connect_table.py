"""The table of activities that people save on the website of Garmin Connect.

Its header and the names of sports are in the language of the account, so columns are found by their positions. Times
are those of the person's clock, without a zone. Distances have no unit, which is kilometres or miles by the settings of
the account, and are left out.
"""

import re
from collections.abc import Iterator
from itertools import islice

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import count_in, rows_of
from privateshare.sources.object_building import Mapped, SourceAccount
from privateshare.sources.wearables.records import moment_in
from privateshare.sources.workouts.recording import sport_name

KIND, DATE, FAVORITE, TITLE, CALORIES, TIME, HEART_RATE, MAX_HEART_RATE = 0, 1, 2, 3, 5, 6, 7, 8
COLUMNS = 9
# How the table begins: a header in any language, and an activity with its date and whether it is a favourite.
CONNECT_TABLE = r'(?i)\A[^\n]+\n"?[^",;\n]*"?[,;]"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"?[,;]"?(true|false)"?[,;]'
MAX_HEART = 300

_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


def is_connect_table(file: UploadedFile) -> bool:
    """Return whether a file is such a table. Raises csv.Error if it is damaged."""
    first = next(islice(rows_of(file), 1, None), [])
    return len(first) >= COLUMNS and _DATE.fullmatch(first[DATE]) is not None and _is_flag(first[FAVORITE])


def listed_activities(file: UploadedFile, account: SourceAccount) -> Iterator[Mapped | None]:
    """Yield the activities of the table; None for a row that cannot be read.

    Raises:
        csv.Error: The rest is damaged.
    """
    for row in islice(rows_of(file), 1, None):
        is_activity = len(row) >= COLUMNS and _DATE.fullmatch(row[DATE]) is not None
        start = moment_in(row[DATE]) if is_activity else None
        yield None if start is None else _activity(row, start, account)


def _activity(row: list[str], start: int, account: SourceAccount) -> Mapped:
    kind = row[KIND]
    return ObjectType.ACTIVITY, account.thing(
        f"connect_{start // 1000}",
        start,
        originalstartdate=start,
        activityname=sport_name(kind),
        activitytypeid=kind or "unknown",
        title=row[TITLE],
        duration=_milliseconds(row[TIME]),
        calories=_count(row[CALORIES], 1_000_000),
        averageheartrate=_count(row[HEART_RATE], MAX_HEART),
        maxheartrate=_count(row[MAX_HEART_RATE], MAX_HEART),
    )


def _is_flag(text: str) -> bool:
    return text.casefold() in ("true", "false")


def _milliseconds(text: str) -> int:
    """Return how long an activity lasted, such as `01:02:03`; 0 if that is not there."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return 0
    seconds = int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3].replace(",", "."))
    return round(seconds * 1000)


def _count(text: str, most: int) -> int | None:
    """Return a count; None if nothing was measured, which is written as `--` or 0."""
    number = count_in(text)
    return number if number is not None and 0 < number < most else None
