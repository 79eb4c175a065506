"""How a page shows one object of a person's data: a second line below its title, and all of its fields in words.

Objects come from sources and uploads, so nothing is certain about them: every field may be missing, or of another type.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from privateshare.platform.consent.translation import Translator
from privateshare.platform.library.object_lines import coded_text, number_of

JsonObject = Mapping[str, Any]

MAX_DEPTH = 6
MAX_ITEMS = 50
MAX_TEXT = 2000
HIDDEN_FIELDS = frozenset({"accountentityid", "entityid"})  # These are of the platform, and say nothing to a person.
SECOND_LINE_NAMES = (
    *("category", "status", "sendername", "reaction", "relation", "personusername", "referenceusername", "channelname"),
)
MOMENT_FIELD = re.compile(r"(date|time)$", re.IGNORECASE)
EARLIEST_MILLISECONDS, LATEST_MILLISECONDS = -2_208_988_800_000, 4_102_444_800_000  # The years 1900 to 2100.
WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object. It has either a text or further fields."""

    name: str
    text: str = ""
    fields: "Sequence[Field]" = ()


def second_line(thing: JsonObject, words: Translator) -> str:
    """Return the values of an object that matter most, such as an amount or a measurement."""
    parts = []
    if (amount := number_of(thing.get("amount"))) is not None:
        signed = -amount if thing.get("basetype") == "DEBIT" else amount
        parts.append(words.amount(signed, _text(thing.get("currency"))))
    quantity = thing.get("valueQuantity")
    if isinstance(quantity, Mapping) and (value := number_of(quantity.get("value"))) is not None:
        parts.append(f"{words.decimal(value)} {_text(quantity.get('unit'))}".strip())
    parts.append(coded_text(thing.get("valueCodeableConcept")) or _text(thing.get("valueString")))
    if (steps := number_of(thing.get("steps"))) is not None:
        parts.append(words.count("%(num)s step", "%(num)s steps", int(steps), num=words.number(int(steps))))
    if (weight := number_of(thing.get("weight"))) is not None:
        parts.append(words.weight(weight))
    parts += [_text(thing.get(field)) for field in SECOND_LINE_NAMES]
    return " · ".join(dict.fromkeys(filter(None, parts)))


def fields_of(thing: JsonObject, words: Translator) -> Sequence[Field]:
    """Return all fields of an object, in words."""
    return [field for name, value in thing.items() for field in _fields(name, value, words, 0)]


def _fields(name: str, value: object, words: Translator, depth: int) -> Iterator[Field]:
    if name in HIDDEN_FIELDS or value is None or value in ("", [], {}):
        return
    shown = readable_name(name)
    if isinstance(value, Mapping):
        if depth >= MAX_DEPTH:
            yield Field(shown, "…")
            return
        yield Field(
            shown, fields=[f for key, inner in value.items() for f in _fields(str(key), inner, words, depth + 1)]
        )
    elif isinstance(value, list):
        if all(not isinstance(item, Mapping | list) for item in value):
            yield Field(shown, ", ".join(_scalar(name, item, words) for item in value[:MAX_ITEMS]))
            return
        for item in value[:MAX_ITEMS]:
            yield from _fields(name, item, words, depth + 1 if isinstance(item, list) else depth)
        if len(value) > MAX_ITEMS:
            yield Field(shown, f"… (+{words.number(len(value) - MAX_ITEMS)})")
    else:
        yield Field(shown, _scalar(name, value, words))


def _scalar(name: str, value: object, words: Translator) -> str:
    if isinstance(value, bool):
        return "✓" if value else "–"
    if isinstance(value, int | float):
        is_moment = MOMENT_FIELD.search(name) and EARLIEST_MILLISECONDS < value < LATEST_MILLISECONDS
        if is_moment and abs(value) > 10_000_000:
            return words.moment(datetime.fromtimestamp(value / 1000, UTC))
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def readable_name(name: str) -> str:
    """Turn a field's name into words, such as "authoredOn" into "Authored on"."""
    return WORD_START.sub(" ", name).replace("_", " ").strip().capitalize()


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
