"""One line about an object that its owner recognizes, such as "Tolerate it, The Testers" or "Asthma"."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from privateshare.protocol.object_time import FHIR, object_time

MAX_LINE_CHARACTERS = 120
# The elements of a FHIR resource that say what it is about, best first. Each is a CodeableConcept, a HumanName, an
# object with one of these elements, or a text.
FHIR_ELEMENTS = (
    *("code", "medicationCodeableConcept", "vaccineCode", "description", "title", "name", "serviceType", "type"),
    *("relationship", "reasonCode", "category", "class", "reason", "content", "topic", "payload", "provision"),
)
DIGIME_FIELDS = (
    *("name", "title", "originaldescription", "simpledescription", "text", "caption", "description", "merchantname"),
    *("activitytype", "activityname", "type", "sourcename"),
)
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """What an object is about, and its date; empty and None if it does not say."""

    text: str
    moment: datetime | None


def describe_object(standard: str, thing: Mapping[str, Any]) -> ObjectLine:
    """Describe an object in one line."""
    found = _fhir_texts(thing) if standard == FHIR else _digime_texts(thing)
    text = next((line for line in found if line), "")
    return ObjectLine(text[:MAX_LINE_CHARACTERS], _moment(object_time(standard, thing)))


def _fhir_texts(resource: Mapping[str, Any]) -> Iterator[str]:
    for name in FHIR_ELEMENTS:
        text = _fhir_text(resource.get(name), MAX_DEPTH)
        if text:
            yield _with_value(text, resource)


def _fhir_text(value: Any, depth: int) -> str:
    """Return the text of a FHIR element: of a code its text or display, of a name its parts."""
    if isinstance(value, str):
        return _one_line(value)
    if depth == 0:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_fhir_text(entry, depth - 1) for entry in value)), "")
    if not isinstance(value, dict):
        return ""
    if "family" in value:
        given = value.get("given")
        return _one_line(f"{' '.join(map(str, given)) if isinstance(given, list) else ''} {value['family']}")
    inner = (_fhir_text(value.get(name), depth - 1) for name in ("text", "display", "coding", "title", "contentString"))
    return next(filter(None, inner), "")


def _with_value(text: str, resource: Mapping[str, Any]) -> str:
    """Add the value of a measurement, such as "72 /min"."""
    quantity = resource.get("valueQuantity")
    if not isinstance(quantity, dict) or not isinstance(quantity.get("value"), int | float):
        return text
    return _one_line(f"{text}: {round(quantity['value'], 2)} {quantity.get('unit') or ''}")


def _digime_texts(thing: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(track := thing.get("track"), dict):
        yield from _digime_texts(track)
    for name in DIGIME_FIELDS:
        value = thing.get(name)
        if isinstance(value, str) and value.strip():
            yield _one_line(", ".join(filter(None, (value, _artists(thing), _amount(thing)))))
    if isinstance(album := thing.get("album"), dict):
        yield from _digime_texts(album)


def _artists(thing: Mapping[str, Any]) -> str:
    artists = thing.get("artists")
    names = [str(artist["name"]) for artist in artists or () if isinstance(artist, dict) and artist.get("name")]
    return ", ".join(names[:2])


def _amount(thing: Mapping[str, Any]) -> str:
    amount = thing.get("amount")
    return f"{amount} {thing.get('currency') or ''}".strip() if isinstance(amount, int | float | str) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _moment(milliseconds: int | None) -> datetime | None:
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
