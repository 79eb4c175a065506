"""Dates as pages and chats write them, in any language, such as "4. März 2023, 17:12" or "3/4/23, 5:12 PM".

A file has one language and one order of day and month, but does not say which. Both are found from all of its dates: a
date is only read if one meaning remains. Times without a time zone are read as UTC.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

from privateshare.sources.object_building import EARLIEST

NAMES_FILE = Path(__file__).with_name("date_names.json")
DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "dmy", "mdy", "ymd"
MAX_CHARACTERS = 80
MAX_WORDS = 200
SHORTEST_NAME = 3
BUDDHIST_YEARS = 543
FIRST_YEAR_OF_1900S = 69  # Of years with two digits.
FUTURE = timedelta(days=2)  # Clocks may be wrong, and time zones differ.
LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "is", "pl", "cs", "sk", "hu", "ro", "bg", "hr"),
    *("sr", "sr_Latn", "sl", "bs", "mk", "el", "tr", "ru", "uk", "et", "lv", "lt", "ca", "gl", "eu", "ga", "cy", "sq"),
    *("ar", "he", "fa", "ur", "hi", "bn", "ta", "te", "mr", "gu", "kn", "ml", "pa", "th", "vi", "id", "ms", "fil"),
    *("ja", "ko", "zh", "zh_Hant", "sw", "af", "az", "kk", "uz", "ka", "hy", "mn", "km", "lo", "my", "ne", "si", "am"),
)
ZONES: Mapping[str, float] = {
    **dict.fromkeys(("utc", "gmt", "z", "wet"), 0),
    **dict.fromkeys(("cet", "mez", "bst", "west", "wat"), 1),
    **dict.fromkeys(("cest", "mesz", "eet", "oez", "sast", "cat"), 2),
    **dict.fromkeys(("eest", "oesz", "msk", "eat", "trt"), 3),
    **dict.fromkeys(("jst", "kst"), 9),
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "akst": -9,
    "akdt": -8,
    "hst": -10,
    "aest": 10,
    "aedt": 11,
    "acst": 9.5,
    "acdt": 10.5,
    "awst": 8,
    "nzst": 12,
    "nzdt": 13,
    "brt": -3,
    "art": -3,
    "ist": 5.5,
    "sgt": 8,
    "hkt": 8,
}

_IGNORED = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_CLOCK = re.compile(
    r"(?<!\d)(\d{1,2})(?::|：|時|시\s?|\s?h\s?)(\d{2})(?:(?::|：|分|분\s?)(\d{2}))?(?:秒|초)?(?:[.,]\d+)?(?!\d)"
)
_POINT_CLOCK = re.compile(r"(?:^|[\s,])(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?=$|[\s,])")
_OFFSET = re.compile(r"(?:GMT|UTC)\s*([+\-\u2212])\s*(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_PART = re.compile(r"\d+|[^\W\d_]+(?:[.'’\u0300-\u036f\u0900-\u0dff\u0e31-\u0e4e]+[^\W\d_]*)*")
_POINTS = re.compile(r"\d\.\s?\d")
_NUMBERED_MONTH = re.compile(r"(?:tháng|thg)\s*(\d{1,2})|(\d{1,2})\s*[月월]")
_NUMBERS = re.compile(r"\d+")
_BEFORE = re.compile(r"([^\s\d,]+)\s*$")
_AFTER = re.compile(r"^\s*([^\s\d,]+(?:\s[^\s\d,]{1,3}\.?(?=$|\s))?)")


@dataclass(frozen=True, slots=True)
class _Meanings:
    """The possible meanings of a text.

    Attributes:
        moments: The date, by the language of the month's name and the order of the numbers; each may be empty.
        word: The name of the month; empty if there is none.
        exact: The languages in which the name is written exactly so, and not shortened further.
    """

    moments: Mapping[tuple[str, str], datetime]
    word: str = ""
    exact: frozenset[str] = frozenset()


class WrittenDates:
    """The dates of one file. First give all of them to `learn`, then read them with `read`."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._words: set[str] = set()
        self._known: Counter[str] = Counter()
        self._exact: Counter[str] = Counter()
        self._orders = {DAY_FIRST, MONTH_FIRST, YEAR_FIRST}
        self._turns = dict.fromkeys(self._orders, 0)
        self._last: dict[str, tuple[datetime, int]] = {}

    @staticmethod
    def is_date(text: str) -> bool:
        """Return whether a text is a date with a time."""
        return bool(_meanings(text).moments)

    @staticmethod
    def is_ambiguous(text: str) -> bool:
        """Return whether a text is a date that has several meanings by itself."""
        return len(set(_meanings(text).moments.values())) > 1

    def learn(self, text: str) -> bool:
        """Take note of a date, and return whether the text is one."""
        found = _meanings(text)
        if not found.moments:
            return False
        if found.word and found.word not in self._words and len(self._words) < MAX_WORDS:
            self._words.add(found.word)
            self._known.update({language for language, _ in found.moments})
            self._exact.update(found.exact)
        orders = {order: moment for (_, order), moment in found.moments.items() if order}
        if orders:
            self._learn_order(orders)
        return True

    def read(self, text: str) -> int | None:
        """Read a date. Returns milliseconds since the epoch; None if the text is no date, or has several meanings."""
        found = _meanings(text).moments
        moments = set(found.values())
        if len(moments) > 1:
            moments = self._decided(found)
        if len(moments) != 1:
            return None
        moment = moments.pop()
        return round(moment.timestamp() * 1000) if EARLIEST <= moment <= self._now + FUTURE else None

    @property
    def order(self) -> str | None:
        """The order of day and month; None if the dates do not show it."""
        fewest = min(self._turns[order] for order in self._orders)
        orders = [order for order in self._orders if self._turns[order] == fewest]
        return orders[0] if len(orders) == 1 else None

    def _learn_order(self, orders: Mapping[str, datetime]) -> None:
        possible = {order for order, moment in orders.items() if moment <= self._now + FUTURE}
        self._orders = (self._orders & possible) or self._orders
        for order, moment in orders.items():
            last, direction = self._last.get(order, (moment, 0))
            now = (moment > last) - (moment < last)
            self._turns[order] += bool(now and direction and now != direction)
            self._last[order] = (moment, now or direction)

    def _decided(self, found: Mapping[tuple[str, str], datetime]) -> set[datetime]:
        """Return the meanings in the languages that most names of months of the file have, and in its order."""
        scores = {language: (self._known[language], self._exact[language]) for language, _ in found if language}
        best = max(scores.values(), default=None)
        return {
            moment
            for (language, order), moment in found.items()
            if (not language or scores[language] == best) and (not order or order == self.order)
        }


