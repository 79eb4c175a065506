"""The analysis of a person's files."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from privateshare import File, FileError


@dataclass
class Insights:
    """What the files of a person tell: artists, conditions, steps and spending, as far as they are shared.

    `unread` is the number of files that could not be read.
    """

    plays: int = 0
    unread: int = 0
    artists: Counter[str] = field(default_factory=Counter)
    conditions: dict[str, str] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)
    spending: Counter[tuple[str, str]] = field(default_factory=Counter)

    def miss(self, _failed: FileError) -> None:
        """Count a file that could not be read."""
        self.unread += 1

    def add(self, file: File) -> None:
        """Takes a file; kinds that it knows nothing of are let go."""
        if file.metadata.object_type == "playhistory":
            for play in file.json():
                self.plays += 1
                self.artists.update(artist["name"] for artist in play["track"]["artists"])
        elif file.metadata.object_type == "condition":
            for condition in file.json():
                self.conditions[_name(condition["code"])] = str(condition.get("onsetDateTime", ""))[:10]
        elif file.metadata.object_type == "dailyactivity":
            for day in file.json():
                self.steps[_month(day["startdate"])] += day.get("steps", 0)
        elif file.metadata.object_type == "transaction":
            for transaction in file.json():
                if transaction["basetype"] == "DEBIT":
                    self.spending[transaction.get("category", "other"), transaction["currency"]] += transaction[
                        "amount"
                    ]

    @property
    def top_artists(self) -> list[tuple[str, int]]:
        """The ten artists with the most plays, and the number of plays."""
        return self.artists.most_common(10)

    @property
    def latest_conditions(self) -> list[tuple[str, str]]:
        """The conditions with the day on which they began, latest first."""
        return sorted(self.conditions.items(), key=lambda pair: pair[1], reverse=True)

    @property
    def latest_steps(self) -> list[tuple[str, int]]:
        """The months with their steps, latest first."""
        return sorted(self.steps.items(), reverse=True)

    @property
    def top_spending(self) -> list[tuple[str, str, float]]:
        """The categories with what was spent on them and in which currency, most first."""
        return [(category, currency, spent) for (category, currency), spent in self.spending.most_common()]


def _month(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m}"


def _name(concept: dict[str, Any]) -> str:
    codings = concept.get("coding") or [{}]
    return str(concept.get("text") or codings[0].get("display") or "unnamed")
