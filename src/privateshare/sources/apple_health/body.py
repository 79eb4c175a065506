"""Body composition summaries (306). Values that a scale measured in the same minute are one summary."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from privateshare.sources.apple_health.clock import Clock
from privateshare.sources.apple_health.reader import QUANTITY, Attributes
from privateshare.sources.apple_health.units import COUNT, KILOGRAMS, converted, percentage
from privateshare.sources.fitness_objects import MAX_KILOGRAMS

MAX_WEIGHINGS = 500_000

_Converter = Callable[[str, str], float]


def _within_a_body(factors: Mapping[str, float]) -> _Converter:
    def convert(value: str, unit: str) -> float:
        found = converted(value, unit, factors)
        if not 0 < found < MAX_KILOGRAMS:
            raise ValueError("a weight that nobody has")
        return found

    return convert


_MEASURES: Mapping[str, tuple[str, _Converter]] = {
    "BodyMass": ("weight", _within_a_body(KILOGRAMS)),
    "BodyFatPercentage": ("bodyFat", percentage),
    "BodyMassIndex": ("bodyMassIndex", _within_a_body(COUNT)),
    "LeanBodyMass": ("leanBodyMass", _within_a_body(KILOGRAMS)),
}


@dataclass(slots=True)
class _Weighing:
    measures: dict[str, float] = field(default_factory=dict)
    moment: int = 0


class Weighings:
    """Collects what scales measured, and what the person entered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._weighings: dict[tuple[int, str], _Weighing] = {}

    def handlers(self) -> dict[str, Callable[[Attributes], None]]:
        """Return what is to be called for each type of record."""
        return {QUANTITY + kind: self._adder(*measure) for kind, measure in _MEASURES.items()}

    def _adder(self, name: str, convert: _Converter) -> Callable[[Attributes], None]:
        def add(record: Attributes) -> None:
            moment = self._clock.seconds(record["startDate"])
            value = convert(record["value"], record.get("unit", ""))
            if len(self._weighings) >= MAX_WEIGHINGS:
                raise ValueError("more than a life of weighings")
            weighing = self._weighings.setdefault((moment // 60, record.get("sourceName", "")), _Weighing())
            weighing.moment = weighing.moment or moment
            weighing.measures[name] = round(value, 3)

        return add

    def summaries(self, account: str) -> Iterator[dict[str, Any]]:
        """Yield every weighing, oldest first. Those of one minute by two sources are two."""
        numbers: dict[int, int] = {}
        for (minute, _), weighing in sorted(self._weighings.items(), key=lambda one: one[0]):
            number = numbers[minute] = numbers.get(minute, 0) + 1
            own_id = f"body_{minute * 60}" + (f"-{number}" if number > 1 else "")
            yield {
                "accountentityid": account,
                "entityid": f"{account}_{own_id}",
                "id": own_id,
                "createddate": weighing.moment * 1000,
                **weighing.measures,
            }