@lru_cache(maxsize=256)  # Entries of the same time are next to each other.
def _meanings(text: str) -> _Meanings:
    if len(text) > MAX_CHARACTERS:
        return _Meanings({})
    text = _IGNORED.sub("", unicodedata.normalize("NFKC", text)).strip()
    text = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    text, offset = _without_offset(text)
    day, time = _without_clock(text)
    if time is None:
        return _Meanings({})
    seconds, zone = time
    offset = offset if offset is not None else ZONES.get(zone, 0)
    moments = {}
    days, word, exact = _days(day)
    for key, (year, month, number) in days.items():
        if year > 2400:
            year -= BUDDHIST_YEARS
        try:
            moment = datetime(year, month, number, tzinfo=UTC)
            moments[key] = moment + timedelta(seconds=seconds - offset * 3600)
        except (ValueError, OverflowError):
            continue
    return _Meanings(moments, word, exact)


def _without_offset(text: str) -> tuple[str, float | None]:
    found = _OFFSET.search(text)
    if found is None:
        return text, None
    hours = int(found[2]) + int(found[3] or 0) / 60
    return text[: found.start()] + text[found.end() :], hours if found[1] == "+" else -hours


def _without_clock(text: str) -> tuple[str, tuple[int, str] | None]:
    """Split the time of day from a text. Returns the rest, and the seconds since midnight with the time zone's name."""
    found = _CLOCK.search(text)
    if found is None:
        several = list(_POINT_CLOCK.finditer(text))
        found = several[-1] if several else None
    if found is None:
        return text, None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if hour > 24 or minute > 59 or second > 59:
        return text, None
    before, after = text[: found.start()], text[found.end() :]
    zone = next((word for word in re.findall(r"[a-z]{1,5}", after.casefold()) if word in ZONES), "")
    if (word := _AFTER.search(after)) is not None:
        half = _half(word[1]) or _half(word[1].split()[0])
        hour = hour % 12 + 12 * (half == "pm") if half else hour
        after = after[word.end() :] if half else after
    if (word := _BEFORE.search(before)) is not None and (half := _half(word[1])):
        hour = hour % 12 + 12 * (half == "pm")
        before = before[: word.start()]
    after = "" if zone else after
    return f"{before} {after}", (hour * 3600 + minute * 60 + second, zone)


