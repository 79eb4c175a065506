"""Tests of which objects of a file a session may read."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.db.tables import FileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.delivery import ReadPermission, list_readable_files, open_delivery
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.reports.portability import PortabilityReport, ReportFormat, make_portability_report
from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType, catalogue
from privateshare.protocol.choice import EVERYTHING
from privateshare.protocol.messages import Compression
from privateshare.protocol.object_time import object_window
from privateshare.protocol.scope import Reach
from privateshare.protocol.window import ALL_TIME, Window
from privateshare.sources.contract import JsonObject, ObjectSchema
from privateshare.sources.entries import entry_of

FHIR = ObjectSchema("fhir", "4.0.1")
ACCOUNT = uuid4()
JANUARY = Window(1_767_225_600_000, 1_769_903_999_999)  # This is January 2026.


def observation(number: int, **dates: Any) -> JsonObject:
    return {"resourceType": "Observation", "id": f"o{number}", **dates}


def stored(mapped_files: MappedFiles, things: list[JsonObject]) -> list[FileRow]:
    """Return the files of these resources, as a sync writes them."""
    found = []
    with ObjectBuffer(FHIR) as buffer:
        for thing in things:
            buffer.add(ObjectType.OBSERVATION, thing)
        for slot in buffer.slots():
            for written in mapped_files.write_slot(ACCOUNT, FHIR, [], buffer.entries(slot)):
                found.append(
                    FileRow(
                        account_id=ACCOUNT,
                        name=f"D{slot.month}",
                        service_group=ServiceGroup.MEDICAL,
                        service_type=ServiceType.FHIR_FILE,
                        object_type=ObjectType.OBSERVATION,
                        month=slot.month or None,
                        part=written.part,
                        schema_standard="fhir",
                        schema_version="4.0.1",
                        object_count=written.object_count,
                        sealed_dates=written.sealed_dates,
                        updated_at=1,
                        blob=written.blob,
                        size=written.size,
                        sealed_sha256=written.sealed_sha256,
                    )
                )
    return found


def read(mapped_files: MappedFiles, files: list[FileRow], may: ReadPermission) -> dict[str, list[str]]:
    """Return the ids of what a session gets, by file."""
    listed = {entry.name: entry.object_count for entry in list_readable_files(mapped_files, files, may).entries}
    deliveries = {file.name: open_delivery(mapped_files, file, may) for file in files if file.name in listed}
    found = {
        name: [thing["id"] for thing in orjson.loads(b"".join(delivery.chunks))]
        for name, delivery in deliveries.items()
        if delivery is not None
    }
    assert {name: len(ids) for name, ids in found.items()} == listed
    return found


@pytest.fixture(scope="module")
def mapped_files() -> MappedFiles:
    return MappedFiles(CloudBlobs("memory:///"), OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"its key"}))


def within(*windows: Window) -> ReadPermission:
    return ReadPermission((Reach(), Reach(windows=windows)), EVERYTHING, Compression.NONE)


def test_a_file_within_the_time_limit_is_still_filtered(mapped_files: MappedFiles) -> None:
    """An object that begins in the file's month may end after it, and is left out if only the month may be read."""
    files = stored(
        mapped_files,
        [
            observation(1, effectiveDateTime="2026-01-10"),
            observation(2, effectivePeriod={"start": "2026-01-20", "end": "2026-02-03"}),
            observation(3, effectiveDateTime="2026-01-31T23:59:59.999Z"),
            observation(4, effectiveDateTime="2026-01-31T23:59:59.999-01:00"),
        ],
    )
    assert read(mapped_files, files, within(JANUARY)) == {"D202601": ["o1", "o3"]}
    assert read(mapped_files, files, within(Window(JANUARY.start, None))) == {
        "D202601": ["o1", "o2", "o3"],
        "D202602": ["o4"],
    }


