"""Tests of which objects of a file a session may read."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.unit.platform.library.stored_files import FHIR, observation, stored

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.db.tables import FileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.delivery import ReadPermission, list_readable_files, open_delivery
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.reports.portability import PortabilityReport, ReportFormat, make_portability_report
from privateshare.protocol.catalogue import ServiceType, catalogue
from privateshare.protocol.choice import EVERYTHING
from privateshare.protocol.messages import Compression, FileEntry
from privateshare.protocol.object_time import object_window
from privateshare.protocol.scope import Reach
from privateshare.protocol.window import ALL_TIME, Window
from privateshare.sources.contract import JsonObject
from privateshare.sources.entries import entry_of

ACCOUNT = uuid4()
JANUARY = Window(1_767_225_600_000, 1_769_903_999_999)  # This is January 2026.


def read(mapped_files: MappedFiles, files: list[FileRow], may: ReadPermission) -> dict[str, list[str]]:
    """Return the ids of what a session gets, by file."""
    entries = list_readable_files(mapped_files, files, may).entries
    assert [FileEntry.model_validate(entry).to_wire() for entry in entries] == entries
    listed = {entry["name"]: entry["objectCount"] for entry in entries}
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
        ACCOUNT,
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
    files = stored(mapped_files, ACCOUNT, [observation(1), observation(2, effectiveDateTime="once"), observation(3)])
    assert [file.month for file in files] == [None]
    assert read(mapped_files, files, within(JANUARY)) == {"D0": ["o1", "o3"]}
    assert read(mapped_files, files, within(ALL_TIME)) == {"D0": ["o1", "o2", "o3"]}
    assert read(mapped_files, files, ReadPermission((Reach(),), EVERYTHING, Compression.NONE)) == {
        "D0": ["o1", "o2", "o3"]
    }


def test_a_file_without_recorded_dates_is_filtered(mapped_files: MappedFiles) -> None:
    """A file from before dates were recorded may hold objects of any time, whatever its month is."""
    (file,) = stored(mapped_files, ACCOUNT, [observation(1), observation(2, effectiveDateTime="1998-5-5")][1:])
    file.month, file.sealed_dates = 202601, None
    assert read(mapped_files, [file], within(JANUARY)) == {}


def test_a_file_that_cannot_be_read_takes_nothing_else_with_it(mapped_files: MappedFiles) -> None:
    """It is listed without objects, so that whoever reads it gets the error. The other files are listed as they are."""
    other = uuid4()
    library = OpenLibrary(mapped_files.library.id, mapped_files.library.key, {ACCOUNT: b"its key", other: b"another"})
    both = MappedFiles(mapped_files.blobs, library)
    days = [observation(1, effectiveDateTime="2026-01-10"), observation(2, effectivePeriod={"start": "2026-01-20"})]
    (kept,), (broken,) = stored(both, ACCOUNT, days), stored(both, other, days)

    def listed(of: OpenLibrary) -> tuple[list[int | None], int]:
        found = list_readable_files(MappedFiles(both.blobs, of), [broken, kept], within(JANUARY))
        return [entry["objectCount"] for entry in found.entries], len(found.unreadable)

    assert listed(library) == ([1, 1], 0)
    assert listed(replace(library, lost_accounts=frozenset({other}))) == ([0, 1], 0)
    wrong = replace(library, account_keys={ACCOUNT: b"its key", other: b"of somebody else"})
    with capture_logs() as logs:
        assert listed(wrong) == ([0, 1], 0)
    assert [(line["log_level"], line["blob"]) for line in logs] == [("error", broken.blob)]
    both.blobs.delete([broken.blob])
    assert listed(library) == ([0, 1], 1)


def test_a_file_outside_of_the_limit_is_not_opened(mapped_files: MappedFiles) -> None:
    """Whoever guesses its name gets what they would get if it did not exist, even if its blob is lost."""
    (file,) = stored(mapped_files, ACCOUNT, [observation(1, effectiveDateTime="2026-02-10")])
    mapped_files.blobs.delete([file.blob])
    assert open_delivery(mapped_files, file, within(JANUARY)) is None
    over_its_end = observation(2, effectivePeriod={"start": "2026-01-20", "end": "2026-02-03"})
    (file,) = stored(mapped_files, ACCOUNT, [over_its_end])  # The dates touch the limit, and the object does not fit.
    assert open_delivery(mapped_files, file, within(JANUARY)) is None


def test_an_emptied_file_is_listed_only_for_sessions_that_may_have_read_it(mapped_files: MappedFiles) -> None:
    """Other sessions must not see it, because its name reveals a month."""
    (file,) = stored(mapped_files, ACCOUNT, [observation(1, effectiveDateTime="2026-01-10")])
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
    files = stored(
        mapped_files, ACCOUNT, [observation(number, effectiveDateTime=day) for number, day in enumerate(days)]
    )

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
    found = read(mapped_files, stored(mapped_files, ACCOUNT, things), within(limit))
    wanted = {
        thing["id"] for thing in things if (window := object_window("fhir", thing)) is None or limit.contains(window)
    }
    assert {id_ for ids in found.values() for id_ in ids} == wanted
    assert {entry_of(FHIR, thing).window is None for thing in things if thing["id"] not in wanted} <= {False}
