"""The rows of Netflix's tables: the whole viewing activity, the short history of a profile, and searches."""

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources import csv_rows
from privateshare.sources.archive import UploadedFile
from privateshare.sources.failures import LeftOut, NotTaken
from privateshare.sources.object_building import Mapped, SourceAccount, exact_moment, stable_id
from privateshare.sources.written_dates import WrittenDates

TRAILER = NotTaken("Trailers and previews")
SHORT_COLUMNS = 2
LEARNED_ROWS = 200
MIDNIGHT = " 00:00"  # The short history has days only, and dates are read with a time.
SECONDS_OF_UNITS = (3600, 60, 1)

Row = dict[str, str]


class NotNetflix(Exception):
    """The file is none of Netflix's tables that are read."""


class UnclearDays(Exception):
    """The days of a short history do not show the order of day and month."""


def rows_of(file: UploadedFile, account: SourceAccount, now: datetime, left_out: LeftOut) -> Iterator[Mapped | None]:
    """Yield the objects of a table; None for a row that cannot be read.

    Raises:
        NotNetflix: It is another file.
        UnclearDays: Its dates can be read in two ways.
        csv.Error: It is damaged.
    """
    header = _header(file)
    if {"title", "start time", "duration"} <= set(header):
        yield from _activity(file, header, account, left_out)
    elif {"query typed", "utc timestamp"} <= set(header):
        yield from _searches(file, header, account)
    elif len(header) == SHORT_COLUMNS:
        yield from _short_history(file, account, now)
    else:
        raise NotNetflix


def _header(file: UploadedFile) -> list[str]:
    try:
        found = next(csv_rows.rows_of(file), [])
    except csv.Error as error:
        raise NotNetflix from error
    return [name.casefold() for name in found]


def _table(file: UploadedFile) -> Iterator[list[str]]:
    return islice(csv_rows.rows_of(file), 1, None)


def _activity(
    file: UploadedFile, header: list[str], account: SourceAccount, left_out: LeftOut
) -> Iterator[Mapped | None]:
    for cells in _table(file):
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        if row.get("supplemental video type"):
            left_out.pass_over(TRAILER)
            continue
        moment, title = _moment(row.get("start time", "")), row.get("title", "")
        if moment is None or not title:
            yield None
            continue
        profile = row.get("profile name", "")
        thing = account.thing(
            f"{moment}_{stable_id(profile, title)}",
            moment,
            title=title,
            series=_series(title),
            duration=_seconds(row.get("duration", "")),
            device=row.get("device type", ""),
            profilename=profile,
            country=row.get("country", ""),
        )
        yield ObjectType.WATCH, thing


def _searches(file: UploadedFile, header: list[str], account: SourceAccount) -> Iterator[Mapped | None]:
    for cells in _table(file):
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        moment, query = _moment(row.get("utc timestamp", "")), row.get("query typed", "")
        if moment is None:
            yield None
        elif query:  # Otherwise the person only chose what was suggested.
            own_id = f"{moment}_{stable_id(row.get('profile name'), query)}"
            yield ObjectType.SEARCH, account.thing(own_id, moment, query=query, product="Netflix")


def _short_history(file: UploadedFile, account: SourceAccount, now: datetime) -> Iterator[Mapped | None]:
    dates = WrittenDates(now)
    known = [dates.learn(row[1] + MIDNIGHT) for row in islice(_table(file), LEARNED_ROWS) if len(row) == SHORT_COLUMNS]
    if not known or not all(known[:1]):
        raise NotNetflix
    with suppress(csv.Error):  # What is before the damage is read.
        for row in islice(_table(file), LEARNED_ROWS, None):
            dates.learn(row[-1] + MIDNIGHT)
    equal: Counter[str] = Counter()
    day: int | None = None
    for number, row in enumerate(_table(file)):
        moment = dates.read(row[1] + MIDNIGHT) if len(row) == SHORT_COLUMNS else None
        if moment is None:
            if number == 0:
                raise UnclearDays
            yield None
            continue
        if moment != day:
            day = moment
            equal.clear()
        title = row[0].strip()
        equal[title] += 1
        own_id = f"{moment}_{stable_id(title)}-{equal[title]}"
        yield ObjectType.WATCH, account.thing(own_id, moment, title=title, series=_series(title))


def _series(title: str) -> str:
    """Return the name of the series, if the title has one: `Series: Season 1: Episode`."""
    parts = title.split(": ")
    return parts[0].strip() if len(parts) > SHORT_COLUMNS else ""


def _moment(text: str) -> int | None:
    return exact_moment(text)


def _seconds(text: str) -> int | None:
    parts = text.split(":")
    if len(parts) != len(SECONDS_OF_UNITS) or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    return sum(int(part) * unit for part, unit in zip(parts, SECONDS_OF_UNITS, strict=True))
