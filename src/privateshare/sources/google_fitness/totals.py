"""Days of which many records say something: sums of minutes, and what is known of the whole day."""

from array import array
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from privateshare.sources.fitness_objects import day_summary, midnight_of
from privateshare.sources.object_building import Mapped, SourceAccount

MAX_DAYS = 60_000
MAX_COUNTERS, HOURS = 100, 24
DECIMALS = {"caloriesout": 1, "distance": 3}  # Other sums are whole numbers.


@dataclass(slots=True)
class _HeartRates:
    number: int = 0
    total: float = 0
    least: float = 1000
    most: float = 0


class CollectedTotals:
    """Collects what is known of days until the end of an export.

    Several devices count the same steps, and the same minutes are in several kinds of files. Of each hour the device
    counts that counted most; what another kind of file says of the whole day counts before that.
    """

    def __init__(self) -> None:
        self._sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._counted: defaultdict[str, dict[tuple[str, str], array[float]]] = defaultdict(dict)
        self._known: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._heart_rates: defaultdict[str, _HeartRates] = defaultdict(_HeartRates)
        self._days: set[str] = set()

    def add(self, day: str, name: str, value: float) -> None:
        """Add to a sum of a day. Raises ValueError if it is no day."""
        self._check(day)
        self._sums[day][name] += value

    def add_counted(self, day: str, name: str, value: float, hour: str, device: str) -> None:
        """Add to what a device counted in an hour, of 00 to 23. Raises ValueError if it is no day or hour."""
        self._check(day)
        counted = self._counted[day]
        hours = counted.get((name, device))
        if hours is None:
            if len(counted) >= MAX_COUNTERS:
                raise ValueError("more devices than a person has")
            hours = counted[name, device] = array("d", bytes(8 * HOURS))
        number = int(hour) if hour else 0
        if not 0 <= number < HOURS:
            raise ValueError("an hour that no day has")
        hours[number] += value

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

    def objects(self, account: SourceAccount, now: datetime) -> Iterator[Mapped]:
        """Yield the summaries, oldest first. Fitbit fills the weeks to come with days on which nothing was counted."""
        tomorrow = f"{now + timedelta(days=1):%Y-%m-%d}"
        for day in sorted(self._days):
            fields: dict[str, Any] = self._of_devices(day) | self._sums.get(day, {})
            fields = {name: _rounded(name, value) for name, value in fields.items()} | self._known.get(day, {})
            if distance := fields.pop("distance", None):
                fields["distances"] = [{"activity": "total", "distance": distance}]
            if (rates := self._heart_rates.get(day)) is not None:
                fields |= {"heartrate": round(rates.total / rates.number, 1), "minheartrate": rates.least}
                fields["maxheartrate"] = rates.most
            if fields and (day <= tomorrow or any(fields.values())):
                yield day_summary(account, day, fields)

    def _of_devices(self, day: str) -> dict[str, float]:
        most: dict[str, list[float]] = {}
        for (name, _), hours in self._counted.get(day, {}).items():
            most[name] = [max(pair) for pair in zip(most.get(name, hours), hours, strict=True)]
        return {name: sum(hours) for name, hours in most.items()}


def _rounded(name: str, value: float) -> float:
    return round(value, DECIMALS[name]) if name in DECIMALS else round(value)
