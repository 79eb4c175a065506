"""Writes the names of months and halves of days in all languages anew, from Babel, to the file that sources read.

A process that reads an archive then needs no locale data, which takes far longer to load than most archives to read.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from babel import Locale

from privateshare.sources.written_dates import LANGUAGES, NAMES_FILE, plain_name


def date_names() -> bytes:
    """Return the content of the file."""
    return orjson.dumps({"months": _months(), "halves": _halves()}) + b"\n"


def _months() -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for language in LANGUAGES:
        months = Locale.parse(language).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[context][width].items():
                    found.setdefault(plain_name(name), {}).setdefault(language, number)
    return found


def _halves() -> Mapping[str, str]:
    found = {"am": "am", "pm": "pm", "a m": "am", "p m": "pm"}
    for language in LANGUAGES:
        periods: Mapping[str, Any] = Locale.parse(language).day_periods
        for context in ("format", "stand-alone"):
            for width in ("abbreviated", "wide", "narrow"):
                words = periods.get(context, {}).get(width, {})
                for half in ("am", "pm"):
                    if len(word := plain_name(words.get(half, ""))) > 1 or not word.isascii():
                        found.setdefault(word, half)
    return found


if __name__ == "__main__":
    NAMES_FILE.write_bytes(date_names())
