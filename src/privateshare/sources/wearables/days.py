"""Days of which several tables say something."""

from collections.abc import Iterator, Mapping
from typing import Any

from privateshare.sources.fitness_objects import day_summary, midnight_of
from privateshare.sources.object_building import Mapped, SourceAccount

MAX_DAYS = 60_000


class CollectedDays:
    """Collects the fields of days until the end of an export."""

    def __init__(self) -> None:
        self._days: dict[str, dict[str, Any]] = {}

    def add(self, day: str, fields: Mapping[str, Any]) -> bool:
        """Add what a record says of a day, and return whether it says anything. Raises ValueError if it is no day."""
        midnight_of(day)
        known = {name: value for name, value in fields.items() if value is not None}
        if not known or (len(self._days) >= MAX_DAYS and day not in self._days):
            return False
        self._days.setdefault(day[:10], {}).update(known)
        return True

    def most(self, day: str, name: str) -> float:
        """Return the value of a field that was added before; -1 if there was none."""
        return float(self._days.get(day[:10], {}).get(name, -1))

    def objects(self, account: SourceAccount) -> Iterator[Mapped]:
        """Yield the summaries, oldest first."""
        for day, fields in sorted(self._days.items()):
            yield day_summary(account, day, fields)
