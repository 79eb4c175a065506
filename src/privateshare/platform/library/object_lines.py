"""What an object is called, in words that its owner recognizes, such as "Tolerate it · The Testers" or "Asthma".

Objects come from sources and uploads, so nothing is certain about them: every field may be missing, or of another type.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from privateshare.protocol.object_time import moment_of, object_time

MAX_LINE_CHARACTERS = 120
MAX_DEPTH = 4
LARGEST_NUMBER = 1e15
# The fields that name an object by a text, best first.
TEXTS = (
    *("name", "activityname", "merchantname", "originaldescription", "simpledescription", "simpleref", "originalref"),
    *("text", "title", "description", "caption", "displayname", "username", "query", "address", "placetype", "link"),
    *("activitytype", "sourcename"),
)
# The elements of a FHIR resource that say what it is about, best first. Each is a CodeableConcept, a HumanName, or an
# object with one of these elements.
CODED = (
    *("code", "medicationCodeableConcept", "vaccineCode", "description", "title", "name", "serviceType", "type"),
    *("relationship", "reasonCode", "category", "class", "reason", "content", "topic", "payload", "provision"),
)
INNER = ("text", "display", "coding", "title", "contentString")


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """What an object is about, and its date; empty and None if it does not say."""

    text: str
    moment: datetime | None


def describe_object(standard: str, thing: Mapping[str, Any]) -> ObjectLine:
    """Describe an object in one line: what it is called, and its value."""
    parts = filter(None, (title_of(thing), _measured(thing), _amount(thing)))
    return ObjectLine(" · ".join(parts)[:MAX_LINE_CHARACTERS], moment_of(object_time(standard, thing)))


def title_of(thing: Mapping[str, Any]) -> str:
    """Return what an object is called; an empty text if nothing in it is a name."""
    return next(filter(None, _titles(thing)), "")


def _titles(thing: Mapping[str, Any]) -> Iterator[str]:
    for inner in ("track", "album"):
        if isinstance(found := thing.get(inner), Mapping):
            yield " · ".join(filter(None, (_text(found.get("name")), _names(found.get("artists")))))
    coded = (coded_text(thing.get(name)) for name in CODED)
    texts = (_text(thing.get(name)) for name in TEXTS)
    if "resourceType" in thing:
        yield from coded
    yield from texts
    yield from coded


def coded_text(value: object, depth: int = MAX_DEPTH) -> str:
    """Return the text of a FHIR element: of a code its text or display, of a name its parts, of a list the first."""
    if depth == 0:
        return ""
    if isinstance(value, list):
        return next(filter(None, (coded_text(entry, depth - 1) for entry in value)), "")
    if not isinstance(value, Mapping):
        return ""
    if "family" in value or "given" in value:
        return _human_name(value)
    inner = (_text(value.get(name)) or coded_text(value.get(name), depth - 1) for name in INNER)
    return next(filter(None, inner), "")


def number_of(value: object) -> float | None:
    """Return a number as a float; None for anything else, and for numbers that are too large to mean anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST_NUMBER:
        return None
    return float(value)


def _measured(thing: Mapping[str, Any]) -> str:
    """Return the value of a measurement, such as "72 /min"."""
    quantity = thing.get("valueQuantity")
    if not isinstance(quantity, Mapping) or (value := number_of(quantity.get("value"))) is None:
        return ""
    return f"{round(value, 2):.15g} {_text(quantity.get('unit'))}".strip()


def _amount(thing: Mapping[str, Any]) -> str:
    amount = thing.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        return ""
    return f"{amount} {_text(thing.get('currency'))}".strip()


def _human_name(name: Mapping[str, Any]) -> str:
    given = name.get("given")
    parts = [part for part in given if isinstance(part, str)] if isinstance(given, list) else []
    return _text(name.get("text")) or _text(" ".join([*parts, _text(name.get("family"))]))


def _names(value: object) -> str:
    if not isinstance(value, list):
        return ""
    return ", ".join(filter(None, (_text(item.get("name")) for item in value if isinstance(item, Mapping))))


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
