"""Days of which many records say something: sums of minutes, and what is known of the whole day."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from privateshare.sources.fitness_objects import day_summary, midnight_of
from privateshare.sources.object_building import Mapped, SourceAccount

MAX_DAYS = 60_000
DECIMALS = {"caloriesout": 1, "distance": 3}  # Other sums are whole numbers.


@dataclass(slots=True)
class _HeartRates:
    number: int = 0
    total: float = 0
    least: float = 1000
    most: float = 0


class CollectedTotals:
    """Collects what is known of days until the end of an export.

    The same minutes may be in several kinds of files. They are summed for each kind, and the largest sum counts.
    """

    def __init__(self) -> None:
        self._sums: defaultdict[str, defaultdict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
        self._known: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._heart_rates: defaultdict[str, _HeartRates] = defaultdict(_HeartRates)
        self._days: set[str] = set()

    def add(self, kind: str, day: str, name: str, value: float) -> None:
        """Add to a sum of a day. Raises ValueError if it is no day."""
        self._check(day)
        self._sums[day][kind, name] += value

    def set(self, day: str, name: str, value: float) -> None:
        """Take what is known of a whole day. Raises ValueError if it is no day."""
        self._check(day)
        self._known[day][name] = value

    def add_heart_rate(self, day: str, rate: float) -> None:
        """Add a heart rate. Raises ValueError if it is of no day."""
        self._check(day)
        rates = self._heart_rates[day]
        rates.number += 1
        rates.total += rate
        rates.least, rates.most = min(rates.least, rate), max(rates.most, rate)

    def _check(self, day: str) -> None:
        if day in self._days:
            return
        midnight_of(day)
        if len(day) != len("2020-01-01") or len(self._days) >= MAX_DAYS:
            raise ValueError("more than a life of days")
        self._days.add(day)

    def objects(self, account: SourceAccount) -> Iterator[Mapped]:
        """Yield the summaries, oldest first."""
        for day in sorted(self._days):
            fields: dict[str, Any] = {}
            for (_, name), value in self._sums.get(day, {}).items():
                fields[name] = max(fields.get(name, 0), value)
            fields = {name: _rounded(name, value) for name, value in fields.items()} | self._known.get(day, {})
            if distance := fields.pop("distance", None):
                fields["distances"] = [{"activity": "total", "distance": distance}]
            if (rates := self._heart_rates.get(day)) is not None:
                fields |= {"heartrate": round(rates.total / rates.number, 1), "minheartrate": rates.least}
                fields["maxheartrate"] = rates.most
            if fields:
                yield day_summary(account, day, fields)


def _rounded(name: str, value: float) -> float:
    return round(value, DECIMALS[name]) if name in DECIMALS else round(value)
