"""Building contacts, from vCards and from tables."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from privateshare.sources.contract import JsonObject
from privateshare.sources.object_building import SourceAccount, stable_id

MAX_VALUES = 200
_DAY = re.compile(
    r"\s*(?:(\d{4}|-)-(\d{1,2})-(\d{1,2})|(\d{4}|--)-?(\d\d)-?(\d\d))(?:[T ].*)?\s*", re.ASCII | re.DOTALL
)
LEAP_YEAR = 2000  # Has every day that a birthday without a year can be.
YEAR_OF_NO_YEAR = "1604"  # Apple writes this year if a birthday has none.


@dataclass(slots=True)
class ContactParts:
    """What is known of a contact. Values are pairs of what they are for, which may be empty, and the value."""

    texts: dict[str, str] = field(default_factory=dict)
    emails: list[tuple[str, str]] = field(default_factory=list)
    phones: list[tuple[str, str]] = field(default_factory=list)
    addresses: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    uid: str = ""
    changed: int | None = None

    def name(self) -> str:
        """Return the name as it is shown: what is written, or else what there is of it, or of the contact."""
        texts = self.texts
        parts = ("nameprefix", "firstname", "middlename", "lastname", "namesuffix")
        composed = " ".join(texts[part] for part in parts if texts.get(part))
        others = (texts.get("organization", ""), texts.get("nickname", ""))
        values = (value for _, value in (*self.emails[:1], *self.phones[:1]))
        return next((name for name in (texts.get("name", ""), composed, *others, *values) if name), "")


def contact_object(account: SourceAccount, parts: ContactParts, book: str) -> JsonObject | None:
    """Build a contact. Returns None if it has no name, address or number."""
    name = parts.name()
    if not name:
        return None
    first = next((value for _, value in (*parts.emails, *parts.phones, *parts.addresses)), "")
    return account.thing(
        stable_id(parts.uid or ("contact", name, first)),
        None,
        # Not a date of the object: whoever was last changed long ago is in the address book today.
        revision=parts.changed,
        **(parts.texts | {"name": name}),
        emails=_points(parts.emails),
        phones=_points(parts.phones),
        addresses=_points(parts.addresses),
        links=_points(parts.links),
        groups=list(dict.fromkeys(group for group in parts.groups if group)),
        addressbookname=book,
    )


def written_day(text: str, *, without_year: bool = False) -> str:
    """Return a day as YYYY-MM-DD, or --MM-DD without a year; empty if it is none."""
    found = _DAY.fullmatch(text)
    if found is None:
        return ""
    year, month, day = (found[place] or found[place + 3] for place in (1, 2, 3))
    has_year = year.isdigit() and not without_year and year not in (YEAR_OF_NO_YEAR, "0000")
    try:
        date(int(year) if has_year else LEAP_YEAR, int(month), int(day))
    except ValueError:
        return ""
    return f"{year if has_year else '-'}-{int(month):02}-{int(day):02}"


def address_text(parts: Iterable[str]) -> str:
    """Return an address in one text."""
    return ", ".join(" ".join(part.split()) for part in parts if part.strip())


def _points(values: Sequence[tuple[str, str]]) -> list[JsonObject]:
    """Return addresses or numbers, each once."""
    kinds: dict[str, str] = {}
    for kind, value in values[:MAX_VALUES]:
        if value:
            kinds[value] = kinds.get(value) or kind
    return [({"type": kind} if kind else {}) | {"value": value} for value, kind in kinds.items()]
