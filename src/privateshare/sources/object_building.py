"""Building objects of schema `digime`: their ids, their dates, and only the fields that are known."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.sources.page import JsonObject as JsonObject

Mapped = tuple[int, JsonObject]
"""An object with its type."""

ID_CHARACTERS = 22
# Dates outside of these years are errors of a program, such as a 0 for an unknown date.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
MILLISECONDS = 1000
DAY_MILLISECONDS = 86_400_000
MAX_REVISIONS = 1_000_000
MAX_MICROSECONDS = 10**18  # Larger numbers are no dates, and dividing them can overflow.


def in_a_zone(moment: datetime) -> datetime:
    """Return a time with its zone. One whose zone nobody knows is as in UTC: docs/objects/README.md, Times."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """An account of the library, with the `accountentityid` of its objects."""

    entity_id: str

    def thing(self, own_id: str, moment: int | None, **fields: Any) -> JsonObject:
        """Build an object.

        Args:
            own_id: The object's id among those of its account and type.
            moment: When it happened, in milliseconds since the epoch; None if that is unknown.
            fields: Its other fields. Those without a value are left out.
        """
        found = {
            "accountentityid": self.entity_id,
            "entityid": f"{self.entity_id}_{own_id}",
            "id": own_id,
            "createddate": moment,
        }
        return {name: value for name, value in (found | fields).items() if value not in (None, "", [], {})}


class Revisions:
    """The newest revision of each object of an upload, which may hold an older export after a newer one."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def is_outdated(self, thing: JsonObject, changed: object) -> bool:
        """Take note of an object and when it was changed, and return whether a newer one with its id came before."""
        if not isinstance(changed, int):
            return False
        if changed < self._newest.get(thing["id"], changed):
            return True
        if len(self._newest) < MAX_REVISIONS:
            self._newest[thing["id"]] = changed
        return False


def account_of(service_type: int, provider_account_id: str) -> SourceAccount:
    """Return the account of a person at a service."""
    return SourceAccount(f"{service_type}_{provider_account_id}")


def stable_id(*parts: object) -> str:
    """Derive an id from values that are the same in every export."""
    return sha256("\0".join("" if part is None else str(part) for part in parts).encode()).hexdigest()[:ID_CHARACTERS]


def milliseconds(seconds: object) -> int | None:
    """Convert a Unix time in seconds, milliseconds or microseconds to milliseconds; None if it cannot be a date."""
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit() and len(seconds) < ID_CHARACTERS:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not abs(seconds) < MAX_MICROSECONDS:
        return None
    for divisor in (1, 1000, 1_000_000):
        if EARLIEST.timestamp() <= seconds / divisor < LATEST.timestamp():
            return int(seconds * MILLISECONDS / divisor)
    return None


def exact_moment(value: object) -> int | None:
    """Read a written date that has one meaning, in milliseconds since the epoch: a time, or the start of a day.

    Returns None for anything else, such as 03/04/2023, a year, or the 1970 that programs write for an unknown date.
    """
    window = read_date(value)
    if window is None or window.start is None or window.end is None:
        return None
    is_exact = window.end - window.start < DAY_MILLISECONDS
    is_usual = EARLIEST.timestamp() <= window.start / MILLISECONDS < LATEST.timestamp()
    return window.start if is_exact and is_usual else None


def text_of(value: object) -> str:
    """Return a text without white space around it, or a number as a text; empty for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def number_of(value: object) -> float | None:
    """Return a number, also from a text, such as a coordinate; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e15 else None


def list_of(value: object) -> list[Any]:
    """Return a list as it is, and an empty one for anything else."""
    return value if isinstance(value, list) else []


def dict_of(value: object) -> dict[str, Any]:
    """Return an object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}
