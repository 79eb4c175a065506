"""A parser for dates in all notations of banks. The order of day and month is determined from all dates of a file."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache

from babel.dates import get_month_names

from privateshare.sources.banks.reasons import Problem, UnreadableStatement

YEAR_FIRST, DAY_FIRST, MONTH_FIRST = "ymd", "dmy", "mdy"
ORDERS = frozenset({YEAR_FIRST, DAY_FIRST, MONTH_FIRST})
FIRST_YEAR = 1950
MAX_DATE_CHARACTERS = 60
SHORTENED_LANGUAGES = frozenset({"en", "nl", "de", "es", "it", "pt"})  # Months are shortened to three letters.
MONTH_LANGUAGES = (
    *(
        "nl",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "da",
        "nb",
        "sv",
        "fi",
        "pl",
        "cs",
        "hu",
        "ro",
        "tr",
        "el",
        "ca",
        "hr",
        "ru",
        "uk",
    ),
)

_NUMBERS = re.compile(r"(\d{1,4})\s*([./\-' ])\s*(\d{1,2})\s*[./\-' ]\s*'?(\d{1,4})\.?")
_COMPACT = re.compile(r"(\d{8})(?:\d{6}(?:\.\d+)?(?:\[.*\])?)?")
_NAMED = re.compile(
    r"(?:(?P<day>\d{1,2})\.?[\s\-/.]*(?:de\s+)?(?P<month>[^\W\d_]{3,12})\.?,?[\s\-/.']*(?:de\s+)?(?P<year>\d{4}|\d{2})"
    r"|(?P<month2>[^\W\d_]{3,12})\.?[\s\-/]*(?P<day2>\d{1,2})(?:st|nd|rd|th)?,?[\s\-/]+(?P<year2>\d{4}|\d{2})"
    r"|(?P<year3>\d{4})[\s\-/.]+(?P<month3>[^\W\d_]{3,12})\.?[\s\-/.]+(?P<day3>\d{1,2}))"
)
_TIME = re.compile(
    r"(?:T|,|\s|^)\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?(?:[.,]\d+)?\s*(AM|PM)?\s*(Z|[+-]\d\d:?\d\d|[A-Z]{3,4})?\s*$",
    re.IGNORECASE,
)
_EAST_ASIAN = str.maketrans({"年": "-", "月": "-", "日": "", "년": "-", "월": "-", "일": ""})
_WEEKDAY = re.compile(r"^[^\W\d_]{2,10}[.,]{1,2}\s+(?=\d)")


@lru_cache(maxsize=1024)
def split_time(text: str) -> tuple[str, time | None]:
    """Split a date from the time of day that may follow it."""
    found = _TIME.search(text) if len(text) <= MAX_DATE_CHARACTERS else None
    if found is None or found.start() < 6:
        return text.strip(), None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if found[4]:
        hour = hour % 12 + (12 if found[4].upper() == "PM" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return text.strip(), None
    return text[: found.start()].strip(), time(hour, minute, second)


def time_of_day(text: str) -> time | None:
    """Parse a time of day without a date; None if it is not one."""
    return split_time(f"00000000 {text.strip()}")[1] if text.strip() else None


@lru_cache(maxsize=1024)
def possible_dates(text: str) -> Mapping[str, date]:
    """Return the possible dates of a text by the order of day, month and year.

    Args:
        text: A date without a time of day, such as "02-03-2024", "20240302", "2 mrt. 2024" or "Mar 2, 2024".

    Returns:
        The date for each order in which the text is valid. A date that is not ambiguous is the same in every order.
    """
    if len(text) > MAX_DATE_CHARACTERS:
        return {}
    text = _WEEKDAY.sub("", text.strip()).translate(_EAST_ASIAN)
    if compact := _COMPACT.fullmatch(text):
        text = compact[1]
        return _by_order((text[:4], text[4:6], text[6:]), (text[:2], text[2:4], text[4:]))
    if numbers := _NUMBERS.fullmatch(text):
        first, second, third = numbers[1], numbers[3], numbers[4]
        if len(first) == 4:
            return _everywhere(_date(first, second, third))
        if len(first) == 3 or len(third) in (1, 3):
            return {}
        # A year with two digits comes first only in notations with a dash.
        year_first = (first, second, third) if len(third) == 2 == len(first) and numbers[2] == "-" else None
        found = _by_order(year_first, (first, second, third))
        if numbers[2] == "." and DAY_FIRST in found:
            found.pop(MONTH_FIRST, None)  # Notations with points never have the month first.
        return found
    return _everywhere(_named_date(text))


def _by_order(year_first: tuple[str, str, str] | None, year_last: tuple[str, str, str]) -> dict[str, date]:
    one, two, three = year_last
    found = {DAY_FIRST: _date(three, two, one), MONTH_FIRST: _date(three, one, two)}
    if year_first is not None:
        found[YEAR_FIRST] = _date(*year_first)
    return {order: day for order, day in found.items() if day is not None}


def _everywhere(day: date | None) -> dict[str, date]:
    return {} if day is None else dict.fromkeys(ORDERS, day)


def _named_date(text: str) -> date | None:
    named = _NAMED.fullmatch(text)
    if named is None:
        return None
    month = _months().get(_plain(named["month"] or named["month2"] or named["month3"]))
    if month is None:
        return None
    year = named["year"] or named["year2"] or named["year3"]
    return _date(year, str(month), named["day"] or named["day2"] or named["day3"])


def _date(year: str, month: str, day: str) -> date | None:
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 70 else 1900
    if not FIRST_YEAR <= number < 2100:
        return None
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip(".")


@cache
def _months() -> dict[str, int]:
    """Build a table of the long and short names of months in all supported languages.

    English names have priority. A name that means different months in two other languages is omitted.
    """
    others: dict[str, set[int]] = {}
    for language in MONTH_LANGUAGES:
        for name, number in _names_in(language):
            others.setdefault(name, set()).add(number)
    found = {name: min(numbers) for name, numbers in others.items() if len(numbers) == 1}
    return found | dict(_names_in("en")) | {"sept": 9}


def _names_in(language: str) -> Iterator[tuple[str, int]]:
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            for number, name in get_month_names(width, context, language).items():
                yield _plain(name), number
                if language in SHORTENED_LANGUAGES:
                    yield _plain(name)[:3], number


class DateOrder:
    """A detector of the order of day, month and year, which considers all dates of a file."""

    def __init__(self, today: date) -> None:
        self._orders = set(ORDERS)
        self._last_possible_day = today + timedelta(days=400)  # Standing orders can be listed in advance.
        self._columns: dict[str, dict[str, list[date]]] = {}
        self._sorted: dict[tuple[str, str], tuple[bool, bool]] = {}
        self._differ = False

    def add(self, column: str, text: str) -> bool:
        """Add a date.

        Args:
            column: The column that contains it.
            text: The date.

        Returns:
            Whether it is a date in an order that is possible for the previous dates.
        """
        possible = possible_dates(split_time(text)[0])
        fitting = {order: day for order, day in possible.items() if day <= self._last_possible_day} or possible
        if not self._orders & fitting.keys():
            return False
        self._orders &= fitting.keys()
        self._differ |= len({fitting[order] for order in self._orders}) > 1
        for order in self._orders:
            self._note_direction(column, order, fitting[order])
        return True

    def _note_direction(self, column: str, order: str, day: date) -> None:
        """Record whether the dates of a column, in an order, are still ascending or descending."""
        previous = self._columns.setdefault(column, {}).setdefault(order, [])
        rising, falling = self._sorted.get((column, order), (True, True))
        if previous:
            rising, falling = rising and previous[0] <= day, falling and previous[0] >= day
        self._sorted[column, order] = rising, falling
        previous[:] = [day]

    def decide(self, preferred: str | None = None) -> str:
        """Determine the order.

        Args:
            preferred: The usual order of the bank, or of the language of the headers.

        Returns:
            An order in which all added dates are valid.

        Raises:
            UnreadableStatement: The dates are ambiguous.
        """
        if len(self._orders) == 1 or not self._differ:
            return min(self._orders)
        if preferred in self._orders:
            return preferred
        ordered = [order for order in self._orders if self._is_sorted(order)]
        if len(ordered) == 1:
            return ordered[0]
        if YEAR_FIRST in self._orders and len(self._orders) == 2 and not ordered:
            return next(order for order in self._orders if order != YEAR_FIRST)
        raise UnreadableStatement(Problem.DATES_UNCLEAR)

    def _is_sorted(self, order: str) -> bool:
        directions = [known for (_, its_order), known in self._sorted.items() if its_order == order]
        return any(any(direction) for direction in directions)


def read_date(text: str, order: str) -> date | None:
    """Parse a date in a known order; None if it is invalid."""
    return possible_dates(split_time(text)[0]).get(order)


def read_moment(text: str, order: str) -> date | datetime | None:
    """Parse a date in a known order, with the time of day if there is one."""
    day, clock = split_time(text)
    found = possible_dates(day).get(order)
    return found if found is None or clock is None else datetime.combine(found, clock)
