"""Strava's table of activities. Its header is in the language of the account, so columns are found by their positions.

Two columns come twice: the elapsed time, and the distance. The second elapsed time begins the precise values, which
follow each other in an order that has not changed; the name of the file stands three columns before it.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import count_in, number_in, rows_of
from privateshare.sources.object_building import Mapped, SourceAccount
from privateshare.sources.strava.sports import english_name
from privateshare.sources.workouts.recording import RUN_CADENCE, STEPS_PER_TURN, cadence_field
from privateshare.sources.written_dates import WrittenDates

ID, DATE, NAME, KIND, ELAPSED, KILOMETRES = 0, 1, 2, 3, 5, 6
FIRST_COLUMNS = 7
FILE_BEFORE_PRECISE = 3
LEARNED_ROWS = 200
FOLDER = "activities/"
METRES_PER_KILOMETRE = 1000

# The precise columns by their distance from the second elapsed time, with the factors to the units of objects.
_PRECISE: Mapping[str, tuple[int, float]] = {
    "maxspeed": (3, 3.6),
    "speed": (4, 3.6),
    "elevationgain": (5, 1.0),
    "totalelevationloss": (6, 1.0),
    "maxheartrate": (15, 1.0),
    "averageheartrate": (16, 1.0),
    "calories": (19, 1.0),
}
_MOVING, _METRES, _MAX_CADENCE, _CADENCE = 1, 2, 13, 14


class NotActivities(Exception):
    """The file is not the table of activities."""


@dataclass(frozen=True, slots=True)
class ListedActivity:
    """A row of the table: the activity, and the path of its file, if there is one."""

    mapped: Mapped
    path: str


def listed_activities(file: UploadedFile, account: SourceAccount, now: datetime) -> Iterator[ListedActivity | None]:
    """Yield the rows of the table; None for one that cannot be read.

    Raises:
        NotActivities: It is another file.
        csv.Error: The rest is damaged.
    """
    header, dates = next(rows_of(file), []), WrittenDates(now)
    if len(header) < FIRST_COLUMNS or not _learn(file, dates):
        raise NotActivities
    precise = _second(header, ELAPSED)
    for row in islice(rows_of(file), 1, None):
        moment = dates.read(row[DATE]) if len(row) >= FIRST_COLUMNS and row[ID].isdigit() else None
        yield None if moment is None else _activity(row, moment, precise, account)


def _learn(file: UploadedFile, dates: WrittenDates) -> bool:
    """Take note of all dates of the table, and return whether one of its first rows is an activity."""
    is_table = False
    with suppress(csv.Error):  # What is before the damage is read.
        for number, row in enumerate(rows_of(file)):
            if number and len(row) >= FIRST_COLUMNS and row[ID].isdigit():
                is_table = dates.learn(row[DATE]) or is_table
            if number == LEARNED_ROWS and not is_table:
                break
    return is_table


def _second(header: list[str], column: int) -> int | None:
    """Return the position at which the name of a column comes a second time."""
    try:
        return header.index(header[column], column + 1)
    except ValueError:
        return None


def _activity(row: list[str], moment: int, precise: int | None, account: SourceAccount) -> ListedActivity:
    kind = row[KIND]
    name = english_name(kind)
    measured = _measured(row, precise, name)
    seconds = _number(row, precise, _MOVING) or count_in(row[ELAPSED]) or 0.0
    mapped = account.thing(
        row[ID],
        moment,
        originalstartdate=moment,
        activityname=name,
        activitytypeid=kind or "unknown",
        title=row[NAME],
        duration=max(0, round(seconds * 1000)),
        logtype=None if precise is None else ("device" if _path(row, precise) else "manual"),
        **{name: round(value, 3) for name, value in measured.items() if value and value > 0},
    )
    return ListedActivity((ObjectType.ACTIVITY, mapped), _path(row, precise))


def _measured(row: list[str], precise: int | None, name: str) -> dict[str, float | None]:
    found: dict[str, float | None] = {"distance": _distance(row, precise)}
    for field, (offset, factor) in _PRECISE.items():
        value = _number(row, precise, offset)
        found[field] = value * factor if value is not None else None
    field = cadence_field(name)
    factor = STEPS_PER_TURN if field == RUN_CADENCE else 1
    for target, offset in ((field, _CADENCE), (f"max{field}", _MAX_CADENCE)):
        cadence = _number(row, precise, offset)
        found[target] = cadence * factor if cadence is not None else None
    return found


def _distance(row: list[str], precise: int | None) -> float | None:
    """Return the distance in kilometres. The precise one is in metres; some languages have kilometres twice."""
    shown, metres = number_in(row[KILOMETRES]), _number(row, precise, _METRES)
    if metres is None:
        return shown
    is_in_metres = not shown or metres / shown > METRES_PER_KILOMETRE / 2 or metres > METRES_PER_KILOMETRE
    return metres / METRES_PER_KILOMETRE if is_in_metres else metres


def _number(row: list[str], precise: int | None, offset: int) -> float | None:
    at = None if precise is None else precise + offset
    return number_in(row[at]) if at is not None and at < len(row) else None


def _path(row: list[str], precise: int | None) -> str:
    """Return the path of the activity's file; empty for one that the person typed in."""
    at = None if precise is None else precise - FILE_BEFORE_PRECISE
    if at is not None and at < len(row) and "/" in row[at]:
        return row[at]
    return next((cell for cell in row[KILOMETRES:] if cell.startswith(FOLDER)), "")
