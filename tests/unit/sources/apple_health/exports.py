"""Exports of Apple Health that tests read."""

import io
from collections.abc import Mapping
from typing import Any

from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.apple_health.source import AppleHealth, AppleHealthRecords
from privateshare.sources.contract import Connection
from privateshare.sources.failures import LeftOut

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (ExportDate,Me)>\n]>\n<HealthData locale="en_NL">\n'
WATCH = "&lt;&lt;HKDevice: 0x{}&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2, software:9.1&gt;"
PHONE = "&lt;&lt;HKDevice: 0x{}&gt;, name:iPhone, manufacturer:Apple Inc., model:iPhone, hardware:iPhone14,5, software:17.1&gt;"
SOURCES = {"watch": ("Sam’s Watch", WATCH), "phone": ("Sam’s iPhone", PHONE), "app": ("Stepper", "")}


def xml(*elements: str, head: str = HEAD) -> bytes:
    """The main file with these elements."""
    return (head + "\n".join(elements) + "\n</HealthData>\n").encode()


def record(
    kind: str, start: str, end: str, value: Any, unit: str = "count", source: str = "watch", inside: str = ""
) -> str:
    """A record; `kind` without what all of them begin with, dates without their year and zone where that does not matter."""
    name, device = SOURCES[source]
    described = f' device="{device.format("283" + str(abs(hash(start)) % 1000))}"' if device else ""
    prefix = "HKCategoryTypeIdentifier" if kind == "SleepAnalysis" else "HKQuantityTypeIdentifier"
    stated = f' unit="{unit}"' if unit else ""
    attributes = f'type="{prefix}{kind}" sourceName="{name}"{described}{stated} startDate="{dated(start)}" endDate="{dated(end)}" value="{value}"'
    return f"<Record {attributes}>{inside}</Record>" if inside else f"<Record {attributes}/>"


def dated(text: str) -> str:
    """A date as Apple writes it."""
    text = text if text.count(":") == 2 else f"{text}:00"
    text = text if text.startswith("20") else f"2026-{text}"
    return text if text[-5] in "+-" else f"{text} +0100"


def read(
    data: bytes | Mapping[str, bytes], left_out: LeftOut | None = None, records: bool = False
) -> dict[ObjectType, list[dict[str, Any]]]:
    """Everything that an export holds, by type."""
    source = AppleHealthRecords() if records else AppleHealth()
    packed = data if isinstance(data, bytes) else zipped(data)
    connection = Connection(archive=io.BytesIO(packed), left_out=left_out or LeftOut())
    found: dict[ObjectType, list[dict[str, Any]]] = {}
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        check_objects(page.object_type, list(page.objects))
        found.setdefault(ObjectType(page.object_type), []).extend(page.objects)
    return found


def days(*elements: str) -> dict[str, dict[str, Any]]:
    """The summaries of days, by day."""
    return {day["id"]: day for day in read(xml(*elements)).get(ObjectType.DAILY_ACTIVITY_SUMMARY, [])}
