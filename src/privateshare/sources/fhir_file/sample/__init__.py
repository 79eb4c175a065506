"""Sample health records: a short one from a file, and a long one that is generated."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files

import orjson

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.sample.long_record import long_record

NEWEST = datetime(2026, 9, 8, 9, tzinfo=UTC)  # The newest date in default.json.
_YEAR = re.compile(r'(?<=")\d{4}(?=-\d\d-\d\d)')


def sample_resources(sample: str, now: datetime) -> Iterator[JsonObject]:
    """Yield the resources of a sample. The newest is at most a year old, and none is in the future."""
    if sample == "large":
        yield from long_record(now.date())
        return
    text = files(__package__).joinpath("default.json").read_text("utf-8")
    years = (now.year - NEWEST.year) - (now < NEWEST.replace(year=now.year))
    moved = _YEAR.sub(lambda year: f"{int(year[0]) + years:04}", text)
    for entry in orjson.loads(moved)["entry"]:
        yield entry["resource"]
