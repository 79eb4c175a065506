"""For how long a person shares: once, some days, or until they stop; never longer than the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.db.tables import ContractRow

ONCE, OPEN = "once", "open"
DAYS = (30, 90, 180)
LONG_DAYS = 180


@dataclass(frozen=True, slots=True)
class Duration:
    """An option. `until` is when the consent ends; None if it has no end. `days` is 0 for one read only."""

    value: str
    name: str
    until: datetime | None
    end: str
    days: int | None

    @property
    def once(self) -> bool:
        """Whether it allows one read only."""
        return self.value == ONCE

    @property
    def is_long(self) -> bool:
        """Whether it is so long that the page warns."""
        return self.days is None or self.days > LONG_DAYS


def duration_options(contract: ContractRow, words: Translator, now: datetime) -> Sequence[Duration]:
    """List for how long a person may share with a contract, shortest first."""
    last = contract.expires_at
    end = words.date(last) if last else ""
    options = []
    if contract.kind != "write":
        options.append(Duration(ONCE, words.say(N_("Once")), last, "", 0))
    if contract.once:
        return options
    for days in DAYS:
        until = now + timedelta(days=days)
        if last is None or until < last:
            name = words.count("%(num)d day", "%(num)d days", days)
            options.append(Duration(str(days), name, until, words.date(until), days))
    left = (last - now).days if last else None
    return [*options, Duration(OPEN, words.say(N_("Until I stop")), last, end, left)]


def default_duration(options: Sequence[Duration], contract: ContractRow) -> Duration:
    """Return the shortest option that is enough for the app's purpose.

    A contract may say how many days that takes. One that does not say, and that is not for one read, gets the shortest
    in which its app can come back.
    """
    if contract.kind == "write" or len(options) == 1:
        return options[-1]
    needed = contract.document.reading.needed_days
    enough = (option for option in options if option.days is None or option.days >= (1 if needed is None else needed))
    return next(enough, options[-1])


def chosen_duration(options: Sequence[Duration], value: str) -> Duration | None:
    """Return the option with this value; None if it is not offered."""
    return next((option for option in options if option.value == value), None)
