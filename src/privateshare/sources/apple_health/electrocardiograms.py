"""Electrocardiograms as FHIR R4 Observations: the CSV files beside the export's main file, in any language."""

import io
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import IO, Any

from privateshare.sources.apple_health.observations import CATEGORIES, LOINC, fhir_moment

MAX_LINE_CHARACTERS = 4096
MAX_HEAD_LINES = 40
MAX_VOLTAGES = 200_000  # The usual thirty seconds have 15,000.
SAMPLE_RATES_HERTZ = (200, 2000)  # Distinguishes the sample rate from a heart rate, which is lower.

_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}")
_RATE = re.compile(
    r"^(\d+(?:[.,]\d+)?)\s*(?:hertz|hz|herz|ヘルツ|赫兹|赫茲|헤르츠|герц|هرتز|הרץ|hercov|hertsiä)?$", re.IGNORECASE
)
_NUMBER = re.compile(r'"?\s*(-?\d+(?:[.,]\d+)?(?:[eE]-?\d+)?)\s*"?,?')
_MICROVOLT = re.compile(r"[µμ]\s?V|uV", re.IGNORECASE)


class NotAnElectrocardiogram(Exception):
    """The file is not an electrocardiogram of Apple Health, or is damaged."""


def is_electrocardiogram(start: str) -> bool:
    """Return whether a file is one, by its start: a date, a rate in hertz, and a unit."""
    return _DATE.search(start) is not None and _MICROVOLT.search(start) is not None


def electrocardiogram(stream: IO[bytes]) -> dict[str, Any]:
    """Map an electrocardiogram.

    Raises:
        NotAnElectrocardiogram: The file is none, or is damaged.
    """
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="replace")
    try:
        head, values = _read(text)
    finally:
        text.detach()
    recorded = next((found[0] for value in head for found in [_DATE.search(value)] if found), None)
    rate = next((hertz for value in head if (hertz := _rate(value))), None)
    if recorded is None or not rate or not values:
        raise NotAnElectrocardiogram
    told = f"{recorded}|{len(values)}|{values[:50]}"
    return {
        "resourceType": "Observation",
        "id": sha256(told.encode()).hexdigest()[:32],
        "status": "final",
        "category": [{"coding": [{"system": CATEGORIES, "code": "procedure"}]}],
        "code": {"coding": [{"system": LOINC, "code": "11524-6", "display": "EKG study"}], "text": "Electrocardiogram"},
        "effectiveDateTime": fhir_moment(recorded),
        **_classification(head, recorded),
        "component": [
            {
                "code": {
                    "coding": [
                        {"system": "urn:oid:2.16.840.1.113883.6.24", "code": "131329", "display": "MDC_ECG_ELEC_POTL_I"}
                    ],
                    "text": "Lead I",
                },
                "valueSampledData": {
                    "origin": {"value": 0, "unit": "uV", "system": "http://unitsofmeasure.org", "code": "uV"},
                    "period": round(1000 / rate, 6),
                    "dimensions": 1,
                    "data": " ".join(values),
                },
            }
        ],
    }


def _read(text: io.TextIOWrapper) -> tuple[list[str], list[str]]:
    """Read the values of the head, and the voltages."""
    head: list[str] = []
    values: list[str] = []
    for line in _lines(text):
        found = _NUMBER.fullmatch(line)
        if found is not None and len(head) > 3:
            values.append(found[1].replace(",", "."))
            if len(values) > MAX_VOLTAGES:
                raise NotAnElectrocardiogram
        elif not values and len(head) < MAX_HEAD_LINES:
            head.append(line.partition(",")[2].strip().strip('"').strip())
    return head, values


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE_CHARACTERS):
        if line.strip():
            yield line.strip()


def _classification(head: list[str], recorded: str) -> dict[str, Any]:
    """Return what the watch makes of it, in the words of the phone's language: it is the line after the date."""
    place = head.index(recorded) + 1 if recorded in head else len(head)
    words = head[place] if place < len(head) else ""
    return {"interpretation": [{"text": words}]} if words and not _rate(words) else {}


def _rate(text: str) -> float | None:
    """Read a rate such as "512 hertz", whatever the language calls the unit."""
    found = _RATE.fullmatch(text)
    rate = float(found[1].replace(",", ".")) if found is not None else 0.0
    return rate if SAMPLE_RATES_HERTZ[0] <= rate <= SAMPLE_RATES_HERTZ[1] else None