def test_a_file_with_unreadable_dates_is_filtered(mapped_files: MappedFiles) -> None:
    """Its objects without dates are delivered, and those with unreadable dates are not."""
    files = stored(mapped_files, [observation(1), observation(2, effectiveDateTime="once"), observation(3)])
    assert [file.month for file in files] == [None]
    assert read(mapped_files, files, within(JANUARY)) == {"D0": ["o1", "o3"]}
    assert read(mapped_files, files, within(ALL_TIME)) == {"D0": ["o1", "o2", "o3"]}
    assert read(mapped_files, files, ReadPermission((Reach(),), EVERYTHING, Compression.NONE)) == {
        "D0": ["o1", "o2", "o3"]
    }


def test_a_file_without_recorded_dates_is_filtered(mapped_files: MappedFiles) -> None:
    """A file from before dates were recorded may hold objects of any time, whatever its month is."""
    (file,) = stored(mapped_files, [observation(1), observation(2, effectiveDateTime="1998-5-5")][1:])
    file.month, file.sealed_dates = 202601, None
    assert read(mapped_files, [file], within(JANUARY)) == {}


def test_an_emptied_file_is_listed_only_for_sessions_that_may_have_read_it(mapped_files: MappedFiles) -> None:
    """Other sessions must not see it, because its name reveals a month."""
    (file,) = stored(mapped_files, [observation(1, effectiveDateTime="2026-01-10")])
    file.updated_at = 1
    (emptied,) = mapped_files.write_slot(ACCOUNT, FHIR, [file], [], lambda _: False)
    file.blob, file.object_count, file.sealed_dates = emptied.blob, emptied.object_count, emptied.sealed_dates
    file.size, file.sealed_sha256 = emptied.size, emptied.sealed_sha256
    assert (
        read(mapped_files, [file], within(JANUARY)) == read(mapped_files, [file], within(ALL_TIME)) == {"D202601": []}
    )
    assert read(mapped_files, [file], within(Window(JANUARY.start, JANUARY.start))) == {"D202601": []}
    assert JANUARY.end is not None
    later = within(Window(JANUARY.end + 1, None))
    assert read(mapped_files, [file], later) == {}
    assert open_delivery(mapped_files, file, later) is None


@pytest.mark.parametrize("format_", ["xml", "json", "fhir"])
def test_a_report_reveals_nothing_outside_of_its_limits(mapped_files: MappedFiles, format_: ReportFormat) -> None:
    """The report does not even reveal that there are other objects."""
    days = ("1998-05-05", "2025-12-31", "2026-01-10", "2026-02-01")
    files = stored(mapped_files, [observation(number, effectiveDateTime=day) for number, day in enumerate(days)])

    def report(limit: Window) -> str:
        service = catalogue().service_types[ServiceType.FHIR_FILE]
        about = PortabilityReport(service, datetime(2026, 3, 1, tzinfo=UTC), within(limit).reaches, files)
        return b"".join(make_portability_report(about, mapped_files, format_)).decode()

    told = report(JANUARY)
    assert "o2" in told
    assert told.count("Observation") == 1
    assert "bservation" not in report(Window(0, 1))


dates = st.sampled_from(
    ["2026-01-05", "2026-01", "2026", "2025-12-31T23:30:00-01:00", "1/2/2026", "1998-5-5", "once", "", 1768000000]
)
resources = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "effectiveDateTime": dates,
            "issued": dates,
            "effectivePeriod": st.fixed_dictionaries({}, optional={"start": dates, "end": dates}),
        },
    ),
    max_size=8,
)
ends = st.none() | st.sampled_from([JANUARY.start, JANUARY.end, 894_326_400_000, 1_770_000_000_000])


@given(resources, ends, ends)
@settings(max_examples=150, deadline=None)
def test_a_session_gets_exactly_what_its_limit_contains(
    mapped_files: MappedFiles, contents: list[JsonObject], start: int | None, end: int | None
) -> None:
    """A session reads the same objects whether its files are parsed or streamed without parsing."""
    limit = Window(start, end)
    things = [observation(number, **content) for number, content in enumerate(contents)]
    found = read(mapped_files, stored(mapped_files, things), within(limit))
    wanted = {
        thing["id"] for thing in things if (window := object_window("fhir", thing)) is None or limit.contains(window)
    }
    assert {id_ for ids in found.values() for id_ in ids} == wanted
    assert {entry_of(FHIR, thing).window is None for thing in things if thing["id"] not in wanted} <= {False}
