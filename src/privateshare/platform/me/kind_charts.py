"""The charts of a kind of data: how many objects each month has, and for some kinds what is in them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from privateshare.platform.consent.translation import N_, Translator, isolated_text
from privateshare.platform.library.object_lines import coded_text, number_of
from privateshare.platform.me.charts import MIN_LINE_POINTS, Bar, Point, columns, line, rows
from privateshare.platform.me.library_data import ListedObject
from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.object_time import moment_of

MOST_MONTHS = 36
MOST_CATEGORIES = 10
MOST_LAB_CHARTS = 8
MILLISECONDS = 1000
MINUTES_OF_AN_HOUR, SECONDS_OF_AN_HOUR = 60, 3600


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its heading."""

    title: str
    drawing: Markup


def months_chart(words: Translator, object_type: int, counts: Mapping[int, int]) -> Chart | None:
    """Draw how many objects each month has, with the months in between that have none."""
    if len(counts) < MIN_LINE_POINTS:
        return None
    months = _months(min(counts), max(counts))[-MOST_MONTHS:]
    title = words.say(N_("Plays by month")) if object_type == ObjectType.PLAY_HISTORY else words.say(N_("By month"))
    bars = [
        Bar(words.month(month, short=True), number, f"{words.month(month)}: {words.number(number)}")
        for month, number in ((month, counts.get(month, 0)) for month in months)
    ]
    return Chart(title, columns(words, title, bars))


def _months(first: int, last: int) -> list[int]:
    """List the months (yyyymm) from the first to the last."""
    begin, end = (first // 100) * 12 + first % 100 - 1, (last // 100) * 12 + last % 100 - 1
    return [(month // 12) * 100 + month % 12 + 1 for month in range(begin, end + 1)]


def content_charts(words: Translator, object_type: int, objects: Sequence[ListedObject]) -> Sequence[Chart]:
    """Draw what is in objects of one kind, if there is a natural way to draw it."""
    draw = _DRAWN.get(object_type)
    return draw(words, [one for one in objects if moment_of(one.moment) is not None]) if draw else []


def _steps(words: Translator, objects: Sequence[ListedObject]) -> Sequence[Chart]:
    return _by_day(words, words.say(N_("Steps by day")), objects, lambda thing: number_of(thing.get("steps")))


def _sleep(words: Translator, objects: Sequence[ListedObject]) -> Sequence[Chart]:
    def hours(thing: Mapping[str, Any]) -> float | None:
        seconds = number_of(thing.get("durationinseconds"))
        return None if seconds is None else round(seconds / SECONDS_OF_AN_HOUR, 1)

    return _by_day(words, words.say(N_("Hours of sleep by day")), objects, hours)


def _by_day(
    words: Translator, title: str, objects: Sequence[ListedObject], value: Callable[[Mapping[str, Any]], float | None]
) -> Sequence[Chart]:
    days: dict[datetime, float] = defaultdict(float)
    for one in objects:
        if (number := value(one.thing)) is not None:
            days[_day(one)] += number
    if len(days) < MIN_LINE_POINTS:
        return []
    bars = [
        Bar(words.day(day), number, f"{words.date(day)}: {words.decimal(number)}")
        for day, number in sorted(days.items())
    ]
    return [Chart(title, columns(words, title, bars))]


def _spending(words: Translator, objects: Sequence[ListedObject]) -> Sequence[Chart]:
    """Draw what was spent in each category, one chart for each currency."""
    spent: dict[str, Counter[str]] = defaultdict(Counter)
    for one in objects:
        amount = number_of(one.thing.get("amount"))
        if amount is not None and one.thing.get("basetype") == "DEBIT":
            category = str(one.thing.get("category") or "")[:40].capitalize()
            spent[str(one.thing.get("currency") or "")[:3]][category] += amount  # type: ignore[assignment]
    charts = []
    for currency, categories in sorted(spent.items(), key=lambda item: -item[1].total())[:2]:
        title = words.say(N_("Spending by category (%(currency)s)"), currency=currency)
        bars = [
            Bar(isolated_text(name) or words.say(N_("Other")), amount, words.amount(amount, currency))
            for name, amount in categories.most_common(MOST_CATEGORIES)
        ]
        charts.append(Chart(title, rows(words, title, bars)))
    return charts


def _values(words: Translator, objects: Sequence[ListedObject]) -> Sequence[Chart]:
    """Draw the values of each measurement over time, those with the most values first."""
    series: dict[tuple[str, str], list[tuple[ListedObject, float]]] = defaultdict(list)
    for one in objects:
        quantity = one.thing.get("valueQuantity")
        value = number_of(quantity.get("value")) if isinstance(quantity, Mapping) else None
        if value is not None and isinstance(quantity, Mapping) and (name := coded_text(one.thing.get("code"))):
            series[name, str(quantity.get("unit") or "")].append((one, value))
    longest = sorted(series.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_LAB_CHARTS]
    return [
        _line(words, isolated_text(f"{name} ({unit})" if unit else name), unit, values)
        for (name, unit), values in longest
        if len(values) >= MIN_LINE_POINTS
    ]


def _weight(words: Translator, objects: Sequence[ListedObject]) -> Sequence[Chart]:
    numbers = [(one, number_of(one.thing.get("weight"))) for one in objects]
    values = [(one, number) for one, number in numbers if number is not None]
    title = words.say(N_("Weight over time (kg)"))
    return [_line(words, title, "kg", values)] if len(values) >= MIN_LINE_POINTS else []


def _line(words: Translator, title: str, unit: str, values: Sequence[tuple[ListedObject, float]]) -> Chart:
    points = [
        Point(
            (one.moment or 0) / MILLISECONDS,
            value,
            f"{words.date(_day(one))}: {words.decimal(value)} {isolated_text(unit)}".strip(),
        )
        for one, value in values
    ]
    days = sorted(_day(one) for one, _ in values)
    return Chart(title, line(words, title, points, words.date(days[0]), words.date(days[-1])))


def _day(one: ListedObject) -> datetime:
    moment = moment_of(one.moment)
    assert moment is not None  # Objects without a moment are not drawn.
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_DRAWN: Mapping[int, Callable[[Translator, Sequence[ListedObject]], Sequence[Chart]]] = {
    ObjectType.DAILY_ACTIVITY_SUMMARY: _steps,
    ObjectType.SLEEP: _sleep,
    ObjectType.TRANSACTION: _spending,
    ObjectType.OBSERVATION: _values,
    ObjectType.BODY_COMPOSITION_SUMMARY: _weight,
}
ALL_MONTHS = frozenset({ObjectType.OBSERVATION, ObjectType.BODY_COMPOSITION_SUMMARY})
"""Kinds whose charts need all months, because they show how values change over time."""
