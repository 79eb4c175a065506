"""What was found, how good it is, and whether the operator is told of it without having asked."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How good something is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one subject, and what to do about it. With `tell`, the operator is told of a warning too."""

    state: State
    subject: str
    found: str
    advice: str = ""
    tell: bool = False

    @property
    def is_alarming(self) -> bool:
        """Whether the operator is told of it."""
        return self.state is State.PROBLEM or self.tell
