"""Daily activity summaries (301): the sums of a day, its rings, and its heart."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privateshare.sources.apple_health.clock import Clock, midnight_utc
from privateshare.sources.apple_health.day_totals import DayTotals, DeviceNumbers, LastSample
from privateshare.sources.apple_health.reader import QUANTITY, Attributes, Item
from privateshare.sources.apple_health.units import (
    COUNT,
    KILOCALORIES,
    KILOMETRES,
    MINUTES,
    PER_MINUTE,
    amount,
    converted,
)

MAX_HEART_RATE = 1000
MAX_STAND_HOURS = 25  # A day may have an hour more when clocks are set back.

STEPS, FLIGHTS = "StepCount", "FlightsClimbed"
ACTIVE_ENERGY, BASAL_ENERGY = "ActiveEnergyBurned", "BasalEnergyBurned"
EXERCISE = "AppleExerciseTime"
DISTANCES = {
    "DistanceWalkingRunning": "walking and running",
    "DistanceCycling": "cycling",
    "DistanceSwimming": "swimming",
    "DistanceWheelchair": "wheelchair",
    "DistanceDownhillSnowSports": "downhill snow sports",
    "DistanceCrossCountrySkiing": "cross-country skiing",
    "DistanceRowing": "rowing",
    "DistancePaddleSports": "paddle sports",
    "DistanceSkatingSports": "skating",
}
_SUMMED: Mapping[str, Mapping[str, float]] = {
    STEPS: COUNT,
    FLIGHTS: COUNT,
    ACTIVE_ENERGY: KILOCALORIES,
    BASAL_ENERGY: KILOCALORIES,
    EXERCISE: MINUTES,
    **dict.fromkeys(DISTANCES, KILOMETRES),
}


@dataclass(slots=True)
class HeartRates:
    """The heart rates of a day."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = 0.0


class Days:
    """Collects what an export says of days."""

    def __init__(self, clock: Clock, devices: DeviceNumbers) -> None:
        self.last = last = LastSample()
        self._totals = {kind: DayTotals(clock, devices, factors, last) for kind, factors in _SUMMED.items()}
        self._heart_rates: dict[str, HeartRates] = {}
        self._resting: dict[str, float] = {}
        self._rings: dict[str, Attributes] = {}

    def handlers(self) -> dict[str, Callable[[Attributes], None]]:
        """Return what is to be called for each type of record."""
        return {
            **{QUANTITY + kind: totals.adder() for kind, totals in self._totals.items()},
            f"{QUANTITY}HeartRate": self._add_heart_rate,
            f"{QUANTITY}RestingHeartRate": self._add_resting,
        }

    def _add_heart_rate(self, record: Attributes) -> None:
        rate = float(record["value"]) * PER_MINUTE[record.get("unit", "")]
        if not 0 < rate < MAX_HEART_RATE:
            raise ValueError("a rate that no heart has")
        day = record["startDate"][:10]
        rates = self._heart_rates.get(day)
        if rates is None:
            midnight_utc(day)  # Raises ValueError if it is not a valid day.
            rates = self._heart_rates[day] = HeartRates()
        rates.count += 1
        rates.total += rate
        if rate < rates.least:
            rates.least = rate
        if rate > rates.most:
            rates.most = rate

    def _add_resting(self, record: Attributes) -> None:
        day = record["startDate"][:10]
        midnight_utc(day)
        rate = converted(record["value"], record.get("unit", ""), PER_MINUTE)
        if not 0 < rate < MAX_HEART_RATE:
            raise ValueError("a rate that no heart has")
        self._resting[day] = rate

    def add_rings(self, item: Item) -> None:
        """Add a day's activity rings.

        Raises:
            KeyError, ValueError: They are of no day.
        """
        day = item.attributes["dateComponents"]
        midnight_utc(day)
        self._rings[day] = item.attributes

    def summaries(self, account: str) -> Iterator[dict[str, Any]]:
        """Yield the summary of every day that there is something of, oldest first."""
        days = self._heart_rates.keys() | self._resting.keys() | self._rings.keys()
        for day in sorted(days.union(*(totals.days() for totals in self._totals.values()))):
            midnight = midnight_utc(day) * 1000
            found = self._sums(day) | self._of_rings(day) | self._of_heart(day)
            burned = [found[name] for name in ("activitycalories", "caloriesbmr") if name in found]
            if burned:
                found["caloriesout"] = round(sum(burned), 1)
            if found:
                yield {
                    "accountentityid": account,
                    "entityid": f"{account}_{day}",
                    "id": day,
                    "createddate": midnight,
                    "startdate": midnight,
                    "enddate": midnight + 86_400_000 - 1,
                    **found,
                }

    def _sums(self, day: str) -> dict[str, Any]:
        totals = {kind: totals.total(day) for kind, totals in self._totals.items()}
        known = {kind: total for kind, total in totals.items() if total is not None}
        found: dict[str, Any] = {}
        for kind, name in ((STEPS, "steps"), (FLIGHTS, "floors")):
            if kind in known:
                found[name] = round(known[kind])
        if EXERCISE in known:
            found["veryactiveminutes"] = round(known[EXERCISE])
        if ACTIVE_ENERGY in known:
            found["activitycalories"] = round(known[ACTIVE_ENERGY], 1)
        if BASAL_ENERGY in known:
            found["caloriesbmr"] = round(known[BASAL_ENERGY], 1)
        distances = [
            {"activity": name, "distance": round(known[kind], 3)} for kind, name in DISTANCES.items() if kind in known
        ]
        return found | ({"distances": distances} if distances else {})

    def _of_rings(self, day: str) -> dict[str, Any]:
        """Return the goals of a day, and what its rings say of exercise: the watch knows it better than a sum does."""
        rings = self._rings.get(day)
        if rings is None:
            return {}
        found: dict[str, Any] = {}
        unit = rings.get("activeEnergyBurnedUnit", "kcal")
        if (energy := _number(rings.get("activeEnergyBurned"), unit, KILOCALORIES)) is not None and energy > 0:
            found["activitycalories"] = round(energy, 1)
        minutes = _number(rings.get("appleExerciseTime"), "min", MINUTES)
        if minutes is not None and minutes > 0:
            found["veryactiveminutes"] = round(minutes)
        goals = {
            "caloriesout": _number(rings.get("activeEnergyBurnedGoal"), unit, KILOCALORIES),
            "activeminutes": _number(rings.get("appleExerciseTimeGoal"), "min", MINUTES),
        }
        known = {name: round(goal, 1) for name, goal in goals.items() if goal}
        stood = _number(rings.get("appleStandHours"), "", COUNT)
        if stood and stood <= MAX_STAND_HOURS:
            found["standhours"] = round(stood)
        return found | ({"goals": known} if known else {})

    def _of_heart(self, day: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if (rates := self._heart_rates.get(day)) is not None:
            found = {
                "heartrate": round(rates.total / rates.count, 1),
                "minheartrate": round(rates.least, 1),
                "maxheartrate": round(rates.most, 1),
            }
        if day in self._resting:
            found["restingheartrate"] = round(self._resting[day], 1)
        return found


def _number(text: str | None, unit: str, factors: Mapping[str, float]) -> float | None:
    try:
        return amount(text or "", unit, factors)
    except ValueError:
        return None