def _half(word: str) -> str:
    """Return "am" or "pm" if a word says it in any language."""
    word = plain_name(word)
    return word if word in ("am", "pm") else _halves().get(word, "")


_Days = dict[tuple[str, str], tuple[int, int, int]]


def _days(text: str) -> tuple[_Days, str, frozenset[str]]:
    """Return the possible days of a text, with the name of the month and the languages that write it exactly so."""
    parts = _PART.findall(text)
    numbers = [part for part in parts if part[0].isdigit()]
    if len(numbers) == 3 and (numbered := _NUMBERED_MONTH.search(text)) is not None:
        rest = f"{text[: numbered.start()]} {text[numbered.end() :]}"
        day, year = sorted(_NUMBERS.findall(rest), key=len)
        return {("", ""): (int(year), int(numbered[1] or numbered[2]), int(day))}, "", frozenset()
    if len(numbers) == 3:
        return (
            _numeric(numbers, has_points=bool(_POINTS.search(text)), has_dashes=text.count("-") == 2),
            "",
            frozenset(),
        )
    if len(numbers) != 2:
        return {}, "", frozenset()
    year, day = sorted(numbers, key=lambda number: (-len(number), -int(number)))
    if len(year) != 4 or len(day) > 2:
        return {}, "", frozenset()
    for part in parts:
        word = plain_name(part)
        exact = _months().get(word, {})
        months = {**_shortened_months(word), **exact}
        if months:
            days = {(language, ""): (int(year), month, int(day)) for language, month in months.items()}
            return days, word, frozenset(exact)
    return {}, "", frozenset()


@lru_cache(maxsize=1024)
def _shortened_months(word: str) -> Mapping[str, int]:
    """Return the months whose names begin with a word, by language, if it is only one in the language."""
    if len(word) < SHORTEST_NAME or not word.isalpha():
        return {}
    found: dict[str, set[int]] = {}
    for name, numbers in _months().items():
        if name.startswith(word):
            for language, number in numbers.items():
                found.setdefault(language, set()).add(number)
    return {language: numbers.pop() for language, numbers in found.items() if len(numbers) == 1}


def _numeric(numbers: list[str], *, has_points: bool, has_dashes: bool) -> _Days:
    first, second, third = (int(number) for number in numbers)
    if len(numbers[0]) == 4:
        return {("", ""): (first, second, third)}
    if len(numbers[2]) not in (2, 4):
        return {}
    year = third if len(numbers[2]) == 4 else _full_year(third)
    both = {DAY_FIRST: (year, second, first), MONTH_FIRST: (year, first, second)}
    if has_dashes and len(numbers[0]) == len(numbers[2]) == 2:
        both[YEAR_FIRST] = (_full_year(first), second, third)
    if has_points and second <= 12:
        return {("", ""): both[DAY_FIRST]}  # Notations with points never have the month first.
    return {("", order): day for order, day in both.items() if day[1] <= 12 and day[2] <= 31}


def _full_year(digits: int) -> int:
    """Return the year that two digits mean: 1969 to 2068, as in POSIX."""
    return 1900 + digits if digits >= FIRST_YEAR_OF_1900S else 2000 + digits


def plain_name(word: str) -> str:
    """Return a word as names of months and halves of days are compared."""
    return word.casefold().replace(".", "").replace("\u0307", "").strip()


@cache
def _months() -> Mapping[str, Mapping[str, int]]:
    """Return the names of months, with their numbers by language."""
    months: Mapping[str, Mapping[str, int]] = _names()["months"]
    return months


@cache
def _halves() -> Mapping[str, str]:
    """Return the words for before and after noon in all languages."""
    halves: Mapping[str, str] = _names()["halves"]
    return halves


@cache
def _names() -> Mapping[str, Any]:
    """Load what `scripts/date_names.py` has collected from Babel: to load it from there takes 0.3 s and 75 MB."""
    names: Mapping[str, Any] = orjson.loads(NAMES_FILE.read_bytes())
    return names
