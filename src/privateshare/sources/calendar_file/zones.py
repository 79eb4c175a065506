"""Time zones of calendars: those of the IANA database, those of Windows, and those that a file defines itself."""

import re
from collections.abc import Mapping
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Timezone
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

MAX_NAME_CHARACTERS = 100
_OFFSET = re.compile(r"(?:UTC|GMT)\s*([+-])\s*(\d{1,2}):?(\d{2})?", re.IGNORECASE)
_LOCATION = re.compile(r"^X-LIC-LOCATION:(.+)$", re.MULTILINE | re.IGNORECASE)
_WINDOWS: Mapping[str, str] = {name.casefold(): olson for name, olson in WINDOWS_TO_OLSON.items()}

# Rules that are repeated every year from long ago, as those of Outlook from 1601. Each year of them takes time.
# The pattern looks at each line once: rules end before others begin.
_RULES = re.compile(
    r"^BEGIN:(STANDARD|DAYLIGHT)[ \t\r]*\n(?:(?!BEGIN:|END:)[^\n]*\n)*END:\1", re.MULTILINE | re.IGNORECASE
)
_EVERY_YEAR = re.compile(
    r"^RRULE:(?!.*(?:COUNT|UNTIL)=)(?!.*INTERVAL=(?!1\b)).*FREQ=YEARLY", re.MULTILINE | re.IGNORECASE
)
_LONG_AGO = re.compile(r"^(DTSTART[^:\n]*:)(?:1[0-8]\d\d|19[0-6]\d)(?=\d{4})", re.MULTILINE | re.IGNORECASE)
FIRST_YEAR = 1972  # A leap year.

# The errors that icalendar and dateutil raise for time zones that are invalid.
INVALID = (ValueError, TypeError, LookupError, AttributeError, OverflowError, OSError, RecursionError)


class Zones:
    """The time zones that a file uses."""

    def __init__(self, defined: Mapping[str, str]) -> None:
        """Take the definitions of the file: its components VTIMEZONE as text, by their ids."""
        self._defined = defined
        self._known: dict[str, tuple[str, tzinfo | None]] = {}

    def find(self, tzid: str) -> tuple[str, tzinfo | None]:
        """Return the name and the rules of a time zone; no rules if it is unknown."""
        if tzid not in self._known:
            self._known[tzid] = self._found(tzid)
        return self._known[tzid]

    def _found(self, tzid: str) -> tuple[str, tzinfo | None]:
        name = tzid.strip().strip('"')[:MAX_NAME_CHARACTERS]
        definition = self._defined.get(tzid) or self._defined.get(name) or ""
        location = _LOCATION.search(definition)
        for candidate in (*_candidates(name), location[1].strip() if location else ""):
            if candidate and (zone := iana_zone(candidate)) is not None:
                return candidate, zone
        if definition and (own := _of_definition(definition)) is not None:
            return name, own
        if (offset := _OFFSET.search(name)) is not None and int(offset[2]) < 15:
            hours = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
            return name, timezone(hours if offset[1] == "+" else -hours)
        return name, None


def _candidates(name: str) -> list[str]:
    """Return the names of the IANA database that a name may mean, such as /citadel.org/20190214_1/Europe/Berlin."""
    parts = name.strip("/").split("/")
    endings = ["/".join(parts[-length:]) for length in (len(parts), 3, 2, 1) if length <= len(parts)]
    return [*endings, _WINDOWS.get(name.casefold(), "")]


@lru_cache(maxsize=500)
def iana_zone(name: str) -> ZoneInfo | None:
    """Return a time zone of the IANA database; None if it has none with this name."""
    try:
        return ZoneInfo(name)
    except INVALID:
        return None


def _of_definition(text: str) -> tzinfo | None:
    try:
        found = Timezone.from_ical(_RULES.sub(_without_long_past, text))
        return found.to_tz(lookup_tzid=False) if isinstance(found, Timezone) else None
    except INVALID:
        return None


def _without_long_past(rules: "re.Match[str]") -> str:
    """Let rules that are repeated every year begin in this time."""
    return _LONG_AGO.sub(rf"\g<1>{FIRST_YEAR}", rules[0]) if _EVERY_YEAR.search(rules[0]) else rules[0]
